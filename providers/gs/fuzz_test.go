package gs

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"unicode"

	"github.com/authsession/authsession/core"
	"github.com/stretchr/testify/require"
	"github.com/vmihailenco/msgpack/v5"
)

func TestPackedDepth(t *testing.T) {
	nest := func(n int) []byte { return append(bytes.Repeat([]byte{0x91}, n), 0xc0) }
	require.NoError(t, checkPacked(nest(maxDepth-1)))
	require.Error(t, checkPacked(nest(maxDepth)))
	require.Error(t, checkPacked(bytes.Repeat([]byte{0x91}, 64<<20)))
	for _, short := range []string{"", "\xc1", "\xdd", "\xdd\xff\xff\xff\xff", "\xa5abc",
		"\xc9\x00\x00\x00\x05\x01", "\xd8\x01"} {
		require.Error(t, checkPacked([]byte(short)), "%q", short)
	}
	for _, v := range []any{
		nil, true, 1, -1, -200, 1 << 40, 1.5, float32(2), "x", strings.Repeat("x", 300),
		strings.Repeat("x", 70000),
		[]byte("x"), bytes.Repeat([]byte("x"), 300), make([]int, 20), make([]int, 70000),
		map[string]any{"a": []any{map[string]int{"b": 1}}},
	} {
		b, err := msgpack.Marshal(v)
		require.NoError(t, err)
		require.NoError(t, checkPacked(b))
		require.Error(t, checkPacked(b[:len(b)-1]))
	}
}

// No answer crashes, and none that the walk refuses is decoded.
func FuzzAnswer(f *testing.F) {
	for _, seed := range []string{`{"id":"x","n":[1,2]}`, "\x82\xa2id\xa1x\xa1n\x92\x01\x02",
		"\xdc\xff\xff", "\xc7\x03\x05abc", "\xd6\xff\x00\x00\x00\x00", "", "\x91\x91\x91"} {
		f.Add(msgpackType, []byte(seed))
		f.Add("application/json", []byte(seed))
	}
	f.Fuzz(func(t *testing.T, contentType string, body []byte) {
		var doc struct {
			ID string         `json:"id"`
			N  []int          `json:"n"`
			M  map[string]any `json:"m"`
		}
		var v any
		var raw []byte
		_ = decode(contentType, body, &doc)
		_ = decode(contentType, body, &v)
		require.NoError(t, decode(contentType, body, &raw))
		require.Equal(t, len(body), len(raw))
		_ = msgpackText(body)
		if unpack(body, &v) == nil {
			require.NoError(t, checkPacked(body))
		}
	})
}

// No refusal shows a secret, or what a terminal should not see.
func FuzzRefusal(f *testing.F) {
	f.Add("application/json", []byte(`{"token":"tok/en+1"}`), "tok/en+1", "req")
	f.Add("text/plain", []byte("tok%2Fen%2B1\x1b[2J"), "tok/en+1", "tok/en+1")
	f.Add(msgpackType, []byte("\x81\xa1a\xa8tok/en+1"), "tok/en+1", "\x00")
	f.Add("text/html", []byte("<p>"), "x", "")
	f.Fuzz(func(t *testing.T, contentType string, body []byte, secret, id string) {
		if len(secret) < 12 || !isVisible(secret, "") || strings.Contains("REDACTED", secret) {
			secret = "c4nary-s3cret/+"
			body = append(body, secret...)
		}
		u := &url.URL{Scheme: "https", Host: "api.example.com", Path: "/x", RawQuery: "q=" + secret}
		resp := &http.Response{StatusCode: 400,
			Header: http.Header{"Content-Type": {contentType}, requestID: {id}},
			Body:   io.NopCloser(bytes.NewReader(body))}
		cred := core.Credential{
			Attach: core.Attachment{
				Header: map[string]core.Secret{"Authorization": bearer(core.NewSecret(secret))}}}
		e := answerError("GET", u, resp, secretsOf(cred))
		text := e.Error()
		require.LessOrEqual(t, len(e.Message), maxMessage+len("…"))
		require.False(t,
			strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) && r != '…' }), "%q",
			text)
		if !strings.Contains("gs: GET https://api.example.com/x: 400 Bad Request, request ", secret) {
			require.NotContains(t, text, secret)
		}
	})
}
