package core_test

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// digestServer authenticates its users as RFC 7616 says, with SHA-256. Each nonce is good for some
// requests, each with a count of its own.
type digestServer struct {
	password string
	uses     int // of one nonce; 0: of the first ones, none is taken
	mu       sync.Mutex
	nonces   map[string]int // uses that are left
	counts   map[string]bool
	seen     []string // what requests carried
	bodies   []string
}

var digestParam = regexp.MustCompile(`(\w+)=(?:"([^"]*)"|([^ ,]+))`)

func digestParams(s string) map[string]string {
	out := map[string]string{}
	for _, m := range digestParam.FindAllStringSubmatch(s, -1) {
		out[m[1]] = m[2] + m[3]
	}
	return out
}

func sha256Hex(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, ":")))
	return hex.EncodeToString(sum[:])
}

// digestAnswer is the response value of RFC 7616 section 3.4.1 for qop=auth.
func digestAnswer(p map[string]string, password, method string) string {
	return sha256Hex(sha256Hex(p["username"], p["realm"], password), p["nonce"], p["nc"], p["cnonce"], "auth",
		sha256Hex(method, p["uri"]))
}

func (d *digestServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.nonces == nil {
		d.nonces, d.counts = map[string]int{}, map[string]bool{}
	}
	body, _ := io.ReadAll(r.Body)
	scheme, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	d.seen, d.bodies = append(d.seen, scheme), append(d.bodies, string(body))
	p := digestParams(rest)
	count := p["nonce"] + p["nc"]
	right := scheme == "Digest" && p["algorithm"] == "SHA-256" && p["uri"] == r.RequestURI &&
		p["response"] == digestAnswer(p, d.password, r.Method)
	if right && d.nonces[p["nonce"]] > 0 && !d.counts[count] {
		d.nonces[p["nonce"]]--
		d.counts[count] = true
		return
	}
	nonce := rand.Text()
	d.nonces[nonce] = d.uses
	w.Header().Add("WWW-Authenticate", `Basic realm="other"`)
	w.Header().Add("WWW-Authenticate", fmt.Sprintf(
		`Digest realm="api", qop="auth", algorithm=SHA-256, nonce="%s", stale=%v`, nonce, right))
	w.WriteHeader(http.StatusUnauthorized)
}

// digest is a provider for it. It is of the tests alone: a real one would count the uses of a
// nonce.
type digest struct {
	user, password string
	mu             sync.Mutex
	uses           int
	authentication int
}

func (p *digest) Authenticate(context.Context, core.Request) (core.Credential, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.authentication++
	return core.Credential{RefreshState: core.NewSecret(p.password), Subject: p.user}, nil
}

func (p *digest) Authorize(_ context.Context, c core.Credential, out core.Outgoing) (core.Attachment, error) {
	a := core.Attachment{RememberHeaders: []string{"WWW-Authenticate"}}
	for _, value := range out.Remembered.Values("WWW-Authenticate") {
		rest, ok := strings.CutPrefix(value, "Digest ")
		if !ok {
			continue
		}
		p.mu.Lock()
		p.uses++
		nc := fmt.Sprintf("%08x", p.uses)
		p.mu.Unlock()
		q := digestParams(rest)
		q["username"], q["nc"], q["cnonce"] = c.Subject, nc, rand.Text()
		_, after, _ := strings.Cut(out.URL, out.Host)
		q["uri"] = after
		a.Header = map[string]core.Secret{"Authorization": core.NewSecret(fmt.Sprintf(
			`Digest username="%s", realm="%s", nonce="%s", uri="%s", qop=auth, nc=%s, cnonce="%s", algorithm=SHA-256, response="%s"`,
			q["username"],
			q["realm"],
			q["nonce"],
			q["uri"],
			q["nc"],
			q["cnonce"],
			digestAnswer(q, c.RefreshState.Reveal(), out.Method),
		))}
	}
	return a, nil
}

func TestHTTPDigest(t *testing.T) {
	setup := func(t *testing.T, d *digestServer, opts *core.Options) (*digest, *core.Session, func() int) {
		api := httptest.NewServer(d)
		t.Cleanup(api.Close)
		p := &digest{user: "ada", password: "difference"}
		s := ready(t, p, opts)
		return p, s, func() int {
			resp, err := s.Client().Post(api.URL+"/x?q=1", "text/plain", strings.NewReader("hello"))
			require.NoError(t, err)
			require.NoError(t, resp.Body.Close())
			return resp.StatusCode
		}
	}
	t.Run("a round without a credential, and one with it", func(t *testing.T) {
		d := &digestServer{password: "difference", uses: 2}
		p, s, post := setup(t, d, nil)
		require.Equal(t, 200, post())
		require.Equal(t, []string{"", "Digest"}, d.seen)
		require.Equal(t, []string{"hello", "hello"}, d.bodies)
		require.Equal(t, 200, post())
		require.Equal(t, []string{"", "Digest", "Digest"}, d.seen)
		require.Equal(t, 200, post(), "the nonce has ended")
		require.Len(t, d.seen, 5)
		require.Zero(t, s.Status().Refusals)
		require.Equal(t, 1, p.authentication)
	})
	t.Run("a fourth round is the caller's", func(t *testing.T) {
		d := &digestServer{password: "difference", uses: 0}
		_, s, post := setup(t, d, nil)
		require.Equal(t, 401, post())
		require.Equal(t, []string{"", "Digest", "Digest"}, d.seen)
		require.EqualValues(t, 1, s.Status().Refusals)
	})
	t.Run("a wrong password is presented three times at most", func(t *testing.T) {
		d := &digestServer{password: "another", uses: 2}
		_, _, post := setup(t, d, nil)
		require.Equal(t, 401, post())
		require.Len(t, d.seen, 3)
	})
	t.Run("NoReplay", func(t *testing.T) {
		d := &digestServer{password: "difference", uses: 2}
		_, s, post := setup(t, d, &core.Options{NoReplay: true})
		require.Equal(t, 401, post())
		require.Zero(t, s.Status().Refusals, "a round without a credential refuses none")
		require.Equal(t, 200, post())
	})
}

// A round without a credential goes only where the credential may go, and its 401 refuses nothing,
// whatever it says.
func TestFirstRound(t *testing.T) {
	api, other := &seen{}, &seen{}
	server := func(got *seen, header, value string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			got.add(r)
			w.Header().Set(header, value)
			w.WriteHeader(http.StatusUnauthorized)
		}))
		t.Cleanup(s.Close)
		return s
	}
	own := server(api, "X-Else", "1")
	elsewhere := server(other, "WWW-Authenticate", "Digest nonce=1")
	p := &digest{user: "ada", password: "difference"}
	s := ready(t, p, &core.Options{Origins: []string{own.URL}})
	_, err := s.Client().Get(elsewhere.URL)
	require.ErrorIs(t, err, core.CodeOriginRefused)
	require.Zero(t, other.count())
	resp, err := s.Client().Get(own.URL)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	require.Equal(t, 401, resp.StatusCode)
	require.Equal(t, 1, api.count(), "nothing was remembered")
	require.Zero(t, s.Status().Refusals)
	require.Equal(t, 1, p.authentication)

	nothing := ready(t, &attaches{}, nil)
	_, err = nothing.Client().Get(own.URL)
	require.ErrorIs(t, err, core.CodeUnavailable)
	require.Equal(t, 1, api.count(), "an attachment without RememberHeaders does not begin a round")
	in, err := http.NewRequest(http.MethodGet, own.URL, nil)
	require.NoError(t, err)
	require.NoError(t, s.Authorize(t.Context(), in))
	require.Empty(t, in.Header)
	_, err = s.PerRPC().GetRequestMetadata(t.Context(), own.URL+"/pkg.Service")
	require.ErrorIs(t, err, core.CodeBadConfig, "gRPC has no rounds")
}

// attaches is a provider that attaches nothing.
type attaches struct{ digest }

func (*attaches) Authorize(context.Context, core.Credential, core.Outgoing) (core.Attachment, error) {
	return core.Attachment{}, nil
}

// All values of a header that fit are remembered.
func TestAllValuesAreRemembered(t *testing.T) {
	var out core.Outgoing
	values := []string{"a", "b, c", strings.Repeat("x", 5<<10), "d"}
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["X-Many"] = values
	}))
	defer api.Close()
	s := ready(t, &watcher{out: &out}, nil)
	for range 2 {
		resp, err := s.Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Equal(t, []string{"a", "b, c", "d"}, out.Remembered["X-Many"])
	values = make([]string, 100)
	for i := range values {
		values[i] = fmt.Sprint(i)
	}
	for range 2 {
		resp, err := s.Client().Get(api.URL)
		require.NoError(t, err)
		require.NoError(t, resp.Body.Close())
	}
	require.Len(t, out.Remembered["X-Many"], 16)
}

// watcher is a provider that remembers X-Many.
type watcher struct {
	digest
	out *core.Outgoing
}

func (w *watcher) Authorize(
	_ context.Context,
	_ core.Credential,
	out core.Outgoing,
) (core.Attachment, error) {
	*w.out = out
	return core.Attachment{
		Header:          map[string]core.Secret{"A": core.NewSecret("1")},
		RememberHeaders: []string{"x-many"},
	}, nil
}
