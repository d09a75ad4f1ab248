//go:build linux || darwin

package plugins

import (
	"os/exec"
	"syscall"
	"unsafe"
)

// awaitExit waits for a process to end and does not collect it, so that nobody
// else can get its id meanwhile.
func awaitExit(cmd *exec.Cmd) {
	const byID = 1 // P_PID
	var info [128]byte
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byID, uintptr(cmd.Process.Pid), uintptr(unsafe.Pointer(&info[0])),
			syscall.WEXITED|syscall.WNOWAIT, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
