package exec_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	osexec "os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
	"github.com/stretchr/testify/require"
)

// The test binary is also the command that the tests run: AUTHSESSION_ROLE
// says what it does then.
const roleVar, textVar = "AUTHSESSION_ROLE", "AUTHSESSION_TEXT"

// A program with the race detector otherwise takes a second to end.
const raceVar, raceText = "GORACE", "atexit_sleep_ms=0"

// extraRoles are the roles of one system, by name.
var extraRoles map[string]func(text string) int

func TestMain(m *testing.M) {
	if role := os.Getenv(roleVar); role != "" {
		os.Exit(play(role, os.Getenv(textVar)))
	}
	os.Exit(m.Run())
}

// play is what the command does.
func play(role, text string) int {
	if play := extraRoles[role]; play != nil {
		return play(text)
	}
	switch role {
	case "print":
		fmt.Print(text)
	case "args":
		fmt.Print(base64.RawURLEncoding.EncodeToString([]byte(strings.Join(os.Args[1:], "\n"))))
	case "env":
		fmt.Print(base64.RawURLEncoding.EncodeToString([]byte(strings.Join(os.Environ(), "\n"))))
	case "input": // prints a token if its standard input is the text
		data, _ := io.ReadAll(os.Stdin)
		if string(data) != text {
			return 1
		}
		fmt.Print("a-token")
	case "complain": // writes the text to its standard error, and fails
		fmt.Print("partial-0123456789")
		fmt.Fprint(os.Stderr, text)
		return 1
	case "warn": // writes the text to its standard error, and succeeds
		fmt.Print("printed-0123456789")
		fmt.Fprint(os.Stderr, text)
	case "stdin":
		data, err := io.ReadAll(os.Stdin)
		fmt.Print("stdin:", len(data), err)
	case "dir":
		dir, _ := os.Getwd()
		fmt.Print(base64.RawURLEncoding.EncodeToString([]byte(dir)))
	case "exit":
		fmt.Fprint(os.Stderr, "the password hunter2 is wrong")
		status, _ := strconv.Atoi(text)
		return status
	case "die":
		self, _ := os.FindProcess(os.Getpid())
		_ = self.Kill()
		select {}
	case "flood":
		for {
			if _, err := os.Stdout.WriteString(strings.Repeat("hunter2", 10<<10)); err != nil {
				return 1
			}
		}
	case "hold": // calls the test and stays as long as it lives
		conn, err := net.Dial("tcp", text)
		if err != nil {
			return 1
		}
		_, _ = io.Copy(io.Discard, conn)
	case "leave", "wait": // starts a "hold" that keeps the output open
		child := osexec.Command(os.Args[0])
		child.Env = append(os.Environ(), roleVar+"=hold")
		child.Stdout = os.Stdout
		if child.Start() != nil {
			return 1
		}
		fmt.Print("token-of-the-parent")
		if role == "wait" {
			_ = child.Wait()
		}
	}
	return 0
}

// command returns settings that run this binary in a role.
func command(t testing.TB, role, text string) exec.Config {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	return exec.Config{Command: self, Env: map[string]core.Secret{
		roleVar: core.NewSecret(role), textVar: core.NewSecret(text), raceVar: core.NewSecret(raceText),
	}}
}

// run authenticates once.
func run(t testing.TB, cfg exec.Config) (core.Credential, error) {
	t.Helper()
	p, err := exec.New(cfg)
	require.NoError(t, err)
	return p.Authenticate(t.Context(), core.Request{})
}

// bearer returns the token of a credential.
func bearer(t testing.TB, c core.Credential) string {
	t.Helper()
	token, ok := strings.CutPrefix(c.Attach.Header["Authorization"].Reveal(), "Bearer ")
	require.True(t, ok)
	return token
}

// decoded runs a role whose token is text in base64.
func decoded(t testing.TB, cfg exec.Config) string {
	t.Helper()
	c, err := run(t, cfg)
	require.NoError(t, err)
	text, err := base64.RawURLEncoding.DecodeString(bearer(t, c))
	require.NoError(t, err)
	return string(text)
}
