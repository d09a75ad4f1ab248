package main

import (
	"context"
	"net/http"
	"time"

	gauth "cloud.google.com/go/auth"
	"cloud.google.com/go/auth/httptransport"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	promconfig "github.com/prometheus/common/config"
	"golang.org/x/oauth2"
)

func requestRows() ([]row, func()) {
	e := newEndpoint(time.Hour, 0)
	return []row{
		{
			title: "Authorise one request, RoundTripper over a base that does nothing",
			text: "One GET with three headers and a 1 KiB token. To reach: 0.4 of x/oauth2 or less, 3 " +
				"allocations.",
			subs: roundTrippers(e),
		},
		{
			title: "Authorise a request in place",
			text: "Authorize of a request that is the caller's to write to, such as a WebSocket " +
				"handshake. To reach: 70 ns, no allocation.",
			subs: inPlace(),
		},
	}, e.close
}

func roundTrippers(e *endpoint) []contender {
	ctx := context.Background()
	base := func() noop { return noop{newResponse()} }
	through := func(rt http.RoundTripper) func() error {
		req := newRequest()
		return func() error { _, err := rt.RoundTrip(req); return err }
	}
	hour := token{kilobyte, inAnHour}
	source := oauth2.ReuseTokenSource(nil,
		oauth2.StaticTokenSource(&oauth2.Token{AccessToken: kilobyte, Expiry: inAnHour}))
	prom := promconfig.NewOAuth2RoundTripper(promconfig.NewInlineSecret("bench"),
		&promconfig.OAuth2{ClientID: "bench", TokenURL: e.URL}, base())
	google := &http.Client{Transport: base()}
	must(httptransport.AddAuthorizationMiddleware(google,
		gauth.NewCredentials(&gauth.CredentialsOptions{
			TokenProvider: gauth.NewCachedTokenProvider(googleToken(func(context.Context) (token, error) {
				return hour, nil
			}), nil),
		})))
	pipeline := azurePipeline(func(context.Context) (token, error) { return hour, nil }, base())
	azure, err := runtime.NewRequest(ctx, http.MethodGet, apiURL)
	must(err)
	return []contender{
		{"authsession", ours, single(through(ready(kilobyte).Transport(base())))},
		{"authsession, from a registry", ours, single(through(registered(kilobyte).Transport(base())))},
		{"x/oauth2 Transport", peer, single(through(&oauth2.Transport{Source: source, Base: base()}))},
		{"prometheus OAuth2", peer, single(through(prom))},
		{"google auth httptransport", peer, single(through(google.Transport))},
		{"azcore pipeline with bearer policy", peer, single(func() error {
			_, err := pipeline.Do(azure.Clone(ctx))
			return err
		})},
	}
}

func inPlace() []contender {
	ctx := context.Background()
	authorize := func(s interface {
		Authorize(context.Context, *http.Request) error
	}) func() error {
		req := newRequest()
		return func() error {
			delete(req.Header, "Authorization")
			return s.Authorize(ctx, req)
		}
	}
	req, value := newRequest(), []string{"Bearer " + kilobyte}
	return []contender{
		{"authsession", ours, single(authorize(ready(kilobyte)))},
		{"authsession, from a registry", ours, single(authorize(registered(kilobyte)))},
		{"limit: delete the header, set a value made before", limit, single(func() error {
			delete(req.Header, "Authorization")
			req.Header["Authorization"] = value
			return nil
		})},
	}
}
