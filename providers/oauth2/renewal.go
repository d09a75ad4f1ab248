package oauth2

import (
	"encoding/json"
	"strings"

	"github.com/authsession/authsession/core"
)

// renewal is what a credential must keep for its successor, opaque to the
// session. A provider holds none of it.
type renewal struct {
	Refresh core.Secret // the refresh token; zero: none
	Key     core.Secret // the session's DPoP key, a private JWK; zero: none
}

// envelope is how both are written. A refresh token alone is its own text.
type envelope struct {
	Version int             `json:"authsession"`
	Refresh string          `json:"refresh_token,omitempty"`
	Key     json.RawMessage `json:"dpop_key,omitempty"`
}

const (
	envelopeVersion = 1
	envelopeStart   = `{"authsession":`
)

// seal returns r as one text, for Credential.Renewal.
func (r renewal) seal() core.Secret {
	if r.Key.IsZero() {
		return r.Refresh
	}
	text, err := json.Marshal(envelope{envelopeVersion, r.Refresh.Reveal(), json.RawMessage(r.Key.Reveal())})
	if err != nil {
		return r.Refresh // a key that is no JSON: not one of ours
	}
	return core.NewSecret(string(text))
}

// unseal reads what seal wrote. What it cannot read, such as the envelope of a
// later version, is nothing: it is never taken for a refresh token, as it
// would be sent to the server with the key in it.
func unseal(text core.Secret) renewal {
	if !strings.HasPrefix(text.Reveal(), envelopeStart) {
		return renewal{Refresh: text}
	}
	var e envelope
	if json.Unmarshal([]byte(text.Reveal()), &e) != nil || e.Version != envelopeVersion {
		return renewal{}
	}
	return renewal{core.NewSecret(e.Refresh), core.NewSecret(string(e.Key))}
}
