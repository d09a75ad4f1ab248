//go:build unix && !linux && !darwin

// What other systems of the Unix family have beside system_unix.go. Read on in
// system_unix.go.

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const waitid, waitidOptions = 0, 0 // not used

// executeOpened leaves cmd as it is: there is no way to execute an opened file.
// The check that nobody else may write the file or its folders must be enough.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

// ownGroup puts the process into a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalWithHost does nothing: a process notices the end of its standard input.
func signalWithHost(*os.File, int) (cancel func()) { return func() {} }

// newMemoryFile fails: there is no file without a folder that can be executed.
func newMemoryFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func seal(*os.File) error { return errors.ErrUnsupported }

// changeTime returns the zero time: the systems call it differently.
func changeTime(*syscall.Stat_t) time.Time { return time.Time{} }
