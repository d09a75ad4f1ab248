// Read on in certificate.go.

package process

import (
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

// maxHandshake is the largest size of the handshake in bytes.
const maxHandshake = 16 << 10

// firstLine reads a line of at most maxHandshake bytes. It returns the line, and
// a reader of what follows.
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

// The parts of the handshake, as go-plugin writes it.
const (
	corePart     = 1 + iota // the version of the handshake itself
	versionPart             // of the protocol
	networkPart             // "unix" or "tcp"
	addressPart             // the socket's path, or an IP address and a port
	protocolPart            // "grpc"
	certPart                // the plugin's certificate
)

var handshakePattern = regexp.MustCompile(
	`^(\d+)\|(\d+)\|(unix|tcp)\|([^|]+)\|([a-z]+)\|?([^|]*)`)

// minCertificate is less than the length of any certificate.
const minCertificate = 50

// isHandshake reports whether a line can be a handshake.
func isHandshake(line string) bool { return handshakePattern.MatchString(line) }

// checkHandshake reports what is wrong with the one line that a plugin prints to
// its standard output. go-plugin would find most of that too, but its errors do
// not say what to do.
func (p Program) checkHandshake(line string) error {
	if line == "" {
		return p.fileError("the program ended, or closed its standard output, without the " +
			"handshake of a plugin; the log has what it said")
	}
	parts := handshakePattern.FindStringSubmatch(line)
	if parts == nil {
		return p.fileError("the program printed something else before the handshake of a plugin: " +
			"it is no plugin, or must print nothing to standard output")
	}
	version, _ := strconv.Atoi(parts[versionPart])
	switch {
	case parts[corePart] != "1" || parts[protocolPart] != "grpc":
		return p.fileError("the plugin does not speak gRPC in the way of go-plugin, version 1")
	case version != ProtocolVersion:
		return p.fileError("the plugin speaks version %d of the protocol and this program speaks "+
			"%d: install a fitting release of one of them", version, ProtocolVersion)
	case len(parts[certPart]) <= minCertificate:
		return p.fileError("the plugin offers no certificate: it must support AutoMTLS")
	}
	return nil
}

// checkAddress reports whether a plugin listens where it may: at a socket in
// dir, its own folder, or at the loopback interface where there are no sockets.
func (p Program) checkAddress(network, address, dir string) error {
	if network == "unix" && filepath.Dir(address) == dir && address != dir {
		if info, err := os.Lstat(address); err == nil && info.Mode().Type() == fs.ModeSocket {
			return nil
		}
	}
	if network == "tcp" && runtime.GOOS == "windows" && strings.HasPrefix(address, "127.0.0.1:") {
		return nil
	}
	return p.errorf(core.CodeBadConfig, ": %s: the plugin listens elsewhere than in the folder that "+
		"PLUGIN_UNIX_SOCKET_DIR names", p.Path)
}
