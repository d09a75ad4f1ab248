// Read on in view.go.

package core

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// PerRPC puts a session's credential on gRPC calls. It satisfies
// credentials.PerRPCCredentials of google.golang.org/grpc without importing it:
//
//	grpc.NewClient(target, grpc.WithPerRPCCredentials(s.PerRPC()), …)
//
// gRPC reports each of its errors as UNAUTHENTICATED, and a call that the server
// refuses is not repeated. Package grpcsession gives errors their own codes,
// renews a refused credential and repeats the call. A PerRPC is safe for
// concurrent use.
type PerRPC struct{ session *Session }

// PerRPC returns the session's credentials for gRPC. gRPC tells them no more
// than the address of the service, so an [Authorizer] is called
// with that URL and the method POST.
func (s *Session) PerRPC() *PerRPC { return &PerRPC{s} }

// GetRequestMetadata returns the headers of the credential, their names in
// lower case; gRPC has no cookies or query parameters. uri is the
// address of the service, as gRPC gives it; one that is not the session's is
// [CodeOriginRefused]. It begins with https also where the connection is not encrypted, so
// that an origin with http stands for it where plain HTTP is allowed: on the loopback, and
// with Options.AllowHTTP. A header whose name gRPC reserves or encodes, or whose value is
// not ASCII, is [CodeBadConfig]. Other errors are those of Credential. The map is shared:
// do not write to it.
func (p *PerRPC) GetRequestMetadata(ctx context.Context, uri ...string) (map[string]string, error) {
	md, _, err := p.session.sender().metadata(ctx, uri)
	return md, err
}

// RPCMetadata is what the session adds to one call.
type RPCMetadata struct {
	// Header is what GetRequestMetadata returns: do not write to it.
	Header map[string]string
	// Credential is what Header was made from. If the server refuses the call, it
	// is the one to pass to [Session.Reject].
	Credential Credential
	// NoReplay is [Options.NoReplay]: a refused call must not be repeated.
	NoReplay bool
}

// Metadata returns what GetRequestMetadata returns and the credential that it was
// made from, for code that repeats a call after the server refused it, as package
// grpcsession does. The errors are those of GetRequestMetadata.
func (p *PerRPC) Metadata(ctx context.Context, uri ...string) (RPCMetadata, error) {
	md, l, err := p.session.sender().metadata(ctx, uri)
	if err != nil {
		return RPCMetadata{}, err
	}
	return RPCMetadata{Header: md, Credential: l.cred, NoReplay: l.setup.opts.NoReplay}, nil
}

// metadata returns the headers of a call and the credential they are made from.
func (s sender) metadata(
	ctx context.Context, uri []string,
) (map[string]string, *credential, error) {
	l, err := s.owner.get(ctx, false)
	if err != nil {
		return nil, nil, err
	}
	md, err := s.metadataOf(ctx, l, uri)
	return md, l, err
}

func (s sender) metadataOf(
	ctx context.Context, l *credential, uri []string,
) (map[string]string, error) {
	for _, u := range uri {
		if err := s.permitURI(l, u); err != nil {
			return nil, err
		}
	}
	if p := l.authorizer(); p != nil {
		return s.authorizeRPC(ctx, p, l, uri)
	}
	if md := l.metadata(); md != nil {
		return md, nil
	}
	md, err := metadata(l.cred.Attach, l.cert != nil)
	if err != nil {
		return nil, l.setup.annotate(err, "authorize")
	}
	l.prepared.Store(&preparedHeaders{fields: l.header(), metadata: md})
	return md, nil
}

// RequireTransportSecurity reports whether gRPC must refuse a connection
// without TLS: no with Options.AllowHTTP, and if all origins of the session are
// http and of this machine, such as http://127.0.0.1:50051. gRPC asks when the
// connection is made: origins that the provider names are known once the session is
// initialised.
func (p *PerRPC) RequireTransportSecurity() bool {
	cfg := p.session.config()
	if cfg.opts.AllowHTTP {
		return false
	}
	origins := cfg.origins
	if l := p.session.published.Load(); l != nil {
		origins = l.origins()
	}
	return len(origins) == 0 ||
		slices.ContainsFunc(origins, func(o origin) bool { return !o.isPlainLoopback() })
}

func (s sender) authorizeRPC(
	ctx context.Context, p Authorizer, l *credential, uri []string,
) (map[string]string, error) {
	out := Outgoing{Method: http.MethodPost, Header: http.Header{}, ContentLength: -1}
	if len(uri) > 0 {
		out.URL = uri[0]
		_, rest, _ := strings.Cut(out.URL, "://")
		out.Host, _, _ = strings.Cut(rest, "/")
	}
	a, err := p.Authorize(ctx, l.cred, out)
	if errors.Is(err, errors.ErrUnsupported) {
		a, err = l.cred.Attach, l.rememberNotAuthorizer()
	}
	if err == nil {
		err = a.check()
	}
	if err != nil {
		if CodeOf(err) == CodeDenied {
			s.owner.refuse(ctx, l, true, "")
		}
		return nil, l.setup.annotate(err, "authorize")
	}
	md, err := metadata(a, l.cert != nil)
	if err != nil {
		return nil, l.setup.annotate(err, "authorize")
	}
	return md, nil
}

// metadata converts the headers of an attachment for gRPC. With neither a header nor a
// certificate the call would have no credential: that is an error.
func metadata(a Attachment, cert bool) (map[string]string, error) {
	if len(a.Header) == 0 && !cert {
		return nil, Errorf(
			CodeBadConfig, "the credential has no header, and gRPC carries no cookie or query parameter")
	}
	md := make(map[string]string, len(a.Header))
	for name, value := range a.Header {
		key, text := strings.ToLower(name), value.Reveal()
		if problem := metadataProblem(key, text); problem != "" {
			return nil, Errorf(CodeBadConfig, "the credential's header %q cannot be sent by gRPC: %s",
				printable(name), problem)
		}
		md[key] = text
	}
	return md, nil
}

// metadataProblem returns why gRPC would not send a header as HTTP does, or would take it
// for its own (grpc/doc/PROTOCOL-HTTP2.md, Requests). Empty: it sends it. name is in lower
// case.
func metadataProblem(name, value string) string {
	inName := func(c rune) bool {
		return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '_' || c == '.'
	}
	switch {
	case strings.ContainsFunc(name, func(c rune) bool { return !inName(c) }):
		return "its name may have letters, digits, -, _ and . only"
	case strings.HasSuffix(name, "-bin"):
		return "it encodes the values of names that end in -bin"
	case strings.HasPrefix(name, "grpc-"), name == "user-agent":
		return "the name is reserved"
	case strings.ContainsFunc(value, func(c rune) bool { return c < ' ' || c > '~' }):
		return "its value is not printable ASCII"
	}
	return ""
}

// permitURI is permit for the address of a service: "https://host/package.Service".
func (s sender) permitURI(l *credential, uri string) error {
	origins := l.origins()
	for i := range origins {
		if o := &origins[i]; o.scheme == "https" && o.startsURI(uri) {
			return nil
		}
	}
	scheme, rest, ok := strings.Cut(uri, "://")
	host, _, _ := strings.Cut(rest, "/")
	u := url.URL{Scheme: scheme, Host: host}
	if slices.ContainsFunc(origins, func(o origin) bool {
		return (l.setup.opts.AllowHTTP && o.scheme == "http" || o.isPlainLoopback()) && o.isRPCHost(&u)
	}) {
		return nil
	}
	switch {
	case !ok || host == "":
		return s.originRefused(l, "%q is not the address of a service", printable(uri))
	case !l.covers(&u):
		return s.originRefused(l, "%s is none of the session's origins", OriginText(&u))
	case !MayCarry(&u, l.setup.opts.AllowHTTP):
		return s.originRefused(l, "%s is not https", OriginText(&u))
	}
	return nil
}
