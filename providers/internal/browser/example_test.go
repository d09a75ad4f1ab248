package browser_test

import (
	"context"
	"fmt"
	"net/url"

	"github.com/authsession/authsession/providers/internal/browser"
)

func Example() {
	l, err := browser.Listen(browser.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer l.Close()
	go func() { // the person's browser, redirected by the authorization server
		for {
			resp, err := tab.Get(l.URL() + "?state=random&code=abc")
			if err != nil {
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode == 200 {
				return
			}
		}
	}()
	err = l.Wait(context.Background(), "random", func(_ context.Context, answer url.Values) error {
		fmt.Println("code", answer.Get("code"))
		return nil
	})
	fmt.Println(err)
	// Output:
	// code abc
	// <nil>
}
