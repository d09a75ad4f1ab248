//go:build unix

package inherited_test

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/authsession/authsession/internal/inherited"
)

const asksFor = "AUTHSESSION_DESCRIPTORS"

// TestMain prints which of the descriptors that a variable names are open, in a child of the tests.
func TestMain(m *testing.M) {
	names, child := os.LookupEnv(asksFor)
	if !child {
		os.Exit(m.Run())
	}
	for _, name := range strings.Fields(names) {
		fd, _ := strconv.Atoi(name)
		if _, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			fmt.Println(fd)
		}
	}
}

// openInChild starts a child and returns which of the descriptors it has.
func openInChild(t *testing.T, fds ...int) string {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), asksFor+"="+strings.Trim(fmt.Sprint(fds), "[]"),
		"GORACE=atexit_sleep_ms=0")
	out, err := cmd.Output()
	require.NoError(t, err)
	return strings.Join(strings.Fields(string(out)), " ")
}

// inherit opens a file at a descriptor without the flag, as one that the parent left.
func inherit(t *testing.T, at int) {
	t.Helper()
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	defer f.Close()
	require.NoError(t, unix.Dup2(int(f.Fd()), at))
	t.Cleanup(func() { _ = unix.Close(at) })
}

func TestCloseOnExec(t *testing.T) {
	inherit(t, 77)
	inherit(t, 300)
	require.Equal(t, "77 300", openInChild(t, 77, 300), "what os/exec does by itself")
	restore := inherited.CloseOnExec()
	require.Empty(t, openInChild(t, 77, 300))
	restore()
	restore() // has no further effect
	require.Equal(t, "77 300", openInChild(t, 77, 300))
}

// TestSeveralStarts checks that the flags remain until the last start is over.
func TestSeveralStarts(t *testing.T) {
	inherit(t, 77)
	first, second := inherited.CloseOnExec(), inherited.CloseOnExec()
	first()
	first()
	require.Empty(t, openInChild(t, 77))
	second()
	require.Equal(t, "77", openInChild(t, 77))
}

// TestReusedNumber checks that restore does not open another file to children.
func TestReusedNumber(t *testing.T) {
	inherit(t, 77)
	restore := inherited.CloseOnExec()
	other, err := os.Create(t.TempDir() + "/other")
	require.NoError(t, err)
	defer other.Close()
	require.NoError(t, unix.Dup2(int(other.Fd()), 77))
	unix.CloseOnExec(77)
	restore()
	require.Empty(t, openInChild(t, 77))
}

func TestConcurrentStarts(t *testing.T) {
	inherit(t, 77)
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 20 {
				inherited.CloseOnExec()()
			}
		})
	}
	all.Wait()
	require.Equal(t, "77", openInChild(t, 77))
}
