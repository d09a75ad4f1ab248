//go:build unix

package command

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// ownedByOthers says who else may change a file: its owner, its group or all, by
// its mode or that of its folder. It returns "" if nobody may but the user and the
// administrator.
func ownedByOthers(name string) (string, error) {
	link, err := os.Lstat(name)
	if err != nil {
		return "", err
	}
	if owner, foreign := foreignOwner(link); foreign {
		return fmt.Sprintf("belongs to the user %d", owner), nil
	}
	info, err := os.Stat(name)
	if err != nil {
		return "", err
	}
	if owner, foreign := foreignOwner(info); foreign {
		return fmt.Sprintf("belongs to the user %d", owner), nil
	}
	if mode := info.Mode().Perm(); mode&0o022 != 0 {
		return fmt.Sprintf("may be written by others (its mode is %04o; chmod go-w)", mode), nil
	}
	dir, err := os.Stat(filepath.Dir(name))
	if err != nil {
		return "", err
	}
	if owner, foreign := foreignOwner(dir); foreign && dir.Mode()&fs.ModeSticky == 0 {
		return fmt.Sprintf("is in a folder of the user %d", owner), nil
	}
	if dir.Mode().Perm()&0o022 != 0 && dir.Mode()&fs.ModeSticky == 0 {
		return fmt.Sprintf("is in a folder that others may write to (its mode is %04o)",
			dir.Mode().Perm()), nil
	}
	return "", nil
}

// foreignOwner returns the owner of a file, and whether that is neither the user
// nor the administrator.
func foreignOwner(info fs.FileInfo) (uint32, bool) {
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, false
	}
	return s.Uid, s.Uid != 0 && int64(s.Uid) != int64(os.Geteuid())
}

// keepOwner gives a new file the owner of an old one. The group is kept if that is
// allowed.
func keepOwner(f *os.File, old fs.FileInfo) error {
	s, ok := old.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	err := f.Chown(int(s.Uid), int(s.Gid))
	if err != nil && int64(s.Uid) == int64(os.Geteuid()) {
		return nil
	}
	return err
}
