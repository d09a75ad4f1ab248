package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkStartup measures whole processes, from exec to exit, by turns: the median of
// a hundred of each. docs/performance.md has the table.
//
//	go test -run '^$' -bench Startup -benchtime 1x .
func BenchmarkStartup(b *testing.B) {
	s, err := startServer()
	require.NoError(b, err)
	b.Cleanup(s.close)
	dir := b.TempDir()
	build := exec.Command("go", "build", "-o", dir, ".", "./authsession-plugins", "./internal/bareload")
	build.Stderr = os.Stderr
	require.NoError(b, build.Run())
	file := filepath.Join(dir, "authsession.yaml")
	require.NoError(b, os.WriteFile(file, []byte(`
store: {kind: file, path: "${env:HOME}/store", key_file: "${env:HOME}/key"}
sessions:
  me:
    provider: oauth2
    origins: ["https://git.example.com"]
    settings: {client_id: me, client_secret: s, token_url: "`+s.url+`/token"}
`), 0o600))
	input := filepath.Join(dir, "input")
	require.NoError(b, os.WriteFile(input, []byte("protocol=https\nhost=git.example.com\n\n"), 0o600))
	type program struct {
		name string
		args []string
	}
	programs := []program{
		{"true", []string{"true"}},
		{"bareload", []string{filepath.Join(dir, "bareload"), file}},
		{"token", []string{filepath.Join(dir, "authsession"), "-c", file, "token", "me"}},
		{"git", []string{filepath.Join(dir, "authsession"), "-c", file, "helper", "git", "me", "get"}},
		{"plugins", []string{filepath.Join(dir, "authsession-plugins"), "-c", file, "token", "me"}},
	}
	if peer, err := exec.LookPath("git-credential-oauth"); err == nil {
		// It knows no such host, so that it has no answer.
		programs = append(programs, program{"git-credential-oauth", []string{peer, "get"}})
	}
	took := map[string][]time.Duration{}
	for b.Loop() {
		for range 101 { // the first one obtains the token
			for _, p := range programs {
				took[p.name] = append(took[p.name], runOnce(b, dir, input, p.args))
			}
		}
	}
	medians := map[string]float64{}
	for name, times := range took {
		slices.Sort(times)
		medians[name] = float64(times[len(times)/2].Microseconds()) / 1000
		b.ReportMetric(medians[name], name+"-ms")
	}
	b.ReportMetric(medians["token"]/medians["bareload"], "token/bareload")
	require.Equal(b, 1, s.issued)
}

func runOnce(b *testing.B, dir, input string, args []string) time.Duration {
	stdin, err := os.Open(input)
	require.NoError(b, err)
	defer stdin.Close()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stderr = []string{"HOME=" + dir, "PATH=" + os.Getenv("PATH")}, stdin, os.Stderr
	began := time.Now()
	err = cmd.Run()
	took := time.Since(began)
	require.NoError(b, err, args)
	return took
}
