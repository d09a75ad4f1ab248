package main

import (
	"context"
	"sync/atomic"
	"time"

	gauth "cloud.google.com/go/auth"
	"github.com/aws/aws-sdk-go-v2/aws"
	"golang.org/x/oauth2"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/oauth"
)

// getter is one way to get a credential that is there already.
type getter struct {
	name string
	role role
	get  func() error
}

var sink atomic.Pointer[string]

func getters() []getter {
	ctx := context.Background()
	s := ready(kilobyte)
	source := oauth2.ReuseTokenSource(nil,
		oauth2.StaticTokenSource(&oauth2.Token{AccessToken: kilobyte, Expiry: inAnHour}))
	cache := aws.NewCredentialsCache(aws.CredentialsProviderFunc(func(context.Context) (
		aws.Credentials, error,
	) {
		return aws.Credentials{AccessKeyID: "bench", SecretAccessKey: kilobyte, CanExpire: true,
			Expires: inAnHour}, nil
	}))
	google := func(sync bool) gauth.TokenProvider {
		return gauth.NewCachedTokenProvider(googleToken(func(context.Context) (token, error) {
			return token{kilobyte, inAnHour}, nil
		}), &gauth.CachedTokenProviderOptions{DisableAsyncRefresh: sync})
	}
	googleSync, googleAsync := google(true), google(false)
	sink.Store(&kilobyte)
	began := time.Now()
	return []getter{
		{"authsession", ours, func() error { _, err := s.Credential(ctx); return err }},
		{"x/oauth2", peer, func() error { _, err := source.Token(); return err }},
		{"aws CredentialsCache", peer, func() error { _, err := cache.Retrieve(ctx); return err }},
		{"google auth, sync", peer, func() error { _, err := googleSync.Token(ctx); return err }},
		{"google auth, async", peer, func() error { _, err := googleAsync.Token(ctx); return err }},
		{"limit: atomic load and monotonic clock", limit, func() error {
			if sink.Load() == nil || time.Since(began) < 0 {
				return context.Canceled
			}
			return nil
		}},
	}
}

func cachedRows() ([]row, func()) {
	one := row{
		title: "Cached credential, one goroutine",
		text: "The credential is there and valid. To reach: 0.6 of the best peer or less, no " +
			"allocation.",
	}
	all := row{
		title: "Cached credential, all cores busy",
		text: "The same from GOMAXPROCS goroutines at once; time by the wall for each call. To reach: " +
			"0.6 of the best peer or less, and less than on one goroutine.",
	}
	for _, g := range getters() {
		one.subs = append(one.subs, contender{g.name, g.role, single(g.get)})
		all.subs = append(all.subs, contender{g.name, g.role, parallel(g.get)})
	}
	return []row{one, all}, func() {}
}

// rpcInfo is what gRPC tells the credentials about the connection.
type rpcInfo struct{ credentials.CommonAuthInfo }

func (rpcInfo) AuthType() string { return "tls" }

func grpcRows() ([]row, func()) {
	uri := "https://api.example.com/things.v1.Things"
	info := rpcInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.PrivacyAndIntegrity}}
	ctx := credentials.NewContextWithRequestInfo(context.Background(),
		credentials.RequestInfo{Method: "/things.v1.Things/Get", AuthInfo: info})
	rpc := ready(kilobyte).PerRPC()
	source := oauth2.ReuseTokenSource(nil,
		oauth2.StaticTokenSource(&oauth2.Token{AccessToken: kilobyte, Expiry: inAnHour}))
	theirs := oauth.TokenSource{TokenSource: source}
	return []row{{
		title: "gRPC request metadata",
		text:  "GetRequestMetadata for one call, 1 KiB token. To reach: 60 ns, no allocation.",
		subs: []contender{
			{"authsession PerRPC", ours, single(func() error {
				_, err := rpc.GetRequestMetadata(ctx, uri)
				return err
			})},
			{"grpc credentials/oauth", peer, single(func() error {
				_, err := theirs.GetRequestMetadata(ctx, uri)
				return err
			})},
		},
	}}, func() {}
}
