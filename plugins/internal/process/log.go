// Read on in handshake.go.

package process

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"
	"unicode"
)

const (
	maxLine   = 2048 // bytes of a line that are logged
	lineRate  = 50   // lines a second
	lineBurst = 200
)

// outputLog logs what a plugin prints, and what happens to it, with its name.
// It bounds what a plugin can make the host log: it cuts long lines, and counts
// lines instead of logging them when there are too many.
type outputLog struct {
	to *slog.Logger // nil: nothing is logged

	mu      sync.Mutex // guards all below, a token bucket
	tokens  float64    // lines that may be logged now
	last    time.Time  // when tokens was right
	dropped int        // lines since the last one that was logged
}

func newOutputLog(to *slog.Logger, plugin string) *outputLog {
	if to != nil {
		to = to.With(slog.String("plugin", plugin))
	}
	return &outputLog{to: to, tokens: lineBurst, last: time.Now()}
}

// event logs what the host itself reports.
func (l *outputLog) event(level slog.Level, text string, attrs ...slog.Attr) {
	if l.to != nil {
		l.to.LogAttrs(context.Background(), level, text, attrs...)
	}
}

// warn logs what is not as it should be, and what is used instead.
func (l *outputLog) warn(text string, err error, instead string) {
	l.event(slog.LevelWarn, text, slog.String("error", err.Error()),
		slog.String("instead", instead))
}

// lines logs all lines of a stream and returns at its end.
func (l *outputLog) lines(from io.Reader, stream string) {
	in := bufio.NewReaderSize(from, 2*maxLine)
	for {
		line, isPrefix, err := in.ReadLine()
		if len(line) > 0 {
			l.line(string(line), stream)
		}
		for isPrefix && err == nil { // the rest of a long line
			_, isPrefix, err = in.ReadLine()
		}
		if err != nil {
			return
		}
	}
}

// line logs one line of a plugin.
func (l *outputLog) line(text, stream string) {
	if l.to == nil {
		return
	}
	ok, dropped := l.take()
	if !ok {
		return
	}
	attrs := []slog.Attr{slog.String("stream", stream)}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("lines_dropped_before", dropped))
	}
	level, text := levelOf(text)
	l.to.LogAttrs(context.Background(), level, "plugin: "+OneLine(text, maxLine), attrs...)
}

// take reports whether another line may be logged, and if so, how many were
// dropped before it.
func (l *outputLog) take() (ok bool, dropped int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	l.tokens = min(lineBurst, l.tokens+now.Sub(l.last).Seconds()*lineRate)
	l.last = now
	if l.tokens < 1 {
		l.dropped++
		return false, 0
	}
	l.tokens--
	dropped, l.dropped = l.dropped, 0
	return true, dropped
}

// levelOf reads the level of a line as hclog writes it: a JSON object, or a
// prefix such as "[WARN]". It returns the rest of the line. Other lines are
// Info, but for the first line of a crash of a Go program.
func levelOf(text string) (slog.Level, string) {
	var entry struct {
		Level   string `json:"@level"`
		Message string `json:"@message"`
	}
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &entry) == nil &&
		entry.Level != "" {
		return levelNamed(entry.Level), entry.Message
	}
	if prefixed, ok := strings.CutPrefix(text, "["); ok {
		if name, rest, ok := strings.Cut(prefixed, "]"); ok && len(name) <= 5 {
			return levelNamed(name), strings.TrimSpace(rest)
		}
	}
	if strings.HasPrefix(text, "panic: ") || strings.HasPrefix(text, "fatal error: ") {
		return slog.LevelError, text
	}
	return slog.LevelInfo, text
}

func levelNamed(name string) slog.Level {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error":
		return slog.LevelError
	}
	return slog.LevelInfo
}

// OneLine makes text of a plugin one printable line of at most limit bytes.
func OneLine(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, text)
	if len(text) > limit {
		text = strings.ToValidUTF8(text[:limit], "") + "…"
	}
	return text
}
