// Package gs authenticates to the Goldman Sachs Marquee APIs and calls them, as the Sessions guide
// of GS Quant describes it: a program creates a session, the session sends its client credentials
// once, and every request uses the token that the server issued.
//
//	s, err := gs.Use(ctx, gs.Prod, gs.Config{
//		ClientID:     "my-app",
//		ClientSecret: core.NewSecret(secret),
//	}, nil)
//	if err != nil {
//		return err
//	}
//	defer s.Close(ctx)
//	var user map[string]any
//	err = s.Get(ctx, "/users/self", &user, nil)
//
// The package has two parts. [Factory] is the provider: OAuth 2.0 client credentials, or a token or
// cookies that were obtained elsewhere. [Session] is the facade: a REST client for any
// [core.Session] with this provider, also for one that a registry made from a config file ([From]).
//
// The package does not model the content of the APIs: the caller gives paths and payloads.
//
// Read on in text.go.
package gs

import "github.com/authsession/authsession/core"

// kind is the provider's name in a config file.
const kind = "gs"

// Factory makes providers of the kind "gs", whose settings are [Config]. Its environments are
// [Dev], [QA] and [Prod].
var Factory = core.NewFactory(core.Info{
	Kind:         kind,
	Summary:      "Goldman Sachs Marquee: client credentials, or a token or cookies of one's own",
	Environments: []core.Environment{Dev, QA, Prod},
	Facade:       true,
}, open)

// The attributes of a credential that the facade reads.
const (
	attrBaseURL     = "base_url"    // the URL of the session's domain
	attrAPIVersion  = "api_version" // such as "v1"
	attrEnvironment = "environment"
	attrActivities  = "activities" // "true": announce the program
	attrNoRetry     = "no_retry"   // "true": calls are not repeated
	attrDomain      = "domain."    // the prefix of the other domains: "domain.mds_east" is a URL
)
