//go:build unix

package plugins

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/authsession/authsession/core"
)

// testConfig makes a provider that does what it is told.
type testConfig struct {
	Name string      `json:"name" default:"anyone" doc:"The subject."`
	Do   string      `json:"do" doc:"What to do, such as crash."`
	Once string      `json:"once" doc:"A file that Do removes. Without it, nothing is done."`
	Key  core.Secret `json:"key" doc:"A secret."`
	Nope string      `json:"nope" doc:"An ability that is answered with ErrUnsupported."`
	Mark string      `json:"mark" doc:"A file that Close makes."`

	Orders string `json:"orders" doc:"A file with the text for Do; credentials are short."`
}

var testFactory = core.NewFactory(core.Info{Kind: "test", Summary: "Does what it is told."},
	func(_ context.Context, _ core.Environment, cfg testConfig) (core.Provider, error) {
		if cfg.Do == "open-panic" {
			panic("opened")
		}
		return &cfg, nil
	})

func (c *testConfig) todo() string {
	if c.Orders != "" {
		do, _ := os.ReadFile(c.Orders)
		return string(do)
	}
	if c.Once != "" && os.Remove(c.Once) != nil {
		return ""
	}
	return c.Do
}

// Authenticate returns a credential that names the process.
func (c *testConfig) Authenticate(ctx context.Context, req core.Request) (core.Credential, error) {
	cred := token("Test " + c.Key.Reveal())
	cred.Subject = c.Name
	cred.Attributes = map[string]string{"pid": strconv.Itoa(os.Getpid()),
		"reason": req.Reason.String(), "challenge": req.Challenge,
		"retry": strconv.FormatBool(req.MayRetry)}
	cred.RefreshState = core.NewSecret("renew " + req.Previous.RefreshState.Reveal())
	cred.Expiry = time.Now().Add(time.Hour)
	if c.Orders != "" {
		cred.Expiry = time.Now().Add(2 * time.Second)
	}
	switch do, arg, _ := strings.Cut(c.todo(), " "); do {
	case "crash":
		os.Exit(3)
	case "panic":
		panic("key: " + c.Key.Reveal())
	case "hang":
		select {}
	case "wait":
		<-ctx.Done()
		return core.Credential{}, core.Errorf(core.CodeUnavailable, "waited: %w", ctx.Err())
	case "interactive":
		return core.Credential{}, core.Errorf(core.CodeInteractive, "a person must sign in")
	case "denied":
		return core.Credential{}, &core.Error{Code: core.CodeDenied, RetryAfter: time.Minute,
			Err: errors.New("not you")}
	case "local":
		return core.Credential{}, core.LocalErrorf(core.CodeBadConfig, "no file")
	case "leak": // as a plugin of an earlier version
		return core.Credential{}, errors.New("the server says: " + c.Key.Reveal())
	case "plain":
		return core.Credential{}, errors.New("no code")
	case "control":
		return core.Credential{}, errors.New("a\x1b[31mb\xff\nc")
	case "huge":
		cred.Attach.Header["Authorization"] = core.NewSecret(strings.Repeat("x", 5<<20))
	case "latin":
		cred.Attach.Header["Authorization"] = core.NewSecret("caf\xe9")
	case "large":
		cred.Attach.Header["Authorization"] = core.NewSecret(strings.Repeat("x", 200<<10))
	case "print":
		fmt.Println("on stdout", arg)
		fmt.Fprintln(os.Stderr, "[WARN] on stderr\x1b[0m", arg)
	case "say":
		fmt.Fprintln(os.Stderr, strings.NewReplacer("KEY", c.Key.Reveal(),
			"STATE", req.Previous.RefreshState.Reveal()).Replace(arg))
	case "flood":
		for range 200_000 {
			fmt.Println(strings.Repeat("o", 200))
		}
	case "child":
		cmd := exec.Command("/bin/sleep", "3600")
		if err := cmd.Start(); err != nil {
			return core.Credential{}, err
		}
		cred.Attributes["child"] = strconv.Itoa(cmd.Process.Pid)
	case "environ":
		cred.Attributes["environ"] = strings.ReplaceAll(strings.Join(os.Environ(), "|"), "\n", "|")
		cred.Attributes["dir"], _ = os.Getwd()
		cred.Attributes["fds"] = openFiles()
		cred.Attributes["args"] = strings.Join(os.Args, " ")
	case "far":
		cred.Expiry = time.Now().AddDate(5000, 0, 0)
	case "newline":
		cred.Attach.Header["Authorization"] = core.NewSecret("a\r\nb")
	case "subject":
		cred.Subject = "a\x1bb"
	case "garbage":
		garble()
	case "sleep":
		d, _ := time.ParseDuration(arg)
		time.Sleep(d)
	}
	return cred, nil
}

// garble writes garbage to all connections of this process.
func garble() {
	for fd := 3; fd < 64; fd++ {
		if to, err := os.Readlink("/proc/self/fd/" + strconv.Itoa(fd)); err == nil &&
			strings.HasPrefix(to, "socket:") {
			_, _ = syscall.Write(fd, []byte("HTTP/1.1 200 OK\r\n\r\n<html>garbage</html>"))
		}
	}
}

func openFiles() string {
	entries, _ := os.ReadDir("/proc/self/fd")
	var list []string
	for _, e := range entries {
		if to, err := os.Readlink("/proc/self/fd/" + e.Name()); err == nil {
			list = append(list, e.Name()+" "+to)
		}
	}
	return strings.Join(list, "|")
}

func (c *testConfig) lacks(ability string) error {
	if c.Nope == ability {
		return fmt.Errorf("not today: %w", errors.ErrUnsupported)
	}
	return nil
}

func (c *testConfig) Authorize(_ context.Context, cred core.Credential,
	out core.Outgoing) (core.Attachment, error) {
	if c.todo() == "crash-authorize" {
		os.Exit(4)
	}
	if do, arg, _ := strings.Cut(c.todo(), " "); do == "learn" {
		n, _ := strconv.Atoi(arg)
		nonce := core.NewSecret("nonce:" + out.Remembered.Get("Dpop-Nonce"))
		return core.Attachment{Header: map[string]core.Secret{"Signature": nonce},
			RememberHeaders: slices.Repeat([]string{"DPoP-Nonce"}, n)}, nil
	}
	text := fmt.Sprintf("%s %s %s %x %s", out.Method, out.URL, out.Header.Get("X-Sent"),
		out.Digests[crypto.SHA256], header(cred, "Authorization"))
	return core.Attachment{Header: map[string]core.Secret{"Signature": core.NewSecret(text)}},
		c.lacks("authorize")
}

func (c *testConfig) SignDigest(_ context.Context, req core.SignatureRequest) ([]byte, error) {
	return fmt.Appendf(nil, "%v %x %d", req.Hash, req.Digest, req.PSSSalt), c.lacks("sign")
}

func (c *testConfig) Revoke(_ context.Context, cred core.Credential) error {
	if c.todo() == "crash-revoke" {
		os.Exit(5)
	}
	if err := c.lacks("revoke"); err != nil {
		return err
	}
	return core.Errorf(core.CodeDenied, "revoking %s", cred.Subject)
}

func (c *testConfig) SignIn(ctx context.Context, _ core.Request,
	ui core.UI) (core.Credential, error) {
	if err := c.lacks("sign-in"); err != nil {
		return core.Credential{}, err
	}
	if ui.Ask == nil {
		return core.Credential{}, core.Errorf(core.CodeInteractive, "nobody to ask")
	}
	if ui.Show != nil {
		if err := ui.Show(ctx, "hello\x1b"); err != nil {
			return core.Credential{}, err
		}
	}
	if ui.Open != nil {
		if err := ui.Open(ctx, c.Name); err != nil {
			return core.Credential{}, err
		}
	}
	answer, err := ui.Ask(ctx, "who?", true)
	if err != nil {
		return core.Credential{}, err
	}
	return token("Person " + answer.Reveal()), nil
}

// Close makes a file, by which a test notices it.
func (c *testConfig) Close(context.Context) error {
	if c.Mark != "" {
		return os.WriteFile(c.Mark, []byte("closed"), 0o600)
	}
	return nil
}

// misbehaviour has programs that are not plugins, or not good ones, by the first argument.
var misbehaviour = map[string]func(){
	"bad-silent":  func() { select {} },
	"bad-exit":    func() { os.Exit(1) },
	"bad-noise":   func() { fmt.Println("hello, I am a friendly program"); Serve(testFactory) },
	"bad-version": func() { printAndHang("1|7|unix|/tmp/x|grpc|" + certificate + "\n") },
	"bad-core":    func() { printAndHang("9|1|unix|/tmp/x|grpc|" + certificate + "\n") },
	"bad-tls":     func() { printAndHang("1|1|unix|/tmp/x|grpc|\n") },
	"bad-socket":  func() { printAndHang("1|1|unix|/run/docker.sock|grpc|" + certificate + "\n") },
	"bad-line":    func() { printAndHang(strings.Repeat("x", 1<<20)) },
	"bad-kinds":   func() { Serve(ticketFactory) },
	"bad-netrpc":  func() { printAndHang("1|1|unix|/tmp/x|netrpc|" + certificate + "\n") },
}

// certificate is as long as the certificate of a handshake.
var certificate = strings.Repeat("A", 100)

func printAndHang(text string) {
	fmt.Print(text)
	select {}
}
