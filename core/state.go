// Read on in nearest.go.

package core

// State is where a session is in its life.
type State uint8

// The states of a session.
const (
	StateHeld   State = iota // made; Init has not succeeded yet
	StateReady               // initialised
	StateClosed              // closed; Init starts again
)

// String returns the state in lower case.
func (s State) String() string {
	switch s {
	case StateHeld:
		return "held"
	case StateReady:
		return "ready"
	case StateClosed:
		return "closed"
	}
	return "unknown"
}
