// Read on in transport.go.

package core

import (
	"encoding/json"
	"errors"
	"strings"
	"time"
)

// This file is the JSON of Status and Event. Fields are only added to it.

// errorJSON is the JSON of an error: its code, for programs, and its text.
type errorJSON struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// newErrorJSON returns the JSON of an error, or nil for none.
func newErrorJSON(err error) *errorJSON {
	if err == nil {
		return nil
	}
	return &errorJSON{codeText(CodeOf(err)), err.Error()}
}

// toError returns an error with the code and the text of e. A code of a later
// version is [CodeUnavailable], as for a plugin of a later version.
func (e *errorJSON) toError() error {
	if e == nil {
		return nil
	}
	code := CodeUnavailable
	_ = code.UnmarshalText([]byte(e.Code))
	return &readError{code, e.Message}
}

// readError is an error that was read from JSON.
type readError struct {
	code    Code
	message string
}

// Error implements error.
func (e *readError) Error() string { return e.message }

// Unwrap returns the code.
func (e *readError) Unwrap() error { return e.code }

// statusJSON is the JSON of a Status. Times are texts, because a zero time.Time
// has no text that says that there is none.
type statusJSON struct {
	Name            string            `json:"name"`
	Provider        string            `json:"provider"`
	Environment     string            `json:"environment,omitempty"`
	State           State             `json:"state"`
	Renewable       bool              `json:"renewable"`
	Subject         string            `json:"subject,omitempty"`
	Attributes      map[string]string `json:"attributes,omitempty"`
	Origins         []string          `json:"origins,omitempty"`
	ExpiresAt       string            `json:"expires_at,omitempty"`
	Credential      *CredentialShape  `json:"credential,omitempty"`
	LastError       *errorJSON        `json:"last_error,omitempty"`
	RetryAt         string            `json:"retry_at,omitempty"`
	Store           string            `json:"store,omitempty"`
	StoreError      *errorJSON        `json:"store_error,omitempty"`
	Authentications uint64            `json:"authentications"`
	Failures        uint64            `json:"failures"`
	Refusals        uint64            `json:"refusals"`
}

// MarshalJSON implements [json.Marshaler]. Names are in snake case, times as in
// RFC 3339 in UTC, in seconds. A field that says nothing is absent: there are no zero times.
// An error is an object of its code, such as "bad_config", and its message.
func (s Status) MarshalJSON() ([]byte, error) {
	return json.Marshal(statusJSON{
		Name: s.Name, Provider: s.Kind, Environment: string(s.Environment), State: s.State,
		Renewable: s.Renewable, Subject: s.Subject, Attributes: s.Attributes, Origins: s.Origins,
		ExpiresAt: formatTime(s.Expiry), Credential: s.Credential,
		LastError: newErrorJSON(s.LastError), RetryAt: formatTime(nextSecond(s.RetryAt)),
		Store: s.Store, StoreError: newErrorJSON(s.StoreError),
		Authentications: s.Authentications, Failures: s.Failures, Refusals: s.Refusals,
	})
}

// UnmarshalJSON implements [json.Unmarshaler], for programs that read what
// MarshalJSON wrote. Fields that it does not know are ignored, and a code that it
// does not know is [CodeUnavailable]; a state that it does not know is an error. Of
// the errors, the code and the text are kept. As usual, null changes nothing.
func (s *Status) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var in statusJSON
	if err := json.Unmarshal(text, &in); err != nil {
		return err
	}
	out := Status{
		Name: in.Name, Kind: in.Provider, Environment: Environment(in.Environment), State: in.State,
		Renewable: in.Renewable, Subject: in.Subject, Attributes: in.Attributes,
		Origins: in.Origins, Credential: in.Credential,
		LastError: in.LastError.toError(),
		Store:     in.Store, StoreError: in.StoreError.toError(),
		Authentications: in.Authentications, Failures: in.Failures, Refusals: in.Refusals,
	}
	// s is written only if all of the text is understood.
	var err, err2 error
	out.Expiry, err = parseTime(in.ExpiresAt)
	out.RetryAt, err2 = parseTime(in.RetryAt)
	if err = errors.Join(err, err2); err == nil {
		*s = out
	}
	return err
}

// eventJSON is the JSON of an Event.
type eventJSON struct {
	Session     string     `json:"session"`
	Provider    string     `json:"provider"`
	Environment string     `json:"environment,omitempty"`
	Kind        string     `json:"kind"`
	Reason      string     `json:"reason"`
	Took        float64    `json:"took_seconds,omitempty"`
	Subject     string     `json:"subject,omitempty"`
	OldSubject  string     `json:"old_subject,omitempty"`
	ExpiresAt   string     `json:"expires_at,omitempty"`
	WaitFor     string     `json:"wait_for,omitempty"`
	Wait        float64    `json:"wait_seconds,omitempty"`
	Error       *errorJSON `json:"error,omitempty"`
}

// MarshalJSON implements [json.Marshaler], in the manner of [Status.MarshalJSON].
// Durations are in seconds. The kind is that of [EventType.String] with
// underscores, as "signing_in".
func (e Event) MarshalJSON() ([]byte, error) {
	out := eventJSON{
		Session: e.Session, Provider: e.Kind, Environment: string(e.Environment),
		Kind: underscored(e.Type.String()), Reason: e.Reason.String(), Took: e.Took.Seconds(),
		Subject: e.Subject, OldSubject: e.OldSubject, ExpiresAt: formatTime(e.Expiry),
		Wait: e.Wait.Seconds(), Error: newErrorJSON(e.Err),
	}
	if e.WaitFor != 0 {
		out.WaitFor = e.WaitFor.String()
	}
	return json.Marshal(out)
}

// underscored returns a text with underscores in the place of spaces.
func underscored(s string) string { return strings.ReplaceAll(s, " ", "_") }

// formatTime returns a time in RFC 3339, in whole seconds. It returns "" for the
// zero time and for a time that RFC 3339 does not have.
func formatTime(t time.Time) string {
	text, err := t.UTC().Truncate(time.Second).MarshalText()
	if err != nil || t.IsZero() {
		return ""
	}
	return string(text)
}

// nextSecond returns t, or the first second after it. A program that reads
// RetryAt and waits until then must not be early by a fraction of a second.
func nextSecond(t time.Time) time.Time {
	if t.IsZero() || t.Nanosecond() == 0 {
		return t
	}
	return t.Add(time.Second)
}

// parseTime is the opposite of formatTime.
func parseTime(text string) (t time.Time, err error) {
	if text == "" {
		return t, nil
	}
	return time.Parse(time.RFC3339, text)
}
