package gs

import (
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
)

// The environments of the Marquee APIs.
const (
	Dev  = core.Dev
	QA   = core.QA
	Prod = core.Prod
)

// Domain names one of the hosts that an environment's APIs live on.
type Domain string

// The domains.
const (
	App        Domain = "app"         // the default
	MDSEast    Domain = "mds_east"    // market data, US east
	MDSWeb     Domain = "mds_web"     // market data, web
	MarqueeWeb Domain = "marquee_web" // the web site's own
)

// site is where one environment's servers are.
type site struct {
	tokenURL string
	domains  map[Domain]string
}

// sites are the environments. Nobody writes to it.
var sites = map[core.Environment]site{
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

// site returns where the settings' requests go. An API of one's own is the
// only domain then; cookies go to hosts of gs.com alone, as in a browser.
func (c *Config) site(env core.Environment) site {
	if c.APIURL != "" {
		return site{c.TokenURL, map[Domain]string{App: strings.TrimRight(c.APIURL, "/")}}
	}
	at := sites[env]
	if !c.usesCookies() {
		return at
	}
	at.domains = maps.Clone(at.domains)
	maps.DeleteFunc(at.domains, func(_ Domain, u string) bool { return !strings.HasSuffix(u, ".gs.com") })
	return at
}

// origins returns the scheme, host and port of each domain, sorted.
func (s site) origins() []string {
	var list []string
	for _, u := range s.domains {
		if parsed, err := url.Parse(u); err == nil {
			list = append(list, parsed.Scheme+"://"+parsed.Host)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkURL reports what is wrong with the URL of a server. The text does not
// quote it and fits behind the setting's name.
func checkURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("want a URL, such as \"https://api.example.com\"")
	case u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "":
		return fmt.Errorf("must not hold a user, a query or a fragment")
	case u.Scheme == "http" && !isLoopback(u.Hostname()):
		return fmt.Errorf("must be https; plain http is for the loopback alone")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return ip != nil && ip.IsLoopback() || strings.EqualFold(host, "localhost")
}
