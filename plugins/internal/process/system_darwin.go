// What macOS has beside system_unix.go. Read on in system_bsd.go.

package process

import (
	"os"
	"os/exec"
	"syscall"
)

const waitid, waitidOptions = syscall.SYS_WAITID, syscall.WEXITED | syscall.WNOWAIT

// executeOpened leaves cmd as it is: macOS cannot execute an opened file. The
// check that nobody else may write the file or its folders must be enough.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

// ownGroup puts the process into a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalWithHost does nothing: a process notices the end of its standard input.
func signalWithHost(*os.File, int) (cancel func()) { return func() {} }
