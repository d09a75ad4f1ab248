package core_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// An API whose paths say which status and which challenge they answer with.
func answering(t *testing.T) (*httptest.Server, *seen) {
	var got seen
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.add(r)
		status := 200
		_, _ = fmt.Sscanf(r.URL.Path, "/%d", &status)
		if c := r.Header.Get("Challenge"); c != "" {
			w.Header().Set("WWW-Authenticate", c)
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(api.Close)
	return api, &got
}

func TestWhichAnswersRefuse(t *testing.T) {
	api, got := answering(t)
	for _, tc := range []struct {
		status    int
		challenge string
		statuses  []int
		refused   bool
	}{
		{401, ``, nil, true},
		{401, `Bearer error="insufficient_scope", scope="admin"`, nil, false},
		{401, `Bearer error="insufficient_user_authentication", max_age=5`, nil, false},
		{401, `Bearer error="insufficient_claims"`, nil, false},
		{401, `Basic realm="x"`, nil, true},
		{401, `DPoP error="use_dpop_nonce"`, nil, false},
		{403, `Bearer error="invalid_token"`, nil, true},
		{400, `Bearer error="invalid_token"`, nil, true},
		{403, ``, nil, false},
		{419, ``, nil, false},
		{419, ``, []int{419, 440}, true},
		{440, ``, []int{419, 440}, true},
		{500, ``, []int{419, 440}, false},
	} {
		t.Run(fmt.Sprint(tc.status, tc.challenge, tc.statuses), func(t *testing.T) {
			p := &issuer{life: time.Hour}
			s := ready(t, p, &core.Options{RefusedStatus: tc.statuses})
			before := got.count()
			req, err := http.NewRequest(http.MethodGet, fmt.Sprintf("%s/%d", api.URL, tc.status), nil)
			require.NoError(t, err)
			req.Header.Set("Challenge", tc.challenge)
			resp, err := s.Client().Do(req)
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			require.Equal(t, tc.status, resp.StatusCode, "the answer is the caller's")
			sent := 1
			if tc.refused {
				sent = 2
			}
			require.Equal(t, before+sent, got.count())
			require.EqualValues(t, tc.refused, s.Status().Refusals > 0)
			require.EqualValues(t, sent, p.calls.Load())

			resp, err = s.Client().Get(api.URL + "/200")
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
		})
	}
}

// Reject reads a challenge as Transport does.
func TestRejectReadsTheChallenge(t *testing.T) {
	p := &issuer{life: time.Hour}
	s := ready(t, p, nil)
	c, err := s.Credential(t.Context())
	require.NoError(t, err)
	s.Reject(c, `bearer error="insufficient_scope"`)
	s.Reject(c, `DPoP error="use_dpop_nonce"`)
	again, err := s.Credential(t.Context())
	require.NoError(t, err)
	require.Equal(t, "t1", token(again))
	s.Reject(c, `Bearer error="invalid_token"`)
	again, err = s.Credential(t.Context())
	require.NoError(t, err)
	require.Equal(t, "t2", token(again))

	basic := ready(t, fixed(core.Credential{Attach: core.Attachment{
		Header: map[string]core.Secret{"X-Api-Key": core.NewSecret("k")},
	}}), nil)
	c, err = basic.Credential(t.Context())
	require.NoError(t, err)
	basic.Reject(c, `Bearer error="insufficient_scope"`)
	require.EqualValues(t, 1, basic.Status().Refusals, "no exception without a scheme")
}

func TestRefusedStatusIsChecked(t *testing.T) {
	for _, status := range []int{-1, 0, 200, 399, 600} {
		opts := &core.Options{RefusedStatus: []int{419, status}}
		require.ErrorIs(t, opts.Check(), core.CodeBadConfig, status)
		err := core.New("x", fixed(bearer("T")), opts).Init(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig, status)
		require.Equal(t, 1, strings.Count(err.Error(), core.CodeBadConfig.Error()), err)
	}
	api, _ := answering(t)
	opts := &core.Options{RefusedStatus: []int{400, 599}}
	require.NoError(t, opts.Check())
	s := ready(t, fixed(bearer("T")), opts)
	opts.RefusedStatus[0] = 404
	resp, err := s.Client().Get(api.URL + "/404")
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Zero(t, s.Status().Refusals, "options are copied")
}

// A header that the caller spelt in another case is set, and sent once.
func TestCallersHeadersInAnySpelling(t *testing.T) {
	api, got := answering(t)
	s := ready(t, fixed(everything("T")), nil)
	req, err := http.NewRequest(http.MethodGet, api.URL, nil)
	require.NoError(t, err)
	req.Header = http.Header{
		"authorization": {"Basic bWluZQ=="}, "X-CSRF": {"mine"},
		"cookie": {"B=mine"}, "COOKIE": {"C=mine"},
	}
	before := req.Header.Clone()
	resp, err := s.Client().Do(req)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, before, req.Header)
	h := got.list[0].Header
	require.Equal(t, []string{"Basic bWluZQ=="}, h["Authorization"])
	require.Equal(t, []string{"mine"}, h["X-Csrf"])
	require.Len(t, h["Cookie"], 1)
	sent := strings.Split(h["Cookie"][0], "; ")
	require.ElementsMatch(t, []string{"B=mine", "C=mine", "GSSSO=c-T"}, sent)

	own := req.Clone(t.Context())
	require.NoError(t, s.Authorize(t.Context(), own))
	key := "authorization" // not canonical
	require.Equal(t, []string{"Basic bWluZQ=="}, own.Header[key])
	require.NotContains(t, own.Header, "Authorization")

	// The exception for a challenge in the credential's own scheme is not for
	// the caller's.
	for _, name := range []string{"authorization", "Authorization"} {
		s := ready(t, fixed(everything("T")), nil)
		req.Header = http.Header{
			name: {"Bearer mine"}, "Challenge": {`Bearer error="insufficient_scope"`},
		}
		req.URL.Path = "/401"
		resp, err = s.Client().Do(req)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
		require.NotZero(t, s.Status().Refusals)
	}
}
