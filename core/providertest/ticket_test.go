package providertest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/core/providertest"
)

// Config is a whole provider: the settings, the factory and one method.
type Config struct {
	URL string      `json:"url" required:"true" doc:"Where tickets are issued, as https://host/path."`
	Key core.Secret `json:"key" required:"true" doc:"The key that the ticket office knows."`
}

// Factory is what a registry holds and a plugin serves.
var Factory = core.NewFactory(core.Info{Kind: "ticket", Summary: "Tickets of the ticket office."},
	func(_ context.Context, _ core.Environment, cfg Config) (core.Provider, error) { return &cfg, nil })

// Authenticate buys a ticket.
func (c *Config) Authenticate(ctx context.Context, _ core.Request) (core.Credential, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.URL, strings.NewReader(c.Key.Reveal()))
	if err != nil {
		return core.Credential{}, core.Errorf(core.BadConfig, "url is not a URL")
	}
	resp, err := providerhttp.NewClient(nil).Do(req)
	if err != nil {
		return core.Credential{}, providerhttp.ClientError(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return core.Credential{}, err
	}
	if err := providerhttp.AnswerError(resp, body, c.Key); err != nil {
		return core.Credential{}, err
	}
	var answer struct {
		Ticket  string
		Seconds int
	}
	if json.Unmarshal(body, &answer) != nil || answer.Ticket == "" || strings.ContainsAny(answer.Ticket, "\r\n\x00\x7f") {
		return core.Credential{}, core.Errorf(core.Unavailable, "the answer has no ticket")
	}
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Ticket " + answer.Ticket)}},
		Expiry: time.Now().Add(time.Duration(answer.Seconds) * time.Second),
	}, nil
}

func TestConformance(t *testing.T) {
	providertest.Run(t, providertest.Fixture{
		Factory: Factory,
		Settings: func(s providertest.Server) map[string]any {
			return map[string]any{"url": s.URL, "key": s.Secret}
		},
		Good: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			fmt.Fprint(w, `{"ticket": "row-7-seat-12", "seconds": 60}`)
		}),
	})
}

// A provider is a struct of settings, a factory and one method. This one buys
// tickets; a session puts them on requests.
func Example() {
	office := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"ticket": "row-7-seat-12", "seconds": 60}`)
	}))
	defer office.Close()
	show := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "seen: ", r.Header.Get("Authorization"))
	}))
	defer show.Close()

	ctx := context.Background()
	provider, err := Factory.Open(ctx, "", map[string]any{"url": office.URL, "key": "the key"})
	if err != nil {
		fmt.Println(err)
		return
	}
	s := core.New("show", provider, nil)
	if err := s.Init(ctx); err != nil {
		fmt.Println(err)
		return
	}
	defer s.Close(ctx)
	resp, err := s.Client().Get(show.URL)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	fmt.Printf("%s\n", text)
	// Output: seen: Ticket row-7-seat-12
}
