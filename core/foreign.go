package core

import (
	"context"
	"log/slog"
	"slices"
)

// tellForeign logs which origins the provider names and the options do not
// allow. The credential is not sent there: the options' origins stand alone.
func (s *Session) tellForeign(u *setup, c Credential) {
	if u.opts.Logger == nil || len(u.origins) == 0 {
		return
	}
	var foreign []string
	for _, text := range c.Origins {
		if o, err := parseOrigin(text); err != nil || !slices.Contains(u.origins, o) {
			foreign = append(foreign, clip(text))
		}
	}
	if len(foreign) > 0 {
		foreign = foreign[:min(len(foreign), 10)]
		u.opts.Logger.LogAttrs(context.Background(), slog.LevelWarn, "session cut off origins that its options do not allow",
			slog.String("session", s.name), slog.String("provider", u.opts.Provider), slog.Any("origins", foreign))
	}
}
