package oauth2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// leaving is a transport whose caller leaves once it has given a number of answers.
type leaving struct {
	answers
	left   int
	within bool // the caller leaves within the next request
	leave  func()
}

// RoundTrip implements http.RoundTripper.
func (l *leaving) RoundTrip(r *http.Request) (*http.Response, error) {
	if l.left == 0 && l.within {
		l.leave()
		return nil, context.Cause(r.Context())
	}
	resp, err := l.answers.RoundTrip(r)
	resp.Body = readToEnd{resp.Body, func() {
		if l.left--; l.left == 0 && !l.within {
			l.leave()
		}
	}}
	return resp, err
}

// readToEnd calls atEnd when the body is closed.
type readToEnd struct {
	io.ReadCloser
	atEnd func()
}

func (r readToEnd) Close() error {
	r.atEnd()
	return r.ReadCloser.Close()
}

// TestDiscoveryThatIsLeft proves that a caller that leaves between the requests for the metadata
// learns nothing of the issuer: the next URL may have its document.
func TestDiscoveryThatIsLeft(t *testing.T) {
	reason := errors.New("a reason")
	const issuer, left, bad = "https://login.example.com", core.CodeUnavailable, core.CodeBadConfig
	refuses := func(status int) answers { return answers{status, "text/html", ""} }
	publishes := func(text string) answers { return answers{200, "application/json", text} }
	other := publishes(`{"issuer":"https://other.example.com"}`)
	for name, tc := range map[string]struct {
		issuer  string
		answers answers
		after   int  // so many answers
		within  bool // of the next request
		code    core.Code
	}{
		"after the first has none":           {issuer, refuses(404), 1, false, left},
		"after a refusal":                    {issuer, refuses(403), 1, false, left},
		"after a redirect":                   {issuer, refuses(302), 1, false, left},
		"after an outage":                    {issuer, refuses(503), 1, false, left},
		"after an invalid document":          {issuer, publishes("{"), 1, false, left},
		"after a document of another issuer": {issuer, other, 1, false, left},
		"after the second of three":          {issuer + "/tenant", refuses(404), 2, false, left},
		"within the first":                   {issuer, refuses(404), 0, true, left},
		"within the last":                    {issuer, refuses(404), 1, true, left},
		"within the last, after an outage":   {issuer, refuses(503), 1, true, left},
		"after the last":                     {issuer, refuses(404), 2, false, bad},
		"not":                                {issuer, refuses(404), 0, false, bad},
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancelCause(t.Context())
			follow := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			web := &http.Client{CheckRedirect: follow, Transport: &leaving{tc.answers, tc.after,
				tc.within, func() { cancel(reason) }}}
			d := &discovery{cfg: &Config{Issuer: tc.issuer}}
			_, err := d.metadata(ctx, core.Request{}, web)
			require.ErrorIs(t, err, tc.code)
			if tc.code == left {
				require.ErrorIs(t, err, reason)
			} else {
				require.ErrorContains(t, err, "publishes no metadata")
			}
		})
	}
}
