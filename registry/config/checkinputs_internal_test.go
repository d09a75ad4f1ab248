package config

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// inputsAtRandom is a configuration with inputs in sessions and in their sections, some of which
// name no session, and none of which leads back.
func inputsAtRandom(random *rand.Rand) string {
	var b strings.Builder
	b.WriteString("sessions:\n")
	input := func(below int) string {
		if below == 0 || random.IntN(4) == 0 {
			return fmt.Sprint("none", random.IntN(3))
		}
		return fmt.Sprint("s", random.IntN(below))
	}
	for i := range 1 + random.IntN(5) {
		fmt.Fprintf(&b, "  s%d:\n    provider: %s\n", i, []string{"any", "some"}[random.IntN(2)])
		if random.IntN(5) == 0 {
			fmt.Fprintf(&b, "    environment: e%d\n", 1+random.IntN(2))
		}
		if random.IntN(3) > 0 {
			fmt.Fprintf(&b, "    inputs: {x: %s, y: %s}\n", input(i), input(i))
		}
		b.WriteString("    environments:\n")
		for e := range 4 {
			switch random.IntN(3) {
			case 0:
				fmt.Fprintf(&b, "      e%d: {inputs: {x: %s}}\n", e, input(i))
			case 1:
				fmt.Fprintf(&b, "      e%d: {}\n", e)
			}
		}
	}
	return b.String()
}

// TestInputsTogether proves that one look at all inputs finds what a look in each environment
// finds.
func TestInputsTogether(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.yaml")
	s, err := newSetup(Options{Files: []string{name}, Environ: []string{}, Factories: []core.Factory{
		core.NewFactory[struct{}](core.Info{Kind: "any"}, nil),
		core.NewFactory[struct{}](core.Info{Kind: "some", Environments: []core.Environment{"e1", "e2"}}, nil),
	}})
	require.NoError(t, err)
	random := rand.New(rand.NewPCG(1, 2))
	withFaults := 0
	for range 120 {
		text := inputsAtRandom(random)
		require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
		found := newReport()
		found.unresolved = true
		w, err := s.parse(t.Context(), nil, watchedFiles{}, found)
		require.NoError(t, err)
		sessions := w.resolver.resolve("").sessions
		envs := w.resolver.environments(sessions)
		common := envs.known(withoutOwn(sessions))
		all := w.checkVariants(t.Context(), newFaultsByEnvironment(found), sessions, envs, common)
		of := common
		if len(of) == 0 {
			of = []core.Environment{""}
		}
		found.faults = nil
		each := newFaultsByEnvironment(found)
		each.inEach(of, func(env core.Environment) {
			w.checker.checkInputs(t.Context(), all.in(env, envs, common))
		})
		want := found.faults
		found.faults = nil
		together := newFaultsByEnvironment(found)
		require.True(t, w.checkInputsTogether(t.Context(), together, envs.usesOf(t.Context(), all, of, common)), text)
		together.report(len(of))
		require.ElementsMatch(t, want, found.faults, text)
		withFaults += min(1, len(want))
	}
	require.Greater(t, withFaults, 40)
}
