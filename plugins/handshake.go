package plugins

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"

	"github.com/authsession/authsession/core"
)

// readStdout hands the handshake to go-plugin and the rest to the log.
func (r *runner) readStdout(out *io.PipeWriter) {
	line, rest := firstLine(r.stdout)
	if err := r.checkHello(line); err != nil {
		r.mu.Lock()
		r.problem = err
		r.mu.Unlock()
	} else {
		_, _ = io.WriteString(out, line+"\n")
	}
	_ = out.Close()
	r.say.lines(rest, "stdout")
}

// firstLine reads a line of at most maxHandshake bytes.
func firstLine(from io.Reader) (string, io.Reader) {
	buf := make([]byte, 0, 1024)
	for len(buf) < maxHandshake {
		if len(buf) == cap(buf) {
			buf = append(buf, 0)[:len(buf)]
		}
		n, err := from.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if line, rest, ok := strings.Cut(string(buf), "\n"); ok {
			return strings.TrimRight(line, "\r"), io.MultiReader(strings.NewReader(rest), from)
		}
		if err != nil {
			break
		}
	}
	return string(buf), from
}

var helloPattern = regexp.MustCompile(`^(\d+)\|(\d+)\|(unix|tcp)\|([^|]+)\|([a-z]+)\|?([^|]*)`)

// checkHello judges the handshake: the one line that a plugin prints.
func (r *runner) checkHello(line string) error {
	bad := func(format string, args ...any) error {
		return core.Errorf(core.BadConfig, "plugin %q: %s: %w", r.bin.Name, r.bin.Path, fmt.Errorf(format, args...))
	}
	if line == "" {
		return bad("the program ended, or closed its standard output, without the handshake of a plugin; the log has what it said")
	}
	m := helloPattern.FindStringSubmatch(line)
	if m == nil {
		r.say.line(line, "stdout")
		return bad("the program printed something else before the handshake of a plugin: it is no plugin, or must print nothing to standard output")
	}
	version, _ := strconv.Atoi(m[2])
	switch {
	case m[1] != "1" || m[5] != "grpc":
		return bad("the plugin does not speak gRPC in the way of go-plugin, version 1")
	case version != protocolVersion:
		return bad("the plugin speaks version %d of the protocol and this program speaks %d: install a fitting release of one of them", version, protocolVersion)
	case len(m[6]) <= 50:
		return bad("the plugin offers no certificate: it must support AutoMTLS")
	}
	return nil
}

// PluginToHost checks the address that a plugin gave: a socket in its own
// folder, or the loopback where there are no sockets.
func (r *runner) PluginToHost(network, address string) (string, string, error) {
	if network == "unix" && filepath.Dir(address) == r.dir && address != r.dir {
		if info, err := os.Lstat(address); err == nil && info.Mode().Type() == fs.ModeSocket {
			return network, address, nil
		}
	}
	if network == "tcp" && runtime.GOOS == "windows" && strings.HasPrefix(address, "127.0.0.1:") {
		return network, address, nil
	}
	return "", "", core.Errorf(core.BadConfig, "plugin %q: %s: the plugin listens elsewhere than in the folder that PLUGIN_UNIX_SOCKET_DIR names", r.bin.Name, r.bin.Path)
}
