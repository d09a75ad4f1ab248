// The tests of this file keep the page of the provider exec in step with the code.

package authsession_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
	"github.com/authsession/authsession/store"
)

// standIns are programs that print what those of the page print, if they get the arguments and the
// input of the page.
var standIns = map[string]string{
	"get-token": `[ "$*" = "--audience prices" ] && echo tok`,
	"az": `[ "$*" = "account get-access-token --resource https://vault.azure.net --output json" ] &&
		echo '{"accessToken":"tok","expiresOn":"2099-01-02 16:04:05.000000","expires_on":4070991845,
			"subscription":"s","tenant":"t","tokenType":"Bearer"}'`,
	"gcloud": `[ "$*" = "config config-helper --format=json" ] &&
		echo '{"credential":{"access_token":"tok","token_expiry":"2099-01-02T15:04:05Z"}}'`,
	"docker-credential-secretservice": `[ "$*" = get ] && read -r server || [ "$server" ] &&
		echo "{\"ServerURL\":\"$server\",\"Username\":\"<token>\",\"Secret\":\"tok\"}"`,
	"git": `[ "$*" = "credential fill" ] && read -r a && read -r b && read -r c; [ "$a $b" = \
		"protocol=https host=git.example.com" ] && echo "$a" && echo "$b" && echo username=u && echo password=p`,
	"aws": `[ "$*" = "configure export-credentials --format process" ] &&
		echo '{"Version":1,"AccessKeyId":"id","SecretAccessKey":"key","Expiration":"2099-01-02T15:04:05+00:00"}'`,
	"billing-token": "echo tok",
	"orders-token":  `echo '{"data":{"token":"tok","until":"2099-01-02T15:04:05Z"}}'`,
}

// TestConfigurationsOfExecPage loads each configuration of the page, and runs its command.
func TestConfigurationsOfExecPage(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the programs are scripts")
	}
	bin := t.TempDir()
	for name, script := range standIns {
		require.NoError(t, os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+script+"\n"), 0o700))
	}
	t.Setenv("PATH", bin+string(filepath.ListSeparator)+os.Getenv("PATH"))
	page := pages(t)["docs/providers/exec.md"]
	seen := map[string]string{}
	for _, m := range regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```").FindAllStringSubmatch(page, -1) {
		file := filepath.Join(t.TempDir(), "authsession.yaml")
		require.NoError(t, os.WriteFile(file, []byte(m[1]), 0o600))
		cfg, err := config.Load(t.Context(), config.Options{
			Files: []string{file}, Factories: providers.Builtin(), Stores: store.Builtin(), Environ: []string{},
		})
		require.NoError(t, err, m[1])
		for _, name := range cfg.Registry().Names() {
			s, err := cfg.Session(name)
			require.NoError(t, err)
			require.NoError(t, s.Init(context.Background()), name)
			c, err := s.Credential(t.Context())
			require.NoError(t, err)
			for header, value := range c.Attach.Header {
				seen[name] += fmt.Sprintln(header, value.Reveal())
			}
		}
		require.NoError(t, cfg.Close(t.Context()))
	}
	require.Len(t, seen, len(standIns))
	for name, headers := range seen {
		switch name {
		case "forge":
			require.Equal(t, "Authorization Basic dTpw\n", headers)
		case "keys":
			require.Equal(t, "X-Access-Key id:key\n", headers)
		default:
			require.Equal(t, "Authorization Bearer tok", strings.TrimSpace(headers), name)
		}
	}
}
