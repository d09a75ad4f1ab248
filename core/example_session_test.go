package core_test

import (
	"context"
	"fmt"
	"time"

	"github.com/authsession/authsession/core"
)

// numbered returns a provider whose tokens are t1, t2 and so on.
func numbered(lifetime time.Duration) core.Provider {
	count := 0
	return core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		count++
		c := bearerCredential(fmt.Sprintf("t%d", count))
		c.Expiry = time.Now().Add(lifetime)
		return c, nil
	})
}

// A program that sends its requests by other means than Session.Client tells the session when the
// API refuses the credential. The next call of Credential gets another one.
func ExampleSession_Reject() {
	ctx := context.Background()
	session := core.New("prices", numbered(time.Hour), &core.Options{Lazy: true})
	defer session.Close(ctx)

	for range 2 {
		c, err := session.Credential(ctx)
		if err != nil {
			fmt.Println(err)
			return
		}
		token, _ := c.Token()
		fmt.Println(token.Reveal())
		session.Reject(c, `Bearer error="invalid_token"`) // the WWW-Authenticate header of a 401
	}
	// Output:
	// t1
	// t2
}

// A job that runs for half an hour asks for a token that lives as long.
func ExampleSession_For() {
	ctx := context.Background()
	session := core.New("prices", numbered(time.Hour), &core.Options{Lazy: true})
	defer session.Close(ctx)

	c, err := session.For(core.Need{MinValidity: 30 * time.Minute}).Credential(ctx)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(time.Until(c.Expiry) >= 30*time.Minute)
	// Output:
	// true
}
