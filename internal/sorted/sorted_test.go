package sorted_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/internal/sorted"
)

func TestKeys(t *testing.T) {
	require.Equal(t, []string{"a", "b", "c"}, sorted.Keys(map[string]int{"c": 1, "a": 2, "b": 3}))
	require.Nil(t, sorted.Keys(map[string]int{}))
	require.Nil(t, sorted.Keys[int](nil))
	require.Zero(t, testing.AllocsPerRun(10, func() { sorted.Keys(map[string]int{}) }))
}
