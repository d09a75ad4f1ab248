package servers

import (
	"context"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Browser is a person with a browser that has no window: it follows redirects,
// keeps cookies, and sends each form as it comes, with its first button.
type Browser struct {
	client *http.Client
}

// NewBrowser returns a browser that trusts ca; nil: plain HTTP only.
func NewBrowser(t testing.TB, ca *CA) *Browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	transport := &http.Transport{}
	if ca != nil {
		transport.TLSClientConfig = ca.trust()
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &Browser{client: &http.Client{Transport: transport, Jar: jar}}
}

var (
	forms  = regexp.MustCompile(`(?s)<form[^>]*method="post"[^>]*>.*?</form>`)
	fields = regexp.MustCompile(`<(?:input|button)[^>]*>`)
	attr   = regexp.MustCompile(`(\w+)="([^"]*)"`)
)

// Open opens a page, sends the forms that come, and returns the last page.
func (b *Browser) Open(ctx context.Context, link string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, link, nil)
	if err != nil {
		return "", err
	}
	for range 6 {
		at, page, err := b.load(req)
		if err != nil {
			return "", err
		}
		form := forms.FindString(page)
		if form == "" {
			return page, nil
		}
		if req, err = fill(ctx, at, form); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("the forms at %s have no end", req.URL)
}

// Catch opens a page, sends the forms that come, and returns where the browser
// is sent in the end, without going there: an address that begins with redirect.
func (b *Browser) Catch(ctx context.Context, link, redirect string) (*url.URL, error) {
	var caught *url.URL
	follow := *b
	follow.client = &http.Client{Transport: b.client.Transport, Jar: b.client.Jar}
	follow.client.CheckRedirect = func(req *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(req.URL.String(), redirect) {
			caught = req.URL
			return http.ErrUseLastResponse
		}
		return nil
	}
	_, err := follow.Open(ctx, link)
	if err == nil && caught == nil {
		err = fmt.Errorf("the browser was not sent to %s", redirect)
	}
	return caught, err
}

func (b *Browser) load(req *http.Request) (*url.URL, string, error) {
	resp, err := b.client.Do(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode >= 500 {
		err = fmt.Errorf("%s answers %s", req.URL, resp.Status)
	}
	return resp.Request.URL, string(page), err
}

// fill makes the request that sends a form of the page at a URL.
func fill(ctx context.Context, at *url.URL, form string) (*http.Request, error) {
	values, pressed := url.Values{}, false
	for _, field := range fields.FindAllString(form, -1) {
		a := attributes(field)
		button := strings.HasPrefix(field, "<button")
		if a["name"] == "" || button && pressed {
			continue
		}
		values.Add(a["name"], a["value"])
		pressed = pressed || button
	}
	to, err := at.Parse(attributes(form[:strings.Index(form, ">")])["action"])
	if err != nil {
		return nil, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to.String(),
		strings.NewReader(values.Encode()))
	if err == nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, err
}

func attributes(tag string) map[string]string {
	out := map[string]string{}
	for _, m := range attr.FindAllStringSubmatch(tag, -1) {
		out[m[1]] = html.UnescapeString(m[2])
	}
	return out
}
