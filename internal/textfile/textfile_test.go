package textfile_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/textfile"
)

// written writes a file that has been at rest for an hour.
func written(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, data, 0o600))
	old := time.Now().Add(-time.Hour)
	require.NoError(t, os.Chtimes(path, old, old))
	return path
}

func TestReadRefuses(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	require.NoError(t, os.Symlink(filepath.Join(dir, "nowhere"), link))
	for _, c := range []struct {
		name, path string
		problem    textfile.Problem
		text       string
	}{
		{"missing", filepath.Join(dir, "none"), textfile.Missing, "does not exist"},
		{"no name", "", textfile.Missing, "does not exist"},
		{"dangling link", link, textfile.Missing, "does not exist"},
		{"NUL", "a\x00b", textfile.Missing, "NUL"},
		{"home", "~/token", textfile.Missing, `"~" stands for nothing here`},
		{"home in a variable", "$HOME/token", textfile.Missing, `"$" stands for nothing here`},
		{"home of another", "~root/token", textfile.Missing, `"~" stands for nothing here`},
		{"home below a folder", filepath.Join(dir, "~", "token"), textfile.Missing, `"~" stands`},
		{"directory", dir, textfile.Irregular, "is a directory"},
		{"device", os.DevNull, textfile.Irregular, "is not a regular file"},
		{"large", written(t, "large", make([]byte, 2049)), textfile.TooLarge, "is larger than 2 KiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := textfile.Read(t.Context(), c.path, 2048)
			var refused *textfile.Error
			require.ErrorAs(t, err, &refused)
			require.Equal(t, c.problem, refused.Problem)
			require.ErrorContains(t, err, c.text)
			if len(c.path) > 3 {
				require.NotContains(t, err.Error(), c.path)
			}
		})
	}
	data, err := textfile.Read(t.Context(), written(t, "full", make([]byte, 2048)), 2048)
	require.NoError(t, err)
	require.Len(t, data, 2048)
}

func TestReadOnlyForOthers(t *testing.T) {
	path := written(t, "closed", []byte("x"))
	require.NoError(t, os.Chmod(path, 0))
	if f, err := os.Open(path); err == nil { // root reads everything
		require.NoError(t, f.Close())
		return
	}
	_, err := textfile.Read(t.Context(), path, 10)
	require.ErrorIs(t, err, fs.ErrPermission)
	require.ErrorContains(t, err, "may not be read")
}

// TestReadOfAFileThatIsBeingWritten proves that no half of a file is returned, although its writer
// truncates it and writes it in two parts.
func TestReadOfAFileThatIsBeingWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "token")
	half := strings.Repeat("x", 100)
	require.NoError(t, os.WriteFile(path, []byte(half+half), 0o600))
	type span struct{ began, ended time.Time }
	var writes []span
	var isDone atomic.Bool
	go func() {
		defer isDone.Store(true)
		for range 15 {
			time.Sleep(60 * time.Millisecond)
			began := time.Now()
			f, err := os.Create(path)
			if err != nil {
				return
			}
			_, _ = f.WriteString(half)
			time.Sleep(5 * time.Millisecond)
			_, _ = f.WriteString(half)
			_ = f.Close()
			writes = append(writes, span{began, time.Now()})
		}
	}()
	var short []span
	for !isDone.Load() {
		began := time.Now()
		data, err := textfile.Read(t.Context(), path, 1000)
		require.NoError(t, err)
		if len(data) != 2*len(half) {
			short = append(short, span{began, time.Now()})
		}
	}
	// A writer that the machine stops for longer than a moment looks like one that is done.
	const moment = 15 * time.Millisecond
	for _, read := range short {
		require.True(t, slices.ContainsFunc(writes, func(w span) bool {
			return w.ended.Sub(w.began) > moment && w.began.Before(read.ended) && w.ended.After(read.began)
		}), "a half was read from a writer that was at work")
	}
}

// TestReadStopsWithItsContext proves that a file that is never at rest holds up nobody.
func TestReadStopsWithItsContext(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new")
	require.NoError(t, os.WriteFile(path, []byte("x"), 0o600))
	reason := errors.New("a reason")
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(reason)
	_, err := textfile.Read(ctx, path, 10)
	require.ErrorIs(t, err, reason)
}

func TestText(t *testing.T) {
	utf16LE := func(s string, mark bool) []byte {
		var out []byte
		units := utf16.Encode([]rune(s))
		if mark {
			units = append([]uint16{0xfeff}, units...)
		}
		for _, u := range units {
			out = append(out, byte(u), byte(u>>8))
		}
		return out
	}
	big := func(b []byte) []byte {
		for i := 0; i+1 < len(b); i += 2 {
			b[i], b[i+1] = b[i+1], b[i]
		}
		return b
	}
	const (
		isWide  = "is in UTF-16 or UTF-32: save it as UTF-8"
		isOther = "is not in UTF-8: save it as UTF-8"
	)
	for _, c := range []struct {
		name, data, want, fault string
	}{
		{"plain", "token", "token", ""},
		{"empty", "", "", ""},
		{"one byte", "\x00", "", "holds NUL"},
		{"mark", "\xef\xbb\xbftoken", "token", ""},
		{"two marks", "\xef\xbb\xbf\xef\xbb\xbft", "", "two byte order marks: save it as UTF-8"},
		{"a mark in it", "t\xef\xbb\xbft", "t\xef\xbb\xbft", ""},
		{"mark alone", "\xef\xbb\xbf", "", ""},
		{"other letters", "schlüssel", "schlüssel", ""},
		{"a NUL in it", "to\x00ken", "", "holds NUL"},
		{"NULs at the end, as of a crash", "token" + strings.Repeat("\x00", 4096), "", "holds NUL"},
		{"NULs alone", strings.Repeat("\x00", 4096), "", "holds NUL"},
		{"variables of a process", "A=b\x00HOME=/root\x00C=d\x00", "", "holds NUL"},
		{"UTF-16LE", string(utf16LE("token", true)), "", isWide},
		{"UTF-16BE", string(big(utf16LE("token", true))), "", isWide},
		{"UTF-16LE without a mark", string(utf16LE("token", false)), "", isWide},
		{"UTF-16BE without a mark", string(big(utf16LE("token", false))), "", isWide},
		{"Cyrillic in UTF-16LE", string(utf16LE("пароль\n", false)), "", isWide},
		{"a Cyrillic comment in UTF-16BE", string(big(utf16LE("# "+strings.Repeat("настройки", 20)+
			"\nsessions: {}\n", false))), "", isWide},
		{"Chinese in UTF-16LE", string(utf16LE("# 配置\n", false)), "", isWide},
		{"a smiley in UTF-16LE", string(utf16LE("x😀\n", false)), "", isWide},
		{"one letter in UTF-16LE", "t\x00", "", isWide},
		{"half a letter at the end", string(utf16LE("token\n", false)) + "x", "", isWide},
		{"UTF-32LE without a mark", "t\x00\x00\x00k\x00\x00\x00", "", isWide},
		{"UTF-32BE without a mark", "\x00\x00\x00t\x00\x00\x00k", "", isWide},
		{"overlong", "to\xc0\xafken", "", isOther},
		{"surrogates in UTF-8", "to\xed\xa0\xbd\xed\xb8\x80", "", isOther},
		{"UTF-32LE", "\xff\xfe\x00\x00t\x00\x00\x00", "", isWide},
		{"UTF-32BE", "\x00\x00\xfe\xff\x00\x00\x00t", "", isWide},
		{"Latin-1", "schl\xfcssel", "", isOther},
		{"Latin-1 in lines", "schl\xfcssel\r\n\tzwei\n", "", isOther},
		{"binary", "to\x01k\xff", "", "is binary and not a text"},
		{"a picture", "\x89PNG\r\n\x1a\n\x00\x00\x00\r", "", "is binary and not a text"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := textfile.Text([]byte(c.data))
			if c.fault != "" {
				require.ErrorContains(t, err, c.fault)
				return
			}
			require.NoError(t, err)
			require.Equal(t, c.want, string(got))
		})
	}
}

func FuzzText(f *testing.F) {
	f.Add([]byte("\xef\xbb\xbftoken"))
	f.Add([]byte("t\x00o\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		text, err := textfile.Text(data)
		if err == nil {
			require.LessOrEqual(t, len(text), len(data))
			require.GreaterOrEqual(t, len(text), len(data)-3)
		}
	})
}

func ExampleRead() {
	_, err := textfile.Read(context.Background(), "no/such/token", 1<<20)
	fmt.Println("file no/such/token", err)
	// Output: file no/such/token does not exist
}
