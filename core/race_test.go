//go:build race

package core

// underRace says that the race detector is on.
const underRace = true
