// Read on in handshake.go.

package process

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"log/slog"
	"sync"
	"time"
)

const (
	lineRate  = 50 // lines a second
	lineBurst = 200
	// compareCost is how long the comparison of a line with secrets may take for the
	// line to count once. It bounds the time that is spent on comparisons.
	compareCost = time.Millisecond

	maxRead   = 64 << 10 // bytes of a line that are looked at, and of one read
	readRate  = 4 << 20  // bytes a second that are read of a stream
	readBurst = 1 << 20  // bytes that are read without a pause
	minRead   = 4 << 10  // bytes that a read of fewer counts as
	// readPause is the time of maxRead bytes.
	readPause = maxRead * time.Second / readRate
)

// outputLog logs what a plugin prints, and what happens to it, with its name.
// It bounds what a plugin can make the host log: it cuts long lines, and counts
// lines instead of logging them when there are too many.
type outputLog struct {
	to *slog.Logger // nil: nothing is logged
	// repeatsSecret reports whether a text repeats a secret of the plugin.
	repeatsSecret func(text string) bool

	mu      sync.Mutex // guards all below, a token bucket
	tokens  float64    // lines that may be logged now
	last    time.Time  // when tokens was right
	dropped int        // lines since the last one that was logged
}

func newOutputLog(to *slog.Logger, plugin string, repeatsSecret func(string) bool) *outputLog {
	if to != nil {
		to = to.With(slog.String("plugin", plugin))
	}
	if repeatsSecret == nil {
		repeatsSecret = func(string) bool { return false }
	}
	return &outputLog{to: to, repeatsSecret: repeatsSecret, tokens: lineBurst, last: time.Now()}
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

// lines logs all lines of a stream and returns at its end. Where there are too many
// it drops what has arrived as a whole, which takes little time.
func (l *outputLog) lines(from io.Reader, stream string) {
	in := bufio.NewReaderSize(&pacedReader{from: from}, maxRead)
	for {
		line, isPrefix, err := in.ReadLine()
		isLogged := len(line) == 0 || l.line(string(line), stream)
		for isPrefix && err == nil { // the rest of a long line
			_, isPrefix, err = in.ReadLine()
		}
		if err != nil {
			return
		}
		if !isLogged {
			l.dropArrived(in)
		}
	}
}

// dropArrived drops the whole lines that were read ahead, and counts them.
func (l *outputLog) dropArrived(in *bufio.Reader) {
	ahead, _ := in.Peek(in.Buffered())
	n := bytes.Count(ahead, []byte("\n"))
	_, _ = in.Discard(bytes.LastIndexByte(ahead, '\n') + 1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped += n
}

// pacedReader reads a stream at readRate at most, so that a plugin that prints
// without an end takes little of the host's time: it waits for the host then.
type pacedReader struct {
	from io.Reader
	free time.Time // when all that was read would have been read at readRate
}

func (r *pacedReader) Read(p []byte) (int, error) {
	n, err := r.from.Read(p)
	now := time.Now()
	if r.free.Before(now) {
		r.free = now
	}
	r.free = r.free.Add(time.Duration(max(n, minRead)) * time.Second / readRate)
	if ahead := r.free.Sub(now); ahead > readBurst*time.Second/readRate {
		time.Sleep(readPause)
	}
	return n, err
}

// line logs one line of a plugin. It returns false if there are too many.
func (l *outputLog) line(text, stream string) bool {
	if l.to == nil {
		return true
	}
	ok, dropped := l.take()
	if !ok {
		return false
	}
	e := parseLine(text)
	clean := OneLine
	began := time.Now()
	if l.repeatsSecret(e.allText()) {
		clean = l.withoutSecrets
	}
	fields := fieldWriter{clean: clean, left: maxFields}
	attrs := []slog.Attr{slog.String("stream", stream)}
	if dropped > 0 {
		attrs = append(attrs, slog.Int("lines_dropped_before", dropped))
	}
	if group := fields.attrs(e.fields, 0); len(group) > 0 {
		attrs = append(attrs, slog.Group("fields", group...))
	}
	if fields.dropped > 0 {
		attrs = append(attrs, slog.Int("fields_dropped", fields.dropped))
	}
	text = "plugin: " + clean(e.text, maxLine)
	l.pay(time.Since(began))
	l.to.LogAttrs(context.Background(), e.level, text, attrs...)
	return true
}

// withoutSecrets is OneLine, for a text that may repeat a secret.
func (l *outputLog) withoutSecrets(text string, limit int) string {
	if l.repeatsSecret(text) {
		return "(not shown: it repeats a secret)"
	}
	return OneLine(text, limit)
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

// pay counts a line that took long as several.
func (l *outputLog) pay(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.tokens -= float64(took / compareCost)
}
