//go:build unix

package plugins

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// A configuration with another checksum moves its sessions to a new process
// while they are used; one with a wrong checksum costs nothing. No request
// fails.
func TestReload(t *testing.T) {
	h, log := newHost(t)
	dir := t.TempDir()
	path, hash := self()
	program, err := os.ReadFile(path)
	require.NoError(t, err)
	at, file := filepath.Join(dir, "plugin"), filepath.Join(dir, "a.yaml")
	configure := func(hash string) {
		text := fmt.Sprintf("plugins:\n  tester: {path: %q, sha256: %q, kinds: [test]}\n"+
			"sessions:\n  a: {provider: test, settings: {key: canary}}\n"+
			"  b: {provider: test, settings: {key: other}}\n", at, hash)
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	}
	install := func(data []byte) {
		require.NoError(t, os.WriteFile(at+".new", data, 0o700))
		require.NoError(t, os.Rename(at+".new", at))
	}
	install(program)
	configure(hash)
	cfg, err := config.Load(t.Context(), config.Options{Files: []string{file}, Scope: new(core.Scope),
		Plugins: h, Environ: []string{}})
	require.NoError(t, err)
	t.Cleanup(func() { _ = cfg.Close(context.Background()) }) // the provider refuses to revoke

	a, err := cfg.Session("a")
	require.NoError(t, err)
	require.NoError(t, a.Init(t.Context()))
	b, err := cfg.Session("b")
	require.NoError(t, err)
	require.NoError(t, b.Init(t.Context()))
	pid := func() int {
		c, err := a.Credential(t.Context())
		require.NoError(t, err)
		return pidOf(t, c)
	}
	first := pid()
	stop, failed := make(chan struct{}), make(chan error, 2)
	var users sync.WaitGroup
	for _, s := range []*core.Session{a, b} {
		users.Go(func() {
			for tick := time.NewTicker(time.Millisecond); ; {
				select {
				case <-stop:
					return
				case <-t.Context().Done():
					return
				case <-tick.C:
				}
				if _, err := s.Credential(t.Context()); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	install(append(program, "another release"...))
	configure(sum([]byte("a mistake")))
	require.NoError(t, cfg.Reload(t.Context()), "the file is checked when it is used")
	eventually(t, func() bool { return strings.Contains(log.String(), "the file's sha256 is") },
		"the refusal")
	require.Equal(t, first, pid())
	configure(sum(append(program, "another release"...)))
	require.NoError(t, cfg.Reload(t.Context()))
	eventually(t, func() bool { return pid() != first }, "the new process")
	eventually(t, func() bool { return !alive(first) }, "the end of the old process")
	close(stop)
	users.Wait()
	require.Empty(t, failed)
	for _, name := range []string{"cmdline", "environ"} {
		shown, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid(), name))
		if !os.IsNotExist(err) {
			require.NoError(t, err)
			require.NotContains(t, string(shown), "canary")
		}
	}
	require.NotContains(t, log.String(), "canary")
}
