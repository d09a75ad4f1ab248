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
		{"linux", "SSH_TTY BROWSER", ""},
		{"linux", "BROWSER", ""},
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
