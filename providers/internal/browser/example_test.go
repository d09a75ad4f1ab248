package browser_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/authsession/authsession/providers/internal/browser"
)

func Example() {
	l, err := browser.Listen(browser.Config{State: "random"})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() { // the person's browser, redirected by the authorization server
		if resp, err := tab.Get(l.URL() + "?state=random&code=abc"); err == nil {
			_ = resp.Body.Close()
		}
	}()
	err = l.Wait(context.Background(), func(_ context.Context, answer url.Values) error {
		fmt.Println("code", answer.Get("code"))
		return nil
	})
	fmt.Println(err)
	// Output:
	// code abc
	// <nil>
}
