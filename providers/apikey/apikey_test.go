package apikey_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/providers/apikey"
	"github.com/stretchr/testify/require"
)

type object = map[string]any

func TestConformance(t *testing.T) {
	for name, settings := range map[string]func(string) object{
		"header": func(s string) object {
			return object{"header": "X-API-Key", "key": s,
				"prefix": "ApiKey "}
		},
		"several": func(s string) object {
			return object{"base_url": "https://api.example.com/v1", "keys": []any{
				object{"query": "key", "key": s}, object{"cookie": "sid", "key": s + "2"},
			}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			providertest.Run(t, providertest.Fixture{
				Factory:  apikey.Factory,
				Settings: func(s providertest.Server) map[string]any { return settings(s.Secret) },
			})
		})
	}
}

func TestCheck(t *testing.T) {
	key := func(more object) object {
		out := object{"key": "hunter2"}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	for _, c := range []struct {
		name     string
		settings object
		want     string
	}{
		{"nothing", object{}, "header: missing: name a header"},
		{"no place", key(nil), "header: missing: name a header"},
		{"no key", object{"header": "X"}, "key: missing"},
		{"empty key", object{"header": "X", "key": ""}, "key: missing"},
		{"two places", key(object{"header": "X", "query": "k"}), "query: name only one"},
		{"three places", key(object{"header": "X", "cookie": "k"}), "cookie: name only one"},
		{"bad name", key(object{"header": "X Key"}), "header: is not the name of a header"},
		{"reserved name", key(object{"header": "host"}),
			"header: the header Host is not for credentials"},
		{"reserved cookies", key(object{"header": "Cookie"}),
			"header: the header Cookie is not for credentials"},
		{"bad query", key(object{"query": "a\nb"}), "query: is not the name"},
		{"bad cookie", key(object{"cookie": "a=b"}), "cookie: is not the name"},
		{"line break after", object{"header": "X", "key": "hunter2\n"},
			"key: ends in a line break: remove it"},
		{"control character", object{"header": "X", "key": "hun\x00ter2"},
			"key: has a control character"},
		{"key for no cookie", object{"cookie": "X", "key": "hun;ter2"},
			"key: has a character that a cookie cannot hold"},
		{"huge", object{"header": "X", "key": strings.Repeat("hunter2", 10<<10)},
			"key: is larger than 64 KiB"},
		{"prefix", key(object{"header": "X", "prefix": "A\nB "}), "prefix: has a control character"},
		{"prefix with space first", key(object{"header": "X", "prefix": " A"}),
			"prefix: starts with a space"},
		{"prefix of a cookie", key(object{"cookie": "X", "prefix": "A "}),
			"prefix: has a character that a cookie cannot hold"},
		{"in a list", object{"keys": []any{key(object{"header": "X"}), object{"query": "q"}}},
			"keys.1.key: missing"},
		{"in a list, unknown", object{"keys": []any{key(object{"heder": "X"})}},
			`keys.0.heder: unknown key, did you mean "header"?`},
		{"the same twice",
			object{"header": "X-Key", "key": "a", "keys": []any{key(object{"header": "x-key"})}},
			"keys.0.header: another key has this place"},
		{"base URL", key(object{"header": "X", "base_url": "api.example.com"}),
			"base_url: want the address"},
		{"all at once", object{"header": "X", "base_url": "x", "keys": []any{object{"query": "q"}}},
			"key: missing; keys.0.key: missing; base_url: want"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := apikey.Factory.Check("", c.settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
			var faults core.Faults
			require.ErrorAs(t, err, &faults)
			_, err = apikey.Factory.Open(t.Context(), "", c.settings)
			require.ErrorIs(t, err, core.CodeBadConfig)
		})
	}
}

func TestNewChecks(t *testing.T) {
	_, err := apikey.New(apikey.Config{Place: apikey.Place{Header: "X"}})
	require.EqualError(t, err, "bad config: key: missing")
}

// All keys are on a request, and the same ones after a refusal.
func TestSession(t *testing.T) {
	var seen []string
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		cookie, _ := r.Cookie("sid")
		seen = append(seen,
			fmt.Sprint(r.Header.Get("X-Api-Key"), "|", r.URL.Query().Get("key"), "|", cookie))
		if len(seen) == 1 {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	defer api.Close()
	p, err := apikey.Factory.Open(t.Context(), "", object{
		"header": "X-API-Key", "prefix": "ApiKey ", "key": "one", "base_url": api.URL + "/v1",
		"subject": "the desk",
		"keys":    []any{object{"query": "key", "key": "t&wo"}, object{"cookie": "sid", "key": "three"}},
	})
	require.NoError(t, err)
	s := core.New("prices", p, nil)
	require.NoError(t, s.Init(t.Context()))
	defer s.Close(context.Background())
	resp, err := s.Client().Get(api.URL + "/v1/latest")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, []string{"ApiKey one|t&wo|sid=three", "ApiKey one|t&wo|sid=three"}, seen)

	status := s.Status()
	require.Equal(t, "the desk", status.Subject)
	require.Equal(t, api.URL+"/v1", status.Attributes["base_url"])
	text, err := json.Marshal(status)
	require.NoError(t, err)
	require.NotContains(t, string(text), "one")
	_, err = s.Client().Get("http://127.0.0.1:1/v1")
	require.ErrorIs(t, err, core.CodeOriginRefused)
}

// The settings of a config file, and what a request then carries.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Println("the API sees:", r.Header.Get("X-Api-Key"))
	}))
	defer api.Close()

	ctx := context.Background()
	provider, err := apikey.Factory.Open(ctx, "",
		map[string]any{"header": "X-API-Key", "key": "s3cret"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("prices", provider, nil)
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
	// Output: the API sees: s3cret
}
