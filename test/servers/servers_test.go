package servers_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/test/servers"
)

func TestZitadelSignIn(t *testing.T) {
	z := servers.StartZitadel(t, servers.NewCA(t), time.Minute)
	require.NotEmpty(t, z.SignIn(t))
}
