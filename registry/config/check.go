// Read on in source.go.

package config

import (
	"context"
	"maps"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/sorted"
)

// Check reports every fault of the files in every environment: each that a session of the files
// has a section for, and each that a provider in use knows. It resolves no reference, so that it
// needs no secret, starts no plugin, makes no store and no session. Its error is that of [Load]; a
// fault that is not there in all environments of its session names the first that has it.
//
// The value of a reference may have any type. Only Load finds faults of that value, of the settings
// of a plugin that was not started, and those that a provider finds only in settings that are
// complete. Options.Environment and StartPlugins are not used. Variables overlay the files, as
// for Load: give an empty Options.Environ to check the files alone.
func Check(ctx context.Context, opts Options) error {
	s, err := newSetup(opts)
	if err != nil {
		return err
	}
	found := newReport()
	found.unresolved = true
	w, err := s.parse(ctx, nil, watchedFiles{}, found)
	if err != nil {
		return err
	}
	file := w.resolver.resolve("")
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	w.checker.checkTop(file.top)
	w.checkAll(ctx, file.sessions)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return s.failure(found)
}

// checkAll runs the second and the third pass for each session in each of its
// environments, and then checks the inputs of all sessions.
func (w *work) checkAll(ctx context.Context, sessions map[string]*session) {
	envs := w.resolver.environments(sessions)
	common := envs.known(withoutOwn(sessions))
	faults := newFaultsByEnvironment(w.checker.found)
	all := w.checkVariants(ctx, faults, sessions, envs, common)
	if ctx.Err() == nil && all.haveInputs() {
		w.checkAllInputs(ctx, faults, all, envs, common)
	}
}

// checkVariants checks each session in each of its environments, but not its inputs.
func (w *work) checkVariants(
	ctx context.Context, faults *faultsByEnvironment, sessions map[string]*session,
	envs environments, common []core.Environment,
) variants {
	all := variants{}
	for _, name := range sorted.Keys(sessions) {
		s := sessions[name]
		of := envs.toCheck(s, common)
		w.checker.checkSections(s, contains(of))
		faults.inEach(of, func(env core.Environment) {
			if ctx.Err() != nil {
				return
			}
			one := *s
			one.environment = env
			if !s.ownEnvironment { // else environments.choose has checked it
				one.environmentOK = env != "" || !envs.isNeeded(s)
			}
			v := w.checker.check(ctx, w.resolver.variant(&one))
			w.checker.checkSettings(ctx, map[string]*checked{name: v})
			all.add(v)
		})
	}
	return all
}

// withoutOwn returns the sessions that do not name their environment themselves.
func withoutOwn(sessions map[string]*session) map[string]*session {
	out := maps.Clone(sessions)
	maps.DeleteFunc(out, func(_ string, s *session) bool { return s.ownEnvironment })
	return out
}
