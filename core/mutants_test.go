package core

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// mutant is a change of one condition or one assignment in the engine. It breaks
// an invariant, and the walk has to notice.
type mutant struct {
	invariants       string // of which one is reported, as "8" or "1 12"
	file, from, to   string
	whatAUserNotices string
}

var mutants = []mutant{
	{"", "machine.go", "", "", "nothing"},
	{"1", "machine.go", "if m.attempt != nil {\n\t\treturn verdict{wait: m.attempt}\n\t}\n\tif err", "if m.attempt != nil && m.attempt.phase != saving {\n\t\treturn verdict{wait: m.attempt}\n\t}\n\tif err", "two renewals at a time"},
	{"1", "settle.go", "if m.attempt != nil {\n\t\treturn fx\n\t}\n\tif b", "if m.attempt == nil {\n\t\treturn fx\n\t}\n\tif b", "a refusal begins a second renewal"},
	{"2", "settle.go", "if a.settled {\n\t\treturn m.arrive(at, p, a, o, took, err)", "if a.settled && err != nil {\n\t\treturn m.arrive(at, p, a, o, took, err)", "a panic: a channel is closed twice"},
	{"3", "settle.go", "if m.state == lifeReady {\n\t\tm.current = c", "if m.state != lifeClosed {\n\t\tm.current = c", "a session serves before Init"},
	{"3", "settle.go", "m.failures, m.refused, m.refusal = nil, nil, refusalNone\n\tif", "m.failures = nil\n\tif", "a refused credential stays beside its successor"},
	{"4", "machine.go", "m.stuck.setup == p.setup && to", "m.stuck.setup != p.setup && to", "calls pile up in a provider that hangs"},
	{"4", "settle.go", "if p == saving && m.stuck == a {", "if p == saving {", "a second call into a provider that hangs"},
	{"5", "ending.go", "if a.phase != spending {", "if a.phase == spending {", "Close cancels an attempt that spends the stored refresh token"},
	{"5", "ending.go", "last := m.attempt\n", "last := m.stuck\n", "Close does not wait until a rotated refresh token is saved"},
	{"6", "ending.go", "began, _ := m.begin(at, p, nobody, renewal)", "began, _ := m.begin(at, p, person, renewal)", "a reload opens a browser"},
	{"6", "ending.go", "fx, _ := m.begin(at, p, nobody, renewal)", "fx, _ := m.begin(at, p, person, renewal)", "a timer opens a browser"},
	{"6", "attempt.go", "case a.who < who && CodeOf", "case a.who > who && CodeOf", "a caller gets what a timer could not do"},
	{"8", "settle.go", "if a.settled && p != saving {", "if a.settled && p == asking {", "a browser opens for callers who have their answer"},
	{"7", "machine.go", "m.refusal == refusalTolerated && m.refused", "m.refusal != refusalNone && m.refused", "a revoked token is sent again"},
	{"7", "machine.go", "m.current == nil && by.answers && m", "m.current == nil && m", "a caller that waited gets the old credential"},
	{"7", "settle.go", "case o.refused:\n\t\tm.refusal = refusalFinal", "case o.refused:\n\t\tm.refusal = refusalTolerated", "a credential that the issuer refused is sent again"},
	{"7", "settle.go", "at.mono-c.born > instant(maxRefusalWait)", "at.mono-c.born < instant(maxRefusalWait)", "refusals are counted over a quiet minute"},
	{"7", "ending.go", "m.state, m.owned, m.refusals = lifeClosing, false, nil", "m.state, m.owned = lifeClosing, false", "refusals are counted over Close"},
	{"8 3", "ending.go", "m.current, m.parked, m.refused, m.refusal = nil, nil, nil, refusalNone\n\treturn closing", "m.parked, m.refused, m.refusal = nil, nil, refusalNone\n\treturn closing", "a closed session serves"},
	{"8", "settle.go", "same := a.epoch == m.epoch &&", "same := a.epoch <= m.epoch &&", "a closed session takes what arrives late"},
	{"8", "settle.go", "return effects{release: o.cred}", "return effects{}", "a token that arrives after Close is not revoked"},
	{"8", "machine.go", "if epoch != nil && *epoch != m.epoch {", "if epoch != nil && *epoch > m.epoch {", "an Init that a Close overtook opens the session again"},
	{"8", "machine.go", "if have != nil && have.setup == u {", "if have != nil && have.setup != nil {", "a new provider is given the old one's refresh token"},
	{"9", "machine.go", "m.owned = m.owned && block", "m.owned = m.owned || block", "the end of a block closes a session that was there before"},
	{"9", "ending.go", "if m.blocks > 0 || !m.owned {", "if m.blocks > 1 || !m.owned {", "a block closes the session while another one uses it"},
	{"10", "settle.go", "if b := m.failures.binding(at.mono, who); b != nil {", "if b := m.failures.binding(at.mono, who); b != nil && invalid {", "an API that refuses everything causes a storm at the issuer"},
	{"10", "backoff.go", "b := f.longest(now, who, 2)", "b := f.longest(now, who, 3)", "a loop around Init locks the account"},
	{"10", "ending.go", "m.failures, m.refusals, m.parked, m.refused, m.refusal = nil, nil", "m.failures, m.refusals, m.parked, m.refused, m.refusal = m.failures, nil", "a corrected secret waits for the wrong one's cool-down"},
	{"10", "settle.go", "case o.input != nil && a.second == nil:", "case o.input != nil:", "an input that stays refused is a storm at the issuer"},
	{"12", "settle.go", "\t\ta.next = fx.start\n", "", "a caller asks the issuer a third time about a refused input"},
	{"6", "settle.go", "fx, _ := m.begin(at, p, a.who, a.purpose)", "fx, _ := m.begin(at, p, person, a.purpose)", "a refused input opens a browser for a timer"},
	{"11", "machine.go", "e.RetryAfter = m.failures.byCode[m.failures.last].until.until(at.mono)", "e.RetryAfter = 0", "an error does not say when to try again"},
	{"13", "ending.go", "fx := effects{settled: a, events: []Event{ev}}", "fx := effects{settled: a, events: []Event{ev}[:0]}", "a span of an attempt that Close stopped has no end"},
	{"13", "settle.go", "if p != signing {", "if p == signing {", "nobody is told that a person is being asked"},
	{"13", "settle.go", "was != ev.Subject {", "was == ev.Subject {", "a renewal for somebody else is not noticed"},
	{"13", "settle.go", "if old == nil {\n\t\told = m.leftover()", "if old != nil {\n\t\told = m.leftover()", "a renewal for somebody else after a refusal is not noticed"},
	{"12 1", "settle.go", "a.settled = true\n\tm.attempt = nil", "a.settled = true\n\tm.attempt = m.stuck", "a caller waits without end"},
}

// TestMutantsOfTheMachine compiles a copy of the engine for each mutant, walks
// all of them and prints the shortest way to what each one breaks.
func TestMutantsOfTheMachine(t *testing.T) {
	if testing.Short() || os.Getenv("AUTHSESSION_CHAOS") == "0" {
		t.Skip("compiles the package once for each mutant; make mutate makes mutants of its own")
	}
	dir := t.TempDir()
	source := engineSource(t)
	program := "package main\n\nimport (\n\t\"fmt\"\n"
	body := "func main() {\n"
	for i, m := range mutants {
		if m.from != "" { // else it is the engine itself
			require.Equal(t, 1, strings.Count(source[m.file], m.from), "%s: %q", m.file, m.from)
		}
		name := fmt.Sprintf("m%02d", i)
		require.NoError(t, os.Mkdir(filepath.Join(dir, name), 0o700))
		for file, text := range source {
			if file == m.file {
				text = strings.Replace(text, m.from, m.to, 1)
			}
			require.NoError(t, os.WriteFile(filepath.Join(dir, name, file), []byte(text), 0o600))
		}
		program += fmt.Sprintf("\t%s \"walk/%s\"\n", name, name)
		body += fmt.Sprintf("\tfmt.Printf(\"%%s\\x00\", %s.Walked())\n", name)
	}
	require.NoError(t, os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module walk\n\ngo 1.25\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "main.go"), []byte(program+")\n\n"+body+"}\n"), 0o600))
	cmd := exec.Command("go", "run", ".")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local")
	out, err := cmd.Output()
	require.NoError(t, err, "%s", out)
	results := strings.Split(string(out), "\x00")
	require.Len(t, results, len(mutants)+1)
	for i, m := range mutants {
		t.Logf("%s: %s -> %s\n%s", m.whatAUserNotices, m.from, m.to, results[i])
		ok := m.invariants == "" && results[i] == "nothing"
		for _, n := range strings.Fields(m.invariants) {
			ok = ok || strings.HasPrefix(results[i], "invariant "+n+":")
		}
		assert.True(t, ok, "%q is to break invariant %s: %s", m.whatAUserNotices, m.invariants, results[i])
	}
}

// engineSource returns the files of this package and those of the walk.
func engineSource(t *testing.T) map[string]string {
	out := map[string]string{"walked.go": `package core

// Walked returns what the walks find.
func Walked() string {
	for _, cfg := range walkConfigs(false) {
		if r := walk(cfg); r.violation != nil {
			return r.violation.String()
		}
	}
	return "nothing"
}
`}
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, file := range files {
		name, test := strings.CutSuffix(file, "_test.go")
		if test && !strings.HasPrefix(name, "walk") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		if test {
			file = name + ".go"
		}
		out[file] = string(text)
	}
	return out
}
