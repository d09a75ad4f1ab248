package oauth2

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/stretchr/testify/require"
)

// TestParsedKeys checks that a key is read once per credential, and that old
// ones make room.
func TestParsedKeys(t *testing.T) {
	var keys parsedKeys
	sealed := make([]core.Secret, 3*maxParsed)
	for i := range sealed {
		key, err := dpop.NewKey("")
		require.NoError(t, err)
		sealed[i] = renewal{Key: key.Secret()}.seal()
		first, err := keys.of(sealed[i])
		require.NoError(t, err)
		require.Equal(t, key.Thumbprint(), first.Thumbprint())
		// A credential that crossed a process boundary has another text of the
		// same letters.
		again, err := keys.of(core.NewSecret(string([]byte(sealed[i].Reveal()))))
		require.NoError(t, err)
		require.Same(t, first, again)
		require.LessOrEqual(t, len(*keys.list.Load()), maxParsed)
	}
	oldest, err := keys.of(sealed[0])
	require.NoError(t, err)
	require.Equal(t, sealed[0], renewal{Key: oldest.Secret()}.seal())
	_, err = keys.of(core.Secret{})
	require.ErrorIs(t, err, core.Denied)
}
