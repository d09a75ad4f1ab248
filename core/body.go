// Read on in attach.go.

package core

import (
	"bytes"
	"crypto"
	"hash"
	"io"
	"net/http"

	// Every program has the digests that signatures of requests use.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// outgoing describes r to an Authorizer, with what needs asks of its body.
func outgoing(r *http.Request, needs *BodyNeeds, remembered headerValues) (Outgoing, error) {
	out := Outgoing{
		Method: r.Method, URL: r.URL.String(), Host: r.Host, Header: r.Header.Clone(),
		ContentLength: lengthOf(r), Remembered: http.Header(remembered).Clone(),
	}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	if needs.asksNothing() || !rewindable(r) {
		return out, nil
	}
	body, err := rewind(r)
	if err == nil {
		err = out.readBody(body, needs)
	}
	if err != nil {
		return out, Errorf(CodeUnavailable, "the request's body: %w", err)
	}
	return out, nil
}

// lengthOf returns the length of a request's body, or -1 if it is not known.
func lengthOf(r *http.Request) int64 {
	switch {
	case r.Body == nil || r.Body == http.NoBody:
		return 0
	case r.ContentLength <= 0: // with a body, 0 means unknown in net/http
		return -1
	}
	return r.ContentLength
}

// readBody reads a body once and closes it. A nil body is empty. Without digests, it
// stops reading when the body is longer than needs.Raw.
func (out *Outgoing) readBody(body io.ReadCloser, needs *BodyNeeds) error {
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }()
	raw := &limitedBuffer{remaining: needs.Raw}
	writers := []io.Writer{raw}
	hashes := make([]hash.Hash, len(needs.Digests))
	for i, h := range needs.Digests {
		hashes[i] = h.New()
		writers = append(writers, hashes[i])
	}
	var from io.Reader = body
	if len(hashes) == 0 {
		if out.ContentLength > needs.Raw {
			return nil
		}
		from = io.LimitReader(body, needs.Raw+1)
	}
	if _, err := io.Copy(io.MultiWriter(writers...), from); err != nil {
		return err
	}
	if len(hashes) > 0 {
		out.Digests = make(map[crypto.Hash][]byte, len(hashes))
	}
	for i, h := range needs.Digests {
		out.Digests[h] = hashes[i].Sum(nil)
	}
	if needs.Raw > 0 && !raw.exceeded {
		out.Body = append([]byte{}, raw.buf.Bytes()...)
	}
	return nil
}

// limitedBuffer keeps what is written to it. If that is more than remaining bytes, it
// keeps nothing.
type limitedBuffer struct {
	buf       bytes.Buffer
	remaining int64
	exceeded  bool
}

// Write implements [io.Writer]. It does not fail.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.remaining -= int64(len(p)); b.remaining < 0 {
		b.exceeded, b.buf = true, bytes.Buffer{}
	}
	if !b.exceeded {
		b.buf.Write(p)
	}
	return len(p), nil
}
