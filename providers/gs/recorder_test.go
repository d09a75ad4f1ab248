package gs_test

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// scenario is a part of testdata/gs-wire.json: what GsSession was told, what it
// sent, and what the servers answered.
type scenario struct {
	Name  string
	Steps []struct {
		Call   string
		Result any
		Raises *struct {
			Type, Message, Context string
			Status                 int
		}
		Exchanges []exchange
	}
}

type exchange struct {
	Request  message
	Response message
}

type message struct {
	Server, Method, Target string
	Status                 int
	Headers                [][2]string
	Body                   string
	BodyBase64             string `json:"body_base64"`
}

func (m message) body(t *testing.T) []byte {
	if m.BodyBase64 == "" {
		return []byte(m.Body)
	}
	raw, err := base64.StdEncoding.DecodeString(m.BodyBase64)
	require.NoError(t, err)
	return raw
}

func scenarios(t *testing.T) []scenario {
	text, err := os.ReadFile("testdata/gs-wire.json")
	require.NoError(t, err)
	var doc struct{ Scenarios []scenario }
	require.NoError(t, json.Unmarshal(text, &doc))
	return doc.Scenarios
}

// seen is a request that arrived.
type seen struct {
	method, host, target string
	header               http.Header
	body                 []byte
}

// recorder answers as the recorded servers did, in their order; when the
// recording ends, the last answer stays.
type recorder struct {
	mu      sync.Mutex
	answers []message
	got     []seen
}

func (r *recorder) script(exchanges []exchange) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answers, r.got = nil, nil
	for _, e := range exchanges {
		r.answers = append(r.answers, e.Response)
	}
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	n := len(r.got)
	r.got = append(r.got, seen{req.Method, req.Host, req.RequestURI, req.Header.Clone(), body})
	answers := r.answers
	r.mu.Unlock()
	if len(answers) == 0 {
		http.Error(w, "no request was recorded here", http.StatusTeapot)
		return
	}
	m := answers[min(n, len(answers)-1)]
	if m.Status == http.StatusSwitchingProtocols {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			fmt.Fprint(conn,
				"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n")
			_ = conn.Close()
		}
		return
	}
	w.Header()["Content-Type"] = nil
	for _, h := range m.Headers {
		w.Header().Set(h[0], h[1])
	}
	w.WriteHeader(m.Status)
	_, _ = io.WriteString(w, m.Body)
}

// requests compares what arrived with what was recorded and names each
// difference.
func (r *recorder) requests(t *testing.T, exchanges []exchange, hosts hosts) (diffs []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n := len(r.got) - len(exchanges); n != 0 {
		diffs = append(diffs, fmt.Sprintf("%+d requests", n))
	}
	for i, e := range exchanges[:min(len(r.got), len(exchanges))] {
		got, want := r.got[i], e.Request
		note := func(format string, args ...any) {
			diffs = append(diffs, fmt.Sprintf("request %d: ", i+1)+fmt.Sprintf(format, args...))
		}
		host, target := hosts.of(want)
		if got.host != host || got.method != want.Method {
			note("%s to %s, recorded %s to %s", got.method, got.host, want.Method, host)
		}
		if !sameTarget(got.target, target) {
			note("target %s, recorded %s", got.target, target)
		}
		for _, d := range headerDiffs(got.header, want.Headers) {
			note("%s", d)
		}
		if !sameBody(t, got, want) {
			note("body %q, recorded %q", got.body, want.Body)
		}
	}
	for i := len(exchanges); i < len(r.got); i++ { // a repetition must be one
		last := r.got[len(exchanges)-1]
		if r.got[i].method != last.method || r.got[i].target != last.target ||
			string(r.got[i].body) != string(last.body) {
			diffs = append(diffs, fmt.Sprintf("request %d is not a repetition", i+1))
		}
	}
	return diffs
}

// hosts are the servers that a step should reach.
type hosts struct{ auth, api string }

// of returns where a recorded request belongs. The recording has its own
// servers in the place of an environment's, with a path for the market data.
func (h hosts) of(m message) (host, target string) {
	if m.Server == "auth" {
		return h.auth, m.Target
	}
	return h.api, strings.TrimPrefix(m.Target, "/mds-east")
}

func sameTarget(a, b string) bool {
	u, err := url.Parse(a)
	v, also := url.Parse(b)
	return err == nil && also == nil && u.Path == v.Path && reflect.DeepEqual(u.Query(), v.Query())
}

// ofNoMatter are headers that belong to the client library.
var ofNoMatter = []string{"Host", "User-Agent", "Accept-Encoding", "Connection", "Content-Length",
	"Upgrade",
	"Sec-Websocket-Key", "Sec-Websocket-Version", "Sec-Websocket-Extensions"}

func headerDiffs(got http.Header, recorded [][2]string) (diffs []string) {
	want := http.Header{}
	for _, h := range recorded {
		want.Add(h[0], h[1])
	}
	for _, name := range ofNoMatter {
		got.Del(name)
		want.Del(name)
	}
	if want.Get("Accept") == "*/*" { // any type: what JSON clients say by default is among them
		want.Del("Accept")
		got.Del("Accept")
	}
	for name := range want {
		if got.Get(name) != want.Get(name) {
			diffs = append(diffs, fmt.Sprintf("%s is %q, recorded %q", name, got.Get(name), want.Get(name)))
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			diffs = append(diffs, fmt.Sprintf("%s is %q, recorded none", name, got.Get(name)))
		}
	}
	slices.Sort(diffs)
	return diffs
}

func sameBody(t *testing.T, got seen, want message) bool {
	raw := want.body(t)
	switch kind := got.header.Get("Content-Type"); {
	case kind == "application/x-www-form-urlencoded":
		a, err := url.ParseQuery(string(got.body))
		b, also := url.ParseQuery(string(raw))
		for _, form := range []url.Values{a, b} {
			scopes := strings.Fields(form.Get("scope"))
			slices.Sort(scopes)
			form["scope"] = scopes
		}
		return err == nil && also == nil && reflect.DeepEqual(a, b)
	case strings.HasPrefix(kind, "application/json") && len(raw) > 0:
		var a, b any
		if json.Unmarshal(got.body, &a) != nil || json.Unmarshal(raw, &b) != nil {
			return false
		}
		if strings.HasSuffix(got.target, "/activities") {
			versionless(a)
			versionless(b)
		}
		return reflect.DeepEqual(a, b)
	}
	return string(got.body) == string(raw)
}

// versionless takes out of an announcement what names the library, which is
// another one: its version and that of its language.
func versionless(v any) {
	doc, _ := v.(map[string]any)
	parameters, _ := doc["parameters"].(map[string]any)
	for _, name := range []string{"gsQuantVersion", "pythonVersion", "authsessionVersion",
		"goVersion"} {
		delete(parameters, name)
	}
}
