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
	file             string
	whatAUserNotices string
	from, to         string
}

var mutants = []mutant{
	{
		"", "machine.go", "nothing",
		"",
		"",
	},
	{
		"1", "machine.go", "two renewals at a time",
		"if m.attempt != nil {\n\t\treturn verdict{wait: m.attempt}\n\t}\n\tif err",
		"if m.attempt != nil && m.attempt.phase != phaseSaving {\n\t\treturn verdict{wait: " +
			"m.attempt}\n\t}\n\tif err",
	},
	{
		"1", "settle.go", "a refusal begins a second renewal",
		"if m.attempt != nil {\n\t\treturn fx\n\t}\n\tif b",
		"if m.attempt == nil {\n\t\treturn fx\n\t}\n\tif b",
	},
	{
		"2", "settle.go", "a panic: a channel is closed twice",
		"if a.settled {\n\t\treturn m.settleLate(at, p, a, o, took, err)",
		"if a.settled && err != nil {\n\t\treturn m.settleLate(at, p, a, o, took, err)",
	},
	{
		"3", "settle.go", "a session serves before Init",
		"if m.state == lifeReady {\n\t\tm.current = c",
		"if m.state != lifeClosed {\n\t\tm.current = c",
	},
	{
		"3", "settle.go", "a refused credential stays beside its successor",
		"m.failures, m.refused, m.refusal = nil, nil, refusalNone\n\tif",
		"m.failures = nil\n\tif",
	},
	{
		"4", "machine.go", "calls pile up in a provider that hangs",
		"m.stuck.setup == p.setup && purpose",
		"m.stuck.setup != p.setup && purpose",
	},
	{
		"4", "settle.go", "a second call into a provider that hangs",
		"if p == phaseSaving && m.stuck == a {",
		"if p == phaseSaving {",
	},
	{
		"5", "ending.go", "Close cancels an attempt that spends the stored refresh token",
		"if a.phase != phaseSpending {",
		"if a.phase == phaseSpending {",
	},
	{
		"5", "ending.go", "Close does not wait until a rotated refresh token is saved",
		"running := m.attempt\n",
		"running := m.stuck\n",
	},
	{
		"6", "ending.go", "a reload opens a browser",
		"began, _ := m.begin(at, p, nobody, purposeRenew)",
		"began, _ := m.begin(at, p, person, purposeRenew)",
	},
	{
		"6", "ending.go", "a timer opens a browser",
		"fx, _ := m.begin(at, p, nobody, purposeRenew)",
		"fx, _ := m.begin(at, p, person, purposeRenew)",
	},
	{
		"6", "attempt.go", "a caller gets what a timer could not do",
		"case a.audience < who && CodeOf",
		"case a.audience > who && CodeOf",
	},
	{
		"8", "settle.go", "a browser opens for callers who have their answer",
		"if a.settled && p != phaseSaving {",
		"if a.settled && p == phaseAsking {",
	},
	{
		"7", "machine.go", "a revoked token is sent again",
		"m.refusal == refusalTolerated && m.refused",
		"m.refusal != refusalNone && m.refused",
	},
	{
		"7", "machine.go", "a caller that waited gets the old credential",
		"m.current == nil && by.seesAnswers &&",
		"m.current == nil &&",
	},
	{
		"7", "settle.go", "a credential that the issuer refused is sent again",
		"case o.refreshRefused:\n\t\tm.refusal = refusalFinal",
		"case o.refreshRefused:\n\t\tm.refusal = refusalTolerated",
	},
	{
		"7 10", "settle.go", "refusals are counted over a quiet minute",
		"at.mono-c.createdAt > instant(maxRefusalWait)",
		"at.mono-c.createdAt < instant(maxRefusalWait)",
	},
	{
		"7", "ending.go", "refusals are counted over Close",
		"m.state, m.initByBlock, m.refusals = lifeClosing, false, nil",
		"m.state, m.initByBlock = lifeClosing, false",
	},
	{
		"8 3", "ending.go", "a closed session serves",
		"m.current, m.parked, m.refused, m.refusal = nil, nil, nil, refusalNone\n\treturn " +
			"closeSteps",
		"m.parked, m.refused, m.refusal = nil, nil, refusalNone\n\treturn closeSteps",
	},
	{
		"8", "settle.go", "a closed session takes what arrives late",
		"unchanged := a.epoch == m.epoch &&",
		"unchanged := a.epoch <= m.epoch &&",
	},
	{
		"8", "settle.go", "a token that arrives after Close is not revoked",
		"return effects{release: o.credential}",
		"return effects{}",
	},
	{
		"8", "machine.go", "an Init that a Close overtook opens the session again",
		"if epoch != nil && *epoch != m.epoch {",
		"if epoch != nil && *epoch > m.epoch {",
	},
	{
		"8", "machine.go", "a new provider is given the old one's refresh token",
		"if have != nil && have.setup == cfg {",
		"if have != nil && have.setup != nil {",
	},
	{
		"9", "machine.go", "the end of a block closes a session that was there before",
		"m.initByBlock = m.initByBlock && asBlock",
		"m.initByBlock = m.initByBlock || asBlock",
	},
	{
		"9", "ending.go", "a block closes the session while another one uses it",
		"if m.blocks > 0 || !m.initByBlock {",
		"if m.blocks > 1 || !m.initByBlock {",
	},
	{
		"10", "settle.go", "an API that refuses everything causes a storm at the issuer",
		"if b := m.failures.binding(at.mono, who); b != nil {",
		"if b := m.failures.binding(at.mono, who); b != nil && r.invalid {",
	},
	{
		"7", "backoff.go", "the other paths of a container registry stay refused",
		"s.repeated && s.count >= maxUnhelpful",
		"s.count > 0",
	},
	{
		"10", "backoff.go", "an API whose paths ask for different scopes causes a storm",
		"s.repeated && s.count >= maxUnhelpful",
		"s.repeated && s.count < 0",
	},
	{
		"10", "backoff.go", "a renewal that did not help is forgotten",
		"(s.repeated || !s.differsFrom(asked))",
		"!s.differsFrom(asked)",
	},
	{
		"10", "backoff.go", "an API that does not say what it asks for causes a storm",
		`return asked != "" && asked != s.asked`,
		"return asked != s.asked",
	},
	{
		"10", "backoff.go", "an API that repeats its refusal is asked without end",
		"out.repeated = true",
		"out.repeated = false",
	},
	{
		"10", "backoff.go", "a loop around Init locks the account",
		"b := f.bindingAfter(now, who, 2)",
		"b := f.bindingAfter(now, who, 3)",
	},
	{
		"10", "ending.go", "a corrected secret waits for the wrong one's cool-down",
		"m.failures, m.refusals, m.parked, m.refused, m.refusal = nil, nil",
		"m.failures, m.refusals, m.parked, m.refused, m.refusal = m.failures, nil",
	},
	{
		"10", "settle.go", "an input that stays refused is a storm at the issuer",
		"case o.refusedInput != nil && a.rejectedInput == nil:",
		"case o.refusedInput != nil:",
	},
	{
		"12", "settle.go", "a caller asks the issuer a third time about a refused input",
		"\t\ta.successor = fx.start\n",
		"",
	},
	{
		"6", "settle.go", "a refused input opens a browser for a timer",
		"fx, _ := m.begin(at, p, a.audience, a.purpose)",
		"fx, _ := m.begin(at, p, person, a.purpose)",
	},
	{
		"11", "machine.go", "an error does not say when to try again",
		"e.RetryAfter = m.failures.byCode[m.failures.last].retryAt.sub(at.mono)",
		"e.RetryAfter = 0",
	},
	{
		"13", "ending.go", "a span of an attempt that Close stopped has no end",
		"fx := effects{settled: a, events: []Event{ev}}",
		"fx := effects{settled: a, events: []Event{ev}[:0]}",
	},
	{
		"13", "settle.go", "nobody is told that a person is being asked",
		"if p != phaseSigningIn {",
		"if p == phaseSigningIn {",
	},
	{
		"13", "settle.go", "a renewal for somebody else is not noticed",
		"oldSubject != ev.Subject {",
		"oldSubject == ev.Subject {",
	},
	{
		"13", "settle.go", "a renewal for somebody else after a refusal is not noticed",
		"if old == nil {\n\t\told = m.parkedOrRefused()",
		"if old != nil {\n\t\told = m.parkedOrRefused()",
	},
	{
		"12 1", "settle.go", "a caller waits without end",
		"a.settled = true\n\tm.attempt = nil",
		"a.settled = true\n\tm.attempt = m.stuck",
	},
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
	require.NoError(t,
		os.WriteFile(filepath.Join(dir, "go.mod"), []byte("module walk\n\ngo 1.25\n"), 0o600))
	require.NoError(t,
		os.WriteFile(filepath.Join(dir, "main.go"), []byte(program+")\n\n"+body+"}\n"), 0o600))
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
		assert.True(t, ok, "%q is to break invariant %s: %s", m.whatAUserNotices, m.invariants,
			results[i])
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
