package servers

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// StartEtcd starts etcd. It speaks plain HTTP/2, because koanf's provider for it
// takes no TLS configuration. Anyone on the loopback may read and write.
func StartEtcd(t testing.TB) *Daemon {
	t.Helper()
	program, dir := need(t, "etcd"), t.TempDir()
	return startDaemon(t, daemonConfig{
		dir: dir, ports: 2, stop: syscall.SIGTERM,
		text: func(ports []int) string {
			client := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
			peer := fmt.Sprintf("http://127.0.0.1:%d", ports[1])
			return fmt.Sprintf(`name: test
data-dir: %s/data
listen-client-urls: %[2]s
advertise-client-urls: %[2]s
listen-peer-urls: %[3]s
initial-advertise-peer-urls: %[3]s
initial-cluster: test=%[3]s
`, dir, client, peer)
		},
		command: func() *exec.Cmd {
			return exec.Command(program, "--config-file", filepath.Join(dir, "conf"))
		},
	})
}
