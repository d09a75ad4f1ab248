// Read on in remembered.go.

package core

import (
	"context"
	"net/http"
	"net/url"
	"strings"
)

// This file reads what a forward proxy answers. net/http reports a refusal of a proxy with the
// text of its status alone, which names neither the proxy nor where it was set.

// CheckProxyAnswer returns an error for the answer of a forward proxy to CONNECT that is not
// a success. It names the proxy, without its password, and where the proxy was set:
// [CodeBadConfig] if the proxy wants credentials, others, or a scheme that net/http does not
// know, and otherwise [CodeUnavailable]. It fits http.Transport.OnProxyConnectResponse.
// Clients of package providerhttp use it; a provider with another client does, too. It is
// safe for concurrent use.
func CheckProxyAnswer(
	ctx context.Context, proxy *url.URL, _ *http.Request, resp *http.Response,
) error {
	o, _ := ctx.Value(authTransportKey{}).(*Options)
	return o.checkProxyAnswer(proxy, resp)
}

// checkProxyAnswer is CheckProxyAnswer for the options of a session. o may be nil.
func (o *Options) checkProxyAnswer(proxy *url.URL, resp *http.Response) error {
	if resp.StatusCode == http.StatusOK || proxy == nil {
		return nil
	}
	which := "the proxy " + printable(proxy.Host) + o.proxySource(proxy)
	if resp.StatusCode != http.StatusProxyAuthRequired {
		return Errorf(CodeUnavailable, "%s answers %d %s: it cannot reach the host, or does not allow it",
			which, resp.StatusCode, http.StatusText(resp.StatusCode))
	}
	var schemes []string
	basic := false
	for _, c := range parseChallenges(strings.Join(resp.Header["Proxy-Authenticate"], ", ")) {
		schemes = append(schemes, printable(c.scheme))
		basic = basic || strings.EqualFold(c.scheme, "Basic")
	}
	switch {
	case len(schemes) > 0 && !basic:
		return Errorf(CodeBadConfig, "%s wants credentials by %s, and Go's net/http knows Basic only "+
			"(407): use a local proxy that knows it", which, strings.Join(schemes, ", "))
	case proxy.User == nil:
		return Errorf(CodeBadConfig, "%s wants credentials (407): write them into its URL, as "+
			"http://user:password@proxy.example.com:3128", which)
	}
	return Errorf(CodeBadConfig, "%s refuses the user name or the password in its URL (407)", which)
}

// proxySource returns where a proxy was set, for errors. o may be nil.
func (o *Options) proxySource(proxy *url.URL) string {
	if o != nil && o.Proxy != nil && o.Proxy.Host == proxy.Host {
		return ", the session's proxy,"
	}
	for _, scheme := range []string{"https", "http"} {
		v, ok := processProxies().byScheme[scheme]
		if ok && v.proxy != nil && v.proxy.Host == proxy.Host {
			return " of the variable " + v.name
		}
	}
	return ""
}
