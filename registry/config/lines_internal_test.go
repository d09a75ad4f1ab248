package config

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestLines proves that line and column are right in short and long lines, that offset is the
// opposite of at, and that neither looks at more than a fixed part of a line.
func TestLines(t *testing.T) {
	for _, text := range []string{
		"", "a", "a\n", "\n\nä\n", strings.Repeat("äb", 2000), strings.Repeat("x", 5000) + "\nyé\n",
		"é\n" + strings.Repeat("日本", 700) + "\n" + strings.Repeat("z\n", 900),
	} {
		data := []byte(text)
		l := newLines(data)
		line, column := 1, 1
		for offset, r := range text {
			gotLine, gotColumn := l.at(offset)
			require.Equal(t, []int{line, column}, []int{gotLine, gotColumn})
			require.Equal(t, offset, l.offset(line, column))
			require.Less(t, offset-l.markBefore(line, offset).offset, 2*markDistance+utf8.UTFMax)
			if column++; r == '\n' {
				line, column = line+1, 1
			}
		}
	}
}
