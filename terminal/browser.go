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

// open opens pages of the web only: other schemes start other programs.
func (u *ui) open(ctx context.Context, page string) error {
	if p, err := url.Parse(page); err != nil || p.Scheme != "https" && p.Scheme != "http" || p.Host == "" {
		return core.Errorf(core.BadConfig, "only http and https pages are opened in the browser")
	}
	if err := ctx.Err(); err != nil {
		return core.Errorf(core.Interactive, "no browser was opened: %w", err)
	}
	return u.opts.Browser(ctx, page)
}

// system opens the system's browser.
func system(ctx context.Context, page string) error {
	if why := invisible(runtime.GOOS, os.Getenv); why != "" {
		return core.Errorf(core.Interactive, "no browser to open here: %s", why)
	}
	silence()
	return start(ctx, page, browser.OpenURL)
}

// invisible says why a browser that is started here would be seen by nobody;
// empty if it would. The variable BROWSER names one that will be, such as an
// editor's on the other end of an SSH connection.
func invisible(goos string, env func(string) string) string {
	set := func(names ...string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return env(name) != "" })
	}
	switch {
	case set("BROWSER"):
		return ""
	case set("SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT"):
		return "the program runs at the far end of an SSH connection"
	case goos == "windows" || goos == "darwin" || set("DISPLAY", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"):
		return ""
	}
	return "there is no desktop (neither DISPLAY nor WAYLAND_DISPLAY is set)"
}

// patience is how long a browser may take to say that it does not start. Some
// systems start it and wait until it is closed.
const patience = 3 * time.Second

// start calls open and waits a little for its error. What still runs then is
// the browser.
func start(ctx context.Context, page string, open func(string) error) error {
	done := make(chan error, 1)
	go func() { done <- open(page) }()
	t := time.NewTimer(patience)
	defer t.Stop()
	select {
	case err := <-done:
		if err != nil {
			return core.Errorf(core.Interactive, "the browser did not start: %w", err)
		}
	case <-ctx.Done():
		return core.Errorf(core.Interactive, "the browser did not start in time: %w", ctx.Err())
	case <-t.C:
	}
	return nil
}

// silence keeps what browsers print away from the program's output. It must be
// a file: a browser would hold a pipe open, and the call with it. The library
// has this for the whole process only.
var silence = sync.OnceFunc(func() {
	if null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0); err == nil {
		browser.Stdout, browser.Stderr = null, null
	}
})
