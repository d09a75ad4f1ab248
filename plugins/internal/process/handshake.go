// Read on in certificate.go.

package process

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
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

// handshake has the parts of the line, which "|" separates, as go-plugin writes it.
type handshake struct {
	coreVersion string // of the handshake itself, digits
	version     string // of the protocol, digits
	network     string // "unix" or "tcp"
	address     string // the socket's path, or an IP address and a port
	protocol    string // "grpc"
	certificate string // the plugin's, DER in base64; may be empty
}

// minCertificate is less than the length of any certificate.
const minCertificate = 50

// parseHandshake returns the parts of a line that can be a handshake. What follows
// the certificate is left out.
func parseHandshake(line string) (h handshake, ok bool) {
	const required, most = 5, 6
	parts := strings.Split(strings.TrimRight(line, "\r\n"), "|")
	if len(parts) < required {
		return h, false
	}
	parts = append(parts, "")[:most]
	h = handshake{parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]}
	return h, isNumber(h.coreVersion) && isNumber(h.version) &&
		(h.network == "unix" || h.network == "tcp") && h.address != "" && h.protocol != ""
}

// checkHandshake reports what is wrong with the one line that a plugin prints to
// its standard output. go-plugin would find most of that too, but its errors do
// not say what to do.
func (p Program) checkHandshake(line string) error {
	if line == "" {
		return p.fileError("the program ended, or closed its standard output, without the " +
			"handshake of a plugin; the log has what it said")
	}
	h, ok := parseHandshake(line)
	if !ok {
		return p.fileError("the program printed something else before the handshake of a plugin: " +
			"it is no plugin, or must print nothing to standard output")
	}
	version, _ := strconv.Atoi(h.version)
	switch {
	case h.coreVersion != "1" || h.protocol != "grpc":
		return p.fileError("the plugin does not speak gRPC in the way of go-plugin, version 1")
	case version != ProtocolVersion:
		return p.fileError("the plugin speaks version %d of the protocol and this program speaks "+
			"%d: install a fitting release of one of them", version, ProtocolVersion)
	case len(h.certificate) <= minCertificate:
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
