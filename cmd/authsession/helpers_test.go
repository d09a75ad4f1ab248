package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
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
	env.Setenv("GORACE", "atexit_sleep_ms=0")
	for _, name := range []string{"DISPLAY", "SSH_CONNECTION", "BROWSER", "AUTHSESSION_CONFIG"} {
		env.Setenv(name, "")
	}
	return os.MkdirAll(home, 0o700)
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
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		time.Sleep(time.Minute)
	case "trap":
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, syscall.SIGTERM)
		_ = os.WriteFile(args[1], []byte(strconv.Itoa(os.Getppid())), 0o600)
		fmt.Println("got", <-signals)
		return 7
	default:
		fmt.Println(strings.Join(args, " "))
	}
	return 0
}
