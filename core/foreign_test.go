package core_test

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// What a provider names beyond the session's own origins is cut off and said.
func TestForeignOrigins(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer elsewhere.Close()
	p := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		return core.Credential{
			Attach:  core.Attachment{Header: map[string]core.Secret{"A": core.NewSecret("secret-b")}},
			Origins: []string{"https://api.example.com/", elsewhere.URL},
		}, nil
	})
	var log bytes.Buffer
	s := core.New(
		"x",
		p,
		&core.Options{Origins: []string{"https://API.example.com"}, Logger: slog.New(slog.NewTextHandler(&log, nil))},
	)
	require.NoError(t, s.Init(t.Context()))
	_, err := s.Client().Get(elsewhere.URL)
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.Contains(t, log.String(), "cut off origins")
	require.Contains(t, log.String(), "["+elsewhere.URL+"]")
	require.NotContains(t, log.String(), "secret-b")
}
