package grant

import "net/http"

// exchanger is the transport of one token request: it adds headers, reads the
// bounded answer, checks it and hands x/oauth2 a plain document.
type exchanger struct {
	base    http.RoundTripper
	header  http.Header
	secrets []core.Secret
	// bodiless: a success says nothing more (RFC 7009 §2.2).
	bodiless bool
}

func (e *exchanger) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.Header.Set("Accept", "application/json")
	for name, values := range e.header {
		if name = http.CanonicalHeaderKey(name); name != "Authorization" && name != "Content-Type" {
			r.Header[name] = values
		}
	}
	resp, err := e.base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	if resp.Request == nil {
		resp.Request = r
	}
	if e.bodiless && resp.StatusCode < 300 {
		discard(resp)
		return resp, nil
	}
	if err := plain(resp, e.secrets); err != nil {
		return nil, err
	}
	return resp, nil
}
