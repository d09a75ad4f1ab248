package main

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	azruntime "github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	promconfig "github.com/prometheus/common/config"
	"golang.org/x/oauth2"

	"github.com/authsession/authsession/core"
)

// holder makes one session, client or whatever a library has for one API, with
// a token of its own, and returns it.
type holder struct {
	name string
	make func(i int) any
}

func holders() []holder {
	ctx := context.Background()
	value := func(i int) string { return fmt.Sprintf("token-%026d", i) } // 32 bytes
	provider := core.ProviderFunc(func(_ context.Context, r core.Request) (core.Credential, error) {
		return bearer("token-00000000000000000000000000", inAnHour), nil
	})
	return []holder{
		{"authsession, authenticated", func(i int) any {
			s := core.New("bench", provider, nil)
			must(s.Init(ctx))
			return s
		}},
		{"authsession, before Init", func(int) any { return core.New("bench", provider, nil) }},
		{"x/oauth2 client, with a token", func(i int) any {
			t := &oauth2.Token{AccessToken: value(i), Expiry: inAnHour}
			return oauth2.NewClient(ctx, oauth2.ReuseTokenSource(t, oauth2.StaticTokenSource(t)))
		}},
		{"prometheus OAuth2, before its first token", func(int) any {
			return promconfig.NewOAuth2RoundTripper(promconfig.NewInlineSecret("bench"),
				&promconfig.OAuth2{ClientID: "bench", TokenURL: apiURL}, noop{})
		}},
		{"azcore pipeline, bearer policy with a token", func(i int) any {
			get := azureToken(func(context.Context) (token, error) { return token{value(i), inAnHour}, nil })
			p := azruntime.NewBearerTokenPolicy(get, []string{"bench"}, nil)
			pipeline := azruntime.NewPipeline("bench", "v1",
				azruntime.PipelineOptions{PerRetry: []policy.Policy{p}},
				&policy.ClientOptions{Transport: noop{}})
			req, err := azruntime.NewRequest(ctx, http.MethodGet, apiURL)
			must(err)
			must(drop(pipeline.Do(req)))
			return pipeline
		}},
	}
}

// memory measures what is retained: the growth of the heap after collection,
// and of the number of goroutines.
func memory(p plan) []table {
	counts := []int{1, 1_000, 100_000}
	if p.quick {
		counts = counts[:2]
	}
	t := table{
		title: "Memory and goroutines for each session",
		text: "Bytes that stay on the heap after a collection, for each of so many sessions, and " +
			"goroutines for all of them. " +
			"Each holds a token of its own of 32 bytes, ours with its \"Bearer \" in 48, which the " +
			"figures include. To reach without the token: 768 bytes authenticated, no goroutine.",
		head: []string{""},
	}
	for _, n := range counts {
		t.head = append(t.head, number(float64(n)))
	}
	t.head = append(t.head, "goroutines")
	for _, h := range holders() {
		cells := []string{h.name}
		var goroutines figures
		for _, n := range counts {
			var bytes figures
			for range p.turns {
				size, more := retained(n, h.make)
				bytes = append(bytes, size)
				goroutines = append(goroutines, more)
			}
			cells = append(cells, bytes.String())
		}
		t.add(append(cells, goroutines.String())...)
	}
	return []table{t}
}

func retained(n int, open func(int) any) (bytes, goroutines float64) {
	_ = open(0) // what is made once for the process is not a session's
	keep := make([]any, n)
	routines, before := runtime.NumGoroutine(), heap()
	for i := range keep {
		keep[i] = open(i)
	}
	settle(routines)
	after := heap()
	goroutines = float64(runtime.NumGoroutine() - routines)
	for _, v := range keep {
		if s, ok := v.(*core.Session); ok {
			_ = s.Close(context.Background())
		}
	}
	runtime.KeepAlive(keep)
	return max(0, float64(int64(after)-int64(before))) / float64(n), goroutines
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// settle waits a moment for goroutines that are about to end.
func settle(to int) {
	for deadline := time.Now().Add(time.Second); runtime.NumGoroutine() > to &&
		time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
}
