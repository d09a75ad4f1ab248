// Read on in report.go.

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providertest"
	"github.com/authsession/authsession/internal/textfile"
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
	if err := checkPlaceholders(settings); err != nil {
		return f, fmt.Errorf("%s: %w", o.settings, err)
	}
	f.Settings = func(s providertest.Server) map[string]any {
		return fill(settings, s).(map[string]any)
	}
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

// maxFixture is the size of the largest file that is read, in bytes.
const maxFixture = 1 << 20

// read decodes a JSON file strictly.
func read(path string, into any) error {
	text, err := textfile.ReadText(context.Background(), path, maxFixture)
	if err != nil {
		return fmt.Errorf("file %q %w", path, err)
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

// The placeholders in settings and answers.
const (
	urlMark    = "${server.url}"
	tlsURLMark = "${server.tls_url}"
	caMark     = "${server.ca}"
	secretMark = "${server.secret}"
)

var placeholderPattern = regexp.MustCompile(`\$\{[^}]*\}?`)

// checkPlaceholders reports a placeholder that does not exist in the texts of a
// value.
func checkPlaceholders(value any) error {
	switch v := value.(type) {
	case string:
		return checkText(v)
	case []any:
		return checkEach(slices.Values(v))
	case map[string]any:
		return checkEach(maps.Values(v))
	}
	return nil
}

func checkEach(values iter.Seq[any]) error {
	for v := range values {
		if err := checkPlaceholders(v); err != nil {
			return err
		}
	}
	return nil
}

func checkText(text string) error {
	known := []string{urlMark, tlsURLMark, caMark, secretMark}
	for _, found := range placeholderPattern.FindAllString(text, -1) {
		if !slices.Contains(known, found) {
			return fmt.Errorf("unknown placeholder %q%s; known: %s",
				found, core.DidYouMean(found, known), strings.Join(known, ", "))
		}
	}
	return nil
}

// fill copies settings with the placeholders replaced. A text that is the
// secret and nothing else stays a text: the kit sees what a config file holds.
func fill(value any, s providertest.Server) any {
	switch v := value.(type) {
	case string:
		return strings.NewReplacer(
			urlMark, s.URL, tlsURLMark, s.TLSURL, caMark, s.CA, secretMark, s.Secret,
		).Replace(v)
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

	body   string // as it is sent, with placeholders
	isText bool   // Body is a JSON string
}

// newServer makes the good server of a list of answers.
func newServer(answers []answer) (http.Handler, error) {
	if len(answers) == 0 {
		return nil, errors.New("want a list of answers")
	}
	misbehaves := false
	for i := range answers {
		if err := answers[i].complete(misbehaves); err != nil {
			return nil, fmt.Errorf("answer %d: %w", i, err)
		}
		misbehaves = misbehaves || answers[i].Misbehaves
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

// complete checks an answer and sets what it does not say. misbehaves reports
// whether an earlier answer can misbehave.
func (a *answer) complete(misbehaves bool) error {
	switch {
	case a.Path != "" && !strings.HasPrefix(a.Path, "/"):
		return fmt.Errorf("the path %q does not begin with a slash", a.Path)
	case a.Status != 0 && (a.Status < 200 || a.Status > 599):
		return fmt.Errorf("there is no status %d", a.Status)
	case a.Misbehaves && (misbehaves || a.Path == ""):
		return errors.New("one answer can misbehave, and it has a path")
	}
	if a.Status == 0 {
		a.Status = http.StatusOK
	}
	isNull := bytes.Equal(a.Body, []byte("null"))
	if a.isText = json.Unmarshal(a.Body, &a.body) == nil && !isNull; !a.isText {
		a.body = string(a.Body)
	}
	return nil
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
