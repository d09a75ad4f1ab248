package certs_test

import (
	"encoding/base64"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/internal/certs"
	"github.com/authsession/authsession/providers/internal/certs/certstest"
)

// utf16LE returns a text as some editors and shells save it, with a byte order mark.
func utf16LE(s string) string {
	out := []byte{0xff, 0xfe}
	for _, u := range utf16.Encode([]rune(s)) {
		out = append(out, byte(u), byte(u>>8))
	}
	return string(out)
}

// TestPEMThatCameThroughAVariable proves that PEM is read in every form that has one reading: as
// certificate and key, as roots, in settings and in files.
func TestPEMThatCameThroughAVariable(t *testing.T) {
	ca := certstest.NewCA(t, "ca")
	pair := ca.Issue(t, certstest.Options{Name: "app"})
	joined := func(s, with string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", with) }
	for name, form := range map[string]func(string) string{
		"as it is":            func(s string) string { return s },
		"escaped":             func(s string) string { return joined(s, `\n`) },
		"escaped, with \\r":   func(s string) string { return joined(s, `\r\n`) },
		"escaped twice":       func(s string) string { return joined(s, `\\n`) },
		"spaces":              func(s string) string { return joined(s, " ") },
		"one line":            func(s string) string { return joined(s, "") },
		"tabs before lines":   func(s string) string { return joined(s, "\n\t  ") },
		"Windows line breaks": func(s string) string { return joined(s, "\r\n") },
		"old line breaks":     func(s string) string { return joined(s, "\r") },
		"quotes":              func(s string) string { return `"` + joined(s, `\n`) + `"` },
		"byte order mark":     func(s string) string { return "\ufeff" + s },
		"base64":              func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64 for URLs":     func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) },
		"base64 in lines": func(s string) string {
			text := base64.StdEncoding.EncodeToString([]byte(s))
			return text[:76] + "\n" + text[76:] + "\n"
		},
		"base64 twice": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
		},
		"escaped as in JSON": func(s string) string { return joined(s, `\u000a`) },
		"percent-encoded": func(s string) string {
			return strings.NewReplacer("\n", "%0A", " ", "%20", "+", "%2B", "=", "%3D").Replace(s)
		},
		"percent-encoded, with plus": func(s string) string {
			return strings.NewReplacer("\n", "%0A", " ", "%20", "=", "%3d").Replace(s)
		},
		"base64 twice, with a line break": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s)) + "\n"))
		},
		"base64 in quotes": func(s string) string {
			return `"` + base64.StdEncoding.EncodeToString([]byte(s)) + "\"\n"
		},
		"base64 in escaped lines": func(s string) string {
			text := base64.StdEncoding.EncodeToString([]byte(s))
			return text[:76] + `\n` + text[76:] + `\n`
		},
		"base64 of a byte order mark": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte("\ufeff" + s))
		},
		"base64 of what is escaped": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(joined(s, `\n`)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			cert, key := form(string(pair.Cert)), form(string(pair.Key))
			roots := form(string(ca.PEM))
			text := certs.Config{Cert: core.NewSecret(cert), Key: core.NewSecret(key),
				CA: core.NewSecret(roots)}
			require.NoError(t, text.Check(""))
			file := certs.Config{CertFile: write(t, "cert", []byte(cert)),
				KeyFile: write(t, "key", []byte(key)), CAFile: write(t, "ca", []byte(roots))}
			both := certs.Config{Cert: core.NewSecret(form(string(pair.Cert) + string(pair.Key)))}
			for _, c := range []certs.Config{text, file, both} {
				b, err := c.Load(t.Context(), false)
				require.NoError(t, err)
				require.Equal(t, pair.X509.Raw, b.Leaf.Raw)
			}
			signer, _, err := certs.ParseKey([]byte(key), certs.Password{})
			require.NoError(t, err)
			require.Equal(t, pair.X509.PublicKey, signer.Public())
		})
	}
}

// TestEncryptedKeysThatCameThroughAVariable proves the same of keys with headers, which need their
// line breaks.
func TestEncryptedKeysThatCameThroughAVariable(t *testing.T) {
	joined := func(s, with string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", with) }
	for name, form := range map[string]func(string) string{
		"escaped":             func(s string) string { return joined(s, `\n`) },
		"escaped, with \\r":   func(s string) string { return joined(s, `\r\n`) },
		"escaped twice":       func(s string) string { return joined(s, `\\n`) },
		"spaces":              func(s string) string { return joined(s, " ") },
		"tabs before lines":   func(s string) string { return joined(s, "\n\t") },
		"Windows line breaks": func(s string) string { return joined(s, "\r\n") },
		"old line breaks":     func(s string) string { return joined(s, "\r") },
		"quotes":              func(s string) string { return `"` + s + `"` },
		"a variable":          func(s string) string { return "KEY='" + s + "'" },
		"JSON":                func(s string) string { return `{"key": "` + joined(s, `\n`) + `"}` },
		"byte order mark":     func(s string) string { return "\ufeff" + s },
		"base64 twice": func(s string) string {
			return base64.StdEncoding.EncodeToString([]byte(base64.StdEncoding.EncodeToString([]byte(s))))
		},
	} {
		for _, file := range []string{"pkcs1-aes128.pem", "pkcs1-des3.pem", "sec1-aes256.pem",
			"pkcs8-aes256.pem"} {
			_, _, err := certs.ParseKey([]byte(form(string(fixture(t, file)))),
				certs.Password{Text: core.NewSecret(fixturePassword), Setting: "key_password"})
			require.NoError(t, err, "%s, %s", file, name)
		}
	}
	text := string(fixture(t, "pkcs1-aes128.pem"))
	for name, text := range map[string]string{
		"no break":       joined(text, ""),
		"another header": joined(strings.Replace(text, "DEK-Info", "Content-Domain: x\nDEK-Info", 1), " "),
		"no DEK-Info":    joined(strings.Replace(text, "DEK-Info: ", "", 1), " "),
	} {
		_, _, err := certs.ParseKey([]byte(text),
			certs.Password{Text: core.NewSecret(fixturePassword), Setting: "key_password"})
		require.Error(t, err, name)
		require.NotContains(t, err.Error(), text[100:120], name)
	}
}

// TestPEMThatHasNoReading proves that the cause is named where a text cannot be read.
func TestPEMThatHasNoReading(t *testing.T) {
	pair := certstest.NewCA(t, "ca").Issue(t, certstest.Options{Name: "app"})
	text := string(pair.Key)
	line := strings.ReplaceAll(strings.TrimSpace(text), "\n", `\n`)
	middle := len(text) / 2
	for _, c := range []struct{ name, text, want string }{
		{"no end", strings.Split(text, "-----END")[0], "no END line"},
		{"no end, escaped", strings.Split(line, "-----END")[0], "no END line"},
		{"end of another kind", strings.ReplaceAll(line, "END PRIVATE", "END RSA PRIVATE"), "no END line"},
		{"beginning only", "-----BEGIN PRIVATE KEY", "BEGIN line is not complete"},
		{"a character too many", line[:middle] + "*" + line[middle:], "is not base64"},
		{"cut in the middle", line[:middle] + line[middle+1:], "PEM"},
		{"UTF-16", utf16LE(text), "save it as UTF-8"},
		{"base64 of DER", base64.StdEncoding.EncodeToString(pair.X509.Raw), "BEGIN and END"},
		{"another text", "hunter2", "holds no PEM"},
		{"base64 of UTF-16", base64.StdEncoding.EncodeToString([]byte(utf16LE(text))), "is base64 of text that is in UTF-16"},
		{"typographic dashes", strings.ReplaceAll(text, "-----", "–––––"), "in capitals with five hyphens"},
		{"four dashes", strings.ReplaceAll(text, "-----", "----"), "in capitals with five hyphens"},
		{"no beginning", strings.Join(strings.Split(text, "\n")[1:], "\n"), "in capitals with five hyphens"},
		{"lower case", strings.ToLower(text), "in capitals with five hyphens"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := certs.Config{CA: core.NewSecret(c.text)}
			err := cfg.Check("")
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), text[40:60])
			_, _, err = certs.ParseKey([]byte(c.text), certs.Password{})
			require.Error(t, err)
		})
	}
}
