//go:build unix

package servers

import "syscall"

// runAs returns how to run a program as another user.
func runAs(uid, gid int) *syscall.SysProcAttr {
	return &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)},
	}
}
