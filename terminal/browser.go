package terminal

import (
	"context"
	"net/url"
	"os"
	"runtime"
	"slices"
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

// openSystemBrowser opens a page in the system's browser.
func openSystemBrowser(ctx context.Context, page string) error {
	if why := whyInvisible(runtime.GOOS, os.Getenv); why != "" {
		return core.Errorf(core.CodeInteractive, "no browser to open here: %s", why)
	}
	discardOutput()
	return startBrowser(ctx, page, browser.OpenURL)
}

// whyInvisible returns why nobody would see a browser that this program starts, or ""
// if a person would see it. The variable BROWSER names a program that works even
// through an SSH connection, such as that of an editor.
func whyInvisible(goos string, env func(string) string) string {
	set := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return env(name) != "" })
	}
	switch {
	case set("BROWSER"):
		return ""
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
