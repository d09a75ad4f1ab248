package basic_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/basic"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		Factory: basic.Factory,
		Settings: func(s providertest.Server) map[string]any {
			return object{"username": "reports", "password": s.Secret}
		},
	})
}

func TestCheck(t *testing.T) {
	for _, c := range []struct {
		name           string
		user, password any
		want           string
	}{
		{"missing", nil, nil, "username: missing; password: missing"},
		{"password missing", "u", nil, "password: missing"},
		{"both empty", "", "", "username: name and password are both empty"},
		{"colon", "hun:ter2", "p", "username: has a colon"},
		{"line break", "u", "hunter2\n", "password: has a control character"},
		{"control character", "hun\x00ter2", "p", "username: has a control character"},
		{"C1 control character", "u", "hunter2\u0085", "password: has a control character"},
		{"not UTF-8", "u", "hunter2\xff", "password: is not UTF-8"},
		{"huge", "u", strings.Repeat("hunter2", 4<<10), "password: is larger than 16 KiB"},
		{"number", "u", 12345, "password: want a string, found an integer: put it in quotes"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := basic.Factory.Check("", object{"username": c.user, "password": c.password})
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
	_, err := basic.New(basic.Config{BaseURL: "x"})
	require.EqualError(t, err,
		"bad config: username: name and password are both empty; base_url: want the address of the API, "+
			"such as https://api.example.com/v1")
}

func TestCredential(t *testing.T) {
	for _, c := range []struct{ name, user, password, subject, want, wantSubject string }{
		{"RFC 7617 §2", "Aladdin", "open sesame", "", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==", "Aladdin"},
		{"RFC 7617 §2.1", "test", "123£", "", "Basic dGVzdDoxMjPCow==", "test"},
		{"colon in the password", "u", "a:b", "", "Basic dTphOmI=", "u"},
		{"token as the name", "tok", "", "", "Basic dG9rOg==", ""},
		{"token as the password", "", "tok", "", "Basic OnRvaw==", ""},
		{"subject", "tok", "", "desk", "Basic dG9rOg==", "desk"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, err := basic.Factory.Open(t.Context(), "",
				object{"username": c.user, "password": c.password, "subject": c.subject})
			require.NoError(t, err)
			first, err := p.Authenticate(t.Context(), core.Request{})
			require.NoError(t, err)
			require.Equal(t, c.want, first.Attach.Header["Authorization"].Reveal())
			require.Equal(t, c.wantSubject, first.Subject)
			require.Zero(t, first.Expiry)
			again, err := p.Authenticate(t.Context(), core.Request{Reason: core.ReasonRejected, Previous: first})
			require.NoError(t, err)
			require.Equal(t, first, again)
		})
	}
}

func TestSession(t *testing.T) {
	requests := 0
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests++
		if user, password, ok := r.BasicAuth(); !ok || user != "reports" || password != "grün" ||
			requests == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	p, err := basic.New(basic.Config{Username: core.NewSecret("reports"),
		Password: core.NewSecret("grün"), BaseURL: api.URL})
	require.NoError(t, err)
	s := core.New("reports", p, nil)
	require.NoError(t, s.Init(t.Context()))
	defer s.Close(context.Background())
	resp, err := s.Client().Get(api.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.Equal(t, 2, requests)
	require.Equal(t, map[string]string{"base_url": api.URL}, s.Status().Attributes)
}

// The settings of a config file, and what a request then carries.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		fmt.Println("the API sees:", user, password)
	}))
	defer api.Close()

	ctx := context.Background()
	provider, err := basic.Factory.Open(ctx, "",
		map[string]any{"username": "Aladdin", "password": "open sesame"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("reports", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	resp, err := s.Client().Get(api.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	// Output: the API sees: Aladdin open sesame
}
