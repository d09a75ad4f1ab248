// Read on in event.go.

package core

import "fmt"

// State is where a session is in its life. Its text is one word in lower case,
// and the same everywhere: in [Status], in JSON, in logs and in the documentation.
type State uint8

// The states of a session.
const (
	StateNew     State = iota // Init has not succeeded yet
	StateFresh                // the credential is served
	StateStale                // the credential is served, and renewed when it is used
	StateExpired              // there is no credential to serve; the next use obtains one
	StateRefused              // the API refused the credential, and there is no other yet
	StateClosing              // Close runs
	StateClosed               // Close has returned; Init starts again
)

// stateNames are the texts of the states. They are stored and logged by programs,
// and never change.
var stateNames = [...]string{
	"new", "fresh", "stale", "expired", "refused", "closing", "closed",
}

// String returns the state's text, or "unknown" for a number that is not one of
// the states.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Ready reports whether the session is initialised: Init has succeeded, and Close
// has not been called since.
func (s State) Ready() bool { return s >= StateFresh && s <= StateRefused }

// MarshalText implements [encoding.TextMarshaler]. A number that is not one of the
// states is an error.
func (s State) MarshalText() ([]byte, error) {
	if int(s) >= len(stateNames) {
		return nil, fmt.Errorf("state %d is unknown", uint8(s))
	}
	return []byte(stateNames[s]), nil
}

// UnmarshalText implements [encoding.TextUnmarshaler]. A text that is not one of
// the states', such as that of a later version, is an error, and s stays as it is.
func (s *State) UnmarshalText(text []byte) error {
	for i, name := range stateNames {
		if name == string(text) {
			*s = State(i)
			return nil
		}
	}
	return fmt.Errorf("state %q is unknown", printable(string(text)))
}
