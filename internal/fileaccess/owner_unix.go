//go:build unix

package fileaccess

import (
	"io/fs"
	"os"
	"syscall"
)

func effectiveUser() int { return os.Geteuid() }

// ownerOf returns the user id of the owner. Known is false if info is not from the
// file system.
func ownerOf(info fs.FileInfo) (owner int, known bool) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return int(stat.Uid), true
}
