package command

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

// build makes the request.
func (o requestOptions) build(ctx context.Context, stdin io.Reader) (*http.Request, error) {
	u, err := url.Parse(o.url)
	if err != nil || u.Host == "" {
		return nil, wrong("the URL is not absolute, as https://api.example.com/v1")
	}
	method := o.method
	switch {
	case method == "" && o.data != nil:
		method = http.MethodPost
	case method == "":
		method = http.MethodGet
	}
	req, err := http.NewRequestWithContext(ctx, method, o.url, nil)
	if err != nil {
		return nil, wrong("the request: %v", err)
	}
	if err := o.body(req, stdin); err != nil {
		return nil, err
	}
	if err := o.setHeaders(req); err != nil {
		return nil, err
	}
	if _, given := req.Header["Content-Type"]; o.data != nil && !given {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	return req, nil
}

// body gives the request its body. A single @FILE or @- is streamed.
func (o requestOptions) body(req *http.Request, stdin io.Reader) error {
	if len(o.data) == 1 && o.data[0] == "@-" {
		req.Body = io.NopCloser(stdin)
		req.ContentLength = -1
		return nil
	}
	if len(o.data) == 1 && strings.HasPrefix(o.data[0], "@") {
		return fileBody(req, o.data[0][1:])
	}
	var parts [][]byte
	for _, d := range o.data {
		text := []byte(d)
		if name, ok := strings.CutPrefix(d, "@"); ok {
			var err error
			if text, err = readData(name, stdin); err != nil {
				return wrong("--data: %v", err)
			}
		}
		parts = append(parts, text)
	}
	if o.data == nil {
		return nil
	}
	text := bytes.Join(parts, []byte("&"))
	if len(text) == 0 {
		req.Body = http.NoBody
		return nil
	}
	req.ContentLength = int64(len(text))
	req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(text)), nil }
	req.Body, _ = req.GetBody()
	return nil
}

// readData reads a file, or stdin if its name is "-".
func readData(name string, stdin io.Reader) ([]byte, error) {
	if name == "-" {
		return io.ReadAll(stdin)
	}
	return os.ReadFile(name)
}

// fileBody sends a file, which is opened again if the request is repeated.
func fileBody(req *http.Request, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return wrong("--data: %v", err)
	}
	req.Body, req.ContentLength = f, -1
	if info, err := f.Stat(); err == nil && info.Mode().IsRegular() {
		req.ContentLength = info.Size()
		req.GetBody = func() (io.ReadCloser, error) { return os.Open(name) }
		if info.Size() == 0 {
			req.Body = http.NoBody
			return f.Close()
		}
	}
	return nil
}
