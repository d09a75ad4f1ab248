//go:build unix

package plugins

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// hostVariable makes the test binary a host that ends in the way of its value.
const hostVariable = "AUTHSESSION_TEST_HOST"

// hostMain opens a plugin, prints its process id and that of the plugin's own
// child, and ends in the way it is told.
func hostMain(how string) {
	var h Host
	if how == "again" {
		h.IdleTimeout = time.Millisecond
	}
	factories, err := h.Factories(testBinary())
	if err != nil {
		panic(err)
	}
	ctx := context.Background()
	p, err := factories[0].Open(ctx, "", map[string]any{"do": "child"})
	if err != nil {
		panic(err)
	}
	cred, err := p.Authenticate(ctx, core.Request{})
	if err != nil {
		panic(err)
	}
	fmt.Println(cred.Attributes["pid"], cred.Attributes["child"])
	switch how {
	case "close":
		if err := h.Close(ctx); err != nil {
			panic(err)
		}
	case "again": // the plugin is used, ends and starts again all the time
		for {
			for len(pidsOf(&h)) != 0 {
				time.Sleep(time.Millisecond)
			}
			_, _ = p.Authenticate(ctx, core.Request{})
		}
	case "panic":
		panic("the host panics")
	case "wait":
		time.Sleep(time.Hour)
	}
}

// However the host ends, its plugins end too, with what they have started.
func TestHostEnds(t *testing.T) {
	path, _ := self()
	for name, c := range map[string]struct {
		how    string
		signal syscall.Signal
		stop   bool
	}{
		"returns":           {how: "return"},
		"panics":            {how: "panic"},
		"SIGTERM":           {how: "wait", signal: syscall.SIGTERM},
		"SIGKILL":           {how: "wait", signal: syscall.SIGKILL},
		"SIGKILL, and hung": {how: "wait", signal: syscall.SIGKILL, stop: true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			cmd := exec.CommandContext(t.Context(), path, "-test.run=^$")
			cmd.Env = append(os.Environ(), hostVariable+"="+c.how, "TMPDIR="+dir)
			out, err := cmd.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, cmd.Start())
			line, err := bufio.NewReader(out).ReadString('\n')
			require.NoError(t, err)
			var pids []int
			for _, text := range strings.Fields(line) {
				pid, err := strconv.Atoi(text)
				require.NoError(t, err, line)
				pids = append(pids, pid)
			}
			require.Len(t, pids, 2)
			if c.stop {
				require.NoError(t, syscall.Kill(pids[0], syscall.SIGSTOP))
				eventually(t, func() bool { return strings.HasPrefix(stateOf(pids[0]), "T") }, "the stop")
			}
			if c.signal != 0 {
				require.NoError(t, cmd.Process.Signal(c.signal))
			}
			_ = cmd.Wait()
			eventually(t, func() bool { return !running(pids[0]) && !running(pids[1]) },
				"the end of the plugin and its child")
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Empty(t, left, "the plugin has removed the folder of its socket")
		})
	}
}
