// Read on in permit.go.

package core

import (
	"context"
	"io"
	"net/http"
)

// keeper is what a sender needs of a session.
type keeper interface {
	// get returns a credential that may be used now. answers: the caller sees
	// what the API answers.
	get(ctx context.Context, answers bool) (*credential, error)
	// refuse tells that the API refused l. invalid: it said that the credential
	// is not valid. ctx is that of the request.
	refuse(ctx context.Context, l *credential, invalid bool, challenge string)
}

// sender puts the credentials of a keeper on requests. Its methods are safe for
// concurrent use.
type sender struct {
	keeper keeper
	*sending
}

// sending is what a sender needs besides its keeper.
type sending struct {
	transports transportCache    // sends the requests that it is given no transport for
	remembered rememberedHeaders // of answers, for Authorizers
}

func closeBody(r *http.Request) {
	if r.Body != nil {
		_ = r.Body.Close()
	}
}

func rewindable(r *http.Request) bool {
	return r.Body == nil || r.Body == http.NoBody || r.GetBody != nil
}

func rewind(r *http.Request) (io.ReadCloser, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return r.Body, nil
	}
	return r.GetBody()
}
