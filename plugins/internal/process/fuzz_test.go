package process

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// FuzzHandshake reads what a program prints first, and what it prints later.
func FuzzHandshake(f *testing.F) {
	f.Add("1|1|unix|/tmp/x|grpc|" + strings.Repeat("A", 100) + "\nrest")
	f.Add("\n\n{\"@level\":\"warn\",\"@message\":\"hello\"}\n[ERROR] x")
	f.Fuzz(func(t *testing.T, text string) {
		line, rest := firstLine(strings.NewReader(text))
		require.LessOrEqual(t, len(line), maxHandshake)
		after, err := io.ReadAll(rest)
		require.NoError(t, err)
		require.LessOrEqual(t, len(line)+len(after), len(text))
		log := newOutputLog(slog.New(slog.DiscardHandler), "fuzz", nil)
		r := &runner{program: Program{Name: "fuzz"}, log: log, dir: "/nowhere"}
		if err := r.program.checkHandshake(line); err != nil {
			require.ErrorIs(t, err, core.CodeBadConfig)
		} else {
			_, ok := parseHandshake(line)
			require.True(t, ok)
		}
		shown := OneLine(parseLine(line).text, maxLine)
		require.LessOrEqual(t, len(shown), maxLine+len("…"))
		require.NotContains(t, shown, "\n")
		log.lines(strings.NewReader(text), "stdout")
		_ = stdioData([]byte(text))
		_, _, err = r.PluginToHost("unix", text)
		require.ErrorIs(t, err, core.CodeBadConfig)
	})
}
