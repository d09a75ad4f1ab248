package core_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

var devicePromptFaults = map[string]core.DevicePrompt{
	"no page":                            {UserCode: "WDJB"},
	"zero-width space":                   {VerificationURI: "https://a/", UserCode: "WD\u200bJB"},
	"zero-width joiner":                  {VerificationURI: "https://a/", UserCode: "WD\u200dJB"},
	"byte order mark":                    {VerificationURI: "https://a/", UserCode: "\ufeffWDJB"},
	"soft hyphen":                        {VerificationURI: "https://a/", UserCode: "WD\u00adJB"},
	"right to left":                      {VerificationURI: "https://a/", UserCode: "\u202eBJDW"},
	"Cyrillic":                           {VerificationURI: "https://a/", UserCode: "W\u0410"},
	"tag characters":                     {VerificationURI: "https://a/", UserCode: "WD\U000e0041"},
	"not UTF-8":                          {VerificationURI: "https://a/", UserCode: "WD\xff"},
	"escape":                             {VerificationURI: "https://a/", UserCode: "\x1b[2J"},
	"line break":                         {VerificationURI: "https://a/", UserCode: "WD\nJB"},
	"delete":                             {VerificationURI: "https://a/", UserCode: "WD\x7f"},
	"sentence":                           {VerificationURI: "https://a/", UserCode: "call 555-0100 and say your password"},
	"33 characters":                      {VerificationURI: "https://a/", UserCode: strings.Repeat("A", 33)},
	"spaces around":                      {VerificationURI: "https://a/", UserCode: " WDJB"},
	"script":                             {VerificationURI: "javascript:alert(1)"},
	"file":                               {VerificationURI: "file:///etc/passwd"},
	"no scheme":                          {VerificationURI: "login.example.com/device"},
	"no host":                            {VerificationURI: "https:///device"},
	"user information":                   {VerificationURI: "https://login.example.com@evil.example.org/"},
	"page of zero width":                 {VerificationURI: "https://login.example.com/\u200b"},
	"page with a host that is not ASCII": {VerificationURI: "https://lоgin.example.com/"},
	"page with a space":                  {VerificationURI: "https://a/ b"},
	"page with a control character":      {VerificationURI: "https://a/\x1b[2J"},
	"page of 5,000 bytes":                {VerificationURI: "https://a/" + strings.Repeat("a", 5000)},
}

func TestCheckDevicePromptRefuses(t *testing.T) {
	for name, v := range devicePromptFaults {
		got, err := core.CheckDevicePrompt(v)
		require.ErrorIs(t, err, core.CodeBadConfig, name)
		require.Zero(t, got, name)
		for _, r := range err.Error() {
			require.True(t, r == '§' || ' ' <= r && r <= '~', "%s: %q repeats the text", name, err)
		}
	}
}

func TestCheckDevicePrompt(t *testing.T) {
	const page = "https://login.example.com/device"
	for complete, kept := range map[string]bool{
		"": true,
		"https://login.example.com/device?user_code=WDJB": true,
		"https://LOGIN.example.com/go/WDJB":               true,
		"https://evil.example.org/device?user_code=WDJB":  false,
		"https://login.example.com.evil.example.org/":     false,
		"https://login.example.com:8443/device":           false,
		"http://login.example.com/device":                 false,
		"https://login.example.com@evil.example.org/":     false,
		"https://x@login.example.com/":                    false,
		"https://login.example.com/\u200b":                false,
		"javascript:alert(1)":                             false,
		"//login.example.com/device":                      false,
		"/device?user_code=WDJB":                          false,
	} {
		v := core.DevicePrompt{VerificationURI: page, UserCode: "WDJB-MJHT", VerificationURIComplete: complete}
		got, err := core.CheckDevicePrompt(v)
		require.NoError(t, err)
		if !kept {
			v.VerificationURIComplete = ""
		}
		require.Equal(t, v, got, complete)
	}
	for _, code := range []string{"", "A", "WDJB MJHT", "123 456 789", strings.Repeat("A", 32), "a~!"} {
		for _, page := range []string{page, "http://127.0.0.1:8080/", "http://[::1]/x", "HTTPS://A/"} {
			_, err := core.CheckDevicePrompt(core.DevicePrompt{VerificationURI: page, UserCode: code})
			require.NoError(t, err)
		}
	}
}

// Whatever a provider passes, the program's UI gets only what may be shown, by
// ShowDevicePrompt and by Show.
func TestDevicePromptsAreChecked(t *testing.T) {
	for name, v := range devicePromptFaults {
		for _, ui := range []core.UI{
			{ShowDevicePrompt: func(context.Context, core.DevicePrompt) error { t.Error(name); return nil }},
			{Show: func(context.Context, string) error { t.Error(name); return nil }},
		} {
			p := withPerson(func(ctx context.Context, ui core.UI) (core.Credential, error) {
				return bearer("t"), ui.ShowDevicePrompt(ctx, v)
			})
			err := core.New("s", p, &core.Options{UI: &ui}).Init(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig, name)
		}
	}
}

func FuzzCheckDevicePrompt(f *testing.F) {
	f.Add("https://a/", "WDJB", "https://a/?c=WDJB")
	f.Add("http://[::1]:80/", "", "https://b/")
	f.Fuzz(func(t *testing.T, page, code, complete string) {
		v, err := core.CheckDevicePrompt(core.DevicePrompt{
			VerificationURI: page, UserCode: code, VerificationURIComplete: complete,
		})
		if err != nil {
			require.Zero(t, v)
			return
		}
		for _, r := range v.VerificationURI + v.UserCode + v.VerificationURIComplete {
			require.True(t, ' ' <= r && r <= '~', "%q", r)
		}
	})
}
