package demo

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
)

// Caller is what the API answers to GET /v1/whoami.
type Caller struct {
	Name        string `json:"name"`
	Proof       string `json:"proof"` // how it knows: "access token", "API key", "client certificate"
	Environment string `json:"environment"`
}

// String returns it all in one line.
func (c Caller) String() string {
	return fmt.Sprintf("you are %s in %s, by %s", c.Name, c.Environment, c.Proof)
}

// ServeHTTP is the API: it tells callers who they are, or refuses them.
func (e *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/v1/whoami" {
		http.NotFound(w, r)
		return
	}
	caller, err := e.identify(r)
	if err != nil {
		w.Header().Set("WWW-Authenticate", `Bearer realm="demo", error="invalid_token"`)
		http.Error(w, err.Error(), http.StatusUnauthorized)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(caller)
}

// identify checks what the caller shows: a certificate, an API key or a token.
func (e *site) identify(r *http.Request) (Caller, error) {
	if certs := r.TLS.PeerCertificates; len(certs) > 0 { // verified by the handshake
		return Caller{certs[0].Subject.CommonName, "client certificate", e.environment}, nil
	}
	if key := r.Header.Get("X-API-Key"); key != "" {
		if subtle.ConstantTimeCompare([]byte(key), []byte(e.apiKey)) != 1 {
			return Caller{}, errors.New("unknown API key")
		}
		return Caller{"prices-reader", "API key", e.environment}, nil
	}
	token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !ok {
		return Caller{}, errors.New("no credential")
	}
	name, err := e.introspect(r.Context(), token)
	return Caller{name, "access token", e.environment}, err
}

// introspect asks the authorization server about a token (RFC 7662).
func (e *site) introspect(ctx context.Context, token string) (string, error) {
	form := url.Values{"token": {token}}
	req, err := http.NewRequestWithContext(
		ctx,
		http.MethodPost,
		e.issuer+"/oauth/introspect",
		strings.NewReader(form.Encode()),
	)
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(apiClient, e.apiSecret)
	resp, err := e.client.Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return "", fmt.Errorf("the authorization server answers %s", resp.Status)
	}
	var answer struct {
		Active bool   `json:"active"`
		Client string `json:"client_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil {
		return "", err
	}
	if !answer.Active {
		return "", errors.New("the token is not active")
	}
	return answer.Client, nil
}
