// How a request is sent.
//
// Read on in revoke.go.

package grant

import (
	"context"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// Prover makes the DPoP proofs of token requests (RFC 9449 §4). It must be safe for concurrent use.
type Prover interface {
	// Proof returns the proof for a POST to endpoint.
	Proof(endpoint string) (core.Secret, error)
	// Learn is called with the header of each answer, which may have a nonce (§8).
	Learn(h http.Header)
}

// request is a form for an endpoint.
type request struct {
	endpoint string
	what     string // the name of the endpoint, for errors
	form     url.Values
	secrets  []core.Secret // texts that no error may repeat, besides those of the client
	prover   Prover        // nil: no proof
	noBody   bool          // the body of a success is ignored (RFC 7009 §2.2)
}

// send authenticates and sends a request. If the server requires a nonce in the proof (RFC 9449
// §8), it sends the request a second time, with a new assertion and a new proof, as a server
// accepts each only once.
func (c *Client) send(ctx context.Context, r request) (Fields, error) {
	if err := CheckURL(r.endpoint); err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the %s URL %w", r.what, err)
	}
	fields, err := c.sendOnce(ctx, r)
	if r.prover != nil && ErrorCode(err, "use_dpop_nonce") {
		if fields, err = c.sendOnce(ctx, r); ErrorCode(err, "use_dpop_nonce") {
			err = core.Errorf(core.CodeUnavailable, "%w, also of the proof with the nonce that it gave",
				errors.Unwrap(err))
		}
	}
	return fields, err
}

func (c *Client) sendOnce(ctx context.Context, r request) (Fields, error) {
	a := AuthRequest{ClientID: c.ID, Endpoint: r.endpoint, Form: url.Values{}, Header: http.Header{}}
	maps.Copy(a.Form, r.form)
	for name, values := range c.Header {
		a.Header[http.CanonicalHeaderKey(name)] = values
	}
	for _, name := range []string{"Authorization", "Content-Type", "Dpop"} {
		a.Header.Del(name)
	}
	a.Secrets = slices.Concat(r.secrets, c.Secrets)
	auth := c.Auth
	if auth == nil {
		auth = sendID
	}
	if err := auth(&a); err != nil {
		return nil, err
	}
	if r.prover != nil {
		proof, err := r.prover.Proof(r.endpoint)
		if err != nil {
			return nil, err
		}
		a.Header.Set("DPoP", proof.Reveal())
		a.Secrets = append(a.Secrets, proof)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint,
		strings.NewReader(a.Form.Encode()))
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "the %s URL is not an https URL", r.what)
	}
	req.Header = a.Header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, cancel, err := c.roundTrip(req)
	if err != nil {
		return nil, err
	}
	defer cancel()
	defer resp.Body.Close()
	if c.Prover != nil {
		c.Prover.Learn(resp.Header)
	}
	if r.noBody && resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
		return nil, nil
	}
	fields, err := readAnswer(resp, a.Secrets)
	return fields, withClockError(err, a.Form, resp.Header)
}

// roundTrip sends req with the transport of c.HTTP: an http.Client would parse the Location of a
// redirect, and add headers to the request. The caller calls the returned function after it has
// read the body; until then, the Timeout of c.HTTP applies.
func (c *Client) roundTrip(req *http.Request) (*http.Response, func(), error) {
	client := c.HTTP
	if client == nil {
		client = providerhttp.NewClient(nil)
	}
	base, cancel := client.Transport, func() {}
	if base == nil {
		base = http.DefaultTransport
	}
	if client.Timeout > 0 {
		var ctx context.Context
		ctx, cancel = context.WithTimeout(req.Context(), client.Timeout)
		req = req.WithContext(ctx)
	}
	resp, err := base.RoundTrip(req)
	if err != nil {
		cancel()
		return nil, nil, providerhttp.ClientError(&url.Error{Op: "Post", URL: req.URL.String(), Err: err})
	}
	resp.Request = req
	return resp, cancel, nil
}
