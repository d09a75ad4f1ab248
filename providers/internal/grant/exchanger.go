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

// Prover makes the DPoP proofs of token requests (RFC 9449 §4). It is safe for
// concurrent use.
type Prover interface {
	// Proof returns the proof for a POST to endpoint.
	Proof(endpoint string) (core.Secret, error)
	// Learn is shown the header of each answer, for its nonce (§8).
	Learn(h http.Header)
}

// request is a form on its way to an endpoint.
type request struct {
	endpoint string
	what     string // whose URL endpoint is, for errors
	form     url.Values
	secrets  []core.Secret // that no error may repeat, besides the client's own
	prover   Prover        // nil: no proof
	bodiless bool          // a success says nothing more (RFC 7009 §2.2)
}

// send authenticates a request and sends it, once more if the server wants
// its nonce in the proof (RFC 9449 §8): with another assertion and another
// proof, as each is good for one use.
func (c *Client) send(ctx context.Context, r request) (Fields, error) {
	if err := CheckURL(r.endpoint); err != nil {
		return nil, core.Errorf(core.BadConfig, "the %s URL %w", r.what, err)
	}
	fields, err := c.once(ctx, r)
	if r.prover != nil && ErrorCode(err, "use_dpop_nonce") {
		if fields, err = c.once(ctx, r); ErrorCode(err, "use_dpop_nonce") {
			err = core.Errorf(core.Unavailable, "%w, also of the proof with the nonce that it gave", errors.Unwrap(err))
		}
	}
	return fields, err
}

func (c *Client) once(ctx context.Context, r request) (Fields, error) {
	a := AuthRequest{ClientID: c.ID, Endpoint: r.endpoint, Form: url.Values{}, Header: http.Header{}}
	maps.Copy(a.Form, r.form)
	for name, values := range c.Header {
		a.Header[http.CanonicalHeaderKey(name)] = values
	}
	for _, own := range []string{"Authorization", "Content-Type", "Dpop"} {
		a.Header.Del(own)
	}
	a.Secrets = slices.Concat(r.secrets, c.Secrets)
	auth := c.Auth
	if auth == nil {
		auth = none
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
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint, strings.NewReader(a.Form.Encode()))
	if err != nil {
		return nil, core.Errorf(core.BadConfig, "the %s URL is not an https URL", r.what)
	}
	req.Header = a.Header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, done, err := c.roundTrip(req)
	if err != nil {
		return nil, err
	}
	defer done()
	defer resp.Body.Close()
	if c.Prover != nil {
		c.Prover.Learn(resp.Header)
	}
	if r.bodiless && resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
		return nil, nil
	}
	fields, err := readAnswer(resp, a.Secrets)
	return fields, doubtClock(err, a.Form, resp.Header)
}

// roundTrip sends req by the transport of c.HTTP alone: an http.Client would
// read the Location of a redirect, and add to the request. The function that
// it returns ends the time that the answer has.
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
