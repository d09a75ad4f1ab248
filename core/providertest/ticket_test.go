package providertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/core/providertest"
)

// Config is a whole provider: the settings, the factory and one method.
type Config struct {
	URL string      `json:"url" required:"true" doc:"The ticket office, as https://host."`
	Key core.Secret `json:"key" required:"true" doc:"The key that the ticket office knows."`
}

// Factory is what a registry holds and a plugin serves.
var Factory = core.NewFactory(core.Info{Kind: "ticket", Summary: "Tickets of the ticket office."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) {
		return &cfg, nil
	})

// Authenticate trades the stub of the last ticket for a new one. It buys one if
// there is no stub, or if the office refuses it.
func (c *Config) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	if stub := req.Previous.RefreshState; !stub.IsZero() {
		trade := providerhttp.Call{URL: c.URL + "/trade", JSON: map[string]any{"stub": stub}}
		cred, err := ask(ctx, req, trade)
		if core.CodeOf(err) != core.CodeDenied {
			return cred, err
		}
	}
	buy := providerhttp.Call{URL: c.URL + "/buy", JSON: map[string]any{"key": c.Key}}
	return ask(ctx, req, buy)
}

// ask sends one request to the office and makes a credential of the answer.
func ask(ctx context.Context, req core.Request, call providerhttp.Call) (core.Credential, error) {
	var answer struct {
		Ticket, Stub core.Secret
		Seconds      providerhttp.Lifetime
	}
	if err := providerhttp.Post(ctx, req, call, &answer); err != nil {
		return core.Credential{}, err
	}
	cred, err := providerhttp.Authorization("Ticket", answer.Ticket, answer.Seconds)
	cred.RefreshState = answer.Stub
	return cred, err
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		Factory: Factory,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"url": s.URL, "key": s.Secret}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			var body struct{ Key, Stub string }
			_ = json.NewDecoder(r.Body).Decode(&body)
			trades := r.URL.Path == "/trade"
			if trades && body.Stub != "stub-7" || !trades && body.Key == "" {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			fmt.Fprint(w, `{"ticket": "row-7-seat-12", "stub": "stub-7", "seconds": 60}`)
		}),
	})
}

// TestTrade: a ticket is traded as long as the office takes its stub.
func TestTrade(t *testing.T) {
	var paths []string
	status := http.StatusOK
	office := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		paths = append(paths, r.URL.Path)
		if r.URL.Path == "/trade" {
			w.WriteHeader(status)
		}
		fmt.Fprint(w, `{"ticket": "row-7-seat-12", "stub": "stub-7", "seconds": "60"}`)
	}))
	defer office.Close()
	p, err := Factory.Open(t.Context(), "", map[string]any{"url": office.URL, "key": "the key"})
	require.NoError(t, err)
	cred, err := p.Authenticate(t.Context(), core.Request{})
	require.NoError(t, err)
	require.Equal(t, "Ticket row-7-seat-12", cred.Attach.Header["Authorization"].Reveal())
	require.WithinDuration(t, time.Now().Add(time.Minute), cred.Expiry, 10*time.Second)
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: cred})
	require.NoError(t, err)
	require.Equal(t, []string{"/buy", "/trade"}, paths)

	status = http.StatusUnauthorized
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: cred})
	require.NoError(t, err)
	require.Equal(t, []string{"/buy", "/trade", "/trade", "/buy"}, paths)

	status = http.StatusServiceUnavailable
	_, err = p.Authenticate(t.Context(), core.Request{Reason: core.ReasonExpiring, Previous: cred,
		MayRetry: true})
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.Len(t, paths, 5, "a stub is good for one use")
}

// A provider is a struct of settings, a factory and one method. This one buys
// tickets; a session puts them on requests.
func Example() {
	office := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ticket": "row-7-seat-12", "seconds": 60}`)
	}))
	defer office.Close()
	show := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "seen: ", r.Header.Get("Authorization"))
	}))
	defer show.Close()

	ctx := context.Background()
	provider, err := Factory.Open(ctx, "", map[string]any{"url": office.URL, "key": "the key"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("show", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	resp, err := s.Client().Get(show.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", text)
	// Output: seen: Ticket row-7-seat-12
}
