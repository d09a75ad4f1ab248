package plugins

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

// logger logs what a plugin prints, and what happens to it, with its name. It
// is bounded: long lines are cut, and too many are counted instead.
type logger struct {
	to *slog.Logger // nil: nowhere

	mu      sync.Mutex // guards all below
	tokens  float64
	last    time.Time
	dropped int
}

func newLogger(to *slog.Logger, plugin string) *logger {
	if to != nil {
		to = to.With(slog.String("plugin", plugin))
	}
	return &logger{to: to, tokens: lineBurst, last: time.Now()}
}

// event logs what the host itself has to say.
func (l *logger) event(level slog.Level, text string, attrs ...slog.Attr) {
	if l.to != nil {
		l.to.LogAttrs(context.Background(), level, text, attrs...)
	}
}

// lines logs all lines of a stream and returns at its end.
func (l *logger) lines(from io.Reader, stream string) {
	in := bufio.NewReaderSize(from, 2*maxLine)
	for {
		line, cut, err := in.ReadLine()
		if len(line) > 0 {
			l.line(string(line), stream)
		}
		for cut && err == nil { // the rest of a long line
			_, cut, err = in.ReadLine()
		}
		if err != nil {
			return
		}
	}
}

// line logs one line of a plugin.
func (l *logger) line(text, stream string) {
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
	l.to.LogAttrs(context.Background(), level, "plugin: "+clean(text, maxLine), attrs...)
}

// take asks whether another line may be logged, and for how many it may not.
func (l *logger) take() (bool, int) {
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
	dropped := l.dropped
	l.dropped = 0
	return true, dropped
}

// levelOf reads the level of a line in the way of hclog: a JSON object, or a
// prefix such as "[WARN]". Other lines are Info.
func levelOf(text string) (slog.Level, string) {
	var entry struct {
		Level   string `json:"@level"`
		Message string `json:"@message"`
	}
	if strings.HasPrefix(text, "{") && json.Unmarshal([]byte(text), &entry) == nil && entry.Level != "" {
		return levelNamed(entry.Level), entry.Message
	}
	if name, rest, ok := strings.Cut(strings.TrimPrefix(text, "["), "]"); ok && strings.HasPrefix(text, "[") && len(name) <= 5 {
		return levelNamed(name), strings.TrimSpace(rest)
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

// clean makes foreign text one printable line of at most so many bytes.
func clean(text string, limit int) string {
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
