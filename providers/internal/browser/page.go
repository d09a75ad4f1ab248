// The pages that a person sees. This is the last file.

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
	"sync"

	"github.com/authsession/authsession/core"
)

// Kind is the kind of a page.
type Kind uint8

// The kinds of pages.
const (
	SignedIn        Kind = iota + 1 // the program has its token
	Refused                         // the person or the server refused the sign-in
	Failed                          // the sign-in did not work, and another one may
	OtherSignIn                     // the request does not belong to this sign-in
	AlreadyAnswered                 // the redirect has arrived before, in another tab
	NoAnswer                        // the address has no answer in it
	WrongMode                       // the server answered as a form or in the fragment
	NotAWindow                      // the request is for a frame, an image or the like, or a prefetch
)

// Kinds are all kinds.
var Kinds = []Kind{SignedIn, Refused, Failed, OtherSignIn, AlreadyAnswered, NoAnswer, WrongMode,
	NotAWindow}

// String returns the name of k in lower case.
func (k Kind) String() string {
	switch k {
	case SignedIn:
		return "signed-in"
	case Refused:
		return "refused"
	case Failed:
		return "failed"
	case OtherSignIn:
		return "other-sign-in"
	case AlreadyAnswered:
		return "already-answered"
	case NoAnswer:
		return "no-answer"
	case WrongMode:
		return "wrong-mode"
	case NotAWindow:
		return "not-a-window"
	}
	return "unknown"
}

// Of returns the kind of page for the error of a sign-in: SignedIn for nil, Refused for
// [core.CodeDenied], otherwise Failed.
func Of(err error) Kind {
	switch {
	case err == nil:
		return SignedIn
	case core.CodeOf(err) == core.CodeDenied:
		return Refused
	}
	return Failed
}

// status returns the HTTP status of the page. That of a refused or failed sign-in is 200: the
// redirect itself was handled, and a browser may replace the page of an error status by its own.
func (k Kind) status() int {
	switch k {
	case OtherSignIn, NoAnswer:
		return http.StatusBadRequest
	case AlreadyAnswered:
		return http.StatusConflict
	case NotAWindow:
		return http.StatusForbidden
	}
	return http.StatusOK
}

// pageText is what the template of a page needs.
type pageText struct {
	Tone   string // "good", "bad" or "calm": the class that chooses colour and symbol
	Title  string
	Lines  []string
	Server string
	Style  template.CSS
	Script template.JS // empty: none
}

func (k Kind) text() pageText {
	switch k {
	case SignedIn:
		return pageText{Tone: "good", Title: "You are signed in", Lines: []string{
			"You can close this window and return to the program.",
		}}
	case Refused:
		return pageText{Tone: "bad", Title: "Not signed in", Lines: []string{
			"The sign-in was refused. The program was given no access.",
			"If you did not mean this, return to the program and start the sign-in again.",
		}}
	case AlreadyAnswered:
		return pageText{Tone: "calm", Title: "Already answered", Lines: []string{
			"This sign-in was answered in another window or tab.",
			"You can close this one. The program says how it ended.",
		}}
	case OtherSignIn:
		return pageText{Tone: "calm", Title: "Another sign-in", Lines: []string{
			"This page belongs to a sign-in that the program does not wait for, perhaps an older one. " +
				"Nothing was taken from it.",
			"Close this window and use the newest link of the program.",
		}}
	case NoAnswer:
		return pageText{Tone: "calm", Title: "No answer here", Lines: []string{
			"This address has no answer of a server in it. The program continues to wait.",
			"If the server sent you here, it puts its answer where the program cannot read it: " +
				"set response_mode to query, for this client at the server or in the program's settings.",
		}}
	case WrongMode:
		return pageText{Tone: "bad", Title: "The answer cannot be read", Lines: []string{
			"The server put its answer where the program cannot read it.",
			"Set response_mode to query, for this client at the server or in the program's settings " +
				"(authorization_params), and start the sign-in again.",
		}}
	case NotAWindow:
		return pageText{Tone: "calm", Title: "Open this page in a window", Lines: []string{
			"A sign-in ends in a window of its own, and not within another page.",
		}}
	}
	return pageText{Tone: "bad", Title: "The sign-in did not work", Lines: []string{
		"The program could not finish the sign-in. It says why.",
		"Close this window, return to the program and start the sign-in again.",
	}}
}

//go:embed page.html
var pageHTML string

//go:embed page.css
var pageCSS string

// pageJS is the script of the page NoAnswer: if the address has an answer in its fragment, it opens
// the address with the state of that answer alone, so that the program learns why it gets none.
//
//go:embed page.js
var pageJS string

// pageTemplate returns the template of every page.
var pageTemplate = sync.OnceValue(func() *template.Template {
	return template.Must(template.New("page").Parse(pageHTML))
})

var noLog = log.New(io.Discard, "", 0) // for the errors of browser connections

// pageHeader is the header of every page: the browser caches nothing, and sends the page's URL,
// which has the code in it, to no other site.
var pageHeader = map[string]string{
	"Content-Type":               "text/html; charset=utf-8",
	"Cache-Control":              "no-store",
	"Referrer-Policy":            "no-referrer",
	"X-Content-Type-Options":     "nosniff",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Connection":                 "close",
}

// policy returns the Content-Security-Policy of a page: the browser loads nothing but the style,
// and runs no script but that of the page.
func (k Kind) policy() string {
	script := ""
	if k == NoAnswer {
		script = "script-src " + sourceHash(pageJS) + "; "
	}
	return "default-src 'none'; style-src " + sourceHash(pageCSS) + "; " + script +
		"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// sourceHash returns the source expression for one inline style or script.
func sourceHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Page returns the HTML of a page. server is the name of the authorization server; empty: the page
// does not name it.
func Page(kind Kind, server string) []byte {
	t := kind.text()
	t.Server, t.Style = server, template.CSS(pageCSS) // a constant of this package
	if kind == NoAnswer {
		t.Script = template.JS(pageJS) // likewise
	}
	var b bytes.Buffer
	if err := pageTemplate().Execute(&b, t); err != nil { // not for the template of this package
		return []byte(t.Title)
	}
	return b.Bytes()
}
