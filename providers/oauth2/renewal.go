// The text in which a credential keeps what its renewal needs.
//
// Read on in metadata.go.

package oauth2

import (
	"encoding/json"
	"strings"

	"github.com/authsession/authsession/core"
)

// renewal is what the next Authenticate needs of a credential. The session stores it as one opaque
// text, Credential.RefreshState; the provider itself keeps nothing between calls.
type renewal struct {
	Refresh core.Secret // the refresh token; zero: none
	Key     core.Secret // the session's DPoP key as a private JWK; zero: none
}

// envelope is the JSON of a renewal that has a key. A refresh token without a key is stored as it
// is.
type envelope struct {
	Version int             `json:"authsession"`
	Refresh string          `json:"refresh_token,omitempty"`
	Key     json.RawMessage `json:"dpop_key,omitempty"`
}

const (
	envelopeVersion = 1
	envelopeStart   = `{"authsession":`
)

// seal returns r as one text, for Credential.RefreshState.
func (r renewal) seal() core.Secret {
	if r.Key.IsZero() {
		return r.Refresh
	}
	text, err := json.Marshal(envelope{envelopeVersion, r.Refresh.Reveal(),
		json.RawMessage(r.Key.Reveal())})
	if err != nil {
		return r.Refresh // the key is not JSON, so dpop.Key.Secret did not write it
	}
	return core.NewSecret(string(text))
}

// unseal parses the text of seal. For an envelope that it cannot parse, such as one of a later
// version, it returns the zero renewal. It must not take such a text for a refresh token: the text
// would then be sent to the server with the private key in it.
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
