package acceptance

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// worker names the configuration of a process that is one of many.
const worker = "AUTHSESSION_ACCEPTANCE_WORKER"

// storeKey is what the workers' session is called in their store.
const storeKey = "person"

// work is what the test binary does as one of many processes that share a
// stored session: it calls the API, variable API, again and again, and prints a
// line for each answer: ok, or what went wrong. It prints "asked" if somebody
// would have to sign in. It ends with its standard input.
func work(file string) int {
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	cfg, err := config.Load(ctx, config.Options{
		Files:     []string{file},
		Factories: providers.Builtin(),
		Stores:    store.Builtin(),
		Scope:     new(core.Scope),
		Environ:   []string{}, // variables of ours would be taken for settings
		Session: core.Options{StoreKey: storeKey, UI: &core.UI{
			Show: func(context.Context, string) error { return nil },
			Open: func(context.Context, string) error {
				fmt.Println("asked")
				return core.Errorf(core.CodeDenied, "nobody is there")
			},
		}},
	})
	if err != nil {
		fmt.Println(err)
		return 1
	}
	s, err := cfg.Session("person")
	if err == nil {
		err = s.Init(ctx)
	}
	for ; ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if err == nil {
			err = call(ctx, s)
		}
		switch {
		case ctx.Err() != nil:
		case err != nil:
			fmt.Printf("%v\n", err)
		default:
			fmt.Println("ok")
		}
		if err != nil {
			err = s.Init(ctx)
		}
	}
	_ = cfg.Close(context.Background())
	return 0
}

func call(ctx context.Context, s *core.Session) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	status, body, err := try(ctx, s, os.Getenv("API"))
	if err == nil && status != 200 {
		err = fmt.Errorf("the API answers %d: %s", status, body)
	}
	return err
}
