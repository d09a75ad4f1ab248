package command

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// requestOptions are what the command line says of a request.
type requestOptions struct {
	session string
	method  string
	url     string
	headers []string
	data    []string
	file    string
	include bool
	silent  bool
	fail    bool
	follow  bool
}

func (a *app) requestCommand() *cobra.Command {
	var o requestOptions
	cmd := &cobra.Command{
		Use:   "request [METHOD] URL",
		Short: "Send one request by the session whose origins hold the URL",
		Long: `request sends one HTTP request by the session whose origins hold the URL, or by the
one that --session names, and prints the body of the answer. Flags have the names that
curl gives them. As with curl, an answer of any status is success unless
--fail-with-body is given, and a redirect is followed only with -L.

A credential that the API refuses is renewed once, and the request is then sent again
if its body can be read again. The body of -d @- is read from stdin while it is sent;
that of -d @FILE is sent as it is. -H 'Name:' removes a header that would be sent, and
-H 'Name;' sends one without a value. --timeout bounds the wait for the
credential, and then that for the headers of the answer, once the body is sent. An API
that cannot be reached is unavailable: the exit status is 75.

-o after "request" names a file, as with curl. For errors in JSON, give "-o json" before
"request".`,
		Example: `  authsession request https://reports.example.com/v1/today
  authsession request POST https://reports.example.com/v1/jobs \
    -d '{"name":"nightly"}' -H 'Content-Type: application/json'
  tar c . | authsession request PUT https://files.example.com/backup.tar -d @- -s`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.url = args[len(args)-1]
			if len(args) == 2 && o.method != "" {
				return wrong("the method is there twice: %q, and --request", args[0])
			}
			if len(args) == 2 {
				o.method = args[0]
			}
			return a.request(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.session, "session", "", "`name` of the session")
	f.StringVarP(&o.method, "request", "X", "", "`method`; without it GET, or POST with -d")
	f.StringArrayVarP(&o.headers, "header", "H", nil, "a `header`, as 'Name: value'")
	f.StringArrayVarP(&o.data, "data", "d", nil,
		"the `body`; @FILE reads a file, @- stdin; several are joined by &")
	f.StringVarP(&o.file, "output", "o", "", "write the body to a `file`")
	f.BoolVarP(&o.include, "include", "i", false, "print the status and the headers, too")
	f.BoolVarP(&o.silent, "silent", "s", false, "print nothing else than the answer")
	f.BoolVar(&o.fail, "fail-with-body", false, "exit with status 1 for an answer of 400 or more")
	f.BoolVarP(&o.follow, "location", "L", false,
		"follow redirects; the credential goes to the session's origins only, a body to one server")
	_ = cmd.RegisterFlagCompletionFunc("session", a.completeNames)
	return cmd
}

func (a *app) request(ctx context.Context, o requestOptions) error {
	if o.silent {
		a.flags.quiet = true
	}
	req, err := o.build(ctx, a.stdin)
	if err != nil {
		return err
	}
	cfg, err := a.load(ctx)
	if err != nil {
		return err
	}
	s, err := sessionFor(ctx, cfg, o)
	if err != nil {
		return err
	}
	defer a.end(ctx, s)
	if _, err := a.obtain(ctx, s, need{}); err != nil {
		return err
	}
	client := s.Client()
	client.CheckRedirect = o.checkRedirect
	resp, err := send(client, req, a.flags.timeout)
	if err != nil {
		return requestError(s.Name(), err)
	}
	defer resp.Body.Close() //nolint:errcheck // it was read
	if err := a.answer(resp, o); err != nil {
		return requestError(s.Name(), err)
	}
	if o.fail && resp.StatusCode >= 400 {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	return nil
}

// checkRedirect is the CheckRedirect of the client. With -L, a request that is not a GET or a
// HEAD stays within the origin that the person named: a gateway in front of an API redirects to a
// sign-in page elsewhere, which must not get the body.
func (o requestOptions) checkRedirect(next *http.Request, via []*http.Request) error {
	const most = 10 // as in net/http
	if len(via[0].Header.Values("Referer")) == 0 {
		next.Header.Del("Referer") // as curl, which sends none: the URL may hold a secret
	}
	switch reads := next.Method == http.MethodGet || next.Method == http.MethodHead; {
	case !o.follow:
		return http.ErrUseLastResponse
	case len(via) >= most:
		return fmt.Errorf("more than %d redirects", most)
	case !reads && core.OriginText(next.URL) != core.OriginText(via[0].URL):
		return fmt.Errorf("the API redirects to %s, and a %s is not sent to another server",
			core.OriginText(next.URL), next.Method)
	}
	return nil
}

// sessionFor returns the session that a request goes out with. Sessions whose
// providers name the origins are known once they are taken from the store.
func sessionFor(ctx context.Context, cfg *config.Config, o requestOptions) (*core.Session, error) {
	if o.session != "" {
		return findSession(cfg, o.session)
	}
	s, err := cfg.Registry().For(o.url)
	if !errors.Is(err, core.CodeOriginRefused) {
		return s, then(err, "help", "request")
	}
	for _, name := range sessionNames(cfg) {
		if s, err := cfg.Session(name); err == nil {
			_, _ = s.Restore(ctx) // one that cannot be restored has no origins to offer
		}
	}
	s, err = cfg.Registry().For(o.url)
	if faulty := cfg.Faulty(); err != nil && len(faulty) > 0 {
		err = fmt.Errorf("%w; perhaps it is one of those with faults: %s", err,
			strings.Join(faulty, ", "))
	}
	return s, then(err, "status")
}

// answer writes the answer to stdout or into the file.
func (a *app) answer(resp *http.Response, o requestOptions) (err error) {
	out := a.stdout
	if o.file != "" && o.file != "-" {
		f, err := os.Create(o.file)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		out = f
	}
	w := bufio.NewWriterSize(out, 32<<10)
	if o.include {
		fmt.Fprintf(w, "%s %s\r\n", resp.Proto, resp.Status)
		_ = resp.Header.Write(w)
		fmt.Fprint(w, "\r\n")
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if _, err := io.Copy(out, resp.Body); err != nil {
		return fmt.Errorf("the answer broke off: %w", err)
	}
	return nil
}
