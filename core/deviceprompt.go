// Read on in bounds.go.

package core

import (
	"fmt"
	"net/url"
	"strings"
)

const (
	maxUserCode  = 32      // bytes of a code that a person types
	maxPromptURL = 4 << 10 // bytes of a page that a person opens
)

// CheckDevicePrompt returns v as it may be shown to a person, whatever server or plugin
// it is from. A page must be an http or https URL with a host, without user
// information, of printable ASCII; a code must be printable ASCII of at most 32 bytes,
// or empty. Otherwise the error is [CodeBadConfig], and does not repeat the text.
// VerificationURIComplete is dropped if it is not such a page, or if it is on another
// host than VerificationURI. A session calls it before [UI].ShowDevicePrompt.
func CheckDevicePrompt(v DevicePrompt) (DevicePrompt, error) {
	page := parsePromptURL(v.VerificationURI)
	switch {
	case page == nil:
		return DevicePrompt{}, Errorf(CodeBadConfig,
			"the verification_uri is not a plain http or https URL (RFC 8628 §3.2)")
	case len(v.UserCode) > maxUserCode || !isPrintableASCII(v.UserCode) ||
		strings.TrimSpace(v.UserCode) != v.UserCode:
		return DevicePrompt{}, Errorf(CodeBadConfig,
			"the user_code is not at most %d printable ASCII characters (RFC 8628 §6.1): "+
				"it may not be shown", maxUserCode)
	}
	complete := parsePromptURL(v.VerificationURIComplete)
	if complete == nil || complete.Scheme != page.Scheme ||
		!strings.EqualFold(complete.Host, page.Host) {
		v.VerificationURIComplete = ""
	}
	return v, nil
}

// parsePromptURL returns the page of a device prompt, or nil if it may not be shown.
func parsePromptURL(s string) *url.URL {
	if len(s) > maxPromptURL || !isPrintableASCII(s) || strings.ContainsAny(s, " \"<>\\^`{|}") {
		return nil
	}
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil
	}
	return u
}

func isPrintableASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

// Text returns what a program tells the person that has no other way to show v.
func (v DevicePrompt) Text() string {
	text := "To sign in, open this page on any device:\n" + v.VerificationURI
	if v.UserCode != "" {
		text += "\nand enter the code " + v.UserCode
	}
	if v.VerificationURIComplete != "" {
		text += "\nor open this one, where the code is entered already:\n" + v.VerificationURIComplete
	}
	if !v.ExpiresAt.IsZero() {
		text += fmt.Sprintf("\nThere is time until %s.", v.ExpiresAt.Local().Format("15:04"))
	}
	return text
}
