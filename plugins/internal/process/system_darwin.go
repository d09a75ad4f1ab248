// What macOS has beside system_unix.go. Read on in system_bsd.go.

package process

import (
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"
)

const waitid, waitidOptions = syscall.SYS_WAITID, syscall.WEXITED | syscall.WNOWAIT

// executeOpened leaves cmd as it is: macOS cannot execute an opened file. The
// check that nobody else may write the file or its folders must be enough.
func executeOpened(*exec.Cmd, *os.File, bool) error { return nil }

// ownGroup puts the process into a group of its own.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalWithHost does nothing: a process notices the end of its standard input.
func signalWithHost(*os.File, int) (cancel func()) { return func() {} }

// newMemoryFile fails: there is no file without a folder that can be executed.
func newMemoryFile(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func seal(*os.File) error { return errors.ErrUnsupported }

// changeTime returns when a file was changed in any way. Unlike the time of the last
// write it cannot be set.
func changeTime(stat *syscall.Stat_t) time.Time { return time.Unix(stat.Ctimespec.Unix()) }
