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
)

var (
	tokenFields = []string{fieldToken}
	awsFields   = []string{fieldKeyID, fieldKey, fieldSession}
)

// walk calls text for what stands between the fields of a template and field
// for each {field}.
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

// checkTemplate reports what is wrong with a template for an output.
func checkTemplate(template string, output Format) error {
	known := tokenFields
	switch output {
	case AWS:
		known = awsFields
	case Auto:
		known = append(slices.Clone(tokenFields), awsFields...)
	}
	var all strings.Builder
	var unknown error
	fields := 0
	err := walk(template, func(s string) { all.WriteString(s) }, func(name string) {
		fields++
		if !slices.Contains(known, name) {
			unknown = fmt.Errorf("there is no such field%s; known: {%s}", core.DidYouMean(name, known), strings.Join(known, "}, {"))
		}
		all.WriteString("x")
	})
	switch {
	case err != nil:
		return err
	case unknown != nil:
		return unknown
	case fields == 0:
		return errors.New("names no field, as {" + known[0] + "} does")
	}
	return headers.Value(all.String())
}

// checkText reports what is wrong with a prefix.
func checkText(prefix string) error {
	if strings.Contains(prefix, "{") {
		return errors.New("has a { in it: use headers")
	}
	return headers.Value(prefix + "x")
}

// fill returns the headers of the templates. It leaves out a header whose template names a field that
// is absent, such as the session token of long-lived AWS keys.
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
			return nil, core.Errorf(core.Unavailable, "what the command printed %w", err)
		}
		filled[name] = core.NewSecret(value.String())
	}
	return filled, nil
}
