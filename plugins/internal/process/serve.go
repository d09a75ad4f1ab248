// This is the last file.

package process

import (
	"bufio"
	"crypto/tls"
	"encoding/base64"
	"io"
	"os"
	"strings"

	goplugin "github.com/hashicorp/go-plugin"
)

// Serve serves plugins with go-plugin to the host that started this process, until
// the host ends it. It then calls cleanup, which has EndGrace at most, removes the
// socket and its folder, and ends with all that this process has started. Only
// where go-plugin stops serving before, Serve returns.
func Serve(config *goplugin.ServeConfig, cleanup func()) {
	e := newEnding(cleanup)
	go e.withHost()
	serveWithSmallKey(config, e)
	e.tidy()
}

// serveWithSmallKey serves with a certificate that has a P-256 key. That of go-plugin
// has P-521, which costs both sides several milliseconds.
//
// With a certificate that is not its own, go-plugin leaves out the certificate in
// the handshake. It is added to the line while it is printed.
func serveWithSmallKey(config *goplugin.ServeConfig, e *ending) {
	from, to, err := os.Pipe()
	if err != nil {
		goplugin.Serve(config) // go-plugin needs pipes, too, and says what is wrong
		return
	}
	certificate := make(chan []byte, 1)
	if hostCert := os.Getenv(clientCertVariable); hostCert == "" {
		certificate <- nil // a host without AutoMTLS
	} else {
		config.TLSProvider = func() (*tls.Config, error) {
			tlsConfig, der, err := serverCertificate(hostCert)
			if err == nil {
				certificate <- der
			}
			return tlsConfig, err
		}
	}
	stdout := os.Stdout
	os.Stdout = to // until go-plugin replaces it, after the handshake
	go func() {
		in := bufio.NewReader(from)
		if line, err := in.ReadString('\n'); err == nil {
			_, _ = io.WriteString(stdout, completed(line, certificate, e))
		}
		_, _ = io.Copy(stdout, in)
	}()
	goplugin.Serve(config)
}

// completed returns the handshake of go-plugin with the certificate, unless that is
// nil, and notes where the process listens.
func completed(line string, certificate <-chan []byte, e *ending) string {
	parts := handshakePattern.FindStringSubmatch(line)
	if parts == nil {
		return line
	}
	if parts[networkPart] == "unix" {
		e.listensAt(parts[addressPart])
	}
	der := <-certificate
	if der == nil {
		return line
	}
	before, after, _ := strings.Cut(line, "|grpc|")
	return before + "|grpc|" + base64.RawStdEncoding.EncodeToString(der) + after
}
