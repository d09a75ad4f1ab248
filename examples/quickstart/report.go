package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// report initialises each session of the user's own file and prints what came
// of it. With get, each one also makes a request.
func report(ctx context.Context, out io.Writer, opts config.Options, get string) error {
	cfg, err := config.Load(ctx, opts)
	if err != nil {
		return err
	}
	defer cfg.Close(context.WithoutCancel(ctx))

	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	defer table.Flush()
	fmt.Fprintln(table, "SESSION\tPROVIDER\tENVIRONMENT\tRESULT")
	names, failed := cfg.Registry().Names(), 0
	for _, name := range names {
		session, err := cfg.Session(name)
		if err != nil {
			return err
		}
		result, err := try(ctx, session, get)
		if err != nil {
			result = err.Error()
			failed++
		}
		st := session.Status()
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", name, st.Kind, cmp.Or(string(st.Environment), "-"), result)
	}
	if failed > 0 {
		return fmt.Errorf("%d of %d sessions failed", failed, len(names))
	}
	return nil
}

// try initialises a session and says how it went.
func try(ctx context.Context, s *core.Session, get string) (string, error) {
	if err := s.Init(ctx); err != nil {
		return "", err
	}
	st := s.Status()
	result := "authenticated"
	if st.Subject != "" {
		result += " as " + st.Subject
	}
	if !st.Expiry.IsZero() {
		result += ", for " + time.Until(st.Expiry).Round(time.Second).String()
	}
	if get == "" {
		return result, nil
	}
	base := baseURL(s)
	if base == "" {
		return result + "; names no API to call", nil
	}
	url := base + "/" + strings.TrimPrefix(get, "/")
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return "", err
	}
	resp, err := s.Client().Do(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		return "", fmt.Errorf("%s; the API answers %s", result, resp.Status)
	}
	return result + "; the API answers " + resp.Status, nil
}

// baseURL is where the session's API is: what its provider says, else the
// first place that the credential may go to.
func baseURL(s *core.Session) string {
	st := s.Status()
	base := st.Attributes["base_url"]
	if base == "" && len(st.Origins) > 0 {
		base = st.Origins[0]
	}
	return strings.TrimSuffix(base, "/")
}
