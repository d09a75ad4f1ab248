// The environments and their servers.
//
// Read on in config.go.

package gs

import (
	"errors"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/baseurl"
)

// The environments of the Marquee APIs.
const (
	Dev  = core.Dev
	QA   = core.QA
	Prod = core.Prod
)

// Domain names one of the hosts of an environment's APIs.
type Domain string

// The domains.
const (
	App        Domain = "app"         // the default
	MDSEast    Domain = "mds_east"    // market data, US east
	MDSWeb     Domain = "mds_web"     // market data, web
	MarqueeWeb Domain = "marquee_web" // the API of the web site
)

// serverSet is the URLs of one environment's servers.
type serverSet struct {
	tokenURL string
	domains  map[Domain]string
}

// environments are the servers of each environment. The map does not change.
var environments = map[core.Environment]serverSet{
	Prod: {"https://idfs.gs.com/as/token.oauth2", map[Domain]string{
		App:        "https://api.gs.com",
		MDSEast:    "https://us-east.data.gsapis.com",
		MDSWeb:     "https://data.gs.com",
		MarqueeWeb: "https://marquee.gs.com",
	}},
	QA: {"https://idfs-qa.gs.com/as/token.oauth2", map[Domain]string{
		App:        "https://api.marquee-qa.gs.com",
		MDSEast:    "https://qa.us-east.data.gsapis.com",
		MDSWeb:     "https://data-qa.gs.com",
		MarqueeWeb: "https://marquee-qa.gs.com",
	}},
	Dev: {"https://idfs-dev.nimbus.gs.com:9031/as/token.oauth2", map[Domain]string{
		App:        "https://api.marquee-dev-ext.web.gs.com",
		MDSEast:    "https://dev.us-east.data.gsapis.com",
		MDSWeb:     "https://data-dev.gs.com",
		MarqueeWeb: "https://marquee-dev.web.gs.com",
	}},
}

// origins returns the scheme, host and port of each domain, sorted.
func (s serverSet) origins() []string {
	var list []string
	for _, u := range s.domains {
		if parsed, err := url.Parse(u); err == nil {
			list = append(list, parsed.Scheme+"://"+parsed.Host)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkURL reports what is wrong with the URL of a server. The error is a phrase that follows the
// name of the setting; it does not contain the URL.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return errors.New("want a URL, such as \"https://api.example.com\"")
	case u.User != nil || strings.ContainsAny(s, "?#"):
		return errors.New("must not hold a user, a query or a fragment")
	case u.Scheme == "http" && !baseurl.IsLoopback(u.Hostname()):
		return errors.New("must be https; plain http is for the loopback alone")
	}
	return core.CheckHost(u)
}

// sameOrigin reports whether a and b have one scheme, host and port (RFC 6454 §4).
func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && portOf(a) == portOf(b)
}

func portOf(u *url.URL) string {
	if port := u.Port(); port != "" {
		return port
	}
	return map[string]string{"https": "443", "http": "80"}[u.Scheme]
}
