package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

var hidden = regexp.MustCompile(`name="id" value="([^"]+)"`)

// browse does what a person does: it opens the link, fills in the form and
// ends on the last page, which it returns.
func browse(link, password string) (string, error) {
	jar, _ := cookiejar.New(nil)
	client := &http.Client{Jar: jar}
	read := func(resp *http.Response, err error) (string, *url.URL, error) {
		if err != nil {
			return "", nil, err
		}
		defer resp.Body.Close()
		page, err := io.ReadAll(resp.Body)
		return string(page), resp.Request.URL, err
	}
	page, at, err := read(client.Get(link))
	if err != nil {
		return "", err
	}
	id := hidden.FindStringSubmatch(page)
	if id == nil {
		return "", errors.New("no form: " + page)
	}
	page, _, err = read(client.PostForm(at.ResolveReference(&url.URL{Path: "/login/username"}).String(),
		url.Values{"id": {id[1]}, "username": {username}, "password": {password}}))
	return page, err
}

func TestSignsInOnce(t *testing.T) {
	t.Chdir("../..")
	var shown, out bytes.Buffer
	var asked atomic.Int32
	last := make(chan string, 1)
	ui := terminal.New(
		&terminal.Options{
			Out: &shown,
			In:  strings.NewReader(""),
			Browser: func(_ context.Context, link string) error {
				asked.Add(1)
				go func() {
					page, err := browse(link, password)
					if err != nil {
						page = err.Error()
					}
					last <- page
				}()
				return nil
			},
		},
	)
	require.NoError(t, start(t.Context(), nil, ui, &out), "%s", &shown)
	require.EqualValues(t, 1, asked.Load())
	require.Contains(t, <-last, "signed in")
	require.Contains(t, shown.String(), "http://127.0.0.1:")
	require.Equal(t, 2, strings.Count(out.String(), "ada says 200 OK"), out.String())
	require.Contains(t, out.String(), `"sub":"ada"`)
}

func TestWithoutAPerson(t *testing.T) {
	t.Chdir("../..")
	err := start(t.Context(), nil, nil, io.Discard)
	require.ErrorIs(t, err, core.CodeInteractive)
}
