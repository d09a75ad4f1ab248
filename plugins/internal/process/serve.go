// This is the last file.

package process

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"os"
	"strings"
	"sync"

	goplugin "github.com/hashicorp/go-plugin"
)

// Serve serves plugins with go-plugin to the host that started this process, until
// the host ends it. It then calls cleanup, which has EndGrace at most, removes the
// socket and its folder, and ends with all that this process has started. Only
// where go-plugin stops serving before, Serve returns. prepare is called meanwhile,
// to do what makes the first calls faster.
func Serve(config *goplugin.ServeConfig, cleanup, prepare func()) {
	var own func() (tls.Certificate, error)
	if hostCert := os.Getenv(clientCertVariable); hostCert != "" { // the host wants AutoMTLS
		own = sync.OnceValues(newCertificate)
		config.TLSProvider = func() (*tls.Config, error) { return serverConfig(hostCert, own) }
	}
	go func() {
		if own != nil {
			_, _ = own() // a good part of the start's time
		}
		prepare()
	}()
	e := newEnding(cleanup)
	go e.withHost()
	serveWith(config, own, e)
	e.tidy()
}

// serveWith serves with a certificate of its own, unless own is nil. It has a P-256
// key; that of go-plugin has P-521, which costs both sides several milliseconds.
//
// With a certificate that is not its own, go-plugin leaves out the certificate in
// the handshake. It is added to the line while it is printed.
func serveWith(config *goplugin.ServeConfig, own func() (tls.Certificate, error), e *ending) {
	from, to, err := os.Pipe()
	if err != nil {
		goplugin.Serve(config) // go-plugin needs pipes, too, and says what is wrong
		return
	}
	stdout := os.Stdout
	os.Stdout = to // until go-plugin replaces it, after the handshake
	go func() {
		in := bufio.NewReader(from)
		if line, err := in.ReadString('\n'); err == nil {
			_, _ = io.WriteString(stdout, completed(line, own, e))
		}
		_, _ = io.Copy(stdout, in)
	}()
	goplugin.Serve(config)
}

// completed returns the handshake of go-plugin with the certificate, unless own is
// nil, and notes where the process listens. Without a certificate, the host says
// that it is missing.
func completed(line string, own func() (tls.Certificate, error), e *ending) string {
	h, ok := parseHandshake(line)
	if !ok {
		return line
	}
	if h.network == "unix" {
		e.listensAt(h.address)
	}
	if own == nil {
		return line
	}
	certificate, err := own()
	if err != nil {
		return line
	}
	before, after, _ := strings.Cut(line, "|grpc|")
	return before + "|grpc|" + base64.RawStdEncoding.EncodeToString(certificate.Certificate[0]) + after
}
