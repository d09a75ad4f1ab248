package command

import (
	"context"
	"fmt"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/registry/config"
)

// sessionJSON is what status says of a session. Fields are only added.
type sessionJSON struct {
	Name        string            `json:"name"`
	Provider    string            `json:"provider"`
	Environment string            `json:"environment,omitempty"`
	Default     bool              `json:"default"`
	State       core.State        `json:"state"`     // new if there is an error
	Renewable   bool              `json:"renewable"` // probably without a person
	Subject     string            `json:"subject,omitempty"`
	Expires     *time.Time        `json:"expires_at,omitempty"` // none: without end, or not there
	Origins     []string          `json:"origins"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Store       string            `json:"store,omitempty"` // the kind; none: nothing is kept
	From        string            `json:"from"`            // where the configuration has the session
	Error       *errorJSON        `json:"error,omitempty"`

	err    error
	faulty bool // it could not be made
}

// look says what is known of a session, with the error of having made it ready.
func (a *app) look(cfg *config.Config, s *core.Session, err error) sessionJSON {
	st := s.Status()
	out := sessionJSON{
		Name: st.Name, Provider: st.Kind, Environment: string(st.Environment),
		Default: st.Name == cfg.Default(), State: st.State, Renewable: st.Renewable, Subject: st.Subject,
		Origins: st.Origins, Attributes: st.Attributes, err: err,
	}
	if out.Origins == nil {
		out.Origins = []string{}
	}
	if !st.Expiry.IsZero() {
		expires := st.Expiry.UTC()
		out.Expires = &expires
	}
	if keeps(cfg, st.Name) {
		kind, _ := cfg.Source(st.Name, "store.kind")
		out.Store = kind.Value
	}
	if source, e := cfg.Source(st.Name, "provider"); e == nil {
		out.From = source.String()
	}
	return a.withError(out)
}

// withError adds the error of a session as JSON.
func (a *app) withError(s sessionJSON) sessionJSON {
	if s.err != nil {
		k := a.kindOf(context.Background(), s.err)
		e := a.errorJSON(k, s.err, a.nextCommand(k, s.err))
		s.Error = &e
	}
	return s
}

// faulty says that a session cannot be made, as its configuration has faults.
func (a *app) faulty(cfg *config.Config, name string, err error) sessionJSON {
	return a.withError(sessionJSON{
		Name: name, Default: name == cfg.Default(), Origins: []string{}, faulty: true, err: err,
	})
}

// stateText is the state as a person reads it.
func (s sessionJSON) stateText() string {
	if s.faulty {
		return "failed"
	}
	return s.State.String()
}

// color is that of the state.
func (s sessionJSON) color() string {
	if s.faulty {
		return colors[core.StateRefused]
	}
	return colors[s.State]
}

// withStored adds what the store has of a session that could not be made ready: a
// credential that has expired, or that the API refused.
func (s sessionJSON) withStored(ctx context.Context, session *core.Session) sessionJSON {
	if s.State != core.StateNew || s.err != nil {
		return s
	}
	stored, err := session.Stored(ctx)
	if stored == nil || err != nil { // Restore has reported what is wrong with the store
		return s
	}
	s.Subject, s.Renewable = stored.Subject, stored.Renewable
	switch {
	case stored.Refused:
		s.State = core.StateRefused
	case stored.Expiry.IsZero():
	case time.Now().After(stored.Expiry):
		s.State = core.StateExpired
	case stored.Renewable: // a part of it is not stored, or it is for other origins
		s.State = core.StateStale
	}
	if s.State != core.StateNew && !stored.Expiry.IsZero() {
		expires := stored.Expiry.UTC()
		s.Expires = &expires
	}
	return s
}

// usable reports whether the next use of a session probably needs nobody.
func (s sessionJSON) usable() bool {
	switch s.State {
	case core.StateFresh, core.StateStale:
		return true
	case core.StateExpired, core.StateRefused:
		return s.Renewable
	}
	return false
}

// expiry says in the words of a person when a session's credential ends.
func (s sessionJSON) expiry(now time.Time) string {
	switch {
	case s.Expires == nil:
		return "-"
	case now.After(*s.Expires):
		return span(now.Sub(*s.Expires)) + " ago"
	}
	return "in " + span(s.Expires.Sub(now))
}

// span returns a duration in its largest units.
func span(d time.Duration) string {
	minutes := int(d.Round(time.Minute) / time.Minute)
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Round(time.Second)/time.Second))
	case minutes < 60:
		return fmt.Sprintf("%dm", minutes)
	case minutes < 48*60:
		return fmt.Sprintf("%dh%dm", minutes/60, minutes%60)
	}
	return fmt.Sprintf("%d days", minutes/(24*60))
}
