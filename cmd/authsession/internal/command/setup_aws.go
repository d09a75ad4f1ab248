package command

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (a *app) setupAWSCommand() *cobra.Command {
	var o setupOptions
	cmd := a.setupSub("aws NAME", "Make AWS tools use a session",
		`setup aws prints a profile for AWS tools that runs "authsession helper aws". With --write
it puts that into the file that $AWS_CONFIG_FILE names, otherwise into ~/.aws/config.
Other keys of the profile, such as region, stay as they are.`,
		"  authsession setup aws work --role-arn arn:aws:iam::123456789012:role/dev\n"+
			"  authsession setup aws work --role-arn arn:aws:iam::123456789012:role/dev --write",
		&o, a.setupAWS)
	cmd.Flags().StringVar(&o.name, "profile", "",
		"`name` of the profile; without it, that of the session")
	o.aws.addFlags(cmd)
	return cmd
}

func (a *app) setupAWS(_ context.Context, name string, words []string, o setupOptions) error {
	words = quoted(append(append(words, "helper", "aws", name), o.aws.words()...))
	section := "[profile " + firstOf(o.name, name) + "]"
	if firstOf(o.name, name) == "default" {
		section = "[default]"
	}
	line := "credential_process = " + strings.Join(words, " ")
	if strings.ContainsAny(section[1:len(section)-1], "[]\n\r") || strings.ContainsAny(line, "\n\r") {
		return wrong("the name of the profile has characters that it cannot have")
	}
	if !o.write {
		_, err := fmt.Fprintf(a.stdout, "%s\n%s\n", section, line)
		return err
	}
	path := os.Getenv("AWS_CONFIG_FILE")
	if path == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return err
		}
		path = filepath.Join(home, ".aws", "config")
	}
	c, err := readForChange(path)
	if err != nil {
		return err
	}
	c.after = withKey(c.before, section, line)
	return a.apply(c)
}

// words are the flags of the helper that are not as by default.
func (o awsOptions) words() (words []string) {
	if o.role == "" {
		return nil
	}
	words = []string{"--role-arn", o.role}
	for _, f := range []struct{ flag, value, byDefault string }{
		{"--sts-url", o.sts, defaultSTS},
		{"--role-session-name", o.name, "authsession"},
		{"--duration", o.duration.String(), time.Hour.String()},
	} {
		if f.value != f.byDefault {
			words = append(words, f.flag, f.value)
		}
	}
	return words
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// withKey returns an INI file in which a section has a line "key = value", in the
// place of one with that key.
func withKey(text, section, line string) string {
	lines := splitLines(text)
	key, _, _ := strings.Cut(line, " ")
	at := -1 // the header of the section
	for i, l := range lines {
		trimmed := strings.TrimSpace(l)
		switch {
		case at >= 0 && strings.HasPrefix(trimmed, "["):
			return insert(lines, at+1, line)
		case at >= 0 && l == trimmed && keyOf(l) == key:
			lines[i] = line
			return strings.Join(lines, "\n") + "\n"
		case trimmed == section:
			at = i
		}
	}
	if at >= 0 {
		return insert(lines, at+1, line)
	}
	if len(lines) > 0 && strings.TrimSpace(lines[len(lines)-1]) != "" {
		lines = append(lines, "")
	}
	return strings.Join(append(lines, section, line), "\n") + "\n"
}

// keyOf returns the key of a line "key = value".
func keyOf(line string) string {
	key, _, _ := strings.Cut(line, "=")
	return strings.TrimSpace(key)
}

func insert(lines []string, at int, line string) string {
	out := append([]string{}, lines[:at]...)
	out = append(append(out, line), lines[at:]...)
	return strings.Join(out, "\n") + "\n"
}
