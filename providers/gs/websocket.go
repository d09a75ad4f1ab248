// WebSocket handshakes, and the announcement of the program. This is the last file.

package gs

import (
	"context"
	"maps"
	"net/http"
	"runtime"
	"strings"
	"time"
)

// WebSocket returns the URL (wss, on the session's domain and version) and the headers of a
// handshake (RFC 6455 §4.1), for any WebSocket library. Of call, it uses Domain, APIVersion,
// NoVersion and Header. If the API refuses the handshake with a 401, call Core().Reject and then
// WebSocket again. The headers contain the credential: do not log them. Errors are those of
// [Session.Get].
//
// A library that follows redirects, as coder/websocket does with http.DefaultClient, would send
// the headers to the host of a redirect, among them the cookies' CSRF token. Give it
// [Session.HandshakeClient], which does not follow.
func (s *Session) WebSocket(ctx context.Context, path string,
	call *Call) (target string, header http.Header, err error) {
	var c Call
	if call != nil {
		c = *call
	}
	cred, err := s.Core().Credential(ctx)
	if err != nil {
		return "", nil, err
	}
	u, err := s.callURL(cred.Attributes, path, &c)
	if err != nil {
		return "", nil, err
	}
	if err := checkHeader(c.Header); err != nil {
		return "", nil, err
	}
	u.Scheme = "ws" + strings.TrimPrefix(u.Scheme, "http")
	r := &http.Request{Method: http.MethodGet, URL: u, Header: make(http.Header, len(c.Header)+4)}
	for name, values := range c.Header {
		r.Header[http.CanonicalHeaderKey(name)] = values
	}
	if err := s.Core().Authorize(ctx, r); err != nil {
		return "", nil, err
	}
	return r.URL.String(), maps.Clone(r.Header), nil
}

// announceTimeout is the time limit of the announcement.
const announceTimeout = 10 * time.Second

// announce tells the API which program has authenticated, if the settings ask for it. It ignores
// errors, as the session works without the announcement.
func (s *Session) announce(ctx context.Context) {
	cred, err := s.Core().Credential(ctx)
	if err != nil || cred.Attributes[attrActivities] != "true" {
		return
	}
	_ = s.Post(ctx, "/activities", map[string]any{
		"action":   "Initiated",
		"kpis":     []any{map[string]any{"id": "gsqInitiated", "value": 1}},
		"resource": "GSQuant",
		"parameters": map[string]string{
			"featureApplication": cred.Attach.Header["X-Application"].Reveal(),
			"authsessionVersion": moduleVersion(),
			"goVersion":          runtime.Version(),
		},
	}, nil, &Call{Timeout: announceTimeout})
}
