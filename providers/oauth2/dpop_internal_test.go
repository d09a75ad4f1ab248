package oauth2

import (
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/dpop"
	"github.com/stretchr/testify/require"
)

// TestKeyCache checks that a key is read once per credential, and that old
// ones make room.
func TestKeyCache(t *testing.T) {
	var keys keyCache
	sealed := make([]core.Secret, 3*maxCachedKeys)
	for i := range sealed {
		key, err := dpop.NewKey("")
		require.NoError(t, err)
		sealed[i] = renewal{Key: key.Secret()}.seal()
		first, err := keys.get(sealed[i])
		require.NoError(t, err)
		require.Equal(t, key.Thumbprint(), first.Thumbprint())
		// A credential that crossed a process boundary has another text of the
		// same letters.
		again, err := keys.get(core.NewSecret(string([]byte(sealed[i].Reveal()))))
		require.NoError(t, err)
		require.Same(t, first, again)
		require.LessOrEqual(t, len(*keys.list.Load()), maxCachedKeys)
	}
	oldest, err := keys.get(sealed[0])
	require.NoError(t, err)
	require.Equal(t, sealed[0], renewal{Key: oldest.Secret()}.seal())
	_, err = keys.get(core.Secret{})
	require.ErrorIs(t, err, core.CodeDenied)
}
