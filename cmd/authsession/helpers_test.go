package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/stretchr/testify/require"
)

// setup starts a server for a script and gives it a home of its own.
func setup(env *testscript.Env) error {
	s, err := startServer()
	if err != nil {
		return err
	}
	env.Defer(s.close)
	env.Values[serverKey{}] = s
	home := filepath.Join(env.WorkDir, "home")
	env.Setenv("HOME", home)
	env.Setenv("XDG_CONFIG_HOME", filepath.Join(home, ".config"))
	env.Setenv("XDG_CACHE_HOME", filepath.Join(home, ".cache"))
	env.Setenv("URL", s.url)
	env.Setenv("OTHER_URL", strings.Replace(s.url, "127.0.0.1", "localhost", 1))
	env.Setenv("ESCAPE", "\x1b[2Jname")
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	for _, name := range []string{"DISPLAY", "SSH_CONNECTION", "BROWSER", "AUTHSESSION_CONFIG", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR"} {
		env.Setenv(name, "")
	}
	if err := os.MkdirAll(home, 0o700); err != nil {
		return err
	}
	return certificate(env, home)
}

// certificate makes a client certificate.
func certificate(env *testscript.Env, dir string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "ada"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	for name, block := range map[string]*pem.Block{
		"CERT": {Type: "CERTIFICATE", Bytes: der}, "KEY": {Type: "PRIVATE KEY", Bytes: secret},
	} {
		path := filepath.Join(dir, name)
		env.Setenv(name, path)
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			return err
		}
	}
	return nil
}

type serverKey struct{}

// exitStatus runs a program and wants an exit status: status N PROGRAM ARGS…
func exitStatus(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: status N PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	got := 0
	if errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, want %d", got, want)
	}
}

// controlServer changes what the server of the script does: server KEY [VALUE]
func controlServer(ts *testscript.TestScript, neg bool, args []string) {
	s := ts.Value(serverKey{}).(*server)
	if neg || len(args) == 0 {
		ts.Fatalf("usage: server WHAT [VALUE]")
	}
	ts.Check(s.control(args[0], args[1:]))
}

// browse is the browser of the scripts: it goes where it is told, and signs in.
func browse(args []string) int {
	resp, err := http.Get(args[len(args)-1])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	return 0
}

// child is a program that authsession exec runs.
func child(args []string) int {
	switch args[0] {
	case "exit":
		status, _ := strconv.Atoi(args[1])
		return status
	case "env":
		for _, name := range args[1:] {
			fmt.Printf("%s=%s\n", name, os.Getenv(name))
		}
	case "cat":
		data, err := os.ReadFile(os.Getenv(args[1]))
		if err != nil {
			fmt.Println(err)
			return 1
		}
		info, _ := os.Stat(os.Getenv(args[1]))
		fmt.Printf("%s %v\n", data, info.Mode().Perm())
		fmt.Fprintln(os.Stderr, os.Getenv(args[1]))
	case "echo":
		_, _ = io.Copy(os.Stdout, os.Stdin)
	case "kill":
		if self, err := os.FindProcess(os.Getpid()); err == nil {
			_ = self.Kill()
		}
		time.Sleep(time.Minute)
	case "trap":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		_ = os.WriteFile(args[1], []byte(strconv.Itoa(os.Getppid())), 0o600)
		fmt.Println("got", <-signals)
		return 7
	case "count": // the signals that come until there are no more
		signals := make(chan os.Signal, 9)
		signal.Notify(signals, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM)
		_ = os.WriteFile(args[1], []byte(strconv.Itoa(os.Getppid())), 0o600)
		n := 0
		for done := (<-chan time.Time)(nil); ; n++ {
			select {
			case <-signals:
				done = time.After(500 * time.Millisecond)
			case <-done:
				fmt.Println("got", n)
				return 7
			}
		}
	default:
		fmt.Println(strings.Join(args, " "))
	}
	return 0
}

// folder makes a folder with a configuration in it.
func folder(t *testing.T, text string) string {
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "authsession.yaml"), []byte(text), 0o600))
	return dir
}
