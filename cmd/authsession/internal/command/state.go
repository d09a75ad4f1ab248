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
	State       string            `json:"state"`
	Subject     string            `json:"subject,omitempty"`
	Expires     *time.Time        `json:"expires_at,omitempty"` // none: without end, or not there
	Origins     []string          `json:"origins"`
	Attributes  map[string]string `json:"attributes,omitempty"`
	Store       string            `json:"store,omitempty"` // the kind; none: nothing is kept
	From        string            `json:"from"`            // where the configuration has the session
	Error       *errorJSON        `json:"error,omitempty"`

	err error
}

// states are the words for the state of a session.
const (
	stateNew     = "new"     // nothing is stored that can be used
	stateFresh   = "fresh"   // there is a credential
	stateExpired = "expired" // it has expired
	stateRefused = "refused" // the API refused it
	stateClosed  = "closed"
)

func stateOf(s core.Status) string {
	switch {
	case s.State == core.StateClosed:
		return stateClosed
	case s.Refused:
		return stateRefused
	case s.Valid:
		return stateFresh
	case s.State == core.StateReady:
		return stateExpired
	}
	return stateNew
}

// look says what is known of a session, with the error of having made it ready.
func (a *app) look(cfg *config.Config, s *core.Session, err error) sessionJSON {
	st := s.Status()
	out := sessionJSON{
		Name: st.Name, Provider: st.Provider, Environment: string(st.Environment),
		Default: st.Name == cfg.Default(), State: stateOf(st), Subject: st.Subject,
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
	if err != nil {
		k := a.kindOf(context.Background(), err)
		e := a.errorJSON(k, err, a.nextCommand(k, err))
		out.Error = &e
	}
	return out
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
