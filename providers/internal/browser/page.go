package browser

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"io"
	"log"
	"net/http"

	"github.com/authsession/authsession/core"
)

// Kind is what a page says.
type Kind uint8

// The kinds of pages.
const (
	SignedIn Kind = iota + 1 // the program has what it needs
	Refused                  // the person, or the server, said no
	Failed                   // it did not work, and may another time
	Foreign                  // the page belongs to no sign-in that is waited for
	Finished                 // the sign-in has been answered already, in another tab
)

// Kinds are all kinds, for those who look at every page.
var Kinds = []Kind{SignedIn, Refused, Failed, Foreign, Finished}

// String returns the name of k in lower case.
func (k Kind) String() string {
	switch k {
	case SignedIn:
		return "signed-in"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	case Foreign:
		return "foreign"
	case Finished:
		return "finished"
	}
	return "unknown"
}

// Of returns the page for the outcome of a sign-in: SignedIn for nil, Refused
// for [core.Denied], else Failed.
func Of(err error) Kind {
	switch {
	case err == nil:
		return SignedIn
	case core.CodeOf(err) == core.Denied:
		return Refused
	}
	return Failed
}

// status is what the page is sent with. A refusal is an answer like another:
// the person sees the page, and no program reads it.
func (k Kind) status() int {
	switch k {
	case Foreign:
		return http.StatusBadRequest
	case Finished:
		return http.StatusConflict
	}
	return http.StatusOK
}

// text is the words of a page.
type text struct {
	Tone   string // "good", "bad" or "calm": color and sign
	Title  string
	Lines  []string
	Server string
	Style  template.CSS
}

func (k Kind) text() text {
	switch k {
	case SignedIn:
		return text{Tone: "good", Title: "You are signed in", Lines: []string{
			"You can close this window and return to the program.",
		}}
	case Refused:
		return text{Tone: "bad", Title: "Not signed in", Lines: []string{
			"The sign-in was refused. The program was given no access.",
			"If you did not mean this, return to the program and start the sign-in again.",
		}}
	case Finished:
		return text{Tone: "calm", Title: "Already answered", Lines: []string{
			"This sign-in was answered in another window or tab.",
			"You can close this one. The program says how it ended.",
		}}
	case Foreign:
		return text{Tone: "calm", Title: "Another sign-in", Lines: []string{
			"This page belongs to a sign-in that the program does not wait for, perhaps an older one. Nothing was taken from it.",
			"Close this window and use the newest link of the program.",
		}}
	}
	return text{Tone: "bad", Title: "The sign-in did not work", Lines: []string{
		"The program could not finish the sign-in. It says why.",
		"Close this window, return to the program and start the sign-in again.",
	}}
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

var (
	page   = template.Must(template.New("page").Parse(pageHTML))
	silent = log.New(io.Discard, "", 0) // what browsers do wrong is nobody's log
)

// pageHeader goes with every page: nothing is loaded, run, kept or told to
// others.
var pageHeader = func() map[string]string {
	sum := sha256.Sum256([]byte(pageCSS))
	return map[string]string{
		"Content-Type": "text/html; charset=utf-8",
		"Content-Security-Policy": "default-src 'none'; style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) +
			"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"Cache-Control":              "no-store",
		"Referrer-Policy":            "no-referrer",
		"X-Content-Type-Options":     "nosniff",
		"Cross-Origin-Opener-Policy": "same-origin",
		"Connection":                 "close",
	}
}()

// Page returns the HTML of a page. server is the name of the authorization
// server; empty: the page names none.
func Page(kind Kind, server string) []byte {
	t := kind.text()
	t.Server, t.Style = server, template.CSS(pageCSS) // ours, not foreign
	var b bytes.Buffer
	if err := page.Execute(&b, t); err != nil { // only for a template that the tests never saw
		return []byte(t.Title)
	}
	return b.Bytes()
}
