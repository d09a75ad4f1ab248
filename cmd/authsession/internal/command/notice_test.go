package command

import (
	"bytes"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// TestNoticeFits: a line is never as wide as the terminal, which would wrap it.
func TestNoticeFits(t *testing.T) {
	const line = "authsession: waiting for the credential of session “é”, 1s"
	for _, width := range []int{0, 1, 2, 3, 4, 20, 40, 57, 58, 59, 60, 200} {
		got := fitted(line, width)
		if width > 0 {
			require.Less(t, utf8.RuneCountInString(got), width, "%d", width)
		}
	}
	require.Equal(t, line, fitted(line, 0))
	require.Equal(t, "authsession: wait…", fitted(line, 19))
}

// TestNoticeChanges: where lines cannot be replaced, another reason is another line.
func TestNoticeChanges(t *testing.T) {
	var out bytes.Buffer
	n := &notice{out: &out, what: "a", most: time.Second, timer: time.NewTimer(time.Hour)}
	n.say("b")
	require.Empty(t, out.String())
	n.show()
	n.say("b")
	n.say("c")
	n.stop()
	n.say("d")
	require.Equal(t, "authsession: waiting for b, at most 1s\n"+
		"authsession: waiting for c, at most 1s\n", out.String())
}
