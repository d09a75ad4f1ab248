package gs_test

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/gs"
)

var (
	retried = map[string]string{"+3 requests": noRetries}
	noBody  = map[string]string{"the error has no body": bodyInErrors}
	busy    = map[string]string{"the error has no body": bodyInErrors, "+1 requests": oneRequest}
	renewed = map[string]string{
		`request 2: Authorization is "", recorded "Bearer tok-1"`: staleAuthorization}
)

// replays has our side of each scenario, step by step, in the order of the
// recording.
var replays = map[string][]step{
	"client_credentials_full": {
		{do: useFull},
		{do: get("/users/self", nil)},
		{do: get("/assets",
			&gs.Call{Payload: map[string]any{"name": "A B", "limit": 2, "id": []string{"x", "y"}}})},
		{do: get("/x", &gs.Call{Header: http.Header{"X-Extra": {"1"}}, NoVersion: true})},
		{do: func(w *world) (any, error) {
			var id string
			out, err := get("/users/self", &gs.Call{RequestID: &id})(w)
			return []any{out, id}, err
		}},
		{do: get("/users/self", &gs.Call{Domain: apiURL + "/other"})},
		{do: post("/risk/calculate", struct {
			A int    `json:"a"`
			D string `json:"d"`
		}{1, "2026-01-02"}, nil)},
		{do: post("/empty", nil, nil)},
		{do: post("/raw", []byte("bytes-payload"),
			&gs.Call{Header: http.Header{"content-type": {"application/octet-stream"}}})},
		{do: post("/mp", map[string]any{"a": []int{1, 2}}, &gs.Call{MsgPack: true})},
		{do: func(w *world) (any, error) {
			return w.current(func(s *gs.Session, out *any) error {
				return s.Put(w.ctx, "/assets/1", map[string]int{"b": 2}, out, nil)
			})
		}},
		{do: del("/assets/1", nil)},
		{do: del("/assets", &gs.Call{Payload: map[string]any{"ids": []int{1}}, InBody: true})},
		{do: func(w *world) (any, error) {
			return w.current(func(s *gs.Session, _ *any) error { return s.Close(w.ctx) })
		}},
		{do: get("/users/self", nil), differs: map[string]string{"AttributeError is closed": afterClose}},
	},
	"expired_401_then_reauth_get": {
		{do: useFull},
		{do: get("/users/self", nil), differs: renewed},
		{do: get("/users/self", nil)},
	},
	"expired_401_then_reauth_post": {
		{do: useFull},
		{do: post("/risk/calculate", map[string]int{"a": 1}, nil), differs: renewed},
	},
	"double_401": {
		{do: useFull},
		{do: get("/users/self", nil), differs: renewed},
	},
	"token_endpoint_errors": {
		{do: useID1, differs: noBody}, {do: useID1, differs: noBody}, {do: useID1, differs: noBody},
		{do: useID1, differs: noBody}, {do: useID1, differs: noBody}, {do: useID1, differs: busy},
		{do: useID1}, {do: useID1},
	},
	"api_errors": {
		{do: useFull},
		{do: get("/users/self", nil)},
		{do: get("/users/self", nil)},
		{do: get("/users/self", nil), differs: retried},
		{do: get("/users/self", nil), differs: retried},
		{do: get("/users/self", nil), differs: retried},
		{do: get("/users/self", nil), differs: retried},
		{do: get("/users/self", nil), differs: retried},
		{do: get("/users/self", nil)},
	},
	"scoped_with": {
		{do: scoped},
		{do: nested},
		{do: func(w *world) (any, error) {
			s, err := w.get(gs.Dev, w.client("id-1", "sec"))
			return nil, errors.Join(err, w.within(s, "/one"), w.within(s, "/two"))
		}},
		{do: func(w *world) (any, error) {
			s, err := w.get(gs.Dev, w.client("id-1", "sec"))
			err = errors.Join(err, s.Init(w.ctx), w.within(s, "/one"))
			return map[string]any{"still_open": s.Core().Status().State.Ready()}, err
		}},
	},
	"pass_through_token": {
		{do: passThrough("my.jwt.token", apiURL)},
		{do: passThrough("stale", apiURL)},
		{do: passThrough("my.jwt.token", ""), hosts: hosts{api: "api.marquee-dev-ext.web.gs.com"}},
	},
	"environments_scopes_application": {
		{do: func(w *world) (any, error) {
			return w.use(gs.Prod, w.config(gs.Config{ClientID: "id-1", ClientSecret: core.NewSecret("sec")}))
		}, hosts: hosts{auth: "idfs.gs.com", api: "api.gs.com"}},
		{do: get("/users/self", nil), hosts: hosts{api: "api.gs.com"}},
		{do: func(w *world) (any, error) {
			return w.use(gs.Dev,
				w.config(gs.Config{ClientID: "id-1", ClientSecret: core.NewSecret("sec"), Domain: gs.MDSEast}))
		}, hosts: hosts{auth: "idfs-dev.nimbus.gs.com:9031"}},
		{do: get("/users/self", nil), hosts: hosts{api: "dev.us-east.data.gsapis.com"}},
		{do: func(w *world) (any, error) {
			c := w.client("id-1", "sec")
			c.Scopes, c.Application, c.APIVersion = []string{gs.RunAnalytics, gs.ModifyContent}, "my-app",
				"v2"
			return w.use(gs.Dev, c)
		}},
		{do: get("/users/self", nil)},
		{do: func(w *world) (any, error) {
			c := w.client("id-1", "sec")
			c.Scopes = []string{gs.ReadContent}
			return w.use(gs.Dev, c)
		}},
		{do: func(w *world) (any, error) { return w.use(gs.Dev, w.api(gs.Config{})) }},
		{do: func(w *world) (any, error) {
			c := w.client("id-1", "sec")
			c.Domain = "None"
			return w.use(gs.Dev, c)
		}},
	},
	"websocket": {
		{do: useID1},
		{do: handshake, differs: map[string]string{
			`request 1: X-Application is "gs-quant", recorded none`: headersOnEvery,
			`request 1: X-Version is "2.0.10", recorded none`:       headersOnEvery,
		}},
	},
}

func useFull(w *world) (any, error) { return w.use(gs.Dev, w.client("id-1", "s+e c/r&t=é")) }
func useID1(w *world) (any, error)  { return w.use(gs.Dev, w.client("id-1", "sec")) }

func get(path string, call *gs.Call) func(*world) (any, error) {
	return func(w *world) (any, error) {
		return w.current(func(s *gs.Session, out *any) error { return s.Get(w.ctx, path, out, call) })
	}
}

func post(path string, payload any, call *gs.Call) func(*world) (any, error) {
	return func(w *world) (any, error) {
		return w.current(func(s *gs.Session,
			out *any) error {
			return s.Post(w.ctx, path, payload, out, call)
		})
	}
}

func del(path string, call *gs.Call) func(*world) (any, error) {
	return func(w *world) (any, error) {
		return w.current(func(s *gs.Session, out *any) error { return s.Delete(w.ctx, path, out, call) })
	}
}

// within calls path with the current session of a block of s.
func (w *world) within(s *gs.Session, path string) error {
	return gs.Do(w.ctx, s, func(ctx context.Context) error {
		inner, err := gs.Current(ctx)
		if err != nil {
			return err
		}
		return inner.Get(ctx, path, nil, nil)
	})
}

func scoped(w *world) (any, error) {
	s, err := w.get(gs.Dev, w.client("id-1", "sec"))
	if err != nil {
		return nil, err
	}
	result := map[string]any{}
	err = gs.Do(w.ctx, s, func(ctx context.Context) error {
		var out any
		inner, err := gs.Current(ctx)
		result["is_current_inside"] = err == nil && inner.Core() == s.Core()
		err = s.Get(ctx, "/in-scope", &out, nil)
		result["got"] = out
		return err
	})
	result["session_after_exit"] = s.Core().Status().State == core.StateClosed
	return result, err
}

func nested(w *world) (any, error) {
	if _, err := w.use(gs.Dev, w.client("outer", "sec")); err != nil {
		return nil, err
	}
	outer, err := gs.Current(w.ctx)
	if err != nil {
		return nil, err
	}
	inner, err := w.get(gs.Dev, w.client("inner", "sec"))
	err = errors.Join(err, outer.Get(w.ctx, "/outer-1", nil, nil), w.within(inner, "/inner"))
	after, e := gs.Current(w.ctx)
	var out any
	err = errors.Join(err, e, after.Get(w.ctx, "/outer-2", &out, nil))
	return map[string]any{"restored": after.Core() == outer.Core(), "got": out}, err
}

func passThrough(token, api string) func(*world) (any, error) {
	return func(w *world) (any, error) {
		c := w.config(gs.Config{Token: core.NewSecret(token)})
		c.APIURL = api
		s, err := w.get(gs.Dev, c)
		if err != nil {
			return nil, err
		}
		var out any
		err = gs.Do(w.ctx, s,
			func(ctx context.Context) error { return s.Get(ctx, "/users/self", &out, nil) })
		return out, err
	}
}

// handshake upgrades a connection as a WebSocket library would.
func handshake(w *world) (any, error) {
	s, err := gs.Current(w.ctx)
	if err != nil {
		return nil, err
	}
	target, header, err := s.WebSocket(w.ctx, "/websocket",
		&gs.Call{Header: http.Header{"X-WS": {"1"}}})
	if err != nil {
		return nil, err
	}
	if !strings.HasPrefix(target, "wss://") {
		return nil, errors.New("the target is " + target)
	}
	r, err := http.NewRequestWithContext(w.ctx, http.MethodGet,
		"https"+strings.TrimPrefix(target, "wss"), nil)
	if err != nil {
		return nil, err
	}
	r.Header = header
	r.Header.Set("Connection", "Upgrade")
	r.Header.Set("Upgrade", "websocket")
	base := http.DefaultTransport.(*http.Transport).Clone()
	base.TLSClientConfig = s.Core().TLSConfig(nil)
	resp, err := base.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusSwitchingProtocols {
		return nil, errors.New(resp.Status)
	}
	return "ConnectionClosedOK", nil
}
