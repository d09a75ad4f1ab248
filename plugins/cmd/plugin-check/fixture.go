package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
)

// fixture makes the kit's fixture from the files, but for the factory.
func (o options) fixture() (f providertest.Fixture, err error) {
	f = providertest.Fixture{Environment: core.Environment(o.environment), Waive: o.waive}
	var settings map[string]any
	if err := read(o.settings, &settings); err != nil {
		return f, err
	}
	if settings == nil {
		return f, fmt.Errorf("%s: want an object of settings", o.settings)
	}
	if err := placeholders(settings); err != nil {
		return f, fmt.Errorf("%s: %w", o.settings, err)
	}
	f.Settings = func(s providertest.Server) map[string]any { return fill(settings, s).(map[string]any) }
	if o.answers == "" {
		return f, nil
	}
	var answers []answer
	if err := read(o.answers, &answers); err != nil {
		return f, err
	}
	good, err := newServer(answers)
	if err != nil {
		return f, fmt.Errorf("%s: %w", o.answers, err)
	}
	f.Good = good
	for _, a := range answers {
		if a.Misbehaves {
			f.Endpoint = a.Path
		}
	}
	return f, nil
}

// read decodes a JSON file strictly.
func read(path string, into any) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	if _, err := dec.Token(); err != io.EOF {
		return fmt.Errorf("%s: there is something after the JSON value", path)
	}
	return nil
}

// The placeholders.
const (
	urlMark    = "${server.url}"
	tlsURLMark = "${server.tls_url}"
	caMark     = "${server.ca}"
	secretMark = "${server.secret}"
)

var mark = regexp.MustCompile(`\$\{[^}]*\}?`)

// placeholders reports one that does not exist.
func placeholders(value any) error {
	switch v := value.(type) {
	case string:
		for _, m := range mark.FindAllString(v, -1) {
			if known := []string{urlMark, tlsURLMark, caMark, secretMark}; !slices.Contains(known, m) {
				return fmt.Errorf("unknown placeholder %q%s; known: %s", m, core.DidYouMean(m, known), strings.Join(known, ", "))
			}
		}
	case []any:
		for _, v := range v {
			if err := placeholders(v); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, v := range v {
			if err := placeholders(v); err != nil {
				return err
			}
		}
	}
	return nil
}

// fill copies settings with the placeholders replaced. A text that is the
// secret and nothing else stays a text: the kit sees what a config file holds.
func fill(value any, s providertest.Server) any {
	switch v := value.(type) {
	case string:
		return strings.NewReplacer(urlMark, s.URL, tlsURLMark, s.TLSURL, caMark, s.CA, secretMark, s.Secret).Replace(v)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = fill(v[i], s)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for key := range v {
			out[key] = fill(v[key], s)
		}
		return out
	}
	return value
}

// answer is what the server says at one path.
type answer struct {
	Path       string            `json:"path"`
	Status     int               `json:"status"`
	Header     map[string]string `json:"header"`
	Body       json.RawMessage   `json:"body"`
	Misbehaves bool              `json:"misbehaves"`

	body   string
	isText bool
}

// newServer makes the good server of a list of answers.
func newServer(answers []answer) (http.Handler, error) {
	if len(answers) == 0 {
		return nil, errors.New("want a list of answers")
	}
	misbehave := false
	for i := range answers {
		a := &answers[i]
		switch {
		case a.Path != "" && !strings.HasPrefix(a.Path, "/"):
			return nil, fmt.Errorf("answer %d: the path %q does not begin with a slash", i, a.Path)
		case a.Status != 0 && (a.Status < 200 || a.Status > 599):
			return nil, fmt.Errorf("answer %d: there is no status %d", i, a.Status)
		case a.Misbehaves && (misbehave || a.Path == ""):
			return nil, fmt.Errorf("answer %d: one answer can misbehave, and it has a path", i)
		}
		misbehave = misbehave || a.Misbehaves
		if a.Status == 0 {
			a.Status = http.StatusOK
		}
		if a.isText = json.Unmarshal(a.Body, &a.body) == nil && !bytes.Equal(a.Body, []byte("null")); !a.isText {
			a.body = string(a.Body)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, a := range answers {
			if a.Path == "" || a.Path == r.URL.Path {
				a.write(w, r)
				return
			}
		}
		http.NotFound(w, r)
	}), nil
}

func (a answer) write(w http.ResponseWriter, r *http.Request) {
	if !a.isText && len(a.body) > 0 {
		w.Header().Set("Content-Type", "application/json")
	}
	for name, value := range a.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(a.Status)
	scheme := "http://"
	if r.TLS != nil {
		scheme = "https://"
	}
	_, _ = io.WriteString(w, strings.ReplaceAll(a.body, urlMark, scheme+r.Host))
}
