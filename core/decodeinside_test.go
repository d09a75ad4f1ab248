package core_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// TestDefaultsInside proves that an object that is not given has the defaults of its tags, that one
// without defaults stays as it is, and that what the tags say counts each time.
func TestDefaultsInside(t *testing.T) {
	type inner struct {
		Style string `json:"style" default:"basic" enum:"basic,post"`
		Name  string `json:"name"`
	}
	type settings struct {
		In      inner `json:"in"`
		Without struct{ Name string }
		Style   string `json:"style" enum:"a,b"`
	}
	for range 2 { // the second one finds what the first one has read of the type
		var s settings
		require.NoError(t, core.DecodeSettings(map[string]any{"style": "b"}, &s))
		require.Equal(t, settings{In: inner{Style: "basic"}, Style: "b"}, s)
		s = settings{}
		require.NoError(t, core.DecodeSettings(map[string]any{"in": map[string]any{"name": "n"}}, &s))
		require.Equal(t, settings{In: inner{Style: "basic", Name: "n"}}, s)
		err := core.DecodeSettings(map[string]any{
			"style": "other", "in": map[string]any{"style": "pots"},
		}, &s)
		require.EqualError(t, err,
			`in.style: want one of basic, post, did you mean "post"?; style: want one of a, b`)
	}
}
