// Read on in permit.go.

package core

import (
	"context"
	"io"
	"net/http"
)

// credentialOwner is what a sender needs of a [Session] or a [View].
type credentialOwner interface {
	// get returns a credential that may be used now. seesAnswers says that the
	// caller reads the API's answers, and so notices a refusal.
	get(ctx context.Context, seesAnswers bool) (*credential, error)
	// refuse reports that the API refused l. invalid: the challenge said that the
	// credential is not valid. ctx is that of the request.
	refuse(ctx context.Context, l *credential, invalid bool, challenge string)
}

// sender puts the credentials of owner on requests. Its methods are safe for concurrent
// use.
type sender struct {
	owner credentialOwner
	*sendingState
}

// sendingState is what all senders of a session share.
type sendingState struct {
	transports transportCache    // for requests without a transport of the caller's
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
