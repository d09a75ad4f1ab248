package main

import (
	"context"
	"net/http"
	"time"

	gauth "cloud.google.com/go/auth"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/aws/aws-sdk-go-v2/aws"
	promconfig "github.com/prometheus/common/config"
	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"
)

// subject is one library, ready to be given a token endpoint. Its early is how
// long before the end of a token it renews, so that a row can choose lifetimes
// for which every subject renews at the same moment.
type subject struct {
	name  string
	early func(life time.Duration) time.Duration
	rest  time.Duration // after an attempt it makes no other for so long
	open  func(e *endpoint, o tuning) client
}

// tuning is what the rows set that are about more than the defaults.
type tuning struct {
	early     time.Duration // renew this early, where it can be chosen
	timeout   time.Duration // of one attempt, where it can be chosen
	keepFresh bool
}

// client is a subject at work.
type client struct {
	use   func(ctx context.Context) error // gets the credential once, as a request would
	close func()
}

func fixed(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// subjects are all that renew by themselves; ours come first.
var subjects = []subject{
	{"authsession", func(life time.Duration) time.Duration { return life / 10 }, 0, openOurs},
	{"x/oauth2", fixed(10 * time.Second), 0, openOAuth2},
	{"prometheus OAuth2", fixed(10 * time.Second), 0, openPrometheus},
	{"aws CredentialsCache", fixed(0), 0, openAWS},
	{"azcore bearer policy", fixed(5 * time.Minute), 30 * time.Second, openAzcore},
	{"google auth, sync", fixed(225 * time.Second), 0, openGoogle(true)},
	{"google auth, async", fixed(225 * time.Second), 0, openGoogle(false)},
}

func openOAuth2(e *endpoint, _ tuning) client {
	transport := &http.Transport{}
	ctx := context.WithValue(context.Background(), oauth2.HTTPClient,
		&http.Client{Transport: transport})
	config := clientcredentials.Config{ClientID: "bench", ClientSecret: "bench", TokenURL: e.URL,
		AuthStyle: oauth2.AuthStyleInParams}
	source := config.TokenSource(ctx)
	return client{
		use:   func(context.Context) error { _, err := source.Token(); return err },
		close: transport.CloseIdleConnections,
	}
}

func openPrometheus(e *endpoint, _ tuning) client {
	config := &promconfig.OAuth2{ClientID: "bench", TokenURL: e.URL}
	rt := promconfig.NewOAuth2RoundTripper(promconfig.NewInlineSecret("bench"), config, noop{})
	req := newRequest()
	return client{
		use:   func(ctx context.Context) error { return drop(rt.RoundTrip(req.WithContext(ctx))) },
		close: func() { rt.(interface{ CloseIdleConnections() }).CloseIdleConnections() },
	}
}

func openAWS(e *endpoint, o tuning) client {
	transport := &http.Transport{}
	fetch := aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		t, err := exchange(ctx, &http.Client{Transport: transport}, e.URL)
		return aws.Credentials{AccessKeyID: "bench", SecretAccessKey: t.value, CanExpire: true,
			Expires: t.expiry}, err
	})
	cache := aws.NewCredentialsCache(fetch, func(c *aws.CredentialsCacheOptions) {
		c.ExpiryWindow = o.early
	})
	return client{
		use:   func(ctx context.Context) error { _, err := cache.Retrieve(ctx); return err },
		close: transport.CloseIdleConnections,
	}
}

type azureToken func(ctx context.Context) (token, error)

func (f azureToken) GetToken(ctx context.Context,
	_ policy.TokenRequestOptions) (azcore.AccessToken, error) {
	t, err := f(ctx)
	return azcore.AccessToken{Token: t.value, ExpiresOn: t.expiry}, err
}

func azurePipeline(get azureToken, base policy.Transporter) runtime.Pipeline {
	bearer := runtime.NewBearerTokenPolicy(get, []string{"bench"},
		&policy.BearerTokenOptions{InsecureAllowCredentialWithHTTP: true})
	return runtime.NewPipeline("bench", "v1",
		runtime.PipelineOptions{PerRetry: []policy.Policy{bearer}},
		&policy.ClientOptions{
			Retry:     policy.RetryOptions{MaxRetries: -1},
			Telemetry: policy.TelemetryOptions{Disabled: true},
			Transport: base,
		})
}

func openAzcore(e *endpoint, _ tuning) client {
	transport := &http.Transport{}
	get := func(ctx context.Context) (token, error) {
		return exchange(ctx, &http.Client{Transport: transport}, e.URL)
	}
	pipeline := azurePipeline(get, noop{})
	return client{
		use: func(ctx context.Context) error {
			req, err := runtime.NewRequest(ctx, http.MethodGet, apiURL)
			if err != nil {
				return err
			}
			return drop(pipeline.Do(req))
		},
		close: transport.CloseIdleConnections,
	}
}

type googleToken func(ctx context.Context) (token, error)

func (f googleToken) Token(ctx context.Context) (*gauth.Token, error) {
	t, err := f(ctx)
	if err != nil {
		return nil, err
	}
	return &gauth.Token{Value: t.value, Type: "Bearer", Expiry: t.expiry}, nil
}

func openGoogle(sync bool) func(*endpoint, tuning) client {
	return func(e *endpoint, o tuning) client {
		transport := &http.Transport{}
		fetch := googleToken(func(ctx context.Context) (token, error) {
			return exchange(ctx, &http.Client{Transport: transport}, e.URL)
		})
		cached := gauth.NewCachedTokenProvider(fetch,
			&gauth.CachedTokenProviderOptions{DisableAsyncRefresh: sync, ExpireEarly: o.early})
		return client{
			use:   func(ctx context.Context) error { _, err := cached.Token(ctx); return err },
			close: transport.CloseIdleConnections,
		}
	}
}

// tuned returns how early s is told to renew where it can be told.
func (s subject) tuned(window time.Duration) time.Duration {
	switch s.name {
	case "authsession", "aws CredentialsCache":
		return window
	}
	return 0
}
