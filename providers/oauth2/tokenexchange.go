// The grant token_exchange: a token for a token that another party obtained.
//
// Read on in personguide.go.

package oauth2

import (
	"context"
	"errors"
	"net/url"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/grant"
)

// The parties of a token exchange: names of settings, of parameters and of the inputs of a session.
const (
	subjectToken = "subject_token"
	actorToken   = "actor_token"
)

const (
	tokenExchangeParameter = "urn:ietf:params:oauth:grant-type:token-exchange" // RFC 8693 §2.1
	tokenTypePrefix        = "urn:ietf:params:oauth:token-type:"               // RFC 8693 §3
)

// tokenExchange is the grant of RFC 8693.
var tokenExchange = grantType{
	name:      TokenExchange,
	parameter: tokenExchangeParameter,
	settings:  []string{subjectToken, actorToken},
	check:     (*Config).checkPartyTokens,
	request:   exchangeToken,
	renew:     renewOrRequest,
	advice: func(*connection) string {
		return "check subject_token, actor_token and their types"
	},
	subject: func(_ *Config, inputs map[string]core.Credential) string {
		return inputs[subjectToken].Subject
	},
}

// tokenTypeURI returns the URI of a token type; an empty name is access_token.
func tokenTypeURI(name string) string {
	if name == "" {
		name = "access_token"
	}
	if !strings.Contains(name, ":") {
		return tokenTypePrefix + name
	}
	return name
}

// checkTokenTypes reports, as core faults, what is wrong with the names of token types. They have
// defaults, so that they are checked with every grant.
func (c *Config) checkTokenTypes() error {
	var faults []error
	for _, setting := range []struct{ name, value string }{
		{"subject_token_type", c.SubjectTokenType},
		{"actor_token_type", c.ActorTokenType},
		{"requested_token_type", c.RequestedTokenType},
	} {
		u, err := url.Parse(tokenTypeURI(setting.value))
		if err != nil || !u.IsAbs() || strings.ContainsAny(setting.value, " \t\r\n") {
			faults = append(faults, core.Faultf(setting.name,
				"is not the name or the URI of a type of token (RFC 8693 §3)"))
		}
	}
	return errors.Join(faults...)
}

func (c *Config) checkPartyTokens() error {
	var faults []error
	for _, party := range []struct{ setting, text, file string }{
		{subjectToken, c.SubjectToken.Reveal(), c.SubjectTokenFile},
		{actorToken, c.ActorToken.Reveal(), c.ActorTokenFile},
	} {
		if party.text != "" && party.file != "" {
			faults = append(faults,
				core.Faultf(party.setting, "give either %s or %[1]s_file", party.setting))
		}
	}
	return errors.Join(faults...)
}

// exchangeToken exchanges the token of the subject for another one, which is issued to the actor if
// there is one (RFC 8693 §2.1).
func exchangeToken(ctx context.Context, conn *connection,
	inputs map[string]core.Credential) (grant.Token, error) {
	c := conn.cfg
	subject, err := partyToken(ctx, subjectToken, c.SubjectToken, c.SubjectTokenFile, inputs)
	if err != nil {
		return grant.Token{}, err
	}
	if subject.IsZero() {
		return grant.Token{}, core.Errorf(core.CodeBadConfig,
			"there is no subject token: give subject_token, subject_token_file or, in inputs, a session "+
				"for subject_token")
	}
	actor, err := partyToken(ctx, actorToken, c.ActorToken, c.ActorTokenFile, inputs)
	if err != nil {
		return grant.Token{}, err
	}
	form := url.Values{
		"grant_type":         {tokenExchangeParameter},
		"subject_token":      {subject.Reveal()},
		"subject_token_type": {tokenTypeURI(c.SubjectTokenType)},
	}
	if !actor.IsZero() {
		form.Set("actor_token", actor.Reveal())
		form.Set("actor_token_type", tokenTypeURI(c.ActorTokenType))
	}
	requested := ""
	if c.RequestedTokenType != "" {
		requested = tokenTypeURI(c.RequestedTokenType)
		form.Set("requested_token_type", requested)
	}
	token, err := conn.client.Exchange(ctx, form, subject, actor)
	switch {
	case err != nil && omits(conn.meta.GrantTypes, tokenExchangeParameter):
		return token, err // see explain
	case err != nil:
		_, fromInput := inputs[subjectToken]
		return token, exchangeError(err, fromInput, !actor.IsZero())
	}
	if requested != "" && token.Issued != "" && token.Issued != requested {
		return grant.Token{}, core.Errorf(core.CodeBadConfig,
			"the server issued another type of token than requested_token_type asks for")
	}
	return token, nil
}

// exchangeError returns the error of a refused exchange. If the server refused the token of an
// input, the error names that input, so that the input's session renews it. A server may refuse a
// token with invalid_request (RFC 8693 §2.2.2), and does not say which of two. fromInput says that
// the subject's token is that of an input, and hasActor that there is an actor's token as well.
func exchangeError(err error, fromInput, hasActor bool) error {
	switch {
	case grant.ErrorCode(err, "invalid_request"):
		err = core.Errorf(core.CodeDenied, "%w; one of the tokens may have ended", core.Cause(err))
		if fromInput && !hasActor {
			err = core.InputRefused(subjectToken, err)
		}
	// the subject's token is the grant (RFC 6749 §5.2)
	case fromInput && grant.ErrorCode(err, "invalid_grant"):
		err = core.InputRefused(subjectToken, err)
	}
	return err
}

// partyToken returns the token of a party: from the settings, or from the input of its name; zero
// if neither has one.
func partyToken(ctx context.Context, role string, text core.Secret, file string,
	inputs map[string]core.Credential) (core.Secret, error) {
	_, fromInput := inputs[role]
	fromSettings := !text.IsZero() || file != ""
	switch {
	case fromInput && fromSettings:
		return core.Secret{}, core.Errorf(core.CodeBadConfig,
			"%s is given as a setting and in inputs", role)
	case fromSettings:
		return readToken(ctx, role, text, file)
	}
	return inputToken(role, inputs)
}
