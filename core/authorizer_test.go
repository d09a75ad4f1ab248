package core_test

import (
	"context"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
)

// picky takes the second credential only.
type picky struct {
	code   core.Code
	issued atomic.Int32
	reason atomic.Int32
}

func (p *picky) Authenticate(_ context.Context, req core.Request) (core.Credential, error) {
	p.reason.Store(int32(req.Reason))
	if p.issued.Add(1) == 1 {
		return bearerOf("old"), nil
	}
	return bearerOf("new"), nil
}

func (p *picky) Authorize(_ context.Context, c core.Credential, _ core.Outgoing) (core.Attachment, error) {
	if c.Attach.Header["Authorization"].Reveal() == "Bearer old" {
		return core.Attachment{}, core.Errorf(p.code, "a credential of other settings")
	}
	return c.Attach, nil
}

func bearerOf(token string) core.Credential {
	return core.Credential{
		Attach: core.Attachment{Header: map[string]core.Secret{"Authorization": core.NewSecret("Bearer " + token)}},
	}
}

// TestAuthorizerDenies checks that a credential which its own provider does
// not take is not kept.
func TestAuthorizerDenies(t *testing.T) {
	for _, tt := range []struct {
		code   core.Code
		issued int32
		err    error
	}{{core.CodeDenied, 2, nil}, {core.CodeUnavailable, 1, core.CodeUnavailable}} {
		p := &picky{code: tt.code}
		s := core.New("picky", p, nil)
		require.NoError(t, s.Init(t.Context()))
		for i, want := range []error{tt.code, tt.err} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://api.example.com/", nil)
			require.NoError(t, err)
			if err = s.Authorize(t.Context(), r); want == nil {
				require.NoError(t, err)
				require.Equal(t, "Bearer new", r.Header.Get("Authorization"))
				require.EqualValues(t, core.ReasonRejected, p.reason.Load())
			} else {
				require.ErrorIs(t, err, want, i)
			}
		}
		require.Equal(t, tt.issued, p.issued.Load())
		require.NoError(t, s.Close(context.Background()))
	}
}
