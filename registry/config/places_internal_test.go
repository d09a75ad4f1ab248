package config

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestPlaces proves which place of a path counts: that of the last source; in one source the last
// one too, or the first one where the source says so; and that what is noted later is found
// later.
func TestPlaces(t *testing.T) {
	a, b := &source{name: "a"}, &source{name: "b", keepsFirst: true}
	p := &places{}
	at := func(path ...string) string {
		where, ok := p.at(path[:1], path[1:])
		if !ok {
			return "none"
		}
		return fmt.Sprint(where.source.name, where.line)
	}
	note := func(s *source, line int32, path ...string) {
		above := root
		for _, name := range path {
			above = p.note(above, name, place{s, line, 1})
		}
	}
	note(a, 1, "x", "y")
	require.Equal(t, []string{"a1", "a1", "none", "none"},
		[]string{at("x"), at("x", "y"), at("y"), at("x", "z")})
	note(a, 2, "x", "z")
	require.Equal(t, []string{"a2", "a1", "a2"}, []string{at("x"), at("x", "y"), at("x", "z")})
	note(b, 3, "x", "y")
	note(b, 4, "x", "y", "z")
	require.Equal(t, []string{"b3", "b3", "b4", "a2"},
		[]string{at("x"), at("x", "y"), at("x", "y", "z"), at("x", "z")})
	p.set([]string{"v", "w"}, place{source: a, line: 5})
	require.Equal(t, []string{"none", "a5"}, []string{at("v"), at("v", "w")})
	_, ok := p.at(nil, nil)
	require.False(t, ok)

	for i := range int32(3 * atOnce) { // several chunks
		note(a, i, "many", fmt.Sprint(i))
	}
	for i := range int32(3 * atOnce) {
		require.Equal(t, fmt.Sprint("a", i), at("many", fmt.Sprint(i)))
	}
}
