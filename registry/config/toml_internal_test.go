package config

import (
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/stretchr/testify/require"
)

// TestTOMLAgreesWithTheLibrary proves that the reader accepts, refuses and reads what the library's
// own decoder does: tables that are defined again, dotted keys, arrays of tables, and each type.
func TestTOMLAgreesWithTheLibrary(t *testing.T) {
	for _, text := range []string{
		"a = 1\nb = -2\nc = +3\nd = 0x1F\ne = 0o17\nf = 0b11\ng = 1_000\n",
		"a = 1.5\nb = -1e3\nc = 6.02_2e23\nd = inf\ne = -inf\nf = +1.0\n",
		"a = true\nb = false\nc = 'x\\n'\nd = \"y\\n\\u00e9\"\ne = '''\nlong'''\nf = \"\"\"a\\\n  b\"\"\"\n",
		"a = [1, 'x', [true, {b = 1}]]\nb = []\nc = {}\nd = [\n1,\n2,\n]\n",
		"a.b.c = 1\na.b.d = 2\n'x y'.\"z\" = 3\n", "[a]\n[a.b]\nc = 1\n[a.d]\n", "[a.b]\n[a]\nc = 1\n",
		"[[a]]\nb = 1\n[[a]]\nb = 2\n[a.c]\nd = 3\n[[a.e]]\n[[a.e]]\nf = 4\n", "[a]\nb.c = 1\n[a.b.d]\ne = 2\n",
		"a = {b.c = 1, b.d = 2}\n", "[a.b]\nc = 1\n[a]\nd = 2\n",
		// refused
		"a = 1\na = 2\n", "[a]\n[a]\n", "a.b = 1\n[a]\n", "a = 1\n[a]\n", "a = {}\n[a.b]\n", "a = {}\na.b = 1\n",
		"a = {b = 1, b = 2}\n", "[a.b.c]\n[a]\nb.c.d = 1\n", "[a.b]\n[a]\nb.c = 1\n", "a = []\n[[a]]\n",
		"[[a]]\n[a]\n", "[a]\n[[a]]\n", "a.b = 1\na.b.c = 2\n", "[[a]]\nb = 1\n[[a.b]]\n", "a = [{b = 1}]\n[a.c]\n",
		"a = 1.\n", "a = 01\n", "a = 99999999999999999999\n", "a = 2026-13-01\n", "a = \n", "[a\n", "= 1\n",
		"[[a.b]]\n[a]\nb.c = 1\n", "a.b.c = 1\na.b = 2\n", "a.b = 1\n[a.c]\n[a]\n",
	} {
		var want map[string]any
		wantErr := toml.Unmarshal([]byte(text), &want)
		found := newReport()
		p := parser{source: &source{name: "a.toml"}, places: &places{}, found: found}
		got, _ := p.toml([]byte(text))
		require.Equal(t, wantErr != nil, len(found.faults) > 0, "%s\n%v\n%v", text, wantErr, found.faults)
		if wantErr == nil {
			require.Equal(t, want, got, text)
		}
	}
	p := parser{source: &source{}, places: &places{}, found: newReport()}
	got, ok := p.toml([]byte("a = 1979-05-27T07:32:00Z\nb = 1979-05-27\nc = 07:32:00\nd = nan\n"))
	require.True(t, ok)
	require.Equal(t, []any{"1979-05-27T07:32:00Z", "1979-05-27", "07:32:00"},
		[]any{got["a"], got["b"], got["c"]})
}
