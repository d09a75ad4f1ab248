package core_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/authsession/authsession/core"
)

// span stands for one of a tracing library, such as OpenTelemetry's.
type span struct{ name string }

func (s *span) end(outcome string) { fmt.Println(s.name, "ends:", outcome) }

type tracerKey struct{}

func start(ctx context.Context, name string) context.Context {
	if parent, ok := ctx.Value(tracerKey{}).(*span); ok {
		name = parent.name + "/" + name
	}
	return context.WithValue(ctx, tracerKey{}, &span{name})
}

// Begin begins a span for each attempt, in that of the caller; Observe ends it. The
// provider's requests belong to it, too.
func ExampleOptions_tracing() {
	provider := core.ProviderFunc(func(ctx context.Context, _ core.Request) (core.Credential, error) {
		fmt.Println("authenticate in", ctx.Value(tracerKey{}).(*span).name)
		return core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer t")}},
		}, nil
	})
	ended := make(chan bool)
	s := core.New("prices", provider, &core.Options{
		Begin: func(ctx context.Context, ev core.Event) context.Context {
			return start(ctx, ev.Session+" "+ev.Reason.String())
		},
		Observe: func(ev core.Event) {
			if span, ok := ev.Context().Value(tracerKey{}).(*span); ok && ev.Type.EndsAttempt() {
				span.end(ev.Type.String())
				close(ended)
			}
		},
	})
	ctx := start(context.Background(), "request")
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	<-ended
	// Output:
	// authenticate in request/prices initial
	// request/prices initial ends: authenticated
}

// A provider is one function; a session makes it last.
func Example() {
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, r.Header.Get("Authorization"))
	}))
	defer api.Close()

	n := 0
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		n++
		return core.Credential{
			Attach: core.Attachment{
				Header: map[string]core.Secret{"Authorization": core.NewSecret(fmt.Sprintf("Bearer t%d", n))},
			},
			Expiry:  time.Now().Add(time.Hour),
			Subject: "my-app",
		}, nil
	})

	ctx := context.Background()
	s := core.New("prices", provider, &core.Options{Origins: []string{api.URL}})
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)

	resp, err := s.Client().Get(api.URL + "/latest")
	if err != nil {
		fmt.Println(err)
		return
	}
	resp.Body.Close()
	c, _ := s.Credential(ctx)
	fmt.Println(resp.StatusCode, c.Subject, c.Attach.Header["Authorization"])

	_, err = s.Client().Get("https://elsewhere.example.com/")
	fmt.Println(core.CodeOf(err))
	// Output:
	// 200 my-app REDACTED
	// origin refused
}
