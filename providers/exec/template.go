// The templates of headers.
//
// Read on in fields.go.

package exec

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/headers"
)

// The fields that a template may name, as the documents spell them.
const (
	fieldToken   = "token"
	fieldKeyID   = "AccessKeyId"
	fieldKey     = "SecretAccessKey"
	fieldSession = "SessionToken"

	fieldDockerUser   = "Username"
	fieldDockerSecret = "Secret"
	fieldGitUser      = "username"
	fieldGitPassword  = "password"
)

var (
	tokenFields  = []string{fieldToken}
	awsFields    = []string{fieldKeyID, fieldKey, fieldSession}
	dockerFields = []string{fieldToken, fieldDockerUser, fieldDockerSecret}
	gitFields    = []string{fieldToken, fieldGitUser, fieldGitPassword}
)

// fieldsOf returns the fields of a format of output.
func fieldsOf(format Format) []string {
	switch format {
	case AWS:
		return awsFields
	case Docker:
		return dockerFields
	case Git:
		return gitFields
	case Auto:
		return slices.Concat(tokenFields, awsFields, dockerFields[1:], gitFields[1:])
	}
	return tokenFields
}

// walk calls field for each {field} of a template, and text for each text between them, in order.
func walk(template string, text func(string), field func(string)) error {
	for template != "" {
		before, rest, found := strings.Cut(template, "{")
		if before != "" {
			text(before)
		}
		if !found {
			break
		}
		name, after, found := strings.Cut(rest, "}")
		if !found {
			return errors.New("a { is not closed")
		}
		field(name)
		template = after
	}
	return nil
}

// checkTemplate reports what is wrong with a template for a format of output.
func checkTemplate(template string, output Format) error {
	allowed := fieldsOf(output)
	var sample strings.Builder // the template with one letter for each field
	var unknown error
	fields := 0
	err := walk(template, func(s string) { sample.WriteString(s) }, func(name string) {
		fields++
		if !slices.Contains(allowed, name) {
			unknown = fmt.Errorf("there is no such field%s; known: {%s}", core.DidYouMean(name, allowed),
				strings.Join(allowed, "}, {"))
		}
		sample.WriteString("x")
	})
	switch {
	case err != nil:
		return err
	case unknown != nil:
		return unknown
	case fields == 0:
		return errors.New("names no field, as {" + allowed[0] + "} does")
	}
	return headers.Value(sample.String())
}

// checkPrefix reports what is wrong with a prefix.
func checkPrefix(prefix string) error {
	if strings.Contains(prefix, "{") {
		return errors.New("has a { in it: use headers")
	}
	return headers.Value(prefix + "x")
}

// fill returns the headers of the templates. It leaves out a header whose template names a field
// that is absent, such as the session token of long-lived AWS keys.
func fill(templates map[string]string, values map[string]string) (map[string]core.Secret, error) {
	filled := map[string]core.Secret{}
	for name, template := range templates {
		var value strings.Builder
		absent := false
		_ = walk(template, func(s string) { value.WriteString(s) }, func(field string) {
			absent = absent || values[field] == ""
			value.WriteString(values[field])
		})
		if absent {
			continue
		}
		if err := headers.Value(value.String()); err != nil {
			return nil, core.Errorf(core.CodeUnavailable, "what the command printed %w", err)
		}
		if token, ok := strings.CutPrefix(value.String(), "Bearer "); ok {
			if err := headers.Bearer(token); err != nil {
				return nil, core.Errorf(core.CodeUnavailable, "the token that the command prints %w", err)
			}
		}
		filled[name] = core.NewSecret(value.String())
	}
	return filled, nil
}
