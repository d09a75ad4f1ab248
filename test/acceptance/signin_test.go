//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
	"github.com/authsession/authsession/test/servers"
)

// screen is a terminal whose text a test reads.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// find waits for what a pattern's group matches on the screen.
func (s *screen) find(t *testing.T, pattern string) string {
	t.Helper()
	var found []string
	soon(t, func() bool {
		found = regexp.MustCompile(pattern).FindStringSubmatch(s.String())
		return found != nil
	})
	return found[1]
}

// desk is a person with a terminal, on a machine where no window opens by
// itself, and with Chromium.
type desk struct {
	screen
	session  *core.Session
	tab      context.Context
	redirect string     // where the browser comes back to
	done     chan error // of Init
}

func newDesk(t *testing.T, grant string) *desk {
	t.Helper()
	op := servers.StartOIDC(t, servers.OIDCOptions{
		Lifetime: time.Hour, Pages: true, Clients: []map[string]any{servers.OIDCClient("desktop", "none", nil)},
	})
	free, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, free.Close())
	d := &desk{
		done:     make(chan error, 1),
		tab:      servers.StartChromium(t),
		redirect: "http://" + free.Addr().String() + "/",
	}
	ui := terminal.New(
		&terminal.Options{Out: &d.screen, In: strings.NewReader(""), Browser: func(context.Context, string) error {
			return errors.New("there is no window")
		}},
	)
	cfg := setup{ui: ui}.load(t, `
sessions:
  person:
    provider: oauth2
    settings:
      grant: `+grant+`
      issuer: `+op.Issuer+`
      client_id: desktop
      scopes: [openid, offline_access]
      authorization_params: {prompt: consent}
      redirect: {port: `+strconv.Itoa(free.Addr().(*net.TCPAddr).Port)+`}
      base_url: `+op.Issuer+`
`)
	d.session = session(t, cfg, "person")
	go func() { d.done <- d.session.Init(context.Background()) }()
	return d
}

// run lets Chromium act, in a tab, within a time.
func run(t *testing.T, tab context.Context, actions ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	for i, action := range actions {
		if err := chromedp.Do(ctx, action); err != nil {
			html, _ := chromedp.Run(tab, chromedp.OuterHTML("html"))
			require.NoError(t, err, "action %d on %s", i, html)
		}
	}
}

// value lets Chromium find something out.
func value[T any](t *testing.T, tab context.Context, action chromedp.Action[T]) T {
	t.Helper()
	ctx, cancel := context.WithTimeout(tab, 30*time.Second)
	defer cancel()
	v, err := chromedp.Run(ctx, action)
	require.NoError(t, err)
	return v
}

// last waits for a page of ours with a title, and looks at it in light and
// dark. With AUTHSESSION_SCREENSHOTS, a folder, it keeps the pictures there.
func last(t *testing.T, tab context.Context, name, title string) {
	t.Helper()
	require.Equal(t, title, value(t, tab, chromedp.Text(chromedp.CSS("main h1"))))
	for _, scheme := range []string{"light", "dark"} {
		_, err := chromedp.Call(tab, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		require.NoError(t, err)
		background := value(t, tab, chromedp.Evaluate[string](`getComputedStyle(document.body).backgroundColor`))
		picture := value(t, tab, chromedp.CaptureScreenshot())
		require.Equal(t, scheme == "dark", darkness(t, background), background)
		if dir := os.Getenv("AUTHSESSION_SCREENSHOTS"); dir != "" {
			file := filepath.Join(dir, "signin-"+name+map[string]string{"dark": "-dark"}[scheme]+".png")
			require.NoError(t, os.WriteFile(file, picture, 0o644))
		}
	}
}

// darkness reports whether a color such as "rgb(17, 24, 39)" is a dark one.
func darkness(t *testing.T, color string) bool {
	t.Helper()
	m := regexp.MustCompile(`^rgba?\((\d+), (\d+), (\d+)`).FindStringSubmatch(color)
	require.NotNil(t, m, color)
	return len(m[1]) < 3 && len(m[2]) < 3 && len(m[3]) < 3
}

// hosts notes where a tab sends requests.
func hosts(t *testing.T, tab context.Context) func() []string {
	var mu sync.Mutex
	var list []string
	require.NoError(t, chromedp.Listen(tab, func(ev any) {
		if e, ok := ev.(*network.EventRequestWillBeSent); ok {
			mu.Lock()
			list = append(list, e.Request.URL)
			mu.Unlock()
		}
	}))
	_, err := chromedp.Call(tab, network.Enable, network.EnableParams{})
	require.NoError(t, err)
	return func() []string {
		mu.Lock()
		defer mu.Unlock()
		return list
	}
}

func TestPersonSignsInWithABrowser(t *testing.T) {
	d := newDesk(t, "authorization_code")
	requests := hosts(t, d.tab)
	link := d.find(t, `(http://\S+/auth\?\S+)`)

	run(t, d.tab, chromedp.Navigate(link), chromedp.Click("#yes"))
	last(t, d.tab, "success", "You are signed in")
	require.NoError(t, <-d.done)
	require.Equal(t, "ada", d.session.Status().Subject)
	says(t, d.session, d.session.Status().Attributes["base_url"]+"/me", `{"sub":"ada"}`)
	for _, sent := range requests() {
		require.True(
			t,
			strings.HasPrefix(sent, d.session.Status().Attributes["base_url"]) || strings.HasPrefix(sent, d.redirect),
			sent,
		)
	}
}

func TestPersonRefusesInTheBrowser(t *testing.T) {
	d := newDesk(t, "authorization_code")
	run(t, d.tab, chromedp.Navigate(d.find(t, `(http://\S+/auth\?\S+)`)), chromedp.Click("#no"))
	last(t, d.tab, "refused", "Not signed in")
	require.ErrorIs(t, <-d.done, core.CodeDenied)
}

func TestPersonHasAnOldTab(t *testing.T) {
	d := newDesk(t, "authorization_code")
	link := d.find(t, `(http://\S+/auth\?\S+)`)
	run(t, d.tab, chromedp.Navigate(d.redirect+"?code=injected&state=another"))
	last(t, d.tab, "wrong-state", "Another sign-in")
	select {
	case err := <-d.done:
		t.Fatal("the sign-in ended with another's tab: ", err)
	default:
	}
	run(t, d.tab, chromedp.Navigate(link), chromedp.Click("#yes"))
	last(t, d.tab, "success", "You are signed in")
	require.NoError(t, <-d.done)
}

func TestPersonEntersTheCodeOfADevice(t *testing.T) {
	d := newDesk(t, "device_code")
	page, code := d.find(t, `(http://\S+/device)\s`), d.find(t, `\s([A-Z0-9]{4}-[A-Z0-9]{4})\s`)
	run(
		t,
		d.tab,
		chromedp.Navigate(page),
		chromedp.SendKeys(chromedp.CSS(`input[name="user_code"]`), code),
		chromedp.Click("#yes"),
		chromedp.WaitVisible(chromedp.CSS("code")),
		chromedp.Click("#yes"), // it is the device
		chromedp.WaitVisible(chromedp.CSS(`button[name="answer"]`)),
		chromedp.Click("#yes"), // the sign-in
		chromedp.WaitVisible(`//h1[contains(., "Your device is signed in")]`),
	)
	require.NoError(t, <-d.done)
	require.Equal(t, "ada", d.session.Status().Subject)
}
