// Read on in remote.go.

package plugins

import (
	"context"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxPrompt = 4096     // bytes of a message or a question
	maxPage   = 16 << 10 // bytes of a URL, which a signed request may be in
	maxCode   = 256      // bytes of a code that a person enters
)

// answerPrompt lets the person's program do what the plugin asks for, and returns
// the person's answer to a question. Texts are made fit for a terminal before
// the program gets them.
func answerPrompt(ctx context.Context, m *v1.Prompt, ui core.UI) (string, error) {
	switch kind := m.GetKind(); {
	case kind == v1.PromptKind_PROMPT_KIND_SHOW && ui.Show != nil:
		return "", ui.Show(ctx, readable(m.GetText(), maxPrompt))
	case kind == v1.PromptKind_PROMPT_KIND_ASK && ui.Ask != nil:
		answer, err := ui.Ask(ctx, readable(m.GetText(), maxPrompt), m.GetHidden())
		return answer.Reveal(), err
	case kind == v1.PromptKind_PROMPT_KIND_OPEN && ui.Open != nil:
		if !isPageURL(m.GetText()) {
			return "", errNotAPage
		}
		return "", ui.Open(ctx, m.GetText())
	case kind == v1.PromptKind_PROMPT_KIND_VISIT && ui.ShowDevicePrompt != nil:
		v, err := toVisit(m)
		if err != nil {
			return "", err
		}
		return "", ui.ShowDevicePrompt(ctx, v)
	}
	return "", core.Errorf(core.CodeInteractive, "the program cannot do that")
}

var errNotAPage = core.Errorf(core.CodeBadConfig, "only web pages are opened")

// toVisit checks the page that a person is asked to open. It leaves out the URL
// with the code in it, and the time, where they make no sense.
func toVisit(m *v1.Prompt) (core.DevicePrompt, error) {
	v := wire.ToVisit(m)
	if !isPageURL(v.VerificationURI) {
		return v, errNotAPage
	}
	if len(v.UserCode) > maxCode || strings.ContainsFunc(v.UserCode, isUnprintable) {
		return v, core.Errorf(core.CodeUnavailable, "the code is too long, or not to be typed")
	}
	if !isPageURL(v.VerificationURIComplete) {
		v.VerificationURIComplete = ""
	}
	if isImplausible(m.GetExpires()) {
		v.ExpiresAt = time.Time{}
	}
	return core.CheckDevicePrompt(v)
}

// isPageURL reports whether text is the URL of a web page that can be shown as it
// is.
func isPageURL(text string) bool {
	isRefused := func(c rune) bool { return c == ' ' || isUnprintable(c) }
	if len(text) > maxPage || strings.ContainsFunc(text, isRefused) {
		return false
	}
	u, err := url.Parse(text)
	return err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http")
}

// readable makes text of a plugin lines of at most limit bytes that a terminal can
// show: without control characters, and without those that turn the direction of
// writing.
func readable(text string, limit int) string {
	text = strings.Map(func(c rune) rune {
		if c != '\n' && isUnprintable(c) {
			return ' '
		}
		return c
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}

func isUnprintable(c rune) bool { return c == unicode.ReplacementChar || !unicode.IsPrint(c) }
