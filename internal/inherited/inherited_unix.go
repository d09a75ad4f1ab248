//go:build unix

package inherited

import (
	"os"
	"runtime"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// maxUnlisted is how many descriptors are tried where the system does not list the open ones.
const maxUnlisted = 1 << 16

// file identifies what a descriptor refers to.
type file struct{ device, inode uint64 }

// flagged are the descriptors that have the flag only until the last restore.
var flagged struct {
	sync.Mutex
	starts int // calls of closeOnExec without their restore
	files  map[int]file
}

func closeOnExec() func() {
	flagged.Lock()
	defer flagged.Unlock()
	flagged.starts++
	for _, fd := range descriptors() {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
		if err != nil || flags&unix.FD_CLOEXEC != 0 {
			continue // closed meanwhile, or Go's own
		}
		is, ok := identify(fd)
		if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags|unix.FD_CLOEXEC); err == nil && ok {
			if flagged.files == nil {
				flagged.files = map[int]file{}
			}
			flagged.files[fd] = is
		}
	}
	return sync.OnceFunc(restoreFlags)
}

func restoreFlags() {
	flagged.Lock()
	defer flagged.Unlock()
	if flagged.starts--; flagged.starts > 0 {
		return
	}
	for fd, was := range flagged.files {
		// The number may belong to another file by now, which keeps its flag.
		if is, ok := identify(fd); !ok || is != was {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil {
			_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETFD, flags&^unix.FD_CLOEXEC)
		}
	}
	flagged.files = nil
}

func identify(fd int) (file, bool) {
	var stat unix.Stat_t
	if unix.Fstat(fd, &stat) != nil {
		return file{}, false
	}
	return file{uint64(stat.Dev), uint64(stat.Ino)}, true
}

// descriptors returns the numbers above 2 that may be open.
func descriptors() []int {
	dir := "/dev/fd"
	if runtime.GOOS == "linux" || runtime.GOOS == "android" {
		dir = "/proc/self/fd"
	}
	var open []int
	if names, err := os.ReadDir(dir); err == nil {
		for _, entry := range names {
			if fd, err := strconv.Atoi(entry.Name()); err == nil && fd > 2 {
				open = append(open, fd)
			}
		}
	}
	if len(open) > 0 { // at least the folder's own; a /dev/fd without fdescfs has 0, 1 and 2 only
		return open
	}
	var limit unix.Rlimit
	highest := maxUnlisted
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &limit) == nil && uint64(limit.Cur) < maxUnlisted {
		highest = int(limit.Cur)
	}
	for fd := 3; fd < highest; fd++ {
		open = append(open, fd)
	}
	return open
}
