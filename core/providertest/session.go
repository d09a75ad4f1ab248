package providertest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"

	"github.com/authsession/authsession/core"
)

const (
	expiring = core.ReasonExpiring
	rejected = core.ReasonRejected
)

// hostileChallenge is what a broken server may send in WWW-Authenticate.
var hostileChallenge = `Bearer realm="` + strings.Repeat(`\",=`, 2000)

func settingsGood(r *run) {
	if err := r.factory.Check(r.Environment, r.settings(r.unusedServer())); err != nil {
		r.errorf("Check of the good settings: %w", err)
	}
	r.open(r.serve(nil).server())
}

// api is the server that a session's requests go to. It checks for the
// attachment of expect and can refuse once.
type api struct {
	*listener
	mu         sync.Mutex // guards all below
	requests   int
	refuse     bool
	expect     core.Credential
	problem    string
	remembered http.Header // of the answer to a request without an Authorization header
}

// ServeHTTP implements http.Handler.
func (a *api) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.remembered != nil && req.Header.Get("Authorization") == "" {
		maps.Copy(w.Header(), a.remembered)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	a.requests++
	if a.refuse {
		a.refuse = false
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	for name, value := range a.expect.Attach.Header {
		if req.Header.Get(name) != value.Reveal() {
			a.problem = "the header " + name + " has not arrived"
		}
	}
	for name, value := range a.expect.Attach.Query {
		if req.URL.Query().Get(name) != value.Reveal() {
			a.problem = "the query parameter " + name + " has not arrived"
		}
	}
	for name, value := range a.expect.Attach.Cookie {
		if c, err := req.Cookie(name); err != nil || c.Value != value.Reveal() {
			a.problem = "the cookie " + name + " has not arrived"
		}
	}
	if !a.expect.Attach.Cert.IsZero() && len(req.TLS.PeerCertificates) == 0 {
		a.problem = "the client certificate has not arrived"
	}
}

// want sets what the next request must carry.
func (a *api) want(c core.Credential, refuse bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.expect, a.refuse, a.problem, a.requests = c, refuse, "", 0
}

func (a *api) outcome() (requests int, problem string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.requests, a.problem
}

// session makes an API server and a session for it.
func (r *run) session(p core.Provider, logs io.Writer) (*api, *core.Session) {
	a := &api{remembered: r.Remembered}
	a.listener = r.listen(a, &tls.Config{Certificates: []tls.Certificate{serverCert()},
		ClientAuth: tls.RequestClientCert})
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM([]byte(serverCA()))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool}}
	r.cleanup = append(r.cleanup, func() { _ = a.server.Close() }, transport.CloseIdleConnections)
	return a, core.New("providertest", p, &core.Options{
		Kind: r.factory.Info().Kind, Environment: r.Environment, Origins: []string{a.url},
		Transport: transport, Timeout: callTimeout, UI: r.person(r.server, true),
		Inputs: r.inputSessions(),
		Logger: slog.New(slog.NewTextHandler(logs, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
}

// get makes a request through the session and returns the status.
func (r *run) get(s *core.Session, url string) (status int, err error) {
	_, err = r.call(r.ctx, func(ctx context.Context) error {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/providertest", nil)
		if err != nil {
			return err
		}
		resp, err := s.Client().Do(req)
		if err != nil {
			return err
		}
		status = resp.StatusCode
		return resp.Body.Close()
	})
	return status, err
}

// send makes a request that must arrive with the session's credential, after a
// refusal if refuse is set.
func (r *run) send(a *api, s *core.Session, p core.Provider, refuse bool) {
	c, err := s.Credential(r.ctx)
	if err != nil {
		r.errorf("Session.Credential: %w", err)
		return
	}
	if refuse || r.authorizes(p, c) { // the attachment of the next request is not known
		a.want(core.Credential{}, refuse)
	} else {
		a.want(c, refuse)
	}
	status, err := r.get(s, a.url)
	requests, problem := a.outcome()
	switch {
	case err != nil:
		r.errorf("a request of the session: %w", err)
	case status != http.StatusOK:
		r.errorf("a request of the session is answered %d after %d attempts", status, requests)
	case problem != "":
		r.errorf("a request of the session: %s", problem)
	case refuse && requests != 2:
		r.errorf("a request that was refused once was sent %d times, want 2", requests)
	}
}

func sessionLife(r *run) {
	var logs syncBuffer
	st := r.serve(nil)
	p := r.open(st.server())
	if p == nil {
		return
	}
	a, s := r.session(p, &logs)
	if _, err := s.Credential(r.ctx); !errors.Is(err, core.CodeNotInitialized) {
		r.errorf("before Init, Credential reports %v, want %q", err, core.CodeNotInitialized)
	}
	for range 2 {
		if _, err := r.call(r.ctx, s.Init); err != nil {
			r.errorf("Session.Init: %w", err)
			return
		}
		r.sendAndRefuse(a, s, p)
		if _, err := r.call(r.ctx, s.Close); err != nil {
			r.errorf("Session.Close: %w", err)
		}
		a.want(core.Credential{}, false)
		if _, err := r.get(s, a.url); !errors.Is(err, core.CodeClosed) {
			r.errorf("after Close, a request reports %v, want %q", err, core.CodeClosed)
		}
	}
	if leaked := r.leak(logs.String()); leaked != "" {
		r.errorf("the session's log shows %s", leaked)
	}
}

// sendAndRefuse sends a request that is answered, and one whose first credential is refused.
func (r *run) sendAndRefuse(a *api, s *core.Session, p core.Provider) {
	r.send(a, s, p, false)
	if !r.failed() {
		before := s.Status().Authentications
		r.send(a, s, p, true)
		if n := s.Status().Authentications; n != before+1 {
			r.errorf("a refusal led to %d new credentials, want 1", n-before)
		}
	}
	if c, err := s.Credential(r.ctx); err == nil {
		r.addCredentialSecrets(c)
	}
	if how, leaked := r.leakIn(s.Status()); leaked != "" {
		r.errorf("Status as %s shows %s", how, leaked)
	}
}

func sessionRefused(r *run) {
	var logs syncBuffer
	p := r.open(r.serve(answer(401, `{"error": "invalid_client"}`, contentType, asJSON)).server())
	if p == nil {
		return
	}
	a, s := r.session(p, &logs)
	_, err := r.call(r.ctx, s.Init)
	if !errors.Is(err, core.CodeDenied) {
		r.errorf("Session.Init reports %v, want %q", err, core.CodeDenied)
	}
	if _, err := r.get(s, a.url); err == nil {
		r.errorf("a request of a session that has no credential was sent")
	}
	if requests, _ := a.outcome(); requests > 0 {
		r.errorf("a session without a credential has sent %d requests", requests)
	}
	_, _ = r.call(r.ctx, s.Close)
	for what, v := range map[string]any{"Status": s.Status(), "Init's error": err} {
		if how, leaked := r.leakIn(v); leaked != "" {
			r.errorf("%s as %s shows %s", what, how, leaked)
		}
	}
	if leaked := r.leak(logs.String()); leaked != "" {
		r.errorf("the session's log shows %s", leaked)
	}
}
