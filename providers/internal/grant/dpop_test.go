package grant_test

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/authsession/authsession/providers/internal/grant"
	"github.com/stretchr/testify/require"
)

// proving makes c prove, and returns what its server sees of each request:
// whether there was a proof, and which assertion.
func proving(t *testing.T, h http.HandlerFunc) (*grant.Client, *[]string) {
	t.Helper()
	var seen []string
	c := serve(t, func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen,
			fmt.Sprintf("%s %d", r.FormValue("client_assertion"),
				len(strings.Split(r.Header.Get("DPoP"), "."))))
		h(w, r)
	})
	key, err := dpop.NewKey("")
	require.NoError(t, err)
	c.Prover = dpop.Prover{Key: key, Nonce: new(dpop.Nonce)}
	made := 0
	c.Auth = func(r *grant.AuthRequest) error {
		made++
		r.Form.Set("client_assertion", "assertion-"+strconv.Itoa(made))
		return nil
	}
	return c, &seen
}

func TestServerNonce(t *testing.T) {
	const doc = "application/json"
	refused := reply(400, doc, `{"error":"use_dpop_nonce"}`)
	good := reply(200, doc, `{"access_token":"a","token_type":"DPoP"}`)

	t.Run("repeated once, with another assertion and proof", func(t *testing.T) {
		c, seen := proving(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", "n")
			if r.FormValue("client_assertion") == "assertion-1" {
				refused(w, r)
				return
			}
			good(w, r)
		})
		token, err := c.ClientCredentials(t.Context())
		require.NoError(t, err)
		require.Equal(t, "DPoP a", token.Header().Reveal())
		require.Equal(t, []string{"assertion-1 3", "assertion-2 3"}, *seen)
	})
	t.Run("refused again", func(t *testing.T) {
		c, seen := proving(t, refused)
		_, err := c.ClientCredentials(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.True(t, grant.ErrorCode(err, "use_dpop_nonce"))
		require.ErrorContains(t, err, "also of the proof with the nonce")
		require.Len(t, *seen, 2)
	})
	t.Run("without a proof", func(t *testing.T) {
		c, seen := proving(t, refused)
		c.Prover = nil
		_, err := c.ClientCredentials(t.Context())
		require.ErrorIs(t, err, core.CodeUnavailable)
		require.Equal(t, []string{"assertion-1 1"}, *seen)
	})
	t.Run("elsewhere no proof, but its nonces are learned", func(t *testing.T) {
		c, seen := proving(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("DPoP-Nonce", "of-another-endpoint")
			reply(200, doc, `{}`)(w, r)
		})
		_, err := c.Post(t.Context(), c.TokenURL, nil)
		require.NoError(t, err)
		require.Equal(t, []string{"assertion-1 1"}, *seen)
		require.Equal(t, "of-another-endpoint", c.Prover.(dpop.Prover).Nonce.Latest())
	})
}

// TestRepeatedRequest checks that a request which spends nothing is sent once
// more, with another assertion and another proof, and no other.
func TestRepeatedRequest(t *testing.T) {
	busy := reply(503, "text/plain", "")
	good := reply(200, "application/json", `{"access_token":"a","token_type":"DPoP"}`)
	ask := func(c *grant.Client) error { _, err := c.ClientCredentials(t.Context()); return err }
	refresh := func(c *grant.Client) error {
		_, err := c.Refresh(t.Context(),
			core.NewSecret("r"))
		return err
	}
	for name, tc := range map[string]struct {
		mayRetry, well bool
		ask            func(*grant.Client) error
		seen           []string
	}{
		"client credentials": {true, true, ask,
			[]string{"assertion-1 3", "assertion-2 3"}},
		"client credentials after a failure":  {false, false, ask, []string{"assertion-1 3"}},
		"a refresh token is good for one use": {true, false, refresh, []string{"assertion-1 3"}},
	} {
		t.Run(name, func(t *testing.T) {
			proofs := map[string]bool{}
			c, seen := proving(t, func(w http.ResponseWriter, r *http.Request) {
				proofs[r.Header.Get("DPoP")] = true
				if r.FormValue("client_assertion") == "assertion-1" {
					busy(w, r)
					return
				}
				good(w, r)
			})
			c.MayRetry = tc.mayRetry
			err := tc.ask(c)
			require.Equal(t, tc.seen, *seen)
			require.Len(t, proofs, len(tc.seen))
			if tc.well {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, core.CodeUnavailable)
			}
		})
	}
}

// TestDowngrade checks that a token which is not bound is not taken for one
// that is, and the other way round.
func TestDowngrade(t *testing.T) {
	for _, kind := range []string{`"Bearer"`, `"bearer"`, `""`, `null`} {
		c, _ := proving(t, reply(200, "application/json", `{"access_token":"a","token_type":`+kind+`}`))
		_, err := c.ClientCredentials(t.Context())
		require.ErrorIs(t, err, core.CodeBadConfig)
		require.ErrorContains(t, err, "although a DPoP proof was sent")
	}
	c, _ := proving(t, reply(200, "application/json", `{"access_token":"a","token_type":"dpop"}`))
	token, err := c.ClientCredentials(t.Context())
	require.NoError(t, err)
	require.Equal(t, "DPoP", token.Type)
}

func TestClock(t *testing.T) {
	for name, tt := range map[string]struct {
		date func() string
		want string
		not  string
	}{
		"ten minutes behind": {
			func() string { return time.Now().Add(10 * time.Minute).UTC().Format(http.TimeFormat) },
			"behind the server's", ""},
		"ten minutes ahead": {
			func() string { return time.Now().Add(-10 * time.Minute).UTC().Format(http.TimeFormat) },
			"ahead of the server's", ""},
		"right": {func() string { return time.Now().UTC().Format(http.TimeFormat) },
			"invalid_dpop_proof", "clock"},
		"nonsense": {func() string { return "soon" }, "is this machine's clock right?", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c, _ := proving(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Date", tt.date())
				reply(400, "application/json", `{"error":"invalid_dpop_proof","error_description":"iat"}`)(w, r)
			})
			_, err := c.ClientCredentials(t.Context())
			require.ErrorIs(t, err, core.CodeBadConfig)
			require.True(t, grant.ErrorCode(err, "invalid_dpop_proof"))
			require.ErrorContains(t, err, tt.want)
			if tt.not != "" {
				require.NotContains(t, err.Error(), tt.not)
			} else if strings.Contains(tt.want, "server's") {
				require.Regexp(t, `(9m5\ds|10m0s|10m1s) `, err.Error())
			}
		})
	}
}
