//go:build unix

package command

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// mostLinks is how many symbolic links may lead to a file.
const mostLinks = 40

// ownedByOthers says who else may change a file: its owner, its group or all, by
// its mode or that of its folder, or of a link that leads to it or of the folder of that. It
// returns "" if nobody may but the user and the administrator. A pipe is a problem, too: to read it
// may wait without end.
func ownedByOthers(name string) (string, error) {
	at := name
	for range mostLinks {
		info, err := os.Lstat(at)
		if err != nil {
			return "", err
		}
		problem, err := changedByOthers(at, info)
		if problem != "" && at != name {
			problem = "leads to " + at + ", which " + problem
		}
		if problem != "" || err != nil || info.Mode()&fs.ModeSymlink == 0 {
			return problem, err
		}
		if at, err = targetOf(at); err != nil {
			return "", err
		}
	}
	return "", syscall.ELOOP
}

// targetOf returns where a symbolic link leads, which may be another one.
func targetOf(link string) (string, error) {
	target, err := os.Readlink(link)
	if err != nil || filepath.IsAbs(target) {
		return target, err
	}
	// The folder may be a link itself, and then ".." is that of where it leads.
	dir, err := filepath.EvalSymlinks(filepath.Dir(link))
	return filepath.Join(dir, target), err
}

// changedByOthers says who else may change a file, or a link, that is not followed.
func changedByOthers(name string, info fs.FileInfo) (string, error) {
	if owner, foreign := foreignOwner(info); foreign {
		return fmt.Sprintf("belongs to the user %d", owner), nil
	}
	mode := info.Mode()
	if mode&fs.ModeNamedPipe != 0 {
		return "is a pipe", nil
	}
	if mode&fs.ModeSymlink == 0 && mode.Perm()&0o022 != 0 { // the mode of a link means nothing
		return fmt.Sprintf("may be written by others (its mode is %04o; chmod go-w)",
			mode.Perm()), nil
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
