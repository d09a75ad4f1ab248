// How a person gets to the page of a sign-in in the browser, and what they bring back by hand.
//
// Read on in authorizationcode.go.

package oauth2

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/core/providerhttp"
	"github.com/authsession/authsession/providers/internal/browser"
)

// maxPastes is how many times a person is asked for the address of one sign-in.
const maxPastes = 10

// hasPort reports whether the settings name a port to listen on.
func (r Redirect) hasPort() bool { return r.Port != 0 || len(r.Ports) > 0 }

// isByHand reports whether nothing listens for the redirect, so that the page at redirect.url shows
// the code.
func (r Redirect) isByHand() bool { return r.URL != "" && !r.hasPort() }

// personGuide sends a person to the page of a sign-in, while a listener waits for the answer.
type personGuide struct {
	ui       core.UI
	redirect Redirect
	listener *browser.Listener
	noAnswer <-chan struct{} // the browser came back without an answer
}

// run shows and opens the link. If no browser opens on this machine, it says how one on another
// machine is used, and asks for the address by hand until asking ends. The error says that nobody
// can be reached.
func (g *personGuide) run(ctx, asking context.Context, link string) error {
	openErr, err := openLink(ctx, g.ui, link)
	switch {
	case err != nil:
		return err
	case openErr != nil && g.ui.Ask != nil:
		return g.askForAddress(asking, openErr)
	}
	select {
	case <-g.noAnswer:
		if g.ui.Show != nil {
			_ = g.ui.Show(asking, "The browser came back without an answer in the address. If the server "+
				"sent it there, set response_mode to query: for this client at the server, or as "+
				"authorization_params: {response_mode: query}.")
		}
	case <-asking.Done():
	}
	return nil
}

var errNotOpened = errors.New("the program opens no browser")

// openLink shows the link to the person, and then opens it: a person without a window needs the
// text, and Open may take as long as the browser runs. It succeeds if one of the two does. openErr
// says why no browser was opened.
func openLink(ctx context.Context, ui core.UI, link string) (openErr, err error) {
	var showErr error
	if ui.Show != nil {
		showErr = ui.Show(ctx,
			"Sign in in your browser. If no window opens, open this link:\n"+link)
	}
	openErr = errNotOpened
	if ui.Open != nil {
		openErr = ui.Open(ctx, link)
	}
	switch {
	case ctx.Err() != nil, ui.Show != nil && showErr == nil, openErr == nil:
		return openErr, nil
	case ui.Open != nil:
		return openErr, noBrowserError(openErr)
	}
	return openErr, noBrowserError(showErr)
}

// noBrowserError is the error if nobody can be sent to a page.
func noBrowserError(err error) error {
	const text = "a person must sign in, and the program can neither open a browser nor show a " +
		"link; where there is no browser, use the grant device_code"
	if err == nil {
		return core.Errorf(core.CodeInteractive, text)
	}
	// without the link
	return core.Errorf(core.CodeInteractive, text+": %w", core.Cause(providerhttp.ClientError(err)))
}

// askForAddress asks the person for the address that the browser shows after the sign-in. It ends
// when the listener has an answer, or the input of the program ends. The error says that nobody can
// be asked: then nobody is there who could use the link.
func (g *personGuide) askForAddress(asking context.Context, openErr error) error {
	if g.ui.Show != nil {
		_ = g.ui.Show(asking, fmt.Sprintf("Nothing was opened: %v.\n%s",
			core.Cause(providerhttp.ClientError(openErr)), g.directions()))
	}
	err := askUntil(asking, g.ui, "Address after the sign-in", g.listener.Paste)
	// A person who ends the question may still use the link.
	if err == nil || asking.Err() != nil || errors.Is(err, io.EOF) {
		return nil
	}
	return core.Errorf(core.CodeInteractive, "a person must sign in: no browser can be opened here "+
		"(%w), and nobody can paste the address (%w); run the program in a terminal, or sign in on "+
		"another device (sign_in: device, or the grant device_code)",
		core.Cause(providerhttp.ClientError(openErr)), core.Cause(err))
}

// directions says how a browser on another machine is used.
func (g *personGuide) directions() string {
	const paste = "open the link in any browser, sign in, and paste the address here that the " +
		"browser then shows, even if it shows no page"
	if g.redirect.URL != "" || g.redirect.Listen != "" {
		return "You can " + paste + "."
	}
	host := cmp.Or(g.redirect.Host, "127.0.0.1")
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	return fmt.Sprintf("If your browser is on another machine, forward the port there:\n"+
		"    ssh -L %d:%s:%d %s\n"+
		"and open the link; or %s.\n"+
		"To sign in on another device instead, set sign_in: device.",
		g.listener.Port(), host, g.listener.Port(), sshTarget(os.Getenv), paste)
}

// sshTarget returns the arguments for ssh to connect to this machine: those of the connection that
// the program runs in, if there is one.
func sshTarget(env func(string) string) string {
	target, port := "", ""
	// the addresses and ports of the client and of the server
	words := strings.Fields(env("SSH_CONNECTION"))
	if len(words) == 4 && net.ParseIP(words[2]) != nil {
		target = words[2]
		if words[3] != "22" {
			port = "-p " + words[3] + " "
		}
	}
	if target == "" {
		name, err := os.Hostname()
		if target = core.Printable(name, 100); err != nil || target == "" {
			target = "HOST"
		}
	}
	if user := core.Printable(cmp.Or(env("USER"), env("LOGNAME")), 100); user != "" {
		target = user + "@" + target
	}
	return port + target
}

// askUntil asks the person until take accepts the text. The errors of take are for the person.
func askUntil(ctx context.Context, ui core.UI, prompt string, take func(text string) error) error {
	for range maxPastes {
		text, err := ui.Ask(ctx, prompt, false)
		if err != nil {
			return err
		}
		if err = take(text.Reveal()); err == nil || ctx.Err() != nil {
			return nil
		}
		if ui.Show == nil {
			prompt = sentence(err) + " Once more"
		} else if err := ui.Show(ctx, sentence(err)); err != nil {
			return err
		}
	}
	return core.Errorf(core.CodeInteractive,
		"none of %d texts is an answer of this sign-in; sign in again", maxPastes)
}

// sentence returns an error as a sentence.
func sentence(err error) string {
	text := err.Error()
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
