//go:build acceptance

package acceptance

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

// firstMinute is the page that shows what a person sees.
const firstMinute = "../../docs/command/first-minute.md"

// steps are what they type, with the issuer as https://login.example.com.
var steps = []string{
	"authsession init --no-input --provider oauth2 --name me --origin https://login.example.com \\\n" +
		"    --set grant=authorization_code --set issuer=https://login.example.com \\\n" +
		"    --set client_id=desktop --set scopes=openid,offline_access",
	"authsession config check",
	"authsession login",
	"authsession status",
	"authsession token me",
	"authsession request https://login.example.com/me",
	"authsession exec --as env:TOKEN=token -- sh -c 'curl -s -H \"Authorization: Bearer $TOKEN\" https://login.example.com/me'",
	"authsession logout",
	"authsession status",
}

// TestFirstMinute does what the page shows, at a real server and in Chromium, and
// compares the screens. AUTHSESSION_UPDATE=1 writes the page.
func TestFirstMinute(t *testing.T) {
	op := servers.StartOIDC(t, servers.OIDCOptions{
		Lifetime: time.Hour, Pages: true, Clients: []map[string]any{servers.OIDCClient("desktop", "none", nil)},
	})
	h := newHome(t, newIssuer(t), "")
	require.NoError(t, os.Remove(filepath.Join(h.dir, ".config/authsession/config.yaml")))
	require.NoError(t, os.Mkdir(filepath.Join(h.dir, "bin"), 0o700))
	require.NoError(
		t,
		os.WriteFile(
			filepath.Join(h.dir, "bin/xdg-open"),
			[]byte("#!/bin/sh\necho \"$1\" >\"$HOME/new\"\nmv \"$HOME/new\" \"$HOME/opened\"\n"),
			0o700,
		),
	)
	h.environ = append(
		h.environ,
		"DISPLAY=:0",
		"SSH_CONNECTION=",
		"BROWSER=",
		"XDG_RUNTIME_DIR=",
		"DBUS_SESSION_BUS_ADDRESS=",
		"PATH="+filepath.Join(h.dir, "bin")+":"+filepath.Dir(h.program)+":"+os.Getenv("PATH"),
	)

	tab := servers.StartChromium(t)
	var opened sync.WaitGroup
	opened.Go(func() { h.signIn(tab, filepath.Join(h.dir, "opened")) })
	var shown strings.Builder
	for _, step := range steps {
		shown.WriteString("$ " + step + "\n" + h.shell(op.Issuer, step))
	}
	opened.Wait()

	page, err := os.ReadFile(firstMinute)
	require.NoError(t, err)
	block := regexp.MustCompile("(?s)```console\n(.*?)```")
	require.True(t, block.Match(page))
	if os.Getenv("AUTHSESSION_UPDATE") != "" {
		text := strings.ReplaceAll("```console\n"+shown.String()+"```", "$", "$$")
		require.NoError(t, os.WriteFile(firstMinute, block.ReplaceAll(page, []byte(text)), 0o644))
		return
	}
	require.Equal(t, string(block.FindSubmatch(page)[1]), shown.String())
}

// signIn waits for a page to be opened, and says yes there.
func (h *home) signIn(tab context.Context, file string) {
	soon(h.t, func() bool { _, err := os.Stat(file); return err == nil })
	link, err := os.ReadFile(file)
	require.NoError(h.t, err)
	run(h.t, tab, chromedp.Navigate(strings.TrimSpace(string(link))), chromedp.Click("#yes"))
	require.Equal(h.t, "You are signed in", value(h.t, tab, chromedp.Text(chromedp.CSS("main h1"))))
}

// shell runs a step and returns what it prints, without what differs from run to run.
func (h *home) shell(issuer, step string) string {
	h.t.Helper()
	const stands = "https://login.example.com"
	cmd := exec.Command("sh", "-c", strings.ReplaceAll(step, stands, issuer))
	cmd.Dir, cmd.Env = h.dir, h.environ
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	require.NoError(h.t, cmd.Run(), "%s: %s", step, &out)
	text := strings.NewReplacer(issuer, stands, h.dir, "~").Replace(out.String())
	for pattern, to := range map[string]string{
		`\b20\d\d-\d\d-\d\d \d\d:\d\d\b`: "2026-01-02 15:04",
		`(?m)^[A-Za-z0-9_-]{30,}$`:       "lnR4Q0Gv5OB6dGZ8cMuVZq8tDK9JpUz3hzXx0rPz2dQ",
		`/auth\?\S+`:                     "/auth?client_id=desktop&…",
	} {
		text = regexp.MustCompile(pattern).ReplaceAllString(text, to)
	}
	if text != "" && !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return text
}
