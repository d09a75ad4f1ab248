package core

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

type fakeAPI func(r *http.Request) *http.Response

func (f fakeAPI) RoundTrip(r *http.Request) (*http.Response, error) { return f(r), nil }

// What the API accepted is known of the credential, whatever else it refused.
func TestAcceptedCredentials(t *testing.T) {
	for status, accepted := range map[int]bool{
		199: false, 200: true, 204: true, 299: true, 302: false, 401: false, 404: false, 500: false,
	} {
		opts := &Options{NoReplay: true, Transport: fakeAPI(func(r *http.Request) *http.Response {
			return &http.Response{StatusCode: status, Body: http.NoBody, Request: r}
		})}
		s := New("x", ProviderFunc(func(context.Context, Request) (Credential, error) {
			h := map[string]Secret{"Authorization": NewSecret("Bearer t")}
			return Credential{Attach: Attachment{Header: h}}, nil
		}), opts)
		require.NoError(t, s.Init(t.Context()))
		l := s.published.Load()
		get := func(authorization string) {
			r, err := http.NewRequest(http.MethodGet, "https://api.example.com/", nil)
			require.NoError(t, err)
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			_, err = s.Transport(nil).RoundTrip(r)
			require.NoError(t, err)
		}
		get("Basic of-the-caller")
		require.False(t, l.acceptedByAPI.Load(), "the request carried nothing of the session's")
		get("")
		require.Equal(t, accepted, l.acceptedByAPI.Load(), status)
	}
}
