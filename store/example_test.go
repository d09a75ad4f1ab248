package store_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/store"
)

// A program that is started twice asks the server once.
func ExampleFile() {
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	asked := 0
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		asked++
		return core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{
				"Authorization": core.NewSecret("Bearer token"),
			}},
			Expiry: time.Now().Add(time.Hour),
		}, nil
	})
	ctx := context.Background()
	for range 2 {
		s := core.New("drive", provider, &core.Options{
			Store: store.File(store.FileOptions{Dir: dir, KeyFile: filepath.Join(dir, "key")}),
		})
		if err := s.Init(ctx); err != nil {
			fmt.Println(err)
		}
	}
	fmt.Println("asked", asked)
	// Output: asked 1
}

// Two sessions share a credential, because they have the same store and the same key.
func ExampleMemory() {
	asked := 0
	provider := core.ProviderFunc(func(context.Context, core.Request) (core.Credential, error) {
		asked++
		return core.Credential{
			Attach: core.Attachment{Header: map[string]core.Secret{
				"Authorization": core.NewSecret("Bearer token"),
			}},
			Expiry: time.Now().Add(time.Hour),
		}, nil
	})
	opts := &core.Options{Store: store.Memory(), StoreKey: "drive"}
	ctx := context.Background()
	for _, name := range []string{"upload", "download"} {
		s := core.New(name, provider, opts)
		fmt.Println(name, s.Init(ctx), s.Close(ctx))
	}
	fmt.Println("asked", asked)
	// Output:
	// upload <nil> <nil>
	// download <nil> <nil>
	// asked 1
}
