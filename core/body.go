// Read on in attach.go.

package core

import (
	"bytes"
	"crypto"
	"hash"
	"io"
	"net/http"

	// The digests that signatures of requests use are there in every program.
	_ "crypto/sha256"
	_ "crypto/sha512"
)

// outgoing describes r to an Authorizer, with as much of its body as needs says.
func outgoing(r *http.Request, needs *BodyNeeds, known headerValues) (Outgoing, error) {
	out := Outgoing{
		Method: r.Method, URL: r.URL.String(), Host: r.Host, Header: r.Header.Clone(),
		ContentLength: lengthOf(r), Remembered: http.Header(known).Clone(),
	}
	if out.Method == "" {
		out.Method = http.MethodGet
	}
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	if needs.none() || !rewindable(r) {
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
	case r.ContentLength <= 0: // with a body, net/http means "unknown"
		return -1
	}
	return r.ContentLength
}

// readBody reads a body once and closes it. Nil is one of no bytes. Without
// digests, no more of it is read than what tells that it is too long.
func (out *Outgoing) readBody(body io.ReadCloser, needs *BodyNeeds) error {
	if body == nil {
		body = http.NoBody
	}
	defer func() { _ = body.Close() }()
	raw := &limitedBuffer{left: needs.Raw}
	sink := []io.Writer{raw}
	hashes := make([]hash.Hash, len(needs.Digests))
	for i, h := range needs.Digests {
		hashes[i] = h.New()
		sink = append(sink, hashes[i])
	}
	var from io.Reader = body
	if len(hashes) == 0 {
		if out.ContentLength > needs.Raw {
			return nil
		}
		from = io.LimitReader(body, needs.Raw+1)
	}
	if _, err := io.Copy(io.MultiWriter(sink...), from); err != nil {
		return err
	}
	if len(hashes) > 0 {
		out.Digests = make(map[crypto.Hash][]byte, len(hashes))
	}
	for i, h := range needs.Digests {
		out.Digests[h] = hashes[i].Sum(nil)
	}
	if needs.Raw > 0 && !raw.over {
		out.Body = append([]byte{}, raw.kept.Bytes()...)
	}
	return nil
}

// limitedBuffer keeps what is written to it until that is too much.
type limitedBuffer struct {
	kept bytes.Buffer
	left int64
	over bool
}

// Write implements [io.Writer]. It does not fail.
func (b *limitedBuffer) Write(p []byte) (int, error) {
	if b.left -= int64(len(p)); b.left < 0 {
		b.over, b.kept = true, bytes.Buffer{}
	}
	if !b.over {
		b.kept.Write(p)
	}
	return len(p), nil
}
