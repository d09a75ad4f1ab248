package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"text/tabwriter"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/examples/internal/demo"
	"github.com/authsession/authsession/registry/config"
)

// tour shows the sessions of the sample file.
func tour(ctx context.Context, out io.Writer, opts config.Options, servers *demo.Servers) error {
	cfg, err := config.Load(ctx, opts) // nothing is sent yet
	if err != nil {
		return err
	}
	defer cfg.Close(context.WithoutCancel(ctx))

	if err := callers(ctx, out, cfg); err != nil {
		return err
	}

	// The sample file says "default: reports", so that requests which are not
	// in a block go out with this session, from every goroutine.
	reports, err := core.Current(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "\nThe life of session %q:\n", reports.Name())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	if err := renewed(ctx, table, reports); err != nil {
		return err
	}
	if err := refused(ctx, table, reports, servers); err != nil {
		return err
	}
	if err := closed(ctx, table, reports); err != nil {
		return err
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return beside(ctx, out, cfg, reports)
}

// beside makes a second session current beside the first one. A request goes out
// with the one whose API it calls.
func beside(ctx context.Context, out io.Writer, cfg *config.Config, first *core.Session) error {
	other := "gs-qa"
	if cfg.Environment() == core.QA {
		other = "gs-prod" // in another environment than the first
	}
	second, err := cfg.Session(other)
	if err != nil {
		return err
	}
	if err := core.Use(ctx, second); err != nil { // authenticates it, and makes it current
		return err
	}
	defer core.RemoveCurrent(second)
	fmt.Fprintf(out, "\nSession %q is current beside %q:\n", other, first.Name())
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	for _, s := range []*core.Session{first, second} {
		you, err := whoami(ctx, core.Client(), baseURL(s))
		if err != nil {
			return err
		}
		fmt.Fprintf(table, "%s\t%s\n", s.Name(), you)
	}
	// The client of the registry knows all sessions of the file, current or not, by
	// the origins of their APIs.
	you, err := whoami(ctx, cfg.Registry().Client(), baseURL(second))
	if err != nil {
		return err
	}
	fmt.Fprintf(table, "any\tby the API's origin: %s\n", you)
	return nil
}

// callers uses each session in a block and prints who the API says it was.
func callers(ctx context.Context, out io.Writer, cfg *config.Config) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "SESSION\tPROVIDER\tTHE API ANSWERS")
	for _, name := range []string{"gs-prod", "gs-qa", "reports", "prices", "ledger", "quotes"} {
		session, err := cfg.Session(name)
		if err != nil {
			return err
		}
		// Do authenticates the session and makes it the current one of ctx. At
		// the end of the block it closes what it has opened.
		err = core.Do(ctx, session, func(ctx context.Context) error {
			you, err := whoami(ctx, core.Client(), baseURL(session))
			if err != nil {
				return err
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", name, session.Status().Kind, you)
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// whoami asks the API who is calling. With core.Client, the request goes out with
// the session that is current in ctx, otherwise with one of the process's.
func whoami(ctx context.Context, client *http.Client, api string) (demo.Caller, error) {
	var you demo.Caller
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, api+"/v1/whoami", nil)
	if err != nil {
		return you, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return you, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return you, fmt.Errorf("the API answers %s", resp.Status)
	}
	err = json.NewDecoder(resp.Body).Decode(&you)
	return you, err
}

// renewed calls the API until the session has a second token. The server's
// tokens live for three seconds.
func renewed(ctx context.Context, out io.Writer, s *core.Session) error {
	if err := s.Init(ctx); err != nil {
		return err
	}
	first := s.Status()
	calls, slowest := 0, time.Duration(0)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for s.Status().Authentications == first.Authentications {
		began := time.Now()
		if _, err := whoami(ctx, core.Client(), baseURL(s)); err != nil {
			return err
		}
		calls, slowest = calls+1, max(slowest, time.Since(began))
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	early := time.Until(first.Expiry)
	if early <= 0 {
		return fmt.Errorf("session %q was renewed %v after its token had ended", s.Name(), -early)
	}
	fmt.Fprintf(out, "renewed\t%.1fs before its token ended; %d calls, none waited more than %v\n",
		early.Seconds(), calls, slowest.Round(time.Millisecond))
	return nil
}

// refused has the server revoke all tokens, and calls the API once more.
func refused(ctx context.Context, out io.Writer, s *core.Session, servers *demo.Servers) error {
	you, err := whoami(ctx, core.Client(), baseURL(s))
	if err != nil {
		return err
	}
	servers.Revoke(you.Environment)
	if you, err = whoami(ctx, core.Client(), baseURL(s)); err != nil {
		return err
	}
	if n := s.Status().Refusals; n != 1 {
		return fmt.Errorf("session %q was refused %d times, not once", s.Name(), n)
	}
	fmt.Fprintf(out, "refused\t401 after its token was revoked; renewed and repeated: %s\n", you)
	return nil
}

// closed closes the session, and initialises it again.
func closed(ctx context.Context, out io.Writer, s *core.Session) error {
	api := baseURL(s) // a closed session has forgotten it
	if err := s.Close(ctx); err != nil {
		return err
	}
	_, err := whoami(ctx, core.Client(), api)
	var refusal *core.Error // Code says what to do next
	if !errors.As(err, &refusal) || refusal.Code != core.CodeClosed {
		return fmt.Errorf("a closed session was used: %v", err)
	}
	fmt.Fprintf(out, "closed\t%v\n", refusal)
	if err := s.Init(ctx); err != nil {
		return err
	}
	you, err := whoami(ctx, core.Client(), baseURL(s))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "again\t%s\n", you)
	return nil
}
