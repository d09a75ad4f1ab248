package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// person is a user's folder with a session "me" that a person signs in to.
type person struct {
	t      *testing.T
	server *server
	dir    string
}

func newPerson(t *testing.T, keys string) *person {
	s, err := startServer()
	require.NoError(t, err)
	t.Cleanup(s.close)
	dir := folder(t, strings.NewReplacer("URL", s.url, "KEYS", keys).Replace(`
store: {kind: file, path: "${env:HOME}/store", key_file: "${env:HOME}/key"}
sessions:
  me:
    provider: oauth2
    origins: ["https://git.example.com"]
    KEYS
    settings: {grant: authorization_code, client_id: me, token_url: "URL/token", authorization_url: "URL/authorize"}
`))
	return &person{t, s, dir}
}

// run runs a program with stdin, and returns what it prints.
func (p *person) run(stdin string, args ...string) (string, error) {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir = p.dir
	cmd.Env = append(os.Environ(), "HOME="+p.dir, "XDG_CONFIG_HOME=", "XDG_CACHE_HOME="+p.dir+"/cache",
		"DISPLAY=:0", "SSH_CONNECTION=", "BROWSER=", "GORACE=atexit_sleep_ms=0")
	cmd.Stdin = strings.NewReader(stdin)
	var out, problem bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problem
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("%v: %w: %s", args, err, problem.String())
	}
	return out.String(), nil
}

// crowd runs commands at the same time. Each has to print what want says.
func (p *person) crowd(n int, want string, each func(i int) (string, []string)) {
	p.t.Helper()
	var wg sync.WaitGroup
	errs := make([]error, n)
	for i := range n {
		wg.Go(func() {
			stdin, args := each(i)
			out, err := p.run(stdin, args...)
			if err == nil && !strings.Contains(out, want) {
				err = fmt.Errorf("%v prints %q", args, out)
			}
			errs[i] = err
		})
	}
	wg.Wait()
	for _, err := range errs {
		require.NoError(p.t, err)
	}
}

// askers are the ways in which programs ask for the token.
func askers(i int) (stdin string, args []string) {
	switch i % 4 {
	case 0:
		return "protocol=https\nhost=git.example.com\n\n", []string{"authsession", "helper", "git", "me", "get"}
	case 1: // a process of its own runs each of them
		return "", []string{"sh", "-c", "authsession helper kubectl me; true"}
	}
	return "", []string{"authsession", "token", "me"}
}

func (s *server) counts() (issued, renewed, asked, spent int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.issued, s.renewed, s.asked, s.refused
}

// TestHundredCommandsRenewOnce: a hundred commands and helpers find an expired token
// and a refresh token that can be used once.
func TestHundredCommandsRenewOnce(t *testing.T) {
	p := newPerson(t, "")
	require.NoError(t, p.server.control("lifetime", []string{"2"}))
	_, err := p.run("", "authsession", "login")
	require.NoError(t, err)
	require.NoError(t, p.server.control("lifetime", []string{"3600"}))
	require.NoError(t, p.server.control("delay", []string{"300"}))
	p.crowd(100, "token-2", askers)
	issued, renewed, asked, spent := p.server.counts()
	require.Equal(t, []int{2, 1, 1, 0}, []int{issued, renewed, asked, spent})
}

// TestOnePrompt: while a person signs in, other commands wait for the result, and
// nobody is asked twice.
func TestOnePrompt(t *testing.T) {
	p := newPerson(t, "timeout: 1s") // the person takes longer than that
	require.NoError(t, p.server.control("pending", []string{"1"}))
	login := func(int) (string, []string) { return "", []string{"authsession", "login", "me"} }
	var wg sync.WaitGroup
	wg.Go(func() { p.crowd(2, "signed in", login) })
	require.Eventually(t, func() bool {
		_, _, asked, _ := p.server.counts()
		return asked == 1
	}, 20*time.Second, 20*time.Millisecond)
	time.AfterFunc(2500*time.Millisecond, func() { _ = p.server.control("pending", []string{"0"}) })
	p.crowd(40, "token-1", askers)
	wg.Wait()
	issued, renewed, asked, _ := p.server.counts()
	require.Equal(t, []int{1, 0, 1}, []int{issued, renewed, asked})
}

// TestNextProcessKnowsOfARefusal: what git erases, and what a Kubernetes client was
// given before, is new for the next process.
func TestNextProcessKnowsOfARefusal(t *testing.T) {
	p := newPerson(t, "")
	_, err := p.run("", "authsession", "login")
	require.NoError(t, err)
	_, err = p.run("protocol=https\nhost=git.example.com\nusername=oauth2\npassword=token-1\n\n",
		"authsession", "helper", "git", "me", "erase")
	require.NoError(t, err)
	p.crowd(10, "token-2", askers)
	out, err := p.run("", "sh", "-c", "authsession helper kubectl me; authsession helper kubectl me; true")
	require.NoError(t, err)
	require.Contains(t, out, "token-2")
	require.Contains(t, out, "token-3")
	p.crowd(10, "token-3", askers)
	_, renewed, asked, spent := p.server.counts()
	require.Equal(t, []int{2, 1, 0}, []int{renewed, asked, spent})
}

// TestSignInElsewhere: while a person signs in in another process, a command says so, also when its
// time has ended.
func TestSignInElsewhere(t *testing.T) {
	p := newPerson(t, "timeout: 1s")
	require.NoError(t, p.server.control("pending", []string{"1"}))
	var wg sync.WaitGroup
	wg.Go(func() {
		_, err := p.run("", "authsession", "login", "me")
		assert.NoError(t, err)
	})
	require.Eventually(t, func() bool {
		_, _, asked, _ := p.server.counts()
		return asked == 1
	}, 20*time.Second, 20*time.Millisecond)
	_, err := p.run("", "authsession", "--timeout", "2500ms", "token", "me")
	require.NoError(t, p.server.control("pending", []string{"0"}))
	wg.Wait()
	require.ErrorContains(t, err, "exit status 75")
	require.Regexp(t, `waiting for another process, which renews the credential of session "me" or in `+
		`which a person signs in, at most 2.5s`, err.Error())
	require.Contains(t, err.Error(), `session "me": wait: unavailable: another process renews the credential`)
}
