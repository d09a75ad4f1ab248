package core

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// listOwner is a credentialOwner that returns one credential after the other.
type listOwner struct {
	list    []*credential
	answers []bool // of each get
	refused []*credential
	invalid []bool
	said    []string
}

func (k *listOwner) get(_ context.Context, answers bool) (*credential, error) {
	k.answers = append(k.answers, answers)
	if len(k.list) == 0 {
		return nil, Errorf(CodeUnavailable, "nothing more")
	}
	l := k.list[0]
	k.list = k.list[1:]
	return l, nil
}

func (k *listOwner) refuse(_ context.Context, l *credential, invalid bool, challenge string) {
	k.refused, k.invalid = append(k.refused, l), append(k.invalid, invalid)
	k.said = append(k.said, challenge)
}

// server answers with its statuses, one after the other, and keeps what it got.
type server struct {
	statuses []int
	got      []*http.Request
	bodies   []*closingBody
	header   http.Header
}

type closingBody struct {
	io.Reader
	closed atomic.Bool
}

func (b *closingBody) Close() error { b.closed.Store(true); return nil }

func (s *server) RoundTrip(r *http.Request) (*http.Response, error) {
	body := &closingBody{Reader: strings.NewReader("x")}
	resp := &http.Response{
		StatusCode: s.statuses[len(s.got)], Header: s.header.Clone(), Body: body, ContentLength: 1,
	}
	s.got, s.bodies = append(s.got, r), append(s.bodies, body)
	return resp, nil
}

type authorizerFunc func(Outgoing) (Attachment, error)

func (f authorizerFunc) Authenticate(context.Context, Request) (Credential, error) {
	return Credential{}, nil
}

func (f authorizerFunc) Authorize(_ context.Context, _ Credential, o Outgoing) (Attachment, error) {
	return f(o)
}

func senderOf(k credentialOwner) sender {
	return sender{k, &sendingState{}}
}

func prepared(t *testing.T, p Provider, opts *Options, c Credential) *credential {
	t.Helper()
	l, err := prepare(newSetup("api", p, opts), c, nil)
	require.NoError(t, err)
	return l
}

func tokenOf(text string, origins ...string) Credential {
	h := map[string]Secret{"Authorization": NewSecret("Bearer " + text)}
	return Credential{Attach: Attachment{Header: h}, Origins: origins}
}

var unasked = ProviderFunc(func(context.Context, Request) (Credential, error) {
	return Credential{}, nil
})

// testPair returns a client certificate and its key as PEM.
func testPair(t *testing.T) string {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	private, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})) +
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func getOf(t *testing.T, target string) *http.Request {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, target, nil)
	require.NoError(t, err)
	return r
}

const apiURL = "https://api.example.com/"

func TestSenderReplays(t *testing.T) {
	one, two := prepared(t, unasked, nil, tokenOf("1")), prepared(t, unasked, nil, tokenOf("2"))
	elsewhere := prepared(t, unasked, nil, tokenOf("3", "https://other.example.com"))
	redirected := func(t *testing.T) *http.Request {
		r := getOf(t, apiURL)
		r.Response = &http.Response{Request: getOf(t, apiURL)}
		return r
	}
	plain := func(t *testing.T) *http.Request { return getOf(t, apiURL) }
	for _, tc := range []struct {
		name    string
		request func(*testing.T) *http.Request
		list    []*credential
		status  int
		sent    []string
		refused []*credential
	}{
		{"another credential", plain, []*credential{one, two}, 200, []string{"1", "2"}, []*credential{one}},
		{"the same credential", plain, []*credential{one, one}, 401, []string{"1"}, []*credential{one}},
		{"no credential", plain, []*credential{one}, 401, []string{"1"}, []*credential{one}},
		{"one for another origin", plain, []*credential{one, elsewhere}, 401, []string{"1"}, []*credential{one}},
		{
			"one for another origin, after a redirect", redirected,
			[]*credential{one, elsewhere}, 401, []string{"1"}, []*credential{one},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			api := &server{statuses: []int{401, 200}}
			k := &listOwner{list: tc.list}
			r := tc.request(t)
			resp, err := senderOf(k).roundTrip(api, r)
			require.NoError(t, err)
			require.Equal(t, tc.status, resp.StatusCode)
			require.Same(t, r, resp.Request)
			var sent []string
			for _, r := range api.got {
				sent = append(sent, strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
			}
			require.Equal(t, tc.sent, sent)
			require.Equal(t, tc.refused, k.refused)
			require.Equal(t, []bool{true, true}, k.answers)
			require.Equal(t, tc.status == 200, api.bodies[0].closed.Load(), "the caller's body is open")
		})
	}
}

func TestSenderReportsEachRefusal(t *testing.T) {
	one, two := prepared(t, unasked, nil, tokenOf("1")), prepared(t, unasked, nil, tokenOf("2"))
	api := &server{
		statuses: []int{401, 403},
		header:   http.Header{"Www-Authenticate": {`Bearer error="invalid_token"`}},
	}
	k := &listOwner{list: []*credential{one, two}}
	resp, err := senderOf(k).roundTrip(api, getOf(t, apiURL))
	require.NoError(t, err)
	require.Equal(t, 403, resp.StatusCode)
	require.Equal(t, []*credential{one, two}, k.refused)
	require.Equal(t, []bool{true, true}, k.invalid)
	require.Equal(t, `Bearer error="invalid_token"`, k.said[1])
}

// A client certificate is on the connection and on no request.
func TestSenderOfCertificates(t *testing.T) {
	c := Credential{Attach: Attachment{Cert: NewSecret(testPair(t))}}
	l := prepared(t, unasked, nil, c)
	k := &listOwner{list: []*credential{l}}
	_, err := senderOf(k).roundTrip(&server{statuses: []int{401}}, getOf(t, apiURL))
	require.NoError(t, err)
	require.Equal(t, []*credential{l}, k.refused)

	// It may be all that an Authorizer attaches.
	nothing := authorizerFunc(func(Outgoing) (Attachment, error) { return Attachment{}, nil })
	l = prepared(t, nothing, nil, c)
	k = &listOwner{list: []*credential{l}}
	_, err = senderOf(k).roundTrip(&server{statuses: []int{200}}, getOf(t, apiURL))
	require.NoError(t, err)
	require.True(t, l.acceptedByAPI.Load())
}

func TestSenderChecksWhatAnAuthorizerAttaches(t *testing.T) {
	bad := authorizerFunc(func(Outgoing) (Attachment, error) {
		return Attachment{Header: map[string]Secret{"A": NewSecret("x\r\nB: y")}}, nil
	})
	api := &server{}
	k := &listOwner{list: []*credential{prepared(t, bad, nil, tokenOf("1"))}}
	_, err := senderOf(k).roundTrip(api, getOf(t, apiURL))
	require.ErrorIs(t, err, CodeBadConfig)
	require.ErrorContains(t, err, `session "api": authorize: `)
	require.Empty(t, api.got)
	require.Empty(t, k.refused)
}

// The answer that only brings a nonce is closed before the request is repeated.
func TestSenderClosesTheFirstOfTwoRounds(t *testing.T) {
	p := authorizerFunc(func(o Outgoing) (Attachment, error) {
		return Attachment{
			Header:          map[string]Secret{"Proof": NewSecret("n" + o.Remembered.Get("Nonce"))},
			RememberHeaders: []string{"Nonce"},
		}, nil
	})
	api := &server{statuses: []int{401, 200}, header: http.Header{"Nonce": {"1"}}}
	k := &listOwner{list: []*credential{prepared(t, p, nil, tokenOf("1"))}}
	_, err := senderOf(k).roundTrip(api, getOf(t, apiURL))
	require.NoError(t, err)
	require.Equal(t, "n1", api.got[1].Header.Get("Proof"))
	require.True(t, api.bodies[0].closed.Load())
	require.False(t, api.bodies[1].closed.Load())
}

// What a redirect chose carries the credential only if the whole way was the
// session's, and secure.
func TestSenderAfterRedirects(t *testing.T) {
	both := []string{apiURL, "http://api.example.com"}
	for _, tc := range []struct {
		name    string
		origins []string
		way     []string // the URLs, the caller's first
		ok      bool
	}{
		{"within", both, []string{apiURL, apiURL + "x"}, true},
		{"to plain HTTP", both, []string{apiURL, "http://api.example.com/"}, false},
		{"from elsewhere", both, []string{"https://other.example.com/", apiURL}, false},
		{"by way of elsewhere", both, []string{apiURL, "https://other.example.com/", apiURL}, false},
		{"none named, within", nil, []string{apiURL, apiURL + "x"}, true},
		{"none named, elsewhere", nil, []string{apiURL, "https://other.example.com/"}, false},
		{"none named, another port", nil, []string{apiURL, "https://api.example.com:8443/"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var r *http.Request
			for _, text := range tc.way {
				u, err := url.Parse(text)
				require.NoError(t, err)
				next := &http.Request{URL: u, Host: u.Host, Header: http.Header{}}
				if r != nil {
					next.Response = &http.Response{Request: r}
				}
				r = next
			}
			api := &server{statuses: []int{200}}
			k := &listOwner{list: []*credential{prepared(t, unasked, nil, tokenOf("1", tc.origins...))}}
			resp, err := senderOf(k).roundTrip(api, r)
			require.NoError(t, err)
			require.Equal(t, tc.ok, api.got[0].Header.Get("Authorization") != "")
			require.Same(t, r, resp.Request)
		})
	}
}
