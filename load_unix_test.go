//go:build unix

package authsession_test

import (
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

func TestPipeInTheWorkingDirectory(t *testing.T) {
	t.Chdir(t.TempDir())
	require.NoError(t, syscall.Mkfifo("authsession.yaml", 0o600))
	_, err := authsession.Load(t.Context(), &authsession.Options{Environ: []string{}})
	require.ErrorIs(t, err, core.CodeBadConfig)
	require.ErrorContains(t, err, "is a pipe: name it in AUTHSESSION_CONFIG")
}
