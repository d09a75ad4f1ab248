package command

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestWithKey: the key of a profile is replaced in whatever form AWS tools read it, and all
// else stays as it is.
func TestWithKey(t *testing.T) {
	for name, c := range map[string]struct{ profile, before, after string }{
		"a new file":       {"work", "", "[profile work]\nkey = new\n"},
		"no line break":    {"work", "[default]\na = 1", "[default]\na = 1\n\n[profile work]\nkey = new\n"},
		"header alone":     {"work", "[profile work]", "[profile work]\nkey = new\n"},
		"no spaces":        {"work", "[profile work]\nkey=old\n", "[profile work]\nkey = new\n"},
		"colon":            {"work", "[profile work]\nkey : old\n", "[profile work]\nkey = new\n"},
		"colon, no spaces": {"work", "[profile work]\nkey:a=b\n", "[profile work]\nkey = new\n"},
		"upper case":       {"work", "[profile work]\nKEY = old\n", "[profile work]\nkey = new\n"},
		"trailing spaces":  {"work", "[profile work]\nkey=old  \n", "[profile work]\nkey = new\n"},
		"CRLF": {"work", "[profile work]\r\nkey=old\r\nregion = x\r\n",
			"[profile work]\r\nkey = new\r\nregion = x\r\n"},
		"CRLF, no key": {"work", "[profile work]\r\nregion = x\r\n",
			"[profile work]\r\nregion = x\r\nkey = new\r\n"},
		"CRLF, no profile": {"work", "[default]\r\na = 1\r\n",
			"[default]\r\na = 1\r\n\r\n[profile work]\r\nkey = new\r\n"},
		"CRLF, no line break": {"work", "[default]\r\na = 1\r\n[profile work]",
			"[default]\r\na = 1\r\n[profile work]\r\nkey = new\r\n"},
		"continued": {"work", "[profile work]\nkey = old\n  --more\n\tless\nregion = x\n",
			"[profile work]\nkey = new\nregion = x\n"},
		"continued by a header": {"work", "[profile work]\nkey = old\n  [x]\nregion = x\n",
			"[profile work]\nkey = new\nregion = x\n"},
		"twice": {"work", "[profile work]\nkey = a\nKey: b\nregion = x\n",
			"[profile work]\nkey = new\nregion = x\n"},
		"nested keys": {"work", "[profile work]\ns3 =\n  key = 1\n",
			"[profile work]\ns3 =\n  key = 1\nkey = new\n"},
		"indented": {"work", "[profile work]\n  key = old\n  region = x\n",
			"[profile work]\n  key = new\n  region = x\n"},
		"indented, no key": {"work", "[profile work]\n  region = x\n\n[b]\n",
			"[profile work]\n  region = x\nkey = new\n\n[b]\n"},
		"comments": {"work", "[profile work]\n# key = 1\n;key = 2\nkey = old\n",
			"[profile work]\n# key = 1\n;key = 2\nkey = new\n"},
		"quoted header": {"work", "[profile \"work\"]\nkey = old\n",
			"[profile \"work\"]\nkey = new\n"},
		"wide header": {"work", "[ profile\t work ] # mine\nkey = old\n",
			"[ profile\t work ] # mine\nkey = new\n"},
		"profile default": {"default", "[profile default]\nkey = old\n",
			"[profile default]\nkey = new\n"},
		"other sections": {"work", "[sso-session work]\nkey = a\n[services work]\nkey = b\n",
			"[sso-session work]\nkey = a\n[services work]\nkey = b\n\n[profile work]\nkey = new\n"},
		"between others": {"work", "[default]\nkey = a\n\n[profile work]\nkey = old\n\n[profile b]\nkey = c\n",
			"[default]\nkey = a\n\n[profile work]\nkey = new\n\n[profile b]\nkey = c\n"},
		"a name with a space": {"my work", "[profile 'my work']\nkey = old\n",
			"[profile 'my work']\nkey = new\n"},
		"a new name with a space": {"my work", "", "[profile 'my work']\nkey = new\n"},
	} {
		t.Run(name, func(t *testing.T) {
			got := withKey(c.before, profileHeader(c.profile), "key", "new")
			require.Equal(t, c.after, got)
			require.Equal(t, got, withKey(got, profileHeader(c.profile), "key", "new"))
		})
	}
}
