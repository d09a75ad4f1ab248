// How a request is sent.
//
// Read on in revoke.go.

package grant

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// Prover makes the DPoP proofs of token requests (RFC 9449 §4). It must be safe for
// concurrent use.
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

// refreshes reports whether the request presents a refresh token, so that the endpoint has answered
// before.
func (r request) refreshes() bool { return r.form.Get("grant_type") == "refresh_token" }

// answer is an answer with a success status.
type answer struct {
	fields  Fields
	secrets []core.Secret // texts of the request that no error may repeat
}

// send authenticates and sends a request. If the server requires a nonce in the proof (RFC 9449
// §8), it sends the request a second time, with a new assertion and a new proof, as a server
// accepts each only once.
func (c *Client) send(ctx context.Context, r request) (answer, error) {
	if err := CheckURL(r.endpoint); err != nil {
		return answer{}, core.Errorf(core.CodeBadConfig, "the %s URL %w", r.what, err)
	}
	got, err := c.sendOnce(ctx, r)
	if r.prover != nil && ErrorCode(err, "use_dpop_nonce") {
		if got, err = c.sendOnce(ctx, r); ErrorCode(err, "use_dpop_nonce") {
			err = core.Errorf(core.CodeUnavailable, "%w, also of the proof with the nonce that it gave",
				errors.Unwrap(err))
		}
	}
	return got, err
}

func (c *Client) sendOnce(ctx context.Context, r request) (answer, error) {
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
		return answer{}, err
	}
	if r.prover != nil {
		proof, err := r.prover.Proof(r.endpoint)
		if err != nil {
			return answer{}, err
		}
		a.Header.Set("DPoP", proof.Reveal())
		a.Secrets = append(a.Secrets, proof)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, r.endpoint,
		strings.NewReader(a.Form.Encode()))
	if err != nil {
		return answer{}, core.Errorf(core.CodeBadConfig, "the %s URL is not an https URL", r.what)
	}
	req.Header = a.Header
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Accept", "application/json")
	resp, cancel, err := c.roundTrip(req)
	if err != nil {
		return answer{}, err
	}
	defer cancel()
	defer resp.Body.Close()
	if c.Prover != nil {
		c.Prover.Learn(resp.Header)
	}
	if r.noBody && resp.StatusCode < 300 {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, maxRefusal))
		return answer{}, nil
	}
	fields, err := readAnswer(resp, r.endpoint, r.refreshes(), a.Secrets)
	err = c.withRequest(withClockError(err, a.Form, resp.Header), r, resp.StatusCode)
	return answer{fields, a.Secrets}, err
}

// withRequest adds to the error of an answer which request was refused, and what to look at.
func (c *Client) withRequest(err error, r request, status int) error {
	var refusal *refusalError
	var e *core.Error
	if err == nil || !errors.As(err, &refusal) || !errors.As(err, &e) {
		return err
	}
	name := r.form.Get("grant_type")
	var sent []string
	if name != "" {
		sent = append(sent, "grant "+shortGrant(name))
	}
	if c.AuthMethod != "" {
		sent = append(sent, "client_auth "+c.AuthMethod)
	}
	text := ""
	if len(sent) > 0 {
		text = " (sent: " + strings.Join(sent, ", ") + ")"
	}
	if c.Advice != nil {
		advice := c.Advice(Refusal{
			Code: refusal.code, Status: status, Grant: name, Endpoint: r.endpoint,
		})
		if advice != "" {
			text += "; " + advice
		}
	}
	if refusal.unclear {
		text += "; the answer is not one of an authorization server: is there a gateway or a proxy " +
			"in between?"
	}
	if text != "" {
		e.Err = fmt.Errorf("%w%s", e.Err, text)
	}
	return err
}

const maxGrant = 60 // characters of the name of a grant in an error

// shortGrant returns the last part of the name of a grant, which may be a long URI.
func shortGrant(name string) string {
	return core.Printable(name[strings.LastIndexByte(name, ':')+1:], maxGrant)
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
