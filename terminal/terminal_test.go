package terminal_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/terminal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestShow(t *testing.T) {
	for _, tt := range []struct{ message, want string }{
		{"hello", "hello\n"},
		{"two\nlines", "two\nlines\n"},
		{"a\ttab", "a tab\n"},
		{"\x1b[2J\x1b]0;title\x07gone", "[2J]0;titlegone\n"},
		{"a\rb\x00c\u009bd", "abcd\n"},
		{"bank\u202egnihsihp\u2066\u200b", "bankgnihsihp\n"},
		{"not \xff UTF-8", "not \uFFFD UTF-8\n"},
		{"", "\n"},
	} {
		var out bytes.Buffer
		require.NoError(t, terminal.New(&terminal.Options{Out: &out}).Show(t.Context(), tt.message))
		require.Equal(t, tt.want, out.String())
	}
}

func TestAskReader(t *testing.T) {
	for _, tt := range []struct{ name, prompt, in, answer, shown, err string }{
		{"a line", "User name", "ada\nrest", "ada", "User name: ", ""},
		{"a question", "Which one?", "ada\r\n", "ada", "Which one? ", ""},
		{"with a colon", "Code: ", "1 2 \n", "1 2 ", "Code: ", ""},
		{"empty", "Code", "\n", "", "Code: ", ""},
		{"last line", "Code", "123", "123", "Code: ", ""},
		{"nothing", "Code", "", "", "Code: \n", `nobody answered "Code": the answer was broken off`},
		{
			"long", "Code", strings.Repeat("x", 70_000), "", "Code: \n",
			`nobody answered "Code": the answer is too long`,
		},
		{"foreign", "\x1b[31mCode\n", "1\n", "1", "[31mCode: ", ""},
	} {
		for _, hidden := range []bool{false, true} {
			t.Run(tt.name, func(t *testing.T) {
				var out bytes.Buffer
				ui := terminal.New(&terminal.Options{In: strings.NewReader(tt.in), Out: &out})
				answer, err := ui.Ask(t.Context(), tt.prompt, hidden)
				require.Equal(t, tt.shown, out.String())
				require.Equal(t, tt.answer, answer.Reveal())
				if tt.err == "" {
					require.NoError(t, err)
					return
				}
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, tt.err)
			})
		}
	}
}

// What follows an answer is the next one's.
func TestAskTwice(t *testing.T) {
	ui := terminal.New(&terminal.Options{In: strings.NewReader("ada\nsecret\n"), Out: io.Discard})
	for _, want := range []string{"ada", "secret"} {
		answer, err := ui.Ask(t.Context(), "?", want == "secret")
		require.NoError(t, err)
		require.Equal(t, want, answer.Reveal())
	}
}

// If the input or the output is a file, no person can answer or read a question.
func TestAskWithoutTerminal(t *testing.T) {
	in, writer, err := os.Pipe()
	require.NoError(t, err)
	defer in.Close()
	defer writer.Close()
	for name, opts := range map[string]*terminal.Options{
		"input":       {In: in, Out: io.Discard},
		"output":      {In: strings.NewReader("ada\n"), Out: writer},
		"null device": {In: null(t), Out: io.Discard},
	} {
		for _, hidden := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				_, err := terminal.New(opts).Ask(t.Context(), "Code", hidden)
				require.ErrorIs(t, err, core.CodeInteractive)
				require.ErrorContains(t, err, `nobody can be asked "Code" without a terminal: run the program in one`)
			})
		}
	}
}

func null(t *testing.T) *os.File {
	f, err := os.Open(os.DevNull)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func TestAskEndsWithItsContext(t *testing.T) {
	for _, hidden := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			in, keys := io.Pipe()
			var out bytes.Buffer
			ui := terminal.New(&terminal.Options{In: in, Out: &out})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := ui.Ask(ctx, "First", hidden)
			require.ErrorIs(t, err, core.CodeInteractive)
			require.ErrorIs(t, err, context.DeadlineExceeded)
			_, err = ui.Ask(ctx, "Second", hidden)
			require.ErrorIs(t, err, context.DeadlineExceeded)

			go func() { _, _ = io.WriteString(keys, "late\n") }()
			answer, err := ui.Ask(t.Context(), "Third", hidden)
			require.NoError(t, err)
			require.Equal(t, "late", answer.Reveal())
			require.Equal(t, "First: \nThird: ", out.String())
		})
	}
}

// One call at a time has the terminal.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in, keys := io.Pipe()
		var out bytes.Buffer
		ui := terminal.New(&terminal.Options{In: in, Out: &out})
		go func() {
			_, err := ui.Ask(t.Context(), "Name", false)
			require.NoError(t, err)
		}()
		synctest.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		for _, err := range []error{
			ui.Show(ctx, "x"),
			ui.ShowDevicePrompt(ctx, core.DevicePrompt{VerificationURI: "https://x"}),
		} {
			require.ErrorIs(t, err, core.CodeInteractive)
			require.ErrorIs(t, err, context.DeadlineExceeded)
		}
		go func() { require.NoError(t, ui.Show(t.Context(), "after")) }()
		synctest.Wait()
		require.Equal(t, "Name: ", out.String())
		_, _ = io.WriteString(keys, "ada\n")
		synctest.Wait()
		require.Equal(t, "Name: after\n", out.String())
	})
}

func TestVisit(t *testing.T) {
	for _, tt := range []struct {
		name  string
		visit core.DevicePrompt
		want  string
	}{
		{"all", core.DevicePrompt{
			VerificationURI:         "https://login.example.com/d\x1bevice",
			UserCode:                "WDJB\n-MJHT",
			VerificationURIComplete: "https://login.example.com/device?code=WDJB-MJHT",
			ExpiresAt:               time.Date(2000, 1, 1, 0, 10, 0, 0, time.UTC),
		}, `
To sign in, open this page on any device:

    https://login.example.com/device

and enter this code, or check that it shows it:

    WDJB -MJHT

There is time until 00:10 (10 minutes).

`},
		{"no code", core.DevicePrompt{VerificationURI: "https://login.example.com/x"}, `
To sign in, open this page on any device:

    https://login.example.com/x

`},
		{
			"soon",
			core.DevicePrompt{VerificationURI: "u", ExpiresAt: time.Date(2000, 1, 1, 0, 1, 30, 0, time.UTC)},
			"\nTo sign in, open this page on any device:\n\n    u\n\nThere is time until 00:01 (90 seconds).\n\n",
		},
		{
			"late",
			core.DevicePrompt{VerificationURI: "u", ExpiresAt: time.Date(1999, 12, 31, 23, 59, 0, 0, time.UTC)},
			"\nTo sign in, open this page on any device:\n\n    u\n\nThere is time until 23:59 (it is over).\n\n",
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { // it is midnight, 2000-01-01 UTC
				local := time.Local
				time.Local = time.UTC
				defer func() { time.Local = local }()
				var out bytes.Buffer
				require.NoError(t, terminal.New(&terminal.Options{Out: &out}).ShowDevicePrompt(t.Context(), tt.visit))
				require.Equal(t, tt.want, out.String())
			})
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("disk on fire") }

func TestNothingCanBeShown(t *testing.T) {
	ui := terminal.New(&terminal.Options{In: strings.NewReader("ada\n"), Out: broken{}})
	_, asked := ui.Ask(t.Context(), "Name", false)
	for _, err := range []error{
		ui.Show(t.Context(), "x"),
		ui.ShowDevicePrompt(t.Context(), core.DevicePrompt{VerificationURI: "x"}), asked,
	} {
		require.ErrorIs(t, err, core.CodeInteractive)
		require.ErrorContains(t, err, "disk on fire")
	}
}

func TestOpen(t *testing.T) {
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name, url string
		ctx       context.Context
		code      core.Code
	}{
		{"https", "https://login.example.com/authorize?x=1#y", t.Context(), 0},
		{"http", "http://127.0.0.1:80/", t.Context(), 0},
		{"file", "file:///etc/passwd", t.Context(), core.CodeBadConfig},
		{"script", "javascript:alert(1)", t.Context(), core.CodeBadConfig},
		{"program", "vscode://install", t.Context(), core.CodeBadConfig},
		{"flag", "--help", t.Context(), core.CodeBadConfig},
		{"no host", "https:///x", t.Context(), core.CodeBadConfig},
		{"control character", "https://a/\n", t.Context(), core.CodeBadConfig},
		{"empty", "", t.Context(), core.CodeBadConfig},
		{"too late", "https://a/", gone, core.CodeInteractive},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var opened []string
			ui := terminal.New(&terminal.Options{Browser: func(_ context.Context, url string) error {
				opened = append(opened, url)
				return nil
			}})
			err := ui.Open(tt.ctx, tt.url)
			if tt.code == 0 {
				require.NoError(t, err)
				require.Equal(t, []string{tt.url}, opened)
				return
			}
			require.ErrorIs(t, err, tt.code)
			require.Empty(t, opened)
		})
	}
}

func TestOptionsAreCopied(t *testing.T) {
	var out bytes.Buffer
	opts := &terminal.Options{Out: &out}
	ui := terminal.New(opts)
	opts.Out = broken{}
	require.NoError(t, ui.Show(t.Context(), "x"))
	require.Nil(t, opts.In)
}

func FuzzShow(f *testing.F) {
	for _, seed := range []string{"hello", "\x1b[2J", "\u202e\u2066", "a\nb\tc\r", "\xff\xfe", "\u009b31m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, message string) {
		var out bytes.Buffer
		require.NoError(t, terminal.New(&terminal.Options{Out: &out}).Show(t.Context(), message))
		for _, r := range out.String() {
			if r != '\n' &&
				(r < ' ' || 0x7f <= r && r < 0xa0 || 0x202a <= r && r <= 0x202e || 0x2066 <= r && r <= 0x2069) {
				t.Fatalf("%U reaches the terminal", r)
			}
		}
	})
}
