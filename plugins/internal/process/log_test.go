package process

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// logged returns what is logged of lines, as slog writes it in JSON. The lines take no time: those
// that follow one that takes long are dropped.
func logged(t *testing.T, lines string, repeatsSecret func(string) bool) []map[string]any {
	t.Helper()
	var b bytes.Buffer
	to := slog.New(slog.NewJSONHandler(&b, &slog.HandlerOptions{Level: slog.LevelDebug}))
	synctest.Test(t, func(*testing.T) {
		newOutputLog(to, "x", repeatsSecret).lines(strings.NewReader(lines), "stderr")
	})
	var out []map[string]any
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &m))
		delete(m, "time")
		require.Equal(t, "x", m["plugin"])
		require.Equal(t, "stderr", m["stream"])
		delete(m, "plugin")
		delete(m, "stream")
		out = append(out, m)
	}
	return out
}

// TestFieldsOfLines proves that the fields of a plugin's JSON line are logged as attributes, with
// their types, and cannot pass for what the host says itself.
func TestFieldsOfLines(t *testing.T) {
	for name, c := range map[string]struct {
		line, level, text string
		fields            string // as JSON
	}{
		"hclog": {`{"@level":"warn","@message":"slow","@module":"ticket",` +
			`"@timestamp":"2026-01-02T03:04:05Z","ms":250,"url":"https://a"}`, "WARN", "slow",
			`{"@module":"ticket","ms":250,"url":"https://a"}`},
		"slog": {`{"time":"2026-01-02T03:04:05Z","level":"ERROR","msg":"down","tries":3}`,
			"ERROR", "down", `{"tries":3}`},
		"slog, between levels": {`{"level":"DEBUG+2","msg":"a","b":true}`, "DEBUG", "a", `{"b":true}`},
		"zerolog":              {`{"level":"fatal","message":"gone","code":"x"}`, "ERROR", "gone", `{"code":"x"}`},
		"of a cloud":           {`{"severity":"WARNING","message":"a"}`, "WARN", "a", ""},
		"nested": {`{"level":"info","msg":"a","req":{"method":"GET","tls":{"v":1.3}},"list":[1,"b"]}`,
			"INFO", "a", `{"list":"[1,\"b\"]","req":{"method":"GET","tls":{"v":"1.3"}}}`},
		"too deep": {`{"msg":"a","a":{"a":{"a":{"a":{"a":{"a":1}}}}}}`, "INFO", "a",
			`{"a":{"a":{"a":{"a":{"a":"{\"a\":1}"}}}}}`},
		"null":                  {`{"msg":"a","b":null}`, "INFO", "a", `{"b":null}`},
		"large number":          {`{"msg":"a","b":12345678901234567890}`, "INFO", "a", `{"b":"12345678901234567890"}`},
		"level is no text":      {`{"level":30,"msg":"a"}`, "INFO", "a", `{"level":30}`},
		"names of the host":     {`{"msg":"a","plugin":"y","stream":"z"}`, "INFO", "a", `{"plugin":"y","stream":"z"}`},
		"control characters":    {`{"msg":"a\u001b[1mb","c\n":"d\u202ee\u0000"}`, "INFO", "a [1mb", `{"c ":"de "}`},
		"no text":               {`{"level":"error","b":1}`, "ERROR", "", `{"b":1}`},
		"an object of its own":  {`{"a":1}`, "INFO", `{"a":1}`, ""},
		"not quite JSON":        {`{"msg":"a"`, "INFO", `{"msg":"a"`, ""},
		"more than an object":   {`{"msg":"a"} {}`, "INFO", `{"msg":"a"} {}`, ""},
		"a prefix":              {`[WARN] {"a":1}`, "WARN", `{"a":1}`, ""},
		"a longer prefix":       {`[WARNING] a`, "WARN", "a", ""},
		"the longest prefix":    {`[CRITICAL] a`, "ERROR", "a", ""},
		"a prefix of its own":   {`[main] a`, "INFO", "[main] a", ""},
		"a number before it":    {`[0042] a`, "INFO", "[0042] a", ""},
		"a prefix like a level": {`[infoblox] a`, "INFO", "[infoblox] a", ""},
		"an empty prefix":       {`[] a`, "INFO", "[] a", ""},
		"a list":                {`["a"]`, "INFO", `["a"]`, ""},
		"a level of its own":    {`{"level":"main","msg":"a"}`, "INFO", "a", `{"level":"main"}`},
		"an empty level":        {`{"level":"","msg":"a"}`, "INFO", "a", `{"level":""}`},
		"two levels":            {`{"level":"9","severity":"error","msg":"a"}`, "ERROR", "a", `{"level":"9"}`},
		"a notice":              {`{"level":"notice","msg":"a"}`, "INFO", "a", ""},
		"a time that it took":   {`{"msg":"a","time":"350ms"}`, "INFO", "a", `{"time":"350ms"}`},
		"a time in words":       {`{"msg":"a","time":"now"}`, "INFO", "a", `{"time":"now"}`},
		"a time with a fraction": {`{"msg":"a","time":"2026-01-02T03:04:05.123456789+01:00"}`, "INFO", "a",
			""},
		"the crash of a program":  {`panic: oh`, "ERROR", "panic: oh", ""},
		"a line without anything": {"\t", "INFO", " ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			want := map[string]any{"level": c.level, "msg": "plugin: " + c.text}
			if c.fields != "" {
				var fields map[string]any
				require.NoError(t, json.Unmarshal([]byte(c.fields), &fields))
				want["fields"] = fields
			}
			require.Equal(t, []map[string]any{want}, logged(t, c.line+"\n", nil))
		})
	}
}

// TestLinesAreBounded proves that a line is cut, with its fields, whatever it holds.
func TestLinesAreBounded(t *testing.T) {
	long := strings.Repeat("y", 10<<10)
	many := map[string]string{"msg": long}
	for i := range 500 {
		many[fmt.Sprintf("field%03d", i)] = long[:20]
	}
	wide, err := json.Marshal(many)
	require.NoError(t, err)
	deep := `{"msg":"a","b":` + strings.Repeat(`{"c":`, 5000) + "1" + strings.Repeat("}", 5001)
	for name, line := range map[string]string{
		"text":          long,
		"no end":        strings.Repeat("z", 10<<20),
		"value":         `{"msg":"a","b":"` + long + `"}`,
		"name":          `{"msg":"a","` + long + `":1}`,
		"fields":        string(wide),
		"deep":          deep,
		"list":          `{"msg":"a","b":[` + strings.Repeat(`"c",`, 5000) + `1]}`,
		"JSON, no end":  `{"msg":"a","b":"` + strings.Repeat("z", 10<<20) + `"}`,
		"number":        `{"msg":"a","b":` + strings.Repeat("1", 5000) + `}`,
		"not even UTF8": strings.Repeat("\xff", 10<<10),
	} {
		got := logged(t, line+"\nnext\n", nil)
		require.Len(t, got, 2, name)
		all, err := json.Marshal(got[0])
		require.NoError(t, err)
		require.Less(t, len(all), 8<<10, name)
		require.Equal(t, "plugin: next", got[1]["msg"], name)
	}
	require.EqualValues(t, 500-maxFields, logged(t, string(wide)+"\n", nil)[0]["fields_dropped"])
}

// TestSecretsInLines proves that what repeats a secret is left out, and the rest of the line kept.
func TestSecretsInLines(t *testing.T) {
	const canary, hidden = "canary", "(not shown: it repeats a secret)"
	repeats := func(text string) bool { return strings.Contains(text, canary) }
	for line, want := range map[string]string{
		"a canary":                              `{"msg":"plugin: ` + hidden + `"}`,
		`{"msg":"a canary","b":"c"}`:            `{"msg":"plugin: ` + hidden + `","fields":{"b":"c"}}`,
		`{"msg":"a","b":"canary"}`:              `{"msg":"plugin: a","fields":{"b":"` + hidden + `"}}`,
		`{"msg":"a","b":{"c":["canary"]}}`:      `{"msg":"plugin: a","fields":{"b":{"c":"` + hidden + `"}}}`,
		`{"msg":"a","b":"can\u0061ry"}`:         `{"msg":"plugin: a","fields":{"b":"` + hidden + `"}}`,
		`{"msg":"a","canary":1}`:                `{"msg":"plugin: a","fields":{"` + hidden + `":1}}`,
		`{"msg":"a","b":"can` + "\x00" + `ary"`: `{"msg":"plugin: {\"msg\":\"a\",\"b\":\"can ary\""}`,
	} {
		var m map[string]any
		require.NoError(t, json.Unmarshal([]byte(want), &m))
		m["level"] = "INFO"
		require.Equal(t, []map[string]any{m}, logged(t, line+"\n", repeats), line)
	}
	digits := func(text string) bool { return strings.Contains(text, "12345678") }
	require.Equal(t, map[string]any{"pin": hidden},
		logged(t, `{"msg":"a","pin":12345678}`+"\n", digits)[0]["fields"])
}

// flood is a plugin that prints one text without an end.
type flood struct {
	text        string
	end         time.Time
	reads, size int
}

func (f *flood) Read(p []byte) (int, error) {
	if time.Now().After(f.end) {
		return 0, io.EOF
	}
	n := copy(p, f.text)
	f.reads++
	f.size += n
	return n, nil
}

// TestFlood proves that a plugin that prints all the time is read slowly, and that the lines of ten
// seconds are few, whether it prints much at once, little, or a line without an end.
func TestFlood(t *testing.T) {
	const seconds = 10
	for name, text := range map[string]string{
		"large writes": strings.Repeat("a line\n", maxRead/7),
		"lines":        "a line\n",
		"empty lines":  "\n",
		"no line":      strings.Repeat("z", maxRead),
		"single bytes": "z",
		"JSON":         `{"@level":"error","@message":"a","b":{"c":1}}` + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var b bytes.Buffer
				log := newOutputLog(slog.New(slog.NewTextHandler(&b, nil)), "x", nil)
				from := &flood{text: text, end: time.Now().Add(seconds * time.Second)}
				log.lines(from, "stderr")
				require.LessOrEqual(t, strings.Count(b.String(), "\n"), lineBurst+seconds*lineRate)
				require.LessOrEqual(t, from.size, readBurst+(seconds+1)*readRate)
				require.LessOrEqual(t, from.reads, (readBurst+(seconds+1)*readRate)/minRead)
				if lines := strings.Count(text, "\n"); lines > 0 && text != "\n" {
					require.Contains(t, b.String(), "lines_dropped_before=")
				}
			})
		})
	}
}

// TestSlowComparisons proves that the time of comparisons with secrets is bounded: lines that take
// long are logged less often.
func TestSlowComparisons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		spent := time.Duration(0)
		log := newOutputLog(slog.New(slog.NewTextHandler(&b, nil)), "x", func(string) bool {
			const took = 20 * time.Millisecond
			time.Sleep(took)
			spent += took
			return false
		})
		log.lines(&flood{text: "a line\n", end: time.Now().Add(time.Minute)}, "stderr")
		require.Less(t, spent, 5*time.Second, "less than a tenth of a minute")
		require.Positive(t, strings.Count(b.String(), "\n"))
	})
}
