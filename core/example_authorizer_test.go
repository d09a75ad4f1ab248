package core_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"

	"github.com/authsession/authsession/core"
)

// hmacProvider signs each request with a key that the API knows, too.
type hmacProvider struct{ key core.Secret }

// Authenticate returns a credential that is the same for every request: none of it is sent.
func (p hmacProvider) Authenticate(context.Context, core.Request) (core.Credential, error) {
	return core.Credential{Subject: "my-app"}, nil
}

// Authorize implements [core.Authorizer].
func (p hmacProvider) Authorize(
	_ context.Context, _ core.Credential, out core.Outgoing,
) (core.Attachment, error) {
	mac := hmac.New(sha256.New, []byte(p.key.Reveal()))
	fmt.Fprintf(mac, "%s %s", out.Method, out.URL)
	signature := core.NewSecret(hex.EncodeToString(mac.Sum(nil)[:4]))
	return core.Attachment{Header: map[string]core.Secret{"X-Signature": signature}}, nil
}

// An Authorizer makes an attachment for each request.
func ExampleAuthorizer() {
	ctx := context.Background()
	provider := hmacProvider{core.NewSecret("a key")}
	session := core.New("orders", provider, &core.Options{Lazy: true})
	defer session.Close(ctx)

	for _, method := range []string{http.MethodGet, http.MethodDelete} {
		req, _ := http.NewRequest(method, "https://orders.example.com/v1/7", nil)
		if err := session.Authorize(ctx, req); err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(method, req.Header.Get("X-Signature"))
	}
	// Output:
	// GET a9c2e664
	// DELETE 244c701e
}
