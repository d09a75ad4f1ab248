package config

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// counted is a context that counts the looks at it, and ends at one of them.
type counted struct {
	context.Context
	looks, end int
}

func (c *counted) Err() error {
	if c.looks++; c.end > 0 && c.looks >= c.end {
		return context.Canceled
	}
	return nil
}

// TestTextsAreReadInBlocks proves that the libraries get a text in blocks of at most 4 KiB, with
// one look at the context before each, and not byte by byte; and that they get no further block
// after the context has ended.
func TestTextsAreReadInBlocks(t *testing.T) {
	long := strings.Repeat("text ", 100_000)
	var many strings.Builder
	many.WriteString("sessions:\n")
	for i := range 10_000 {
		fmt.Fprintf(&many, "  session-%d: {provider: apikey, settings: {key: value}}\n", i)
	}
	for name, text := range map[string]string{
		"many keys.yaml": many.String(), "one text.yaml": "a: " + long, "one quote.yaml": "a: '" + long + "'",
		"a comment.yaml": "# " + long + "\na: 1", "one text.json": `{"a": "` + long + `"}`,
		"spaces.json": strings.Repeat(" ", 500_000) + "{}", "numbers.json": `{"a": [1` + strings.Repeat(", 1", 100_000) + "]}",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &counted{Context: t.Context()}
			p := parser{source: &source{name: name}, places: &places{}, found: newReport(), ctx: ctx}
			_, ok := p.parse([]byte(text))
			require.True(t, ok, p.found.faults)
			require.GreaterOrEqual(t, ctx.looks, len(text)/textBlock)
			require.Less(t, ctx.looks, len(text)/64, "not byte by byte")

			end := ctx.looks / 2
			ctx = &counted{Context: t.Context(), end: end}
			p = parser{source: &source{name: name}, places: &places{}, found: newReport(), ctx: ctx}
			_, ok = p.parse([]byte(text))
			require.False(t, ok && !p.ended)
			require.Empty(t, p.found.faults)
			require.LessOrEqual(t, ctx.looks, end+2)
		})
	}
}
