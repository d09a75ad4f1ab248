package terminal

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cli/browser"

	"github.com/authsession/authsession/core"
)

// open implements Open of a [core.UI]. It opens only web pages, because other schemes
// start other programs.
func (u *ui) open(ctx context.Context, page string) error {
	p, err := url.Parse(page)
	if err != nil || p.Scheme != "https" && p.Scheme != "http" || p.Host == "" {
		return core.Errorf(core.CodeBadConfig, "only http and https pages are opened in the browser")
	}
	if err := ctx.Err(); err != nil {
		return core.Errorf(core.CodeInteractive, "no browser was opened: %w", err)
	}
	return u.opts.Browser(ctx, page)
}

// openSystemBrowser opens a page with a command of the variable BROWSER, and otherwise in
// the system's browser. The commands of BROWSER come first, and are tried without a
// desktop, too: in a container or at the far end of an SSH connection they may reach the
// browser of the person's own machine, as that of an editor does.
func openSystemBrowser(ctx context.Context, page string) error {
	var named error
	for _, command := range browserCommands(os.Getenv("BROWSER"), os.PathListSeparator, page) {
		if named = startBrowser(ctx, page, command.run); named == nil || ctx.Err() != nil {
			return named
		}
	}
	if why := whyInvisible(runtime.GOOS, os.Getenv); why != "" {
		if named != nil {
			return core.Errorf(core.CodeInteractive, "no command of BROWSER opened the page: %w; %s",
				core.Cause(named), why)
		}
		return core.Errorf(core.CodeInteractive, "no browser to open here: %s", why)
	}
	discardOutput()
	return startBrowser(ctx, page, browser.OpenURL)
}

// browserCommand is a command with its arguments, the page among them.
type browserCommand []string

// run runs the command without the program's input and output.
func (c browserCommand) run(string) error { return exec.Command(c[0], c[1:]...).Run() }

// browserCommands returns the commands that the variable BROWSER names, as xdg-open reads
// it: a list of commands whose words are separated by spaces. The page takes the place of
// %s, or is the last argument. No shell is used. A name with spaces that is the file of a
// program is one word.
func browserCommands(variable string, separator rune, page string) []browserCommand {
	var commands []browserCommand
	for entry := range strings.SplitSeq(variable, string(separator)) {
		words := strings.Fields(strings.TrimSuffix(strings.TrimSpace(entry), "&"))
		if _, err := exec.LookPath(strings.TrimSpace(entry)); err == nil {
			words = []string{strings.TrimSpace(entry)}
		}
		if len(words) == 0 {
			continue
		}
		isPlaced := false
		for i := range words[1:] {
			isPlaced = isPlaced || strings.Contains(words[i+1], "%s")
			words[i+1] = strings.ReplaceAll(words[i+1], "%s", page)
		}
		if !isPlaced {
			words = append(words, page)
		}
		commands = append(commands, words)
	}
	return commands
}

// whyInvisible returns why nobody would see a browser that this program starts, or ""
// if a person would see it.
func whyInvisible(goos string, env func(string) string) string {
	set := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return env(name) != "" })
	}
	switch {
	case set("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
		return "the program runs at the far end of an SSH connection"
	case goos == "windows" || goos == "darwin",
		set("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
		return ""
	}
	return "there is no desktop (neither DISPLAY nor WAYLAND_DISPLAY is set)"
}

// startTimeout is how long startBrowser waits for an error. On some systems the call
// returns only when the browser is closed.
const startTimeout = 3 * time.Second

// startBrowser calls open and waits startTimeout for its error. If the call has not
// returned by then, the browser runs.
func startBrowser(ctx context.Context, page string, open func(string) error) error {
	done := make(chan error, 1)
	go func() { done <- open(page) }()
	t := time.NewTimer(startTimeout)
	defer t.Stop()
	select {
	case err := <-done:
		if err != nil {
			return core.Errorf(core.CodeInteractive, "the browser did not start: %w", err)
		}
	case <-ctx.Done():
		return core.Errorf(core.CodeInteractive, "the browser did not start in time: %w", ctx.Err())
	case <-t.C:
	}
	return nil
}

// discardOutput discards what browsers print. It uses a file and not a pipe, which the
// browser would keep open, so that the call would not return. The library has this
// setting for the whole process only.
var discardOutput = sync.OnceFunc(func() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		browser.Stdout, browser.Stderr = null, null
	}
})
