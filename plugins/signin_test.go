//go:build unix

package plugins

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// What a plugin shows to a person arrives as in the program, if it is fit to be
// seen.
func TestPromptsToPersons(t *testing.T) {
	h, _ := newHost(t)
	page, long := "https://id.example.com/device", strings.Repeat("x", maxPage)
	for name, c := range map[string]struct {
		settings map[string]any
		want     string // what the person sees, or part of the error; empty: as in the program
	}{
		"all": {map[string]any{"page": page, "code": "WDJB-MJHT",
			"direct": page + "?user_code=WDJB-MJHT", "years": 40}, ""},
		"page alone":    {map[string]any{"page": page}, ""},
		"other letters": {map[string]any{"page": page, "code": "ключ 键"}, "may not be shown"},
		"zero width":    {map[string]any{"page": page, "code": "AB\u200bCD"}, "not to be typed"},
		"a sentence": {map[string]any{"page": page, "code": "call 555-0100 and say your password"},
			"may not be shown"},
		"user in the page": {map[string]any{"page": "https://id.example.com@evil.example.org/", "code": "A"},
			"not a plain http or https URL"},
		"direct on another host": {map[string]any{"page": page, "code": "A",
			"direct": "https://evil.example.org/device?user_code=A"},
			`visit "https://id.example.com/device" "A" "" 1`},
		"no web page": {map[string]any{"page": "file:///etc/passwd"},
			"bad config: only web pages are opened"},
		"script":       {map[string]any{"page": "javascript:alert(1)"}, "only web pages"},
		"no host":      {map[string]any{"page": "https:///device"}, "only web pages"},
		"a line break": {map[string]any{"page": page + "\nx"}, "only web pages"},
		"a long page":  {map[string]any{"page": page + long}, "only web pages"},
		"escapes":      {map[string]any{"page": page, "code": "\x1b[2J"}, "not to be typed"},
		"direction":    {map[string]any{"page": page, "code": "AB\u202eCD"}, "not to be typed"},
		"a long code":  {map[string]any{"page": page, "code": long}, "not to be typed"},
		"odd direct": {map[string]any{"page": page, "code": "A", "direct": "data:text/html,x"},
			`visit "https://id.example.com/device" "A" "" 1`},
		"odd time": {map[string]any{"page": page, "code": "A", "years": 900},
			`visit "https://id.example.com/device" "A" "" 1`},
		"lines": {map[string]any{"do": "show", "text": "open the page\nand enter A"}, ""},
		"hostile text": {map[string]any{"do": "show", "text": "a\x1b[31mb\u202ec\r"},
			`show "a [31mb c "`},
	} {
		settings := map[string]any{"do": "visit"}
		for k, v := range c.settings {
			settings[k] = v
		}
		signIn := func(p core.Provider) string {
			var seen []string
			if _, err := p.(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, diary(&seen)); err != nil {
				require.Empty(t, seen, name)
				return err.Error()
			}
			return strings.Join(seen, "\n")
		}
		got := signIn(openPerson(t, h, settings))
		if c.want == "" {
			p, err := personFactory.Open(t.Context(), "", settings)
			require.NoError(t, err)
			require.Equal(t, signIn(p), got, name)
			continue
		}
		require.Contains(t, got, c.want, name)
	}
}

// Where the program cannot show a page to visit, the plugin knows, and tells.
func TestVisitFallsToShow(t *testing.T) {
	h, _ := newHost(t)
	var seen []string
	ui := diary(&seen)
	ui.ShowDevicePrompt = nil
	cred, err := openPerson(t, h, map[string]any{"do": "visit", "page": "https://a.example",
		"code": "K"}).(core.InteractiveProvider).SignIn(t.Context(), core.Request{}, ui)
	require.NoError(t, err)
	require.Equal(t, "told", cred.Subject)
	require.Equal(t, []string{`show "open https://a.example and enter K"`}, seen)
}

// The listener is the plugin's, the browser the host's. The person takes their
// time, and the plugin is neither idle nor hung meanwhile. However many wait,
// one person is asked once.
func TestSignInByBrowser(t *testing.T) {
	h, log := newHost(t)
	h.IdleTimeout, h.HangTimeout = 50*time.Millisecond, 5*time.Second
	var opened atomic.Int32
	const limit = 2 * time.Second
	ui := core.UI{Open: func(ctx context.Context, u string) error {
		if opened.Add(1) == 1 {
			<-time.After(limit) // longer than an attempt may take
		}
		<-time.After(time.Second / 2)
		return browser("ada")(ctx, u)
	}}
	s := core.New("x", openPerson(t, h, nil), &core.Options{UI: &ui, Timeout: limit, Lazy: true})
	require.NoError(t, s.Init(t.Context()))
	defer s.Close(t.Context())
	require.Equal(t, "ada", s.Status().Subject)
	require.NoError(t, s.Close(t.Context()))

	var wait sync.WaitGroup
	errs := make(chan error, 20)
	for range cap(errs) {
		wait.Go(func() { errs <- s.Init(t.Context()) })
	}
	wait.Wait()
	for range cap(errs) {
		require.NoError(t, <-errs)
	}
	require.Equal(t, int32(2), opened.Load())
	require.NotContains(t, log.String(), "plugin failed")

	// The next credential needs no person, in whatever process.
	cred, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(cred, "")
	again, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.Equal(t, "ada", again.Subject)
	require.Equal(t, int32(2), opened.Load())
}

// Inputs cross the boundary for sign-ins as for every other request.
func TestInputs(t *testing.T) {
	h, _ := newHost(t)
	var seen string
	ui := core.UI{Open: func(ctx context.Context, u string) error {
		seen = u
		return browser("ada")(ctx, u)
	}}
	actor := token("x")
	actor.Subject = "actor"
	_, err := openPerson(t, h, nil).(core.InteractiveProvider).SignIn(t.Context(),
		core.Request{Inputs: map[string]core.Credential{"actor_token": actor}}, ui)
	require.NoError(t, err)
	require.Contains(t, seen, "&input=actor")
}

// A session that is closed while a person thinks leaves nothing in the plugin,
// which goes on.
func TestSignInClosed(t *testing.T) {
	h, _ := newHost(t)
	at := make(chan string, 1)
	ui := core.UI{Open: func(_ context.Context, u string) error { at <- u; return nil }}
	p := openPerson(t, h, nil)
	s := core.New("x", p, &core.Options{UI: &ui})
	failed := make(chan error, 1)
	go func() { failed <- s.Init(context.Background()) }()
	page, err := url.Parse(<-at)
	require.NoError(t, err)
	conn, err := net.Dial("tcp", page.Host)
	require.NoError(t, err)
	require.NoError(t, conn.Close())
	before := p.(*remote).instance.Load().process

	require.NoError(t, s.Close(t.Context()))
	require.ErrorIs(t, <-failed, core.CodeClosed)
	eventually(t, func() bool {
		conn, err := net.Dial("tcp", page.Host)
		if err == nil {
			conn.Close()
		}
		return err != nil
	}, "the plugin's listener is gone")

	ui.Open = browser("eve")
	s.Reconfigure(p, &core.Options{UI: &ui})
	require.NoError(t, s.Init(t.Context()))
	require.NoError(t, s.Close(t.Context()))
	require.Same(t, before, p.(*remote).instance.Load().process)
}

// A plugin that dies in a sign-in, by itself or by force, is an error at once,
// also while the person is being asked; the next attempt has another process.
func TestSignInKilled(t *testing.T) {
	h, _ := newHost(t)
	h.HangTimeout = 3 * time.Second
	for name, c := range map[string]struct {
		do   string
		kill syscall.Signal
	}{
		"by itself":             {"crash", 0},
		"while the person acts": {"browser", syscall.SIGKILL},
		"while it hangs":        {"browser", syscall.SIGSTOP},
	} {
		p := openPerson(t, h, map[string]any{"do": c.do}).(*remote)
		asked := make(chan struct{}, 1)
		ui := core.UI{Open: func(ctx context.Context, page string) error {
			asked <- struct{}{}
			if c.kill == 0 {
				return nil
			}
			u, _ := url.Parse(page)
			pid, err := strconv.Atoi(u.Query().Get("pid"))
			if err == nil {
				err = syscall.Kill(pid, c.kill)
			}
			if err == nil {
				<-ctx.Done()
			}
			return err
		}}
		start := time.Now()
		_, err := p.SignIn(t.Context(), core.Request{}, ui)
		require.ErrorIs(t, err, core.CodeUnavailable, name)
		require.ErrorContains(t, err, `plugin "tester"`, name)
		require.Less(t, time.Since(start), 20*time.Second, name)
		<-asked

		p = openPerson(t, h, nil).(*remote)
		cred, err := p.SignIn(t.Context(), core.Request{}, core.UI{Open: browser("ada")})
		require.NoError(t, err, name)
		require.Equal(t, "ada", cred.Subject, name)
	}
}

// What the plugin does not want to know any more is taken back from the person,
// also from a program that does not listen.
func TestTakenBack(t *testing.T) {
	h, _ := newHost(t)
	for name, deaf := range map[string]bool{"heard": false, "deaf": true} {
		back, end := make(chan error, 1), make(chan struct{})
		open := make(chan string, 1)
		ui := core.UI{
			Open: func(_ context.Context, u string) error { open <- u; return nil },
			Ask: func(ctx context.Context, _ string, _ bool) (core.Secret, error) {
				if err := browser("ada")(t.Context(), <-open); err != nil {
					back <- err
					return core.Secret{}, err
				}
				if deaf {
					<-end
				} else {
					<-ctx.Done()
				}
				back <- ctx.Err()
				return core.NewSecret("too late"), nil
			},
		}
		cred, err := openPerson(t, h, map[string]any{"do": "paste"}).(core.InteractiveProvider).SignIn(t.Context(),
			core.Request{}, ui)
		require.NoError(t, err, name)
		require.Equal(t, "ada", cred.Subject, name)
		close(end)
		require.ErrorIs(t, <-back, context.Canceled, name)
	}
}

// What goes wrong in the program's user interface is an error of the sign-in.
func TestUserInterfaceFails(t *testing.T) {
	h, _ := newHost(t)
	p := openPerson(t, h, nil).(core.InteractiveProvider)
	for want, open := range map[string]func(context.Context, string) error{
		"denied: not today": func(context.Context,
			string) error {
			return core.Errorf(core.CodeDenied, "not today")
		},
		"unavailable: the program's user interface panicked (string)": func(context.Context,
			string) error {
			panic("canary")
		},
		"unavailable: no browser": func(context.Context,
			string) error {
			return errors.New("no browser")
		},
	} {
		_, err := p.SignIn(t.Context(), core.Request{}, core.UI{Open: open})
		require.EqualError(t, err, want)
	}
}
