// Discovery of an issuer's metadata, and documents that a server publishes.
//
// Read on in client.go.

package oauth2

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
)

// discovery finds the metadata of the issuer in cfg, once. It is safe for concurrent use.
type discovery struct {
	cfg   *Config
	found atomic.Pointer[metadata]
}

// maxRefusal is how many bytes of an answer that is not a success are read.
const maxRefusal = 64 << 10

// errNoMetadata marks the answer of a URL that has no metadata document.
var errNoMetadata = errors.New("no metadata")

// metadata returns the issuer's metadata, from memory or from the first well-known URL that has it.
func (d *discovery) metadata(ctx context.Context, req core.Request,
	web *http.Client) (m *metadata, err error) {
	if m := d.found.Load(); m != nil {
		return m, nil
	}
	err = providerhttp.Retry(ctx, req, func() error {
		m, err = d.discover(ctx, web)
		return err
	})
	return m, err
}

// forget makes the next call of metadata ask the server again.
func (d *discovery) forget() { d.found.Store(nil) }

// discover requests the well-known URLs one after the other. If none has valid metadata, it returns
// the error of the highest rank.
func (d *discovery) discover(ctx context.Context, web *http.Client) (*metadata, error) {
	var worst error
	for _, address := range wellKnownURLs(d.cfg.Issuer) {
		switch {
		case ctx.Err() != nil && core.CodeOf(worst) == core.CodeUnavailable:
			return nil, worst
		case ctx.Err() != nil: // what the other places have is not known
			return nil, core.Errorf(core.CodeUnavailable,
				"not all places were asked for the metadata of issuer %.200q: %w", d.cfg.Issuer,
				context.Cause(ctx))
		}
		m, err := d.fetch(ctx, web, address)
		if err == nil {
			d.found.Store(m)
			return m, nil
		}
		if worst == nil || rank(err) > rank(worst) {
			worst = err
		}
	}
	if errors.Is(worst, errNoMetadata) {
		return nil, core.Errorf(core.CodeBadConfig,
			"issuer %.200q publishes no metadata (RFC 8414, OpenID Connect Discovery); check it, or give "+
				"token_url",
			d.cfg.Issuer)
	}
	return nil, worst
}

// rank orders the errors of the well-known URLs. Unavailable ranks highest, as a later attempt may
// succeed; an invalid document tells more than an absent one.
func rank(err error) int {
	switch {
	case core.CodeOf(err) == core.CodeUnavailable:
		return 2
	case errors.Is(err, errNoMetadata):
		return 0
	}
	return 1
}

// wellKnownURLs returns where an issuer's metadata may be. RFC 8414 §3.1 inserts the well-known
// part before the issuer's path, OpenID Connect Discovery 1.0 §4.1 appends it, and RFC 8414 §5
// allows both for the name of OpenID Connect.
func wellKnownURLs(issuer string) []string {
	u, err := url.Parse(issuer)
	if err != nil {
		return nil
	}
	host, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	places := []string{
		host + "/.well-known/oauth-authorization-server" + path,
		host + path + "/.well-known/openid-configuration",
	}
	if path != "" { // RFC 8414 §5: OpenID Connect's document, at the place of this RFC
		places = append(places, host+"/.well-known/openid-configuration"+path)
	}
	return places
}

func (d *discovery) fetch(ctx context.Context, web *http.Client,
	address string) (*metadata, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, core.Errorf(core.CodeBadConfig, "issuer is not a URL")
	}
	req.Header.Set("Accept", "application/json")
	body, refused, err := getDocument(web, req, d.cfg.secrets())
	switch {
	case refused && core.CodeOf(err) != core.CodeUnavailable:
		return nil, core.Errorf(core.CodeBadConfig, "%w", errNoMetadata)
	case err != nil:
		return nil, err
	}
	return parseMetadata(body, d.cfg)
}

// getDocument sends req and returns the body of the answer. refused says that err is an answer of
// the server that is not a success; no error repeats a text of secrets.
func getDocument(web *http.Client, req *http.Request,
	secrets []core.Secret) (body []byte, refused bool, err error) {
	resp, err := web.Do(req)
	if err != nil {
		return nil, false, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal)) // the status decides
		from := core.Printable(core.OriginText(req.URL)+req.URL.EscapedPath(), maxText, secrets...)
		return nil, true, providerhttp.AnswerErrorOf(from, resp, body, secrets...)
	}
	body, err = io.ReadAll(resp.Body)
	if err != nil {
		return nil, false, providerhttp.ClientError(err)
	}
	return body, false, nil
}
