// Read on in authtransport.go.

package core

import (
	"net"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"
)

// This file checks the variables that name forward proxies. net/http connects directly if it
// cannot read HTTPS_PROXY, and looks up a part of a password that has a slash. Requests of
// sessions and providers fail with the cause.

// proxyVariables are the variables from which net/http takes proxies, for each scheme of a
// URL. The first that is not empty counts.
var proxyVariables = map[string][]string{
	"https": {"HTTPS_PROXY", "https_proxy"},
	"http":  {"HTTP_PROXY", "http_proxy"},
}

// proxyVariable is a variable that names a proxy.
type proxyVariable struct {
	name  string   // as it is set
	proxy *url.URL // nil: it cannot be read
	place string   // host and port, for errors; empty: not known
}

// proxyEnvironment is what the variables say. net/http reads them once, too.
type proxyEnvironment struct {
	byScheme map[string]proxyVariable
	bypass   string // NO_PROXY
}

var processProxies = sync.OnceValue(func() proxyEnvironment { return readProxies(os.Getenv) })

// readProxies reads the variables with a function like [os.Getenv].
func readProxies(getenv func(string) string) proxyEnvironment {
	first := func(names ...string) (name, value string) {
		for _, name = range names {
			if value = getenv(name); value != "" {
				return name, value
			}
		}
		return "", ""
	}
	env := proxyEnvironment{byScheme: map[string]proxyVariable{}}
	for scheme, names := range proxyVariables {
		if name, value := first(names...); value != "" {
			u := readProxy(value)
			env.byScheme[scheme] = proxyVariable{name, u, proxyPlace(u, value)}
		}
	}
	_, env.bypass = first("NO_PROXY", "no_proxy")
	return env
}

// readProxy reads the value of a variable as net/http does, or returns nil if that would
// not be what is meant: an @ after the authority was one of a password with a slash, a
// question mark or a number sign.
func readProxy(value string) *url.URL {
	u, err := url.Parse(value)
	if err != nil || u.Scheme == "" || u.Host == "" {
		if strings.Contains(value, "://") {
			return nil
		}
		if u, err = url.Parse("http://" + value); err != nil {
			return nil
		}
	}
	known := []string{"http", "https", "socks5", "socks5h"}
	if u.Hostname() == "" || !slices.Contains(known, strings.ToLower(u.Scheme)) ||
		strings.Contains(u.Path+u.RawQuery+u.Fragment, "@") {
		return nil
	}
	return u
}

// proxyPlace returns the host and port of a proxy for an error. If the value cannot be
// read, they are what follows the last @, as everything before may be a password.
func proxyPlace(u *url.URL, value string) string {
	if u != nil {
		return printable(u.Host)
	}
	at := strings.LastIndexByte(value, '@')
	if at < 0 {
		return ""
	}
	place, _, _ := strings.Cut(value[at+1:], "/")
	if strings.ContainsFunc(place, func(c rune) bool {
		return !isASCIILetterOrDigit(c) && !strings.ContainsRune(".-_:[]", c)
	}) {
		return ""
	}
	return printable(place)
}

func isASCIILetterOrDigit(c rune) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

// check returns an error if the variable for u cannot be read, and so net/http would
// connect directly or to another host.
func (env proxyEnvironment) check(u *url.URL) error {
	v, ok := env.byScheme[httpScheme(u.Scheme)]
	if !ok || v.proxy != nil || isLoopback(u) || bypassesProxy(env.bypass, u) {
		return nil
	}
	which := ""
	if v.place != "" {
		which = " of the proxy " + v.place
	}
	return Errorf(CodeBadConfig, "the variable %s is not the URL%s: want one such as "+
		"http://user:password@proxy.example.com:3128; in the user name and the password, write "+
		"@, :, /, # and %% as %%40, %%3A, %%2F, %%23 and %%25", v.name, which)
}

// bypassesProxy reports whether NO_PROXY excludes the host of u, as net/http reads it.
func bypassesProxy(list string, u *url.URL) bool {
	host, port := strings.ToLower(u.Hostname()), u.Port()
	if port == "" {
		port = map[string]string{"https": "443", "http": "80"}[httpScheme(u.Scheme)]
	}
	for entry := range strings.SplitSeq(list, ",") {
		if excludesHost(strings.ToLower(strings.TrimSpace(entry)), host, port) {
			return true
		}
	}
	return false
}

// excludesHost reports whether one entry of NO_PROXY means a host.
func excludesHost(entry, host, port string) bool {
	ip := net.ParseIP(host)
	if entry == "*" {
		return true
	}
	if _, network, err := net.ParseCIDR(entry); err == nil {
		return ip != nil && network.Contains(ip)
	}
	if name, only, err := net.SplitHostPort(entry); err == nil {
		return (only == "" || only == port) && isExcluded(name, host, ip)
	}
	return isExcluded(entry, host, ip)
}

// isExcluded reports whether an entry of NO_PROXY without its port means a host.
func isExcluded(entry, host string, ip net.IP) bool {
	if entry == "" {
		return false
	}
	if other := net.ParseIP(entry); other != nil {
		return ip != nil && other.Equal(ip)
	}
	entry = strings.TrimPrefix(entry, "*")
	if entry[0] == '.' {
		return strings.HasSuffix(host, entry)
	}
	return host == entry || strings.HasSuffix(host, "."+entry)
}

// checkedProxy returns the Proxy function of a transport whose own one is usual: with an
// error where the variables of the process are the source and cannot be read.
func checkedProxy(
	usual func(*http.Request) (*url.URL, error),
) func(*http.Request) (*url.URL, error) {
	if !isEnvironmentProxy(usual) {
		return usual
	}
	return func(r *http.Request) (*url.URL, error) {
		if err := processProxies().check(r.URL); err != nil {
			return nil, err
		}
		return usual(r)
	}
}

func isEnvironmentProxy(usual func(*http.Request) (*url.URL, error)) bool {
	return usual != nil &&
		reflect.ValueOf(usual).Pointer() == reflect.ValueOf(http.ProxyFromEnvironment).Pointer()
}
