package gs_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
	"github.com/stretchr/testify/require"
)

// The faults of GsSession that make us differ from the recording, and the one
// thing that its documentation promises and its handshakes lack.
const (
	staleAuthorization = "The token request after a 401 carries the stale Authorization; strict " +
		"servers refuse it."
	noRetries = "The REST layer retries some endpoints and reads no Retry-After. Ours: one " +
		"retry rule for idempotent calls, Retry-After honoured, bounded, off by option."
	bodyInErrors = "Errors carry the response body, whatever it holds."
	oneRequest   = "One 503 of the token endpoint fails the login. Ours: a login that spends " +
		"nothing is sent once more."
	afterClose     = "A call after close, or before init, fails with an attribute error of None."
	headersOnEvery = "Headers on every request: Authorization, X-Application, X-Version. The " +
		"recorded handshake has the first only."
)

// step is our side of one recorded step.
type step struct {
	do func(w *world) (any, error)
	// differs maps each difference from the recording to the fault behind it.
	differs map[string]string
	hosts   hosts // zero: those of an API of one's own
}

const apiURL, authURL = "https://api.recorder.test", "https://auth.recorder.test/as/token.oauth2"

var own = hosts{auth: "auth.recorder.test", api: "api.recorder.test"}

// world is what the steps of a scenario share.
type world struct {
	ctx      context.Context
	net      *network
	sessions []*gs.Session
}

// TestReplay plays every recorded scenario, request by request, over TLS
// through real clients and servers. A difference that no fault explains fails
// the test, and so does an explanation without a difference.
func TestReplay(t *testing.T) {
	played := 0
	for _, sc := range scenarios(t) {
		steps := replays[sc.Name]
		require.Len(t, steps, len(sc.Steps), "scenario %q", sc.Name)
		played++
		t.Run(sc.Name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { replay(t, sc, steps) })
		})
	}
	require.Equal(t, len(replays), played)
}

func replay(t *testing.T, sc scenario, steps []step) {
	rec := &recorder{}
	w := &world{ctx: t.Context(), net: newNetwork(t, rec)}
	defer func() {
		gs.SetCurrent(nil)
		for _, s := range w.sessions {
			require.NoError(t, s.Close(context.Background()))
		}
	}()
	for i, want := range sc.Steps {
		ours := steps[i]
		if ours.hosts == (hosts{}) {
			ours.hosts = own
		}
		rec.script(want.Exchanges)
		result, err := ours.do(w)
		diffs := rec.requests(t, want.Exchanges, ours.hosts)
		switch {
		case want.Raises == nil && err != nil:
			diffs = append(diffs, "error "+err.Error())
		case want.Raises == nil:
			if !sameResult(result, want.Result) {
				diffs = append(diffs, "another result")
			}
		default:
			diffs = append(diffs,
				errorDiffs(err, want.Raises.Type, want.Raises.Status, want.Raises.Message,
					want.Raises.Context)...)
		}
		for _, d := range diffs {
			require.NotEmpty(t, ours.differs[d], "step %d, %s: %s", i+1, want.Call, d)
		}
		for d := range ours.differs {
			require.Contains(t, diffs, d, "step %d, %s", i+1, want.Call)
		}
	}
}

// sameResult compares JSON. A raw response without a body is nothing here.
func sameResult(got, want any) bool {
	if text, ok := want.(string); ok && strings.HasPrefix(text, "{'raw'") {
		want = nil
	}
	text, err := json.Marshal(got)
	if err != nil {
		return false
	}
	var back any
	return json.Unmarshal(text, &back) == nil && reflect.DeepEqual(back, want)
}

// errorDiffs compares an error with a recorded exception.
func errorDiffs(err error, kind string, status int, message, where string) (diffs []string) {
	kinds := map[string]error{
		"MqRequestError": gs.RequestFailed, "MqAuthorizationError": gs.NotAuthorized,
		"MqRateLimitedError":    gs.RateLimited,
		"MqInternalServerError": gs.ServerFailed, "MqTimeoutError": gs.TimedOut,
		"MqUninitialisedError": core.CodeBadConfig, "MqError": core.CodeBadConfig,
		"KeyError": core.CodeUnavailable, "JSONDecodeError": core.CodeUnavailable, // a token answer that is none
	}
	var api *gs.APIError
	switch {
	case kind == "MqAuthenticationError": // of the token endpoint
		if !errors.Is(err, core.CodeDenied) && !errors.Is(err, core.CodeUnavailable) {
			diffs = append(diffs, "the error's code is "+core.CodeOf(err).Error())
		}
		if err == nil || !strings.Contains(err.Error(), message) {
			diffs = append(diffs, "the error has no body")
		}
	case kinds[kind] == nil:
		diffs = append(diffs, kind+" is "+core.CodeOf(err).Error())
	case !errors.Is(err, kinds[kind]):
		diffs = append(diffs, kind+" is another error: "+err.Error())
	case errors.As(err, &api):
		reason := http.StatusText(api.Status)
		message = strings.TrimPrefix(strings.TrimPrefix(message, reason), ": ")
		id := api.RequestID
		if id == "" {
			id = "None"
		}
		ours := id + ": " + api.Method + " " + api.URL
		where = strings.ReplaceAll(where, "http://127.0.0.1:18081", apiURL)
		if api.Status != status || api.Message != message || ours != where {
			diffs = append(diffs, "the error says: "+err.Error())
		}
	}
	return diffs
}

// config fills in what all steps have in common: the names that the recorded
// client used, and the servers of the recording.
func (w *world) config(c gs.Config) gs.Config {
	if c.Application == "" {
		c.Application = "gs-quant"
	}
	c.Version, c.CA, c.Activities = "2.0.10", w.net.roots, c.Token.IsZero()
	return c
}

func (w *world) api(c gs.Config) gs.Config {
	c.APIURL, c.TokenURL = apiURL, authURL
	return w.config(c)
}

func (w *world) client(id, secret string) gs.Config {
	return w.api(gs.Config{ClientID: id, ClientSecret: core.NewSecret(secret)})
}

func (w *world) get(env core.Environment, c gs.Config) (*gs.Session, error) {
	s, err := gs.Get(env, c, nil)
	if err == nil {
		w.sessions = append(w.sessions, s)
	}
	return s, err
}

func (w *world) use(env core.Environment, c gs.Config) (any, error) {
	s, err := gs.Use(w.ctx, env, c, nil)
	if err == nil {
		w.sessions = append(w.sessions, s)
	}
	return nil, err
}

// current calls fn with the process's session and returns what it read.
func (w *world) current(fn func(s *gs.Session, out *any) error) (any, error) {
	s, err := gs.Current(w.ctx)
	if err != nil {
		return nil, err
	}
	var out any
	err = fn(s, &out)
	return out, err
}

// Every fault that is named above must still be one of the steps'.
func TestReplayFaultsAreUsed(t *testing.T) {
	var used []string
	for _, steps := range replays {
		for _, s := range steps {
			for _, fault := range s.differs {
				used = append(used, fault)
			}
		}
	}
	for _, fault := range []string{staleAuthorization, noRetries, bodyInErrors, oneRequest, afterClose,
		headersOnEvery} {
		require.True(t, slices.Contains(used, fault), fault)
	}
}
