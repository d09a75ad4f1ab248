package oauth2

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/files"
	"github.com/authsession/authsession/providers/internal/grant"
)

// ExchangeSettings are for the grants that trade one token for another: a
// signed assertion (RFC 7523 §2.1), or a token that somebody else obtained
// (RFC 8693).
type ExchangeSettings struct {
	Assertion          BearerAssertion `json:"assertion" doc:"What the grant jwt_bearer trades: a JWT from a file or text, or one made and signed for each request."`
	SubjectToken       core.Secret     `json:"subject_token" doc:"The token that the grant token_exchange trades. Default: that of the session which inputs names as subject_token."`
	SubjectTokenFile   string          `json:"subject_token_file" identity:"true" doc:"A file with it, read again each time."`
	SubjectTokenType   string          `json:"subject_token_type" default:"access_token" doc:"What it is: access_token, refresh_token, id_token, jwt, saml1, saml2, or a URI."`
	ActorToken         core.Secret     `json:"actor_token" doc:"The token of the party that acts for the subject. Default: that of the session which inputs names as actor_token, if any."`
	ActorTokenFile     string          `json:"actor_token_file" identity:"true" doc:"A file with it, read again each time."`
	ActorTokenType     string          `json:"actor_token_type" default:"access_token" doc:"What it is, as subject_token_type."`
	RequestedTokenType string          `json:"requested_token_type" identity:"true" doc:"The type of token to ask for, as subject_token_type. Default: the server decides."`
}

// The parties of a token exchange, which are also the roles of inputs.
const (
	subjectToken = "subject_token"
	actorToken   = "actor_token"
)

const tokenTypePrefix = "urn:ietf:params:oauth:token-type:" // RFC 8693 §3

// tokenType returns the URI of a type of token; access_token for none.
func tokenType(s string) string {
	if s == "" {
		s = "access_token"
	}
	if !strings.Contains(s, ":") {
		return tokenTypePrefix + s
	}
	return s
}

func (x *ExchangeSettings) validate(whole *Config) error {
	var faults []error
	add := func(setting, format string, args ...any) {
		faults = append(faults, core.Faultf(setting, format, args...))
	}
	if whole.Grant == JWTBearer {
		faults = append(faults, x.Assertion.validate(&whole.ClientSettings))
	} else if !x.Assertion.isZero() {
		add("assertion", "is for the grant %s", JWTBearer)
	}
	for _, party := range []struct{ setting, text, file, kind string }{
		{subjectToken, x.SubjectToken.Reveal(), x.SubjectTokenFile, x.SubjectTokenType},
		{actorToken, x.ActorToken.Reveal(), x.ActorTokenFile, x.ActorTokenType},
		{"requested_token", "", "", x.RequestedTokenType},
	} {
		switch {
		case whole.Grant != TokenExchange && party.text+party.file != "":
			add(party.setting, "is for the grant %s", TokenExchange)
		case party.text != "" && party.file != "":
			add(party.setting, "give either %s or %[1]s_file", party.setting)
		}
		if u, err := url.Parse(tokenType(party.kind)); err != nil || !u.IsAbs() || strings.ContainsAny(party.kind, " \t\r\n") {
			add(party.setting+"_type", "is not the name or the URI of a type of token (RFC 8693 §3)")
		}
	}
	return errors.Join(faults...)
}

// tokenExchange trades the subject's token, in the name of the actor if there
// is one, for another (RFC 8693 §2.1).
func (p *provider) tokenExchange(ctx context.Context, conn *connection, inputs map[string]core.Credential) (grant.Token, error) {
	x := &p.cfg.ExchangeSettings
	subject, err := party(subjectToken, x.SubjectToken, x.SubjectTokenFile, inputs)
	if err != nil {
		return grant.Token{}, err
	}
	if subject.IsZero() {
		return grant.Token{}, core.Errorf(core.BadConfig, "there is no subject token: give subject_token, subject_token_file or, in inputs, a session for subject_token")
	}
	actor, err := party(actorToken, x.ActorToken, x.ActorTokenFile, inputs)
	if err != nil {
		return grant.Token{}, err
	}
	form := url.Values{
		"grant_type":    {grantTypes[TokenExchange]},
		"subject_token": {subject.Reveal()}, "subject_token_type": {tokenType(x.SubjectTokenType)},
	}
	if !actor.IsZero() {
		form.Set("actor_token", actor.Reveal())
		form.Set("actor_token_type", tokenType(x.ActorTokenType))
	}
	wanted := ""
	if x.RequestedTokenType != "" {
		wanted = tokenType(x.RequestedTokenType)
		form.Set("requested_token_type", wanted)
	}
	token, err := conn.client.Exchange(ctx, form, subject, actor)
	_, given := inputs[subjectToken]
	switch {
	case grant.ErrorCode(err, "invalid_request"): // the two tokens are part of the request (RFC 8693 §2.2.2)
		err = core.Errorf(core.Denied, "%w; one of the tokens may have ended", core.Cause(err))
		if given && actor.IsZero() { // otherwise it may be the actor's
			err = core.InputRefused(subjectToken, err)
		}
		return token, err
	case given && grant.ErrorCode(err, "invalid_grant"): // the subject's token is the grant (RFC 6749 §5.2)
		return token, core.InputRefused(subjectToken, err)
	case err == nil && wanted != "" && token.Issued != "" && token.Issued != wanted:
		return grant.Token{}, core.Errorf(core.BadConfig, "the server issued another type of token than requested_token_type asks for")
	}
	return token, err
}

// party returns the token of a party to an exchange: that of the settings, or
// of an input; zero for none.
func party(role string, text core.Secret, file string, inputs map[string]core.Credential) (core.Secret, error) {
	input, ok := inputs[role]
	given := !text.IsZero() || file != ""
	switch {
	case ok && given:
		return core.Secret{}, core.Errorf(core.BadConfig, "%s is given as a setting and in inputs", role)
	case given:
		return readToken(role, text, file)
	case !ok:
		return core.Secret{}, nil
	}
	kind, token, _ := strings.Cut(input.Attach.Header["Authorization"].Reveal(), " ")
	if token == "" || !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "DPoP") {
		return core.Secret{}, core.Errorf(core.BadConfig, "the session for %s has no token in an Authorization header", role)
	}
	return core.NewSecret(token), nil
}

// readToken returns a token that is in the settings or in a file of its own.
func readToken(setting string, text core.Secret, file string) (core.Secret, error) {
	if file == "" {
		return text, nil
	}
	data, err := files.Read(file)
	if err != nil {
		return core.Secret{}, core.Prefix(err, setting)
	}
	token := strings.TrimSpace(string(data))
	if token == "" || strings.ContainsFunc(token, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return core.Secret{}, core.LocalErrorf(core.BadConfig, "%s: file %q does not hold one token", setting, file)
	}
	return core.NewSecret(token), nil
}
