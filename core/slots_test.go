package core_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// slotSession returns a session of a kind whose requests are answered with its
// name. Its origin is https://<origin>.example; empty: it has none.
func slotSession(name, kind string, facade bool, origin string) *core.Session {
	opts := &core.Options{Kind: kind, Lazy: true, Facade: func() bool { return facade }}
	if origin != "" {
		opts.Origins = []string{"https://" + origin + ".example"}
	}
	opts.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
		header := http.Header{"X-Session": {origin}}
		return &http.Response{StatusCode: 200, Header: header, Body: http.NoBody, Request: r}, nil
	})
	return core.New(name, fixed(bearer(name)), opts)
}

// slotWorld has a scope and sessions by the text that a step names them by.
type slotWorld struct {
	core.Scope
	sessions map[string]*core.Session
	ctx      context.Context
}

func newSlotWorld(t *testing.T) *slotWorld {
	return &slotWorld{ctx: t.Context(), sessions: map[string]*core.Session{
		"nil":     nil,
		"prod":    slotSession("gs-prod", "gs", true, "prod"),
		"qa":      slotSession("gs-qa", "gs", true, "qa"),
		"prices":  slotSession("prices", "apikey", false, "prices"),
		"prices2": slotSession("prices", "apikey", false, "prices2"), // of the same name
		"quotes":  slotSession("quotes", "apikey", false, "quotes"),
		"gs":      slotSession("gs", "apikey", false, "gs"), // named like a kind
		"anyhost": slotSession("anyhost", "apikey", false, ""),
	}}
}

func (w *slotWorld) name(s *core.Session) string {
	for name, other := range w.sessions {
		if s == other {
			return name
		}
	}
	return "unknown"
}

// run does one step, and returns what it returned.
func (w *slotWorld) run(step string) string {
	words := strings.Fields(step)
	s := w.sessions[words[len(words)-1]]
	switch words[0] {
	case "set":
		return w.name(w.SetCurrent(s))
	case "setof":
		return w.name(w.SetCurrentOf(words[1], s))
	case "remove":
		return fmt.Sprint(w.RemoveCurrent(s))
	case "use":
		return fmt.Sprint(core.CodeOf(w.Use(w.ctx, s)))
	case "with":
		var list []*core.Session
		for _, name := range words[1:] {
			list = append(list, w.sessions[name])
		}
		w.ctx = w.With(w.ctx, list...)
	}
	return ""
}

// current returns Current and CurrentOf("gs").
func (w *slotWorld) current() string {
	s, _ := w.Current(w.ctx)
	of, _ := w.CurrentOf(w.ctx, "gs")
	return w.name(s) + " " + w.name(of)
}

// carried returns the origins whose requests are sent.
func (w *slotWorld) carried(t *testing.T) string {
	var out []string
	for _, host := range []string{"prod", "qa", "prices", "prices2", "quotes", "gs"} {
		req, err := http.NewRequestWithContext(w.ctx, http.MethodGet, "https://"+host+".example/", nil)
		require.NoError(t, err)
		resp, err := w.Client().Do(req)
		if err != nil {
			require.Contains(t, []core.Code{core.CodeOriginRefused, core.CodeNotInitialized}, core.CodeOf(err))
			continue
		}
		if by := resp.Header.Get("X-Session"); by != host {
			host += " by " + by
		}
		out = append(out, host)
	}
	return strings.Join(out, ", ")
}

// TestSlots has the combinations of kinds, names, With, Do, Use and nil; the page
// on sessions and scopes has the same table.
func TestSlots(t *testing.T) {
	for _, c := range []struct {
		name    string
		steps   string
		returns string // of the last step
		current string // Current and CurrentOf("gs")
		carried string
	}{
		{"nothing", "", "", "nil nil", ""},
		{"a kind without a facade", "set prices", "nil", "prices nil", "prices"},
		{"two names of a kind without a facade", "set prices; set quotes", "nil", "quotes nil", "prices, quotes"},
		{"a name twice", "set prices; set prices2", "prices", "prices2 nil", "prices2"},
		{"two names of a kind with a facade", "set prod; set qa", "prod", "qa qa", "qa"},
		{"both sorts", "set prod; set prices", "nil", "prices prod", "prod, prices"},
		{"both sorts, with the facade last", "set prices; set prod", "nil", "prod prod", "prod, prices"},
		{"the same session again", "set prod; set prices; set prod", "prod", "prod prod", "prod, prices"},
		{"a name like a kind", "set prod; set gs", "nil", "gs prod", "prod, gs"},
		{"use", "use prod; use prices", "unknown", "prices prod", "prod, prices"},
		{"use of nil", "use prod; use nil", "bad config", "prod prod", "prod"},
		{"nil empties all slots", "set prod; set prices; set quotes; set nil", "quotes", "nil nil", ""},
		{"nil in empty slots", "set nil", "nil", "nil nil", ""},
		{"the facade's nil", "set prod; set prices; setof gs nil", "prod", "prices nil", "prices"},
		{"the facade's nil in an empty slot", "set prices; setof gs nil", "nil",
			"prices nil", "prices"},
		{"the facade sets", "set prod; set prices; setof gs qa", "prod", "qa qa", "qa, prices"},
		{"the facade sets a session of another kind", "setof gs prices", "nil",
			"prices prices", "prices"},
		{"a session has one slot", "set prices; setof gs prices; setof gs nil", "prices", "nil nil", ""},
		{"one slot is emptied", "set prod; set prices; set quotes; remove prices", "true",
			"quotes prod", "prod, quotes"},
		{"the last one is removed", "set prod; set prices; remove prices", "true", "prod prod", "prod"},
		{"one in no slot is removed", "set prod; remove qa", "false", "prod prod", "prod"},
		{"nil is removed", "set prod; remove nil", "false", "prod prod", "prod"},
		{"without origins, set last", "set prod; set anyhost", "nil", "anyhost prod",
			"prod by , qa by , prices by , prices2 by , quotes by , gs by "},
		{"without origins, set first", "set anyhost; set prod", "nil", "prod prod",
			"prod, qa by , prices by , prices2 by , quotes by , gs by "},
		{"a block", "set prod; with quotes", "", "quotes prod", "prod, quotes"},
		{"a block of nil", "set prod; with nil", "", "prod prod", "prod"},
		{"a block of the facade", "set prod; with qa", "", "qa qa", "prod, qa"},
		{"a block in a block of the facade", "set prod; with qa; with prices", "",
			"prices qa", "prod, qa, prices"},
		{"a block with two", "with prices qa", "", "prices qa", "qa, prices"},
		{"set in a block", "with prices; set prod; set quotes", "nil",
			"prices prod", "prod, prices, quotes"},
		{"the facade sets in a block of its kind", "with qa; setof gs prod", "nil", "qa qa", "prod, qa"},
		{"nil in a block", "set prod; with prices; set nil", "prod", "prices nil", "prices"},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newSlotWorld(t)
			returned := ""
			for _, step := range strings.Split(c.steps, "; ") {
				if step != "" {
					returned = w.run(step)
				}
			}
			require.Equal(t, c.returns, returned)
			require.Equal(t, c.current, w.current())
			require.Equal(t, c.carried, w.carried(t))
		})
	}
}

// TestSlotsOfDo proves that Do is With, and that a nil session
// is an error before the function runs.
func TestSlotsOfDo(t *testing.T) {
	w := newSlotWorld(t)
	w.run("use prod")
	err := w.Do(w.ctx, w.sessions["prices"], func(ctx context.Context) error {
		in := &slotWorld{sessions: w.sessions, ctx: ctx}
		s, err := w.Current(ctx)
		require.NoError(t, err)
		require.Equal(t, "prices", in.name(s))
		s, err = w.CurrentOf(ctx, "gs")
		require.NoError(t, err)
		require.Equal(t, "prod", in.name(s))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, "prod prod", w.current())
	ran := func(context.Context) error { t.Error("ran"); return nil }
	require.ErrorIs(t, w.Do(w.ctx, nil, ran), core.CodeBadConfig)
	require.ErrorIs(t, w.Use(w.ctx, nil), core.CodeBadConfig)
	require.ErrorIs(t, w.Use(w.ctx, new(core.Session)), core.CodeBadConfig)
}

// TestSlotIsDecidedOnce proves that a session stays in its slot when its kind
// turns out to have a facade.
func TestSlotIsDecidedOnce(t *testing.T) {
	var c core.Scope
	described := false
	made := func(name string) *core.Session {
		return core.New(name, fixed(bearer(name)), &core.Options{
			Kind: "ticket", Facade: func() bool { return described },
		})
	}
	a, b, d := made("a"), made("b"), made("d")
	c.SetCurrent(a)
	of := func() *core.Session {
		s, err := c.CurrentOf(t.Context(), "ticket")
		require.NoError(t, err)
		return s
	}
	require.Same(t, a, of(), "the facade finds it all the same")
	described = true
	require.Nil(t, c.SetCurrent(b), "a is in the slot of its name")
	require.Same(t, b, of())
	require.Same(t, a, c.SetCurrent(a), "and stays there")
	require.Same(t, b, of())
	require.Same(t, b, c.SetCurrent(d), "the slot of the kind")
	require.Same(t, d, c.SetCurrentOf("ticket", nil))
	_, err := c.CurrentOf(t.Context(), "ticket")
	require.ErrorIs(t, err, core.CodeNotInitialized)
	require.Nil(t, c.SetCurrent(nil), "the facade's nil has emptied both")
}

// TestSlotsAtOnce proves that no change is lost if many set slots at once.
func TestSlotsAtOnce(t *testing.T) {
	var c core.Scope
	var wg sync.WaitGroup
	sessions := make([]*core.Session, 50)
	for i := range sessions {
		sessions[i] = slotSession(fmt.Sprint("s", i), "k", false, fmt.Sprint("o", i))
		wg.Go(func() {
			for range 20 {
				c.SetCurrent(sessions[i])
				require.True(t, c.RemoveCurrent(sessions[i]))
				c.SetCurrent(sessions[i])
				_, err := c.Current(t.Context())
				require.NoError(t, err)
			}
		})
	}
	wg.Wait()
	for _, s := range sessions {
		require.True(t, c.RemoveCurrent(s))
	}
	require.Nil(t, c.SetCurrent(nil))
}

// TestScopeErrorIsShort proves that an error does not list hundreds of sessions.
func TestScopeErrorIsShort(t *testing.T) {
	var c core.Scope
	for i := range 100 {
		c.SetCurrent(slotSession(fmt.Sprint("s", i), "k", false, fmt.Sprint("o", i)))
	}
	_, err := c.Client().Get("https://elsewhere.example/")
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.ErrorContains(t, err, `"s99", "s98"`)
	require.ErrorContains(t, err, "and 90 more")
	require.NotContains(t, err.Error(), `"s89"`)
}
