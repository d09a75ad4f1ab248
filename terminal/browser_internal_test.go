package terminal

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"rsc.io/qr"

	"github.com/authsession/authsession/core"
)

func TestInvisible(t *testing.T) {
	for _, tt := range []struct{ goos, variables, want string }{
		{"linux", "", "no desktop"},
		{"linux", "DISPLAY", ""},
		{"linux", "WAYLAND_DISPLAY", ""},
		{"linux", "WSL_DISTRO_NAME", ""},
		{"linux", "DISPLAY SSH_CONNECTION", "SSH"},
		{"linux", "SSH_TTY", "SSH"},
		{"linux", "SSH_TTY BROWSER", "SSH"},
		{"linux", "BROWSER", "no desktop"},
		{"freebsd", "", "no desktop"},
		{"darwin", "", ""},
		{"darwin", "SSH_CLIENT", "SSH"},
		{"windows", "", ""},
		{"windows", "SSH_CONNECTION", "SSH"},
	} {
		why := whyInvisible(tt.goos, func(name string) string {
			if strings.Contains(" "+tt.variables+" ", " "+name+" ") {
				return "set"
			}
			return ""
		})
		require.Contains(t, why, tt.want, "%+v", tt)
		require.Equal(t, tt.want == "", why == "", "%+v", tt)
	}
}

func TestStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		require.NoError(t, startBrowser(t.Context(), "https://a", func(string) error { return nil }))
		err := startBrowser(t.Context(), "https://a", func(string) error { return errors.New("exit status 3") })
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorContains(t, err, "the browser did not start: exit status 3")

		closed := make(chan struct{})
		lasting := func(string) error { <-closed; return errors.New("closed") }
		began := time.Now()
		require.NoError(t, startBrowser(t.Context(), "https://a", lasting), "a browser that runs has started")
		require.Equal(t, startTimeout, time.Since(began))
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		err = startBrowser(ctx, "https://a", lasting)
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		close(closed)
		synctest.Wait()
	})
}

// TestSystem runs a browser that prints text.
func TestSystem(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("starts the opener of Linux desktops")
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{
		"BROWSER", "SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "WAYLAND_DISPLAY",
		"WSL_DISTRO_NAME",
	} {
		t.Setenv(name, "")
	}
	ui := New(nil)
	t.Setenv("DISPLAY", "")
	err := ui.Open(t.Context(), "https://a")
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "no browser to open here: there is no desktop")

	t.Setenv("DISPLAY", ":0")
	err = ui.Open(t.Context(), "https://a")
	require.ErrorIs(t, err, core.CodeInteractive)
	require.ErrorContains(t, err, "executable file not found")

	require.NoError(
		t,
		os.WriteFile(
			filepath.Join(dir, "xdg-open"),
			[]byte("#!/bin/sh\necho noise; echo noise >&2\necho \"$1\" >'"+dir+"/opened'\n"),
			0o700,
		),
	)
	require.NoError(t, ui.Open(t.Context(), "https://a/?b=c&d='e'"))
	opened, err := os.ReadFile(filepath.Join(dir, "opened"))
	require.NoError(t, err)
	require.Equal(t, "https://a/?b=c&d='e'\n", string(opened))
}

func TestBlocks(t *testing.T) {
	for _, tt := range []struct {
		goos, name, value string
		want              bool
	}{
		{"linux", "TERM", "xterm", true},
		{"linux", "TERM", "dumb", false},
		{"darwin", "", "", true},
		{"windows", "", "", false},
		{"windows", "WT_SESSION", "1", true},
		{"windows", "TERM_PROGRAM", "vscode", true},
	} {
		got := canDrawBlocks(tt.goos, func(name string) string {
			if name == tt.name {
				return tt.value
			}
			return ""
		})
		require.Equal(t, tt.want, got, "%+v", tt)
	}
}

// TestDraw reads the half blocks back, module by module.
func TestDraw(t *testing.T) {
	const text = "https://login.example.com/device?user_code=WDJB-MJHT"
	code, err := qr.Encode(text, qr.L)
	require.NoError(t, err)
	for _, color := range []bool{true, false} {
		drawn := drawQR(text, 80, 40, color)
		require.Equal(t, color, strings.Contains(drawn, "\x1b"))
		lines := strings.Split(strings.TrimSuffix(drawn, "\n"), "\n")
		for y := -quietZone; y < code.Size+quietZone-1; y++ {
			line := strings.TrimSuffix(strings.TrimPrefix(lines[(y+quietZone)/2], "\x1b[97;40m"), "\x1b[0m")
			runes := []rune(line)
			require.Len(t, runes, code.Size+2*quietZone)
			for x := -quietZone; x < code.Size+quietZone; x++ {
				half := map[rune][2]bool{'█': {}, ' ': {true, true}, '▀': {false, true}, '▄': {true, false}}
				black, known := half[runes[x+quietZone]]
				require.True(t, known)
				require.Equal(t, code.Black(x, y), black[(y+quietZone)%2], "module %d, %d", x, y)
			}
		}
		require.Less(t, len(lines), 40)
	}
	require.Empty(t, drawQR(text, code.Size+2*quietZone-1, 40, true), "wider than the terminal")
	require.NotEmpty(t, drawQR(text, code.Size+2*quietZone, 40, true))
	require.Empty(t, drawQR(text, 80, code.Size/2, true), "higher than the terminal")
	require.Empty(t, drawQR(strings.Repeat("x", 5000), 1000, 1000, true), "longer than any code")
}

func TestBrowserCommands(t *testing.T) {
	dir := t.TempDir()
	spaced := filepath.Join(dir, "my browser")
	require.NoError(t, os.WriteFile(spaced, []byte("#!/bin/sh\n"), 0o700))
	for _, tt := range []struct {
		variable string
		want     []browserCommand
	}{
		{"", nil},
		{" : ", nil},
		{"firefox", []browserCommand{{"firefox", "PAGE"}}},
		{"firefox:w3m", []browserCommand{{"firefox", "PAGE"}, {"w3m", "PAGE"}}},
		{"firefox --new-tab", []browserCommand{{"firefox", "--new-tab", "PAGE"}}},
		{"firefox --url=%s -x", []browserCommand{{"firefox", "--url=PAGE", "-x"}}},
		{"sh %s %s", []browserCommand{{"sh", "PAGE", "PAGE"}}},
		{"firefox %s &", []browserCommand{{"firefox", "PAGE"}}},
		{"%s", []browserCommand{{"%s", "PAGE"}}},
		{"a;b", []browserCommand{{"a;b", "PAGE"}}},
		{spaced, []browserCommand{{spaced, "PAGE"}}},
	} {
		require.Equal(t, tt.want, browserCommands(tt.variable, ':', "PAGE"), tt.variable)
	}
	require.Equal(t, []browserCommand{{"a", "PAGE"}, {"b", "PAGE"}}, browserCommands("a;b", ';', "PAGE"))
}

// TestVariableBrowser runs the commands that BROWSER names: the first one that works opens
// the page, with and without a desktop, and before xdg-open.
func TestVariableBrowser(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("starts the opener of Linux desktops")
	}
	dir := t.TempDir()
	t.Setenv("PATH", dir)
	for _, name := range []string{"SSH_TTY", "SSH_CLIENT", "WAYLAND_DISPLAY", "WSL_DISTRO_NAME"} {
		t.Setenv(name, "")
	}
	script := func(name string, status string) {
		text := "#!/bin/sh\necho noise; echo \"" + name + " $*\" >>'" + dir + "/opened'\nexit " + status + "\n"
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700))
	}
	script("helper.sh", "0")
	script("broken.sh", "3")
	script("xdg-open", "0")
	const page = "https://a/?b=c&d='e'$(x)"
	for _, tt := range []struct{ browser, display, ssh, want, err string }{
		{"helper.sh", "", "", "helper.sh " + page, ""},
		{"helper.sh", "", "1.2.3.4 5 6.7.8.9 22", "helper.sh " + page, ""},
		{"helper.sh", ":0", "", "helper.sh " + page, ""},
		{"missing.sh:broken.sh:helper.sh --new %s x", "", "",
			"broken.sh " + page + "\nhelper.sh --new " + page + " x", ""},
		{"missing.sh", ":0", "", "xdg-open " + page, ""},
		{"missing.sh", "", "", "", "no command of BROWSER opened the page"},
		{"broken.sh", "", "1.2.3.4 5 6.7.8.9 22", "broken.sh " + page, "far end of an SSH connection"},
		{"", ":0", "", "xdg-open " + page, ""},
		{"", "", "", "", "no desktop"},
	} {
		t.Run(tt.browser+tt.display+tt.ssh, func(t *testing.T) {
			t.Setenv("BROWSER", tt.browser)
			t.Setenv("DISPLAY", tt.display)
			t.Setenv("SSH_CONNECTION", tt.ssh)
			_ = os.Remove(filepath.Join(dir, "opened"))
			err := New(nil).Open(t.Context(), page)
			if tt.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, tt.err)
			}
			opened, _ := os.ReadFile(filepath.Join(dir, "opened"))
			require.Equal(t, tt.want, strings.TrimSpace(string(opened)))
		})
	}
}

// A message that nobody sees is an error, at once. One on a terminal, on a desktop, in a
// writer of the program or in a log that a person reads is shown.
func TestNobodySees(t *testing.T) {
	for _, name := range []string{"SSH_CONNECTION", "SSH_TTY", "SSH_CLIENT", "WAYLAND_DISPLAY",
		"WSL_DISTRO_NAME", "BROWSER"} {
		t.Setenv(name, "")
	}
	if runtime.GOOS != "linux" {
		t.Skip("a desktop is taken for granted elsewhere")
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	require.NoError(t, err)
	defer null.Close()
	reader, writer, err := os.Pipe()
	require.NoError(t, err)
	defer reader.Close()
	defer writer.Close()
	for name, tt := range map[string]struct {
		opts    Options
		display string
		seen    bool
	}{
		"a job":                {Options{In: null, Out: null}, "", false},
		"a pipe":               {Options{In: reader, Out: writer}, "", false},
		"a desktop":            {Options{In: null, Out: writer}, ":0", true},
		"a log":                {Options{In: null, Out: writer, OutIsRead: true}, "", true},
		"a writer":             {Options{In: null, Out: new(strings.Builder)}, "", true},
		"a program's keyboard": {Options{In: strings.NewReader(""), Out: null}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv("DISPLAY", tt.display)
			ui := New(&tt.opts)
			for _, err := range []error{
				ui.Show(t.Context(), "x"),
				ui.ShowDevicePrompt(t.Context(), core.DevicePrompt{VerificationURI: "https://a/"}),
			} {
				if tt.seen {
					require.NoError(t, err)
					continue
				}
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, "run the program in a terminal")
			}
		})
	}
}
