package main

import (
	"io"
	"net/http"
	"strings"
	"time"
)

const apiURL = "https://api.example.com/v1/things/42"

// kilobyte is a token of the size of a signed one.
var kilobyte = strings.Repeat("t", 1024)

var inAnHour = time.Now().Add(time.Hour)

// newRequest returns a request as a program makes it.
func newRequest() *http.Request {
	r, err := http.NewRequest(http.MethodGet, apiURL, nil)
	must(err)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "bench/1.0")
	r.Header.Set("X-Request-Id", "3f1c")
	return r
}

// noop answers every request at once, so that what is left is the work of the
// layer above. The zero value makes each answer anew; with a response, that
// one is the answer to all, for one goroutine and no allocation.
type noop struct{ response *http.Response }

func newResponse() *http.Response {
	return &http.Response{
		Status: "200 OK", StatusCode: http.StatusOK, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: http.NoBody,
	}
}

// RoundTrip implements http.RoundTripper; it sends nothing.
func (n noop) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Header.Get("Authorization") == "" {
		panic("bench: a request without a credential")
	}
	if n.response != nil {
		return n.response, nil
	}
	return newResponse(), nil
}

// Do implements azcore's policy.Transporter.
func (n noop) Do(r *http.Request) (*http.Response, error) { return n.RoundTrip(r) }

func drop(resp *http.Response, err error) error {
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	resp.Body.Close()
	return err
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
