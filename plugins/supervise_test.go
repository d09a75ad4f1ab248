//go:build unix

package plugins

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

func authenticate(t *testing.T, p core.Provider) core.Credential {
	t.Helper()
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	return cred
}

func pidOf(t *testing.T, c core.Credential) int {
	t.Helper()
	pid, err := strconv.Atoi(c.Attributes["pid"])
	require.NoError(t, err)
	return pid
}

func alive(pid int) bool { return syscall.Kill(pid, 0) == nil }

// once makes a file whose removal by the provider tells that it has acted.
func once(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "once")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	return path
}

// A killed plugin is started again, and its providers are opened again.
func TestKilled(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"name": "me"})
	first := pidOf(t, authenticate(t, p))
	require.NoError(t, syscall.Kill(first, syscall.SIGKILL))
	eventually(t, func() bool {
		cred, err := p.Authenticate(t.Context(), core.Request{})
		return err == nil && pidOf(t, cred) != first && cred.Subject == "me"
	}, "recovery")
	require.False(t, alive(first))
}

// TestToldToEnd proves that a plugin that somebody ends costs no call, also while it closes its
// instances before it ends.
func TestToldToEnd(t *testing.T) {
	for name, signal := range map[string]syscall.Signal{
		"SIGTERM": syscall.SIGTERM, "SIGHUP": syscall.SIGHUP, "SIGKILL": syscall.SIGKILL,
	} {
		t.Run(name, func(t *testing.T) {
			h, _ := newHost(t)
			p := openTest(t, h, testBinary(), nil)
			first := pidOf(t, authenticate(t, p))
			second := make(chan int, 4)
			var wait sync.WaitGroup
			for range cap(second) {
				wait.Go(func() {
					for {
						cred, err := p.Authenticate(t.Context(), core.Request{})
						if !assert.NoError(t, err) {
							second <- 0
							return
						}
						if pid := pidOf(t, cred); pid != first {
							second <- pid
							return
						}
					}
				})
			}
			require.NoError(t, syscall.Kill(first, signal))
			wait.Wait()
			require.NotZero(t, <-second)
		})
	}
}

// The call that met the crash is repeated, where that is safe.
func TestCrashDuringCall(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"do": "crash", "once": once(t)})
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)

	p = openTest(t, h, testBinary(), map[string]any{"do": "crash-authorize", "once": once(t)})
	_, err = p.(core.Authorizer).Authorize(t.Context(), core.Credential{}, core.Outgoing{})
	require.NoError(t, err)

	p = openTest(t, h, testBinary(), map[string]any{"do": "crash-revoke", "once": once(t)})
	err = p.(core.Revoker).Revoke(t.Context(), core.Credential{})
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, `plugin "tester"`)
}

// A plugin that always crashes is asked less and less, and a session with a
// valid credential does not notice. Once it is well again, all is well.
func TestBreaker(t *testing.T) {
	h, log := newHost(t)
	healthy := openTest(t, h, testBinary(), map[string]any{"key": "k"})
	s := core.New("healthy", healthy, nil)
	require.NoError(t, s.Init(t.Context()))

	failing := openTest(t, h, testBinary(), map[string]any{"do": "crash"})
	deadline := time.Now().Add(20 * time.Second)
	var last error
	for core.CodeOf(last) != core.CodeUnavailable || !strings.Contains(last.Error(), "next attempt in") {
		require.True(t, time.Now().Before(deadline), "the breaker opens: %v", last)
		_, last = failing.Authenticate(t.Context(), core.Request{})
		require.ErrorIs(t, last, core.CodeUnavailable)
		require.ErrorContains(t, last, `plugin "tester"`)
		_, err := s.Credential(t.Context())
		require.NoError(t, err)
	}
	starts := strings.Count(log.String(), "plugin started")
	require.LessOrEqual(t, starts, 20)
	for range 100 {
		began := time.Now()
		_, err := failing.Authenticate(t.Context(), core.Request{})
		require.Error(t, err)
		require.Less(t, time.Since(began), 10*time.Second)
		if strings.Count(log.String(), "plugin started") > starts {
			break // its time had come
		}
	}
	eventually(t, func() bool {
		_, err := healthy.Authenticate(t.Context(),
			core.Request{})
		return err == nil
	}, "recovery")
}

// A stopped process is noticed, ended and replaced; the call goes on.
func TestHang(t *testing.T) {
	h, log := newHost(t)
	h.HangTimeout = 5 * time.Second
	p := openTest(t, h, testBinary(), nil)
	pid := pidOf(t, authenticate(t, p))
	require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
	eventually(t, func() bool { return strings.HasPrefix(stateOf(pid), "T") }, "the stop")

	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := p.Authenticate(ctx, core.Request{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.Less(t, time.Since(began), h.HangTimeout, "a caller is back at its deadline")

	cred := authenticate(t, p)
	require.NotEqual(t, pid, pidOf(t, cred))
	require.Contains(t, log.String(), "it hangs")
	require.False(t, alive(pid))
}

// A provider that hangs affects its caller only.
func TestHungCall(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"do": "hang"})
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := p.Authenticate(ctx, core.Request{})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	pid := pidOf(t, authenticate(t, openTest(t, h, testBinary(), nil)))
	require.True(t, alive(pid))
}

// Callers do not wait for a start that hangs longer than their contexts say.
func TestSlowStart(t *testing.T) {
	h, _ := newHost(t)
	h.StartTimeout = time.Minute
	f := factoryOf(t, h, testBinary("bad-silent"), "test")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	began := time.Now()
	_, err := f.Open(ctx, "", nil)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(began), 20*time.Second)
	require.ErrorContains(t, err, `plugin "tester"`)
	began = time.Now()
	require.NoError(t, h.Close(t.Context()))
	require.Less(t, time.Since(began), 20*time.Second, "Close ends a start")

	h, _ = newHost(t)
	h.StartTimeout = 300 * time.Millisecond
	_, err = factoryOf(t, h, testBinary("bad-silent"), "test").Open(t.Context(), "", nil)
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.ErrorContains(t, err, "not ready within 300ms")
}

// An idle process is stopped and started again when it is needed.
func TestIdle(t *testing.T) {
	h, log := newHost(t)
	h.IdleTimeout = 50 * time.Millisecond
	p := openTest(t, h, testBinary(), nil)
	first := pidOf(t, authenticate(t, p))
	eventually(t, func() bool { return !alive(first) }, "idle stop")
	require.Contains(t, log.String(), "not in use")
	require.NotEqual(t, first, pidOf(t, authenticate(t, p)))
}

// What a plugin has started ends with it.
func TestGrandchild(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), map[string]any{"do": "child"})
	cred := authenticate(t, p)
	child, err := strconv.Atoi(cred.Attributes["child"])
	require.NoError(t, err)
	require.True(t, alive(child))
	require.NoError(t, syscall.Kill(pidOf(t, cred), syscall.SIGKILL))
	eventually(t, func() bool { return !running(child) }, "the end of the grandchild")
}

// running tells processes from those that only wait to be collected.
func running(pid int) bool { return alive(pid) && !strings.HasPrefix(stateOf(pid), "Z") }

// stateOf asks ps for the state of a process; empty if there is none.
func stateOf(pid int) string {
	out, _ := exec.Command("ps", "-o", "stat=", "-p", strconv.Itoa(pid)).Output()
	return strings.TrimSpace(string(out))
}

// A plugin sees what its entry lists and nothing else.
func TestSurroundings(t *testing.T) {
	t.Setenv("AUTHSESSION_TEST_SEEN", "seen")
	t.Setenv("AUTHSESSION_TEST_HIDDEN", "hidden")
	h, _ := newHost(t)
	b := testBinary("arg")
	b.Env = []string{"AUTHSESSION_TEST_SEEN", "AUTHSESSION_TEST_ABSENT"}
	cred := authenticate(t, openTest(t, h, b,
		map[string]any{"do": "environ", "key": core.NewSecret("canary")}))
	env := cred.Attributes["environ"]
	require.Contains(t, env, "AUTHSESSION_TEST_SEEN=seen")
	for _, hidden := range []string{"HIDDEN", "ABSENT", "canary", "HOME=", "PATH="} {
		require.NotContains(t, env, hidden)
	}
	require.NotContains(t, cred.Attributes["args"], "canary")
	info, err := os.Stat(cred.Attributes["dir"])
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o700), info.Mode().Perm())
	path, _ := self()
	for _, line := range strings.Split(cred.Attributes["fds"], "|") {
		require.NotContains(t, line, path, "no descriptor is inherited")
	}
	require.NoError(t, h.Close(t.Context()))
	_, err = os.Stat(cred.Attributes["dir"])
	require.True(t, os.IsNotExist(err), "the folder of the socket is removed")
}

// What a plugin prints is logged with its name, bounded and printable.
func TestOutput(t *testing.T) {
	h, log := newHost(t)
	authenticate(t, openTest(t, h, testBinary(), map[string]any{"do": "print hello"}))
	eventually(t, func() bool {
		return strings.Contains(log.String(), "on stdout hello") &&
			strings.Contains(log.String(), "on stderr")
	}, "both streams")
	require.Contains(t, log.String(), "plugin=tester")
	require.NotContains(t, log.String(), "\x1b")
	authenticate(t, openTest(t, h, testBinary(), map[string]any{"do": "flood"}))
	require.Less(t, len(log.String()), 1<<20)
}

// Calls after Close are answered, and nothing is started.
func TestClosedHost(t *testing.T) {
	h, _ := newHost(t)
	p := openTest(t, h, testBinary(), nil)
	pid := pidOf(t, authenticate(t, p))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() { _ = h.Close(t.Context()) })
	}
	wait.Wait()
	require.False(t, alive(pid))
	_, err := p.Authenticate(t.Context(), core.Request{})
	require.ErrorIs(t, err, core.CodeClosed)
	_, err = h.Factories(testBinary())
	require.ErrorIs(t, err, core.CodeClosed)
}

// Closing a provider closes its instance; using it again opens it again.
func TestCloseProvider(t *testing.T) {
	h, _ := newHost(t)
	mark := filepath.Join(t.TempDir(), "mark")
	p := openTest(t, h, testBinary(), map[string]any{"mark": mark})
	require.NoError(t, p.(core.Closer).Close(t.Context()))
	require.FileExists(t, mark)
	require.NoError(t, p.(core.Closer).Close(t.Context()))
	authenticate(t, p)

	// A plugin that has forgotten the instance is told again.
	r := p.(*remote)
	r.closeIn(t.Context(), r.instance.Load())
	authenticate(t, p)
}

// A changed binary gets a process of its own; the old one ends once its
// providers are closed.
func TestReplacedBinary(t *testing.T) {
	h, _ := newHost(t)
	path, hash := self()
	data, err := os.ReadFile(path)
	require.NoError(t, err)
	at := filepath.Join(t.TempDir(), "plugin")
	require.NoError(t, os.WriteFile(at, data, 0o700))
	b := testBinary()
	b.Path, b.SHA256 = at, hash
	old := openTest(t, h, b, nil)
	first := pidOf(t, authenticate(t, old))

	data = append(data, "another release"...)
	require.NoError(t, os.WriteFile(at+".new", data, 0o700))
	require.NoError(t, os.Rename(at+".new", at))
	b.SHA256 = sum(data)
	replacing := openTest(t, h, b, nil)
	second := pidOf(t, authenticate(t, replacing))
	require.NotEqual(t, first, second)
	require.Equal(t, first, pidOf(t, authenticate(t, old)), "the old one serves as long as it is used")
	require.NoError(t, old.(core.Closer).Close(t.Context()))
	eventually(t, func() bool { return !alive(first) }, "the end of the old process")
	require.Equal(t, second, pidOf(t, authenticate(t, replacing)))
}

// A script may be a plugin, also one that only puts another program in its
// place, as wrappers and sandboxes do.
func TestScript(t *testing.T) {
	h, _ := newHost(t)
	path, _ := self()
	text := "#!/bin/sh\nexec '" + path + "'\n"
	at := filepath.Join(t.TempDir(), "wrapper")
	require.NoError(t, os.WriteFile(at, []byte(text), 0o700))
	b := testBinary()
	b.Path, b.SHA256 = at, sum([]byte(text))
	authenticate(t, openTest(t, h, b, nil))
}
