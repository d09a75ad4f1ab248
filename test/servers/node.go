package servers

import (
	"bufio"
	"encoding/json"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// startNode starts server.mjs of a folder beside this file, which needs an npm package,
// with its settings, and returns its first line: its URL. It fails the test if another
// process listens there. The process ends with the test.
func startNode(t testing.TB, folder, needs string, settings any) string {
	t.Helper()
	node := need(t, "node", "nodejs")
	_, here, _, _ := runtime.Caller(0)
	dir := filepath.Join(filepath.Dir(here), folder)
	if _, err := os.Stat(filepath.Join(dir, "node_modules", filepath.FromSlash(needs))); err != nil {
		t.Fatalf("%s is not installed: run `make servers` first", needs)
	}

	var log notes
	cmd := exec.Command(node, "server.mjs")
	cmd.Dir = dir
	cmd.Stderr = &log
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%s says: %s", folder, &log)
		}
	})

	line := make(chan string, 1)
	go func() {
		text, _ := bufio.NewReader(stdout).ReadString('\n')
		line <- strings.TrimSpace(text)
	}()
	require.NoError(t, json.NewEncoder(stdin).Encode(settings))
	var address string
	select {
	case address = <-line:
	case <-time.After(30 * time.Second):
	}
	endWith(t, cmd, func() { _ = stdin.Close() })
	require.NotEmpty(t, address, "%s did not start: %s", folder, &log)
	u, err := url.Parse(address)
	require.NoError(t, err)
	port, err := strconv.Atoi(u.Port())
	require.NoError(t, err)
	require.True(t, listens(cmd.Process.Pid, port), "%s does not listen on %s", folder, address)
	return address
}
