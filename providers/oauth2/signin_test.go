package oauth2_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/oauth2"
	"github.com/stretchr/testify/require"
)

func TestSignIn(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, map[string]any{
		"authorization_params": map[string]any{"prompt": "login"}, "audience": "aud",
		"resource": []any{"https://api.example.com"},
		"base_url": "https://api.example.com/v2", "redirect": map[string]any{"path": "/callback"},
	})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeInteractive)
	require.Empty(t, s.seen("/token"), "nothing is sent before the person is there")

	c, page, err := signIn(t, p)
	require.NoError(t, err)
	require.Contains(t, page, "You are signed in")
	require.Contains(t, page, "127.0.0.1", "the page names the server")
	require.Contains(t, c.Attach.Header["Authorization"].Reveal(), "Bearer at-")
	require.Equal(t, "person-1", c.Subject)
	require.Equal(t,
		map[string]string{"base_url": "https://api.example.com/v2", "email": "ada@example.com",
			"preferred_username": "ada"}, c.Attributes)
	require.WithinDuration(t, time.Now().Add(time.Hour), c.Expiry, 10*time.Second)

	asked := s.seen("/authorize")[0].form
	for name, want := range map[string]string{
		"tenant": "t1", "prompt": "login", "audience": "aud", "resource": "https://api.example.com",
		"scope": "openid read",
	} {
		require.Equal(t, want, asked.Get(name))
	}
	for _, name := range []string{"state", "nonce", "code_challenge"} {
		require.Len(t, asked.Get(name), 43, "%s is not random", name)
	}
	require.True(t, strings.HasSuffix(asked.Get("redirect_uri"), "/callback"))
	require.Empty(t, s.seen("/token")[0].auth, "a public client")

	again, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
	require.NoError(t, err)
	require.Equal(t, c.Subject, again.Subject)
	require.Equal(t, c.Attributes, again.Attributes)
	require.False(t, again.RefreshState.Equal(c.RefreshState))

	s.set(func() { s.refresh = "spent by somebody else" })
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: again})
	require.ErrorIs(t, err, core.CodeInteractive)
}

func TestRefusedRenewals(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, nil)
	previous := core.Credential{RefreshState: core.NewSecret("rt"), Subject: "person-1"}
	for name, tt := range map[string]struct {
		status int
		body   map[string]any
		code   core.Code
	}{
		"spent":             {400, map[string]any{"error": "invalid_grant"}, core.CodeInteractive},
		"spent, vaguely":    {400, map[string]any{"error": "invalid_request"}, core.CodeInteractive},
		"of a gateway":      {403, nil, core.CodeUnavailable},
		"no such client":    {401, map[string]any{"error": "invalid_client"}, core.CodeDenied},
		"later":             {503, nil, core.CodeUnavailable},
		"no token endpoint": {404, nil, core.CodeUnavailable},
	} {
		s.set(func() {
			s.override["/token"] = func(w http.ResponseWriter,
				_ *http.Request) {
				writeJSON(w, tt.status, tt.body)
			}
		})
		_, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: previous})
		require.ErrorIs(t, err, tt.code, name)
	}
}

func TestPushedRequest(t *testing.T) {
	for name, changes := range map[string]map[string]any{"metadata": nil, "setting": {}} {
		t.Run(name, func(t *testing.T) {
			s := newPeople(t)
			if changes == nil {
				s.meta["pushed_authorization_request_endpoint"],
					s.meta["require_pushed_authorization_requests"] = s.URL+"/par", true
			} else {
				changes["pushed_authorization_url"] = s.URL + "/par"
			}
			_, page, err := signIn(t, s.open(t, changes))
			require.NoError(t, err)
			require.Contains(t, page, "You are signed in")
			pushed := s.seen("/par")[0].form
			require.Equal(t, "openid read", pushed.Get("scope"))
			require.NotEmpty(t, pushed.Get("code_challenge"))
			asked := s.seen("/authorize")[0].form
			require.Len(t, asked, 3, "client_id, request_uri and what the endpoint had: %v", asked)
		})
	}
	s := newPeople(t)
	s.meta["require_pushed_authorization_requests"] = true
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, newWindow().ui())
	require.ErrorIs(t, err, core.CodeBadConfig)
	for _, answer := range []map[string]any{{}, {"request_uri": "x\ny"}, {"request_uri": 7}} {
		s.set(func() {
			s.override["/par"] = func(w http.ResponseWriter, _ *http.Request) { writeJSON(w, 201, answer) }
		})
		_, err = s.open(t,
			map[string]any{"pushed_authorization_url": s.URL + "/par"}).(core.InteractiveProvider).SignIn(t.Context(),
			core.Request{}, newWindow().ui())
		require.ErrorIs(t, err, core.CodeUnavailable)
	}
}

// What the browser brings back is foreign.
func TestAnswersInTheBrowser(t *testing.T) {
	for name, tt := range map[string]struct {
		answer func(url.Values)
		code   core.Code
		page   string
	}{
		"denied": {func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") },
			core.CodeDenied, "Not signed in"},
		"later": {func(v url.Values) {
			v.Del("code")
			v.Set("error",
				"temporarily_unavailable")
		}, core.CodeUnavailable, "did not work"},
		"bad scope": {func(v url.Values) { v.Del("code"); v.Set("error", "invalid_scope") },
			core.CodeBadConfig, "did not work"},
		"login required": {func(v url.Values) { v.Del("code"); v.Set("error", "login_required") },
			core.CodeInteractive, "did not work"},
		"unknown error": {func(v url.Values) { v.Set("error", "\x1b[2Jx") }, core.CodeDenied,
			"Not signed in"},
		"neither": {func(v url.Values) { v.Del("code") }, core.CodeUnavailable, "did not work"},
		"mix-up": {func(v url.Values) { v.Set("iss", "https://evil.example.com") },
			core.CodeDenied, "Not signed in"},
		"no iss": {func(v url.Values) { v.Del("iss") }, core.CodeDenied, "Not signed in"},
		"denied without iss": {func(v url.Values) {
			v.Del("iss")
			v.Del("code")
			v.Set("error",
				"access_denied")
		}, core.CodeDenied, "Not signed in"},
		"empty iss": {func(v url.Values) { v.Set("iss", "") }, core.CodeDenied, "Not signed in"},
		"two codes": {func(v url.Values) { v.Add("code", "other") }, core.CodeDenied,
			"Not signed in"},
		"somebody's code": {func(v url.Values) { v.Set("code", "injected") }, core.CodeDenied,
			"Not signed in"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newPeople(t)
			s.answer = tt.answer
			_, page, err := signIn(t, s.open(t, nil))
			require.ErrorIs(t, err, tt.code)
			require.Contains(t, page, tt.page)
			require.NotContains(t, err.Error(), "\x1b")
			if strings.Contains(name, "code") && name != "two codes" {
				require.ErrorContains(t, err, "did not take the code")
			} else {
				require.Empty(t, s.seen("/token"), "a token was asked for")
			}
		})
	}
}

// A code of another session of the same program is bound to that one's
// verifier (RFC 7636) and redirect.
func TestInjectedAndReplayedCode(t *testing.T) {
	s := newPeople(t)
	stolen := make(chan string, 1)
	s.answer = func(v url.Values) { stolen <- v.Get("code"); v.Set("code", "none") }
	_, _, err := signIn(t, s.open(t, nil))
	require.ErrorIs(t, err, core.CodeDenied)
	code := <-stolen
	s.set(func() { s.answer = func(v url.Values) { v.Set("code", code) } })
	for range 2 { // injected, then replayed
		c, page, err := signIn(t, s.open(t, nil))
		require.ErrorIs(t, err, core.CodeDenied)
		require.ErrorContains(t, err, "did not take the code")
		require.Contains(t, page, "Not signed in")
		require.Zero(t, c.RefreshState)
		requireNoText(t, err, code)
	}
}

// Somebody else's tab does not end a sign-in; a second one sees that it came
// too late.
func TestTabs(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, nil)
	foreign, last, second := make(chan string, 1), make(chan string, 1), make(chan string, 1)
	var redirect string
	inToken := make(chan bool)
	s.override["/token"] = func(w http.ResponseWriter, r *http.Request) {
		delete(s.override, "/token")
		go func() { second <- visit(redirect); close(inToken) }()
		<-inToken
		s.token(w, r)
	}
	s.answer = func(v url.Values) {
		redirect += "?" + v.Encode()
	}
	_, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{},
		core.UI{Show: func(_ context.Context, message string) error {
			link := message[strings.Index(message, "http"):]
			u, err := url.Parse(link)
			require.NoError(t, err)
			redirect = u.Query().Get("redirect_uri")
			go func() {
				foreign <- visit(redirect + "?code=x&state=of-another")
				last <- visit(link)
			}()
			return nil
		}})
	require.NoError(t, err)
	require.Contains(t, <-foreign, "Another sign-in")
	require.Contains(t, <-second, "Already answered")
	require.Contains(t, <-last, "You are signed in")
	require.Contains(t, visit(redirect), "refused", "the listener is still there")
}

func TestWaysToThePerson(t *testing.T) {
	s := newPeople(t)
	p := s.open(t, nil).(core.InteractiveProvider)
	_, err := p.SignIn(t.Context(), core.Request{}, core.UI{})
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "device_code")
	require.Empty(t, s.seen("/.well-known/oauth-authorization-server"), "something was sent")

	broken := func(context.Context, string) error { return errBrowser }
	for _, ui := range []core.UI{{Open: broken}, {Show: broken}, {Open: broken, Show: broken}} {
		_, err = p.SignIn(t.Context(), core.Request{}, ui)
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorIs(t, err, errBrowser)
		require.ErrorContains(t, err, "device_code")
	}

	pages := make(chan string, 1)
	show := func(_ context.Context, message string) error {
		require.True(t, contains(message, "Sign in", "code_challenge"), message)
		go func() { pages <- visit(message[strings.Index(message, "http"):]) }()
		return nil
	}
	_, err = p.SignIn(t.Context(), core.Request{}, core.UI{Open: broken, Show: show})
	require.NoError(t, err)
	require.Contains(t, <-pages, "You are signed in")
}

func TestRedirectPortTaken(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	s := newPeople(t)
	port := taken.Addr().(*net.TCPAddr).Port
	_, err = s.open(t,
		map[string]any{"redirect": map[string]any{"port": port}}).(core.InteractiveProvider).SignIn(t.Context(),
		core.Request{}, newWindow().ui())
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, fmt.Sprint("redirect port ", port))
}

// A closed tab ends with the context, and nothing stays.
func TestClosedTab(t *testing.T) {
	s := newPeople(t)
	ctx, cancel := context.WithCancel(t.Context())
	var link string
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(ctx, core.Request{},
		core.UI{Open: func(_ context.Context, l string) error {
			link = l
			cancel()
			return nil
		}})
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorIs(t, err, context.Canceled)
	require.Contains(t, visit(link), "refused", "the listener is still there")
}

// A session's Close ends a sign-in, and ten callers make one.
func TestSessionSignsIn(t *testing.T) {
	s := newPeople(t)
	begun := make(chan string, 10)
	ui := core.UI{Open: func(_ context.Context, l string) error { begun <- l; return nil }}
	session := core.New("people", s.open(t, nil), &core.Options{UI: &ui})
	outcome := make(chan error, 10)
	for range 10 {
		go func() { outcome <- session.Init(t.Context()) }()
	}
	<-begun
	require.Empty(t, begun, "one sign-in at a time")
	require.NoError(t, session.Close(t.Context()))
	for closed := 0; closed < 10; {
		select {
		case err := <-outcome:
			require.ErrorIs(t, err, core.CodeClosed)
			closed++
		case <-begun: // by a caller whose Init began after Close, on a busy machine
			require.NoError(t, session.Close(t.Context()))
		}
	}

	go func() { outcome <- session.Init(t.Context()) }()
	page := visit(<-begun)
	require.NoError(t, <-outcome)
	require.Contains(t, page, "You are signed in")
	require.Equal(t, "person-1", session.Status().Subject)
	require.NoError(t, session.Close(t.Context()))

	session = core.New("nobody", s.open(t, nil), nil)
	require.ErrorIs(t, session.Init(t.Context()), core.CodeInteractive)
}

func TestSignInSettings(t *testing.T) {
	base := map[string]any{"grant": "authorization_code", "issuer": "https://login.example.com",
		"client_id": "app"}
	for name, tt := range map[string]struct {
		changes map[string]any
		want    string
	}{
		"good":   {nil, ""},
		"device": {map[string]any{"grant": "device_code"}, ""},
		"without issuer": {map[string]any{"issuer": nil, "token_url": "https://l/t",
			"authorization_url": "https://l/a"}, ""},
		"no endpoint": {map[string]any{"issuer": nil, "token_url": "https://l/t"},
			"authorization_url: missing"},
		"no device": {map[string]any{"grant": "device_code", "issuer": nil,
			"token_url": "https://l/t"}, "device_authorization_url: missing"},
		"http": {map[string]any{"authorization_url": "http://l.example.com/a"},
			"authorization_url: is not https"},
		"device url": {map[string]any{"device_authorization_url": "https://l/d"}, ""},
		"other grant": {map[string]any{"grant": "client_credentials", "client_secret": "s",
			"device_authorization_url": "https://l/d"},
			"device_authorization_url: is for the grants authorization_code and device_code"},
		"sign_in device":    {map[string]any{"sign_in": "device"}, ""},
		"sign_in browser":   {map[string]any{"grant": "device_code", "sign_in": "browser"}, ""},
		"sign_in otherwise": {map[string]any{"sign_in": "phone"}, "sign_in: want"},
		"sign_in for a program": {map[string]any{"grant": "client_credentials", "client_secret": "s",
			"sign_in": "device"}, "sign_in: is for the grants authorization_code and device_code"},
		"sign_in device without its endpoint": {map[string]any{"issuer": nil, "token_url": "https://l/t",
			"authorization_url": "https://l/a", "sign_in": "device"}, "device_authorization_url: missing"},
		"sign_in browser without its endpoint": {map[string]any{"grant": "device_code", "issuer": nil,
			"token_url": "https://l/t", "device_authorization_url": "https://l/d", "sign_in": "browser"},
			"authorization_url: missing"},
		"response mode": {map[string]any{"authorization_params": map[string]any{"response_mode": "query"}}, ""},
		"response mode that is not read": {map[string]any{
			"authorization_params": map[string]any{"response_mode": "form_post"}},
			"authorization_params.response_mode: want query"},
		"listen":                 {map[string]any{"redirect": map[string]any{"listen": "0.0.0.0", "port": 8250}}, ""},
		"listen on the loopback": {map[string]any{"redirect": map[string]any{"listen": "127.0.0.2"}}, ""},
		"listen on a name": {map[string]any{"redirect": map[string]any{"listen": "eth0", "port": 8250}},
			"redirect.listen: want an IP address"},
		"listen on any port": {map[string]any{"redirect": map[string]any{"listen": "::"}},
			"redirect.listen: needs redirect.port"},
		"url of a proxy": {map[string]any{"redirect": map[string]any{
			"url": "https://dev.example.com/callback", "port": 8250}}, ""},
		"url by hand":   {map[string]any{"redirect": map[string]any{"url": "urn:ietf:wg:oauth:2.0:oob"}}, ""},
		"url of a page": {map[string]any{"redirect": map[string]any{"url": "https://app.example.com/code"}}, ""},
		"url without a scheme": {map[string]any{"redirect": map[string]any{"url": "/callback"}},
			"redirect.url: is not an absolute URL"},
		"url with a fragment": {map[string]any{"redirect": map[string]any{"url": "https://a/#x"}},
			"redirect.url: is not an absolute URL without a fragment"},
		"url with a line break": {map[string]any{"redirect": map[string]any{"url": "https://a/\nb"}},
			"redirect.url: is not an absolute URL"},
		"url in the clear": {map[string]any{"redirect": map[string]any{"url": "http://a.example.com/"}},
			"redirect.url: is not https"},
		"url of another scheme with a port": {map[string]any{"redirect": map[string]any{
			"url": "com.example.app:/cb", "port": 8250}}, "redirect.url: is not an https URL"},
		"params": {map[string]any{"authorization_params": map[string]any{"state": "x"}},
			"authorization_params.state: belongs to the grant"},
		"client_id": {map[string]any{"authorization_params": map[string]any{"client_id": "x"}},
			"authorization_params.client_id: belongs to the grant"},
		"port": {map[string]any{"redirect": map[string]any{"port": 65536}},
			"redirect.port: want 0 to 65535"},
		"path": {map[string]any{"redirect": map[string]any{"path": "callback"}},
			"redirect.path: is not a plain path"},
		"path with a query": {map[string]any{"redirect": map[string]any{"path": "/a?b=c"}},
			"redirect.path: is not a plain path"},
		"path as a host": {map[string]any{"redirect": map[string]any{"path": "//evil.example.com/"}},
			"redirect.path: is not a plain path"},
		"host": {map[string]any{"redirect": map[string]any{"host": "0.0.0.0"}},
			"redirect.host"},
		"keys of nobody": {map[string]any{"issuer": nil, "token_url": "https://l/t",
			"authorization_url": "https://l/a", "jwks_url": "https://l/j"}, "jwks_url: needs issuer"},
		"for a program": {map[string]any{"grant": "client_credentials", "client_secret": "s",
			"authorization_params": map[string]any{"prompt": "login"}},
			"authorization_params: is for the grants"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := oauth2.Factory.Open(t.Context(), "", with(base, tt.changes))
			if tt.want != "" {
				require.ErrorIs(t, err, core.CodeBadConfig)
				require.ErrorContains(t, err, tt.want)
				return
			}
			require.NoError(t, err)
			require.Implements(t, (*core.InteractiveProvider)(nil), p)
		})
	}
	p, err := oauth2.Factory.Open(t.Context(), "",
		map[string]any{"token_url": "https://l/t", "client_id": "app", "client_secret": "s"})
	require.NoError(t, err)
	require.NotImplements(t, (*core.InteractiveProvider)(nil), p, "a program needs no person")
}

func requireNoText(t *testing.T, err error, secret string) {
	t.Helper()
	require.NotContains(t, fmt.Sprintf("%+v %#v", err, err), secret)
}
