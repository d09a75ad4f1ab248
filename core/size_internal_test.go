package core

import (
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// What every session has stays small: a fleet has a hundred thousand. Rare state
// belongs into extra.
func TestSizes(t *testing.T) {
	if unsafe.Sizeof(uintptr(0)) != 8 {
		t.Skip("the sizes are those of 64 bits")
	}
	require.LessOrEqual(t, unsafe.Sizeof(Session{}), uintptr(128))
	require.LessOrEqual(t, unsafe.Sizeof(setup{}), uintptr(80))
	require.LessOrEqual(t, unsafe.Sizeof(credential{}), uintptr(288))
	require.LessOrEqual(t, unsafe.Sizeof(Options{}), uintptr(264), "only for sessions with options")
}
