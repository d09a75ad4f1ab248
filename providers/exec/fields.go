// What is in the output of a command, and how the members of its documents are read.
//
// Read on in logins.go.

package exec

import (
	"fmt"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/members"
	"github.com/authsession/authsession/providers/internal/headers"
	"github.com/authsession/authsession/providers/internal/jwtexpiry"
)

// output is what a command printed, in any of the formats.
type output struct {
	values map[string]string // by the name of the field
	cert   core.Secret       // the client certificate and its key, in PEM; zero: none
	expiry time.Time         // zero: unknown
	aws    bool              // whether it is an AWS document
	// authorization is the Authorization header if the settings name no header; "": the header that
	// they have by default.
	authorization string
}

// textAt returns a member that is a text; "" if it is absent. field is its name in errors.
func textAt(o members.Object, name, field string) (string, error) {
	if o.Has(name) && !o.IsText(name) {
		return "", fmt.Errorf("cannot be read: its field %s is not a text", field)
	}
	return o.Text(name), nil
}

// timeAt returns a member that is a time; zero if it is absent.
func timeAt(o members.Object, name, field string) (time.Time, error) {
	at, err := o.Time(name)
	if err != nil {
		return time.Time{}, fmt.Errorf("cannot be read: its field %s %w", field, err)
	}
	return at, nil
}

// tokenOutput returns the output that is a token, whose expiry is at or, if at is zero, that of a
// JWT.
func tokenOutput(token string, at time.Time) (output, error) {
	if err := headers.Token(token); err != nil {
		return output{}, core.Errorf(core.CodeUnavailable, "the token that the command prints %w", err)
	}
	if at.IsZero() {
		at = jwtexpiry.Of(token)
	}
	return output{values: map[string]string{fieldToken: token}, expiry: at}, nil
}

// tokenFrom returns the output of a document with one token and one time.
func tokenFrom(o members.Object, token, tokenField, at, atField string) (output, error) {
	text, err := textAt(o, token, tokenField)
	if err == nil && text == "" {
		err = fmt.Errorf("has no field %s", tokenField)
	}
	if err != nil {
		return output{}, err
	}
	expiry, err := timeAt(o, at, atField)
	if err != nil {
		return output{}, err
	}
	return tokenOutput(text, expiry)
}

// readTexts reads members that are texts. prefix stands before their names in errors.
func readTexts(o members.Object, prefix string, texts map[string]*string) error {
	for name, text := range texts {
		var err error
		if *text, err = textAt(o, name, prefix+name); err != nil {
			return err
		}
	}
	return nil
}

// reportsError reports whether a document has a member that names an error.
func reportsError(object members.Object) bool {
	return object.Has("error") || object.Has("errors") || object.Has("Error") || object.Has("errorCode")
}
