package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// steps are the changes of one line of the file, in turn.
var steps = []struct{ session, from, to string }{
	{"reports", "provider: oauth2\n", "provider: oauth2-plugin\n"},
	{"prices", "provider: apikey\n", "provider: apikey-plugin\n"},
	{"reports", "provider: oauth2-plugin\n", "provider: oauth2\n"},
	{"prices", "provider: apikey-plugin\n", "provider: apikey\n"},
}

// changes makes requests without a pause and changes the file meanwhile.
func changes(ctx context.Context, out io.Writer, cfg *config.Config, service, file string) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var all callers
	defer all.done.Wait()
	defer cancel()
	for _, name := range []string{"reports", "prices"} {
		all.start(ctx, service+"/"+name)
	}
	if err := all.more(ctx, 200); err != nil {
		return err
	}
	for _, step := range steps {
		session, err := cfg.Session(step.session)
		if err != nil {
			return err
		}
		before := session.Status()
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		text = bytes.Replace(text, []byte(step.from), []byte(step.to), 1)
		if err := os.WriteFile(file, text, 0o600); err != nil {
			return err
		}
		if err := cfg.Reload(ctx); err != nil { // cfg.Watch does so by itself
			return err
		}
		if err := authenticated(ctx, session, before.Authentications); err != nil {
			return err
		}
		if err := all.more(ctx, 200); err != nil {
			return err
		}
		fmt.Fprintf(out, "%-7s  from %s to %s: %d requests so far, none failed\n",
			step.session, before.Kind, session.Status().Kind, all.good.Load())
	}
	return nil
}

// authenticated waits until the session has a credential of its new provider.
func authenticated(ctx context.Context, s *core.Session, before uint64) error {
	return poll(ctx, func() bool { return s.Status().Authentications > before })
}

// callers are the service's clients.
type callers struct {
	done  sync.WaitGroup
	good  atomic.Int64
	wrong atomic.Pointer[error] // the first failure
}

// start calls the service until ctx ends.
func (c *callers) start(ctx context.Context, url string) {
	c.done.Go(func() {
		for ctx.Err() == nil {
			err := call(ctx, url)
			switch {
			case err == nil:
				c.good.Add(1)
			case ctx.Err() == nil:
				c.wrong.CompareAndSwap(nil, &err)
			}
		}
	})
}

func call(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("the service answers %s: %s", resp.Status, text)
	}
	return err
}

// more waits for n more good answers. One that is not is its error.
func (c *callers) more(ctx context.Context, n int64) error {
	n += c.good.Load()
	err := poll(ctx, func() bool { return c.wrong.Load() != nil || c.good.Load() >= n })
	if wrong := c.wrong.Load(); wrong != nil {
		return *wrong
	}
	return err
}

func poll(ctx context.Context, ok func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, 30*time.Second, fmt.Errorf("nothing happens"))
	defer cancel()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}
