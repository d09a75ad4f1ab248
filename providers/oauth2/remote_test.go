package oauth2_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
	"github.com/stretchr/testify/require"
)

// remotePerson is a person at a terminal whose browser is on another machine.
type remotePerson struct {
	mu     sync.Mutex // guards all below
	shown  []string
	asked  []string
	answer func(ctx context.Context, p *remotePerson) (string, error)
}

func (p *remotePerson) ui() core.UI {
	return core.UI{
		Show: func(_ context.Context, message string) error {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.shown = append(p.shown, message)
			return nil
		},
		Open: func(context.Context, string) error {
			return core.Errorf(core.CodeInteractive, "the program runs at the far end of an SSH connection")
		},
		Ask: func(ctx context.Context, prompt string, hidden bool) (core.Secret, error) {
			p.mu.Lock()
			p.asked = append(p.asked, prompt)
			p.mu.Unlock()
			if hidden {
				return core.Secret{}, errors.New("it is not a secret")
			}
			text, err := p.answer(ctx, p)
			return core.NewSecret(text), err
		},
	}
}

// link returns the link that was shown.
func (p *remotePerson) link() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shown[0][strings.Index(p.shown[0], "http"):]
}

func (p *remotePerson) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.shown, "\n")
}

// address signs in with a browser that does not reach the listener, and returns the address that it
// shows.
func address(t *testing.T, link string) string {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(link)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return resp.Header.Get("Location")
}

// The person pastes the address. Wrong ones get a line each, and the sign-in continues.
func TestPastedAddress(t *testing.T) {
	t.Setenv("SSH_CONNECTION", "192.0.2.7 50022 192.0.2.9 2222")
	t.Setenv("USER", "ada")
	s := newPeople(t)
	tries := 0
	p := &remotePerson{answer: func(_ context.Context, p *remotePerson) (string, error) {
		tries++
		switch tries {
		case 1:
			return "", nil
		case 2:
			return p.link(), nil
		case 3:
			return "http://127.0.0.1:1/?code=x&state=other", nil
		}
		return "\x1b[200~ " + address(t, p.link()) + "\x1b[201~\r", nil
	}}
	c, err := s.open(t, map[string]any{"redirect": map[string]any{"path": "/cb"}}).(core.InteractiveProvider).
		SignIn(t.Context(), core.Request{}, p.ui())
	require.NoError(t, err)
	require.Equal(t, "person-1", c.Subject)
	require.Equal(t, 4, tries)
	text := p.text()
	require.Contains(t, text, "Nothing was opened: the program runs at the far end of an SSH connection.")
	require.Regexp(t, `ssh -L (\d+):127\.0\.0\.1:\d+ -p 2222 ada@192\.0\.2\.9\n`, text)
	u, err := url.Parse(p.link())
	require.NoError(t, err)
	redirect, err := url.Parse(u.Query().Get("redirect_uri"))
	require.NoError(t, err)
	require.Contains(t, text, "ssh -L "+redirect.Port()+":127.0.0.1:"+redirect.Port()+" ")
	require.Contains(t, text, "sign_in: device")
	require.Contains(t, text, "Nothing was pasted")
	require.Contains(t, text, "That is the link to open")
	require.Contains(t, text, "belongs to another sign-in")
	require.NotContains(t, text, "on this machine")
}

// The browser may reach the listener after all, through a forwarded port: the question ends.
func TestForwardedPort(t *testing.T) {
	s := newPeople(t)
	pages, ended := make(chan string, 1), make(chan error, 1)
	p := &remotePerson{answer: func(ctx context.Context, p *remotePerson) (string, error) {
		go func() { pages <- visit(p.link()) }()
		<-ctx.Done()
		ended <- ctx.Err()
		return "", ctx.Err()
	}}
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, p.ui())
	require.NoError(t, err)
	require.Contains(t, <-pages, "You are signed in")
	require.ErrorIs(t, <-ended, context.Canceled)
}

// A person who ends the question may still use the link.
func TestQuestionIsEnded(t *testing.T) {
	s := newPeople(t)
	pages := make(chan string, 1)
	ui := terminal.New(&terminal.Options{In: strings.NewReader(""), Out: io.Discard,
		Browser: func(_ context.Context, link string) error {
			time.AfterFunc(100*time.Millisecond, func() { pages <- visit(link) })
			return errBrowser
		}})
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, *ui)
	require.NoError(t, err)
	require.Contains(t, <-pages, "You are signed in")
}

// A refusal that is pasted counts as one in the browser.
func TestPastedRefusal(t *testing.T) {
	s := newPeople(t)
	s.answer = func(v url.Values) { v.Del("code"); v.Set("error", "access_denied") }
	p := &remotePerson{answer: func(_ context.Context, p *remotePerson) (string, error) {
		return address(t, p.link()), nil
	}}
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, p.ui())
	require.ErrorIs(t, err, core.CodeDenied)
	require.ErrorContains(t, err, "access_denied")
}

func TestPastesEnd(t *testing.T) {
	s := newPeople(t)
	p := &remotePerson{answer: func(context.Context, *remotePerson) (string, error) { return "no", nil }}
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, p.ui())
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "none of 10 texts")
	require.Len(t, p.asked, 10)
}

// Where nobody is, the error comes at once and says what to do, whatever is redirected.
func TestNobodyIsThere(t *testing.T) {
	for _, name := range []string{"DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME", "BROWSER",
		"SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"} {
		t.Setenv(name, "")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	closed, writer, err := os.Pipe()
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	require.NoError(t, closed.Close())
	s := newPeople(t)
	for name, opts := range map[string]*terminal.Options{
		"a job":              {In: null, Out: null},
		"input redirected":   {In: null, Out: io.Discard},
		"input is closed":    {In: closed, Out: io.Discard},
		"both are closed":    {In: closed, Out: closed},
		"a log that is read": {In: null, Out: null, OutIsRead: true},
	} {
		for _, ssh := range []string{"", "192.0.2.7 50022 192.0.2.9 22"} {
			t.Run(name+ssh, func(t *testing.T) {
				t.Setenv("SSH_CONNECTION", ssh)
				session := core.New("reports", s.open(t, nil), &core.Options{UI: terminal.New(opts)})
				began := time.Now()
				err := session.Init(t.Context())
				require.Less(t, time.Since(began), 20*time.Second)
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, "device_code")
				require.NoError(t, session.Close(t.Context()))
			})
		}
	}
	for name, opts := range map[string]*terminal.Options{
		"a job": {In: null, Out: null}, "both are closed": {In: closed, Out: closed},
	} {
		t.Run("device, "+name, func(t *testing.T) {
			session := core.New("reports", s.open(t, map[string]any{"grant": "device_code"}),
				&core.Options{UI: terminal.New(opts)})
			began := time.Now()
			err := session.Init(t.Context())
			require.Less(t, time.Since(began), 20*time.Second)
			require.ErrorIs(t, err, core.CodeInteractive)
			require.ErrorContains(t, err, "run the program in a terminal")
		})
	}
}

// Nothing listens for the redirect: the person types the code, or pastes the address.
func TestCodeByHand(t *testing.T) {
	for name, how := range map[string]func(u *url.URL) string{
		"the code":           func(u *url.URL) string { return " " + u.Query().Get("code") + "\n" },
		"the code and state": func(u *url.URL) string { return u.Query().Get("code") + "#" + u.Query().Get("state") },
		"the address":        func(u *url.URL) string { return u.String() },
	} {
		for _, redirect := range []string{"https://app.example.com/show-code", "com.example.app:/cb"} {
			t.Run(name+" of "+redirect, func(t *testing.T) {
				s := newPeople(t)
				p := &remotePerson{}
				p.answer = func(_ context.Context, p *remotePerson) (string, error) {
					if len(p.asked) == 1 {
						return "x#another-state", nil
					}
					u, err := url.Parse(address(t, p.link()))
					require.NoError(t, err)
					return how(u), nil
				}
				c, err := s.open(t, map[string]any{"redirect": map[string]any{"url": redirect}}).(core.InteractiveProvider).
					SignIn(t.Context(), core.Request{}, p.ui())
				require.NoError(t, err)
				require.Equal(t, "person-1", c.Subject)
				require.Contains(t, p.text(), "belongs to another sign-in")
				require.Equal(t, redirect, s.seen("/authorize")[0].form.Get("redirect_uri"))
			})
		}
	}
	s := newPeople(t)
	p := s.open(t, map[string]any{"redirect": map[string]any{"url": "https://app.example.com/code"}}).(core.InteractiveProvider)
	_, err := p.SignIn(t.Context(), core.Request{}, newWindow().ui())
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "redirect.url")
	require.Empty(t, s.requests, "something was sent")
	ctx, cancel := context.WithCancel(t.Context())
	person := &remotePerson{answer: func(ctx context.Context, _ *remotePerson) (string, error) {
		cancel()
		return "", ctx.Err()
	}}
	_, err = p.SignIn(ctx, core.Request{}, person.ui())
	require.ErrorIs(t, err, core.CodeUnavailable)
}

// A proxy with a name of its own is in front of the listener.
func TestRedirectThroughAProxy(t *testing.T) {
	port := freePort(t)
	target := &url.URL{Scheme: "http", Host: fmt.Sprint("127.0.0.1:", port)}
	proxy := httptest.NewServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(target)
		r.Out.Host = r.In.Host
	}})
	defer proxy.Close()
	s := newPeople(t)
	_, page, err := signIn(t, s.open(t, map[string]any{"redirect": map[string]any{
		"url": proxy.URL + "/callback", "port": port}}))
	require.NoError(t, err)
	require.Contains(t, page, "You are signed in")
	require.Equal(t, proxy.URL+"/callback", s.seen("/authorize")[0].form.Get("redirect_uri"))
}

// Within a container the listener is on all addresses, and its redirect URI stays that of the
// loopback. (127.0.0.2 stands for the container's address here.)
func TestRedirectListen(t *testing.T) {
	port := freePort(t)
	s := newPeople(t)
	p := s.open(t, map[string]any{"redirect": map[string]any{"listen": "127.0.0.2", "port": port}})
	pages := make(chan string, 1)
	_, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{},
		core.UI{Open: func(_ context.Context, link string) error {
			back, err := url.Parse(address(t, link))
			if err != nil {
				return err
			}
			require.Equal(t, fmt.Sprint("127.0.0.1:", port), back.Host)
			req, err := http.NewRequestWithContext(t.Context(), "GET",
				fmt.Sprintf("http://127.0.0.2:%d/?%s", port, back.RawQuery), nil)
			if err != nil {
				return err
			}
			req.Host = back.Host // what a published port passes on
			go func() {
				resp, err := web.Do(req)
				if err != nil {
					pages <- err.Error()
					return
				}
				defer resp.Body.Close()
				body, _ := io.ReadAll(resp.Body)
				pages <- string(body)
			}()
			return nil
		}})
	require.NoError(t, err)
	require.Contains(t, <-pages, "You are signed in")
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// A person can sign in in the way of the other grant, and what is stored is the same session's.
func TestSignInAs(t *testing.T) {
	t.Run("device", func(t *testing.T) {
		s := newPeople(t)
		p := s.open(t, map[string]any{"sign_in": "device"})
		var shown core.DevicePrompt
		c, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{},
			core.UI{ShowDevicePrompt: func(_ context.Context, v core.DevicePrompt) error { shown = v; return nil }})
		require.NoError(t, err)
		require.Equal(t, "WDJB-MJHT", shown.UserCode)
		_, err = s.open(t, nil).Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: c})
		require.NoError(t, err, "the same session renews")
	})
	t.Run("browser", func(t *testing.T) {
		s := newPeople(t)
		c, page, err := signIn(t, s.open(t, map[string]any{"grant": "device_code", "sign_in": "browser"}))
		require.NoError(t, err)
		require.Contains(t, page, "You are signed in")
		require.Equal(t, "person-1", c.Subject)
		require.Empty(t, s.seen("/device"))
	})
}

// A server that answers with a form is named at once; an address without an answer is named to the
// person, and does not end the sign-in.
func TestResponseModes(t *testing.T) {
	s := newPeople(t)
	ui := core.UI{Open: func(_ context.Context, link string) error {
		back, err := url.Parse(address(t, link))
		if err != nil {
			return err
		}
		form := back.Query()
		back.RawQuery = ""
		go func() {
			if resp, err := web.PostForm(back.String(), form); err == nil {
				_ = resp.Body.Close()
			}
		}()
		return nil
	}}
	_, err := s.open(t, nil).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, ui)
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "response_mode form_post")
	require.Empty(t, s.seen("/token"))

	shown := make(chan string, 3)
	ui = core.UI{
		Show: func(_ context.Context, message string) error { shown <- message; return nil },
		Open: func(_ context.Context, link string) error {
			back, err := url.Parse(address(t, link))
			if err != nil {
				return err
			}
			query := back.RawQuery
			back.RawQuery = ""
			go func() {
				visit(back.String() + "#" + query)
				<-shown
				if message := <-shown; strings.Contains(message, "set response_mode to query") {
					visit(back.String() + "?" + query)
				}
			}()
			return nil
		},
	}
	_, err = s.open(t, map[string]any{"authorization_params": map[string]any{"response_mode": "query"}}).(core.InteractiveProvider).
		SignIn(t.Context(), core.Request{}, ui)
	require.NoError(t, err)
	asked := s.seen("/authorize")
	require.Equal(t, "query", asked[len(asked)-1].form.Get("response_mode"))
}
