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
	profile, value := firstOf(o.name, name), strings.Join(words, " ")
	if strings.ContainsAny(profile, "[]'\"\\\n\r") || strings.ContainsAny(value, "\n\r") {
		return wrong("the name of the profile has characters that it cannot have")
	}
	header := profileHeader(profile)
	if !o.write {
		_, err := fmt.Fprintf(a.stdout, "%s\n%s = %s\n", header, processKey, value)
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
	c.after = withKey(c.before, header, processKey, value)
	return a.apply(c)
}

// processKey is the key of a profile that has the command.
const processKey = "credential_process"

// profileHeader returns the header of the section of a profile.
func profileHeader(profile string) string {
	switch {
	case profile == "default":
		return "[default]"
	case strings.ContainsAny(profile, " \t"):
		return "[profile '" + profile + "']"
	}
	return "[profile " + profile + "]"
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
