//go:build !unix

// All that is different on Windows. Read on in file.go.

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
)

func openFile(path string) (*os.File, error) { return os.Open(path) }

// isExecutable leaves the decision to the system.
func isExecutable(os.FileInfo) bool { return true }

// checkOthersCannotWrite leaves the decision to the system.
func checkOthersCannotWrite(os.FileInfo, bool) error { return nil }

// identity is of no use here: whether a file was written to is not known.
type identity struct{ _ int }

func identityOf(os.FileInfo) identity { return identity{} }

// checkWritable leaves the decision to the system.
func checkWritable(string) error { return nil }

// executeOpened leaves cmd as it is: the system keeps a file that is open for
// reading from being exchanged.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

func ownGroup() *syscall.SysProcAttr { return nil }

func newMemoryFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func seal(*os.File) error { return errors.ErrUnsupported }

// signalWithHost does nothing: a process notices the end of its standard input.
func signalWithHost(*os.File, int) (cancel func()) { return func() {} }

// awaitExit waits for the end of a process.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }

// killGroup kills the process. Others that it started must end by themselves.
func killGroup(pid int) {
	if p, err := os.FindProcess(pid); err == nil {
		_ = p.Kill()
		_ = p.Release()
	}
}

// endSignals ask a plugin to end.
var endSignals = []os.Signal{os.Interrupt}

// ignoredSignals would end a program in Go that prints something that nobody reads.
var ignoredSignals = []os.Signal{syscall.SIGPIPE}

func killOwnGroup() {}
