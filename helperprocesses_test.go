package authsession_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

// TestHelperProcesses proves that helpers which share an encrypted store renew once for one expiry
// or refusal, that no refresh token is spent twice or lost, and that nobody is asked to sign in.
func TestHelperProcesses(t *testing.T) {
	good := firstToken{life: 3600}
	refused := firstToken{life: 3600, refused: true}
	once := firstToken{life: 3600, refused: true, refusedOnce: true}
	for name, c := range map[string]struct {
		way   string
		first firstToken
		burst bool // all processes at the same time
	}{
		"expired":                     {"use", firstToken{life: 1}, false},
		"expired, burst":              {"use", firstToken{life: 1}, true},
		"rejected":                    {"reject", refused, false},
		"rejected, not closed, burst": {"reject and end", refused, true},
		"rejected, burst":             {"reject", refused, true},
		"refused once, rejected":      {"reject", once, false},
		"renewed":                     {"renew", refused, false},
		"renewed, burst":              {"renew", refused, true},
		"by the client":               {"client", refused, false},
		"by the client, burst":        {"client", refused, true},
		"refused once, by the client": {"client", once, true},
		"left after spending, burst":  {"leave", good, true},
	} {
		t.Run(name, func(t *testing.T) { testHelpers(t, c.first, c.way, c.burst) })
	}
}

func testHelpers(t *testing.T, first firstToken, way string, burst bool) {
	const processes = 12
	limit, meeting := 8, 1
	if burst {
		limit, meeting = processes, processes
	}
	s := newRotating(t, first, meeting)
	dir := t.TempDir()
	signIn(t, dir, s)
	require.NoError(t, runProcesses(processes, limit, dir, s.URL, way))
	s.meetAlone()
	require.NoError(t, runProcess(dir, s.URL, "use"), "what is stored is good")
	require.Equal(t, 2, s.count(&s.issued), "one renewal for all")
	require.NoError(t, runProcess(dir, s.URL, "force"))
	require.Equal(t, 3, s.count(&s.issued), "the stored refresh token was not spent")
	require.NoError(t, runProcess(dir, s.URL, "use"))
	require.Zero(t, s.count(&s.reused), "a refresh token was spent twice")
	require.Equal(t, 1, s.count(&s.signIns), "nobody is asked again")
	require.Equal(t, first.refused, s.count(&s.refused) > 0)
	require.NoError(t, runProcess(dir, s.URL, "lock"), "it removes what a process left that ended")
	requireNoLeftovers(t, dir)
}

// requireNoLeftovers requires that a folder has the stored credential and its key, and nothing that
// a holder of a lock keeps.
func requireNoLeftovers(t *testing.T, dir string) {
	for folder, want := range map[string]int{"credentials": 1, ".": 3} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		require.NoError(t, err)
		require.Len(t, entries, want, "%s: %v", folder, entries)
	}
}

// signIn signs a person in, once, before the helpers begin.
func signIn(t *testing.T, dir string, s *rotating) {
	ui := &core.UI{Open: func(_ context.Context, link string) error {
		resp, err := s.Client().Get(link)
		if err != nil {
			return err
		}
		return resp.Body.Close()
	}}
	cfg := load(t, &authsession.Options{
		Files:   []string{write(t, dir, "a.yaml", helperFile)},
		Environ: []string{"HELPER_DIR=" + dir, "HELPER_URL=" + s.URL},
		Session: core.Options{UI: ui},
	})
	drive, err := cfg.Session("drive")
	require.NoError(t, err)
	require.NoError(t, drive.Init(t.Context()))
	require.NoError(t, cfg.Close(t.Context()))
}

// runProcesses runs helper processes, at most limit at a time, and returns their errors joined.
func runProcesses(n, limit int, dir, url, way string) error {
	var group sync.WaitGroup
	errs, slots := make([]error, n), make(chan struct{}, limit)
	for i := range n {
		slots <- struct{}{}
		group.Go(func() {
			errs[i] = runProcess(dir, url, way)
			<-slots
		})
	}
	group.Wait()
	return errors.Join(errs...)
}

// runProcess runs a helper process. It returns an error if the process fails, with its output, and
// also if the process leaves a child process, which would keep the output open.
func runProcess(dir, url, way string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperEnv+"="+way, "HELPER_DIR="+dir, "HELPER_URL="+url,
		"AUTHSESSION_CONFIG="+filepath.Join(dir, "a.yaml"), "GORACE=atexit_sleep_ms=0")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr, cmd.WaitDelay = &out, &out, 5*time.Second
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", err, out.String())
	}
	return nil
}
