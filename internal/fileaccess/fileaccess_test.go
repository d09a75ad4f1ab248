//go:build unix

package fileaccess

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// file is a file of some owner, group and mode.
type file struct {
	owner, group uint32
	mode         fs.FileMode
}

func (f file) Name() string       { return "key" }
func (f file) Size() int64        { return 32 }
func (f file) Mode() fs.FileMode  { return f.mode }
func (f file) ModTime() time.Time { return time.Time{} }
func (f file) IsDir() bool        { return false }
func (f file) Sys() any           { return &syscall.Stat_t{Uid: f.owner, Gid: f.group} }

// The rule of PostgreSQL, for each owner, group, mode and user of the process.
func TestRule(t *testing.T) {
	const mine, another, fsGroup = 1000, 1001, 2000
	privateTo := map[uint32][]fs.FileMode{ // the modes with which nobody else may read
		root:    {0o400, 0o600, 0o700, 0o440, 0o640},
		mine:    {0o400, 0o600, 0o700},
		another: {0o400, 0o600, 0o700},
		nobody:  {0o400, 0o600, 0o700},
	}
	modes := []fs.FileMode{
		0o400, 0o600, 0o700, 0o440, 0o640, 0o660, 0o460, 0o450, 0o444, 0o604, 0o602, 0o601,
		0o644, 0o666, 0o777, 0o420,
	}
	for owner, private := range privateTo {
		for _, group := range []uint32{root, owner, fsGroup} {
			for _, mode := range modes {
				for _, user := range []int{root, mine} {
					f := file{owner, group, mode}
					name := fmt.Sprintf("%d:%d %03o for %d", owner, group, mode, user)
					require.Equal(t, owner != root && int(owner) != user,
						ofAnother(f, user) != "", name)
					require.Equal(t, owner == root && user != root, ofRoot(f, user), name)
					require.NotEqual(t, contains(private, mode), OthersMayRead(f), name)
					require.Equal(t, mode&0o022 != 0, OthersMayChange(f), name)
				}
			}
		}
	}
}

func contains(list []fs.FileMode, mode fs.FileMode) bool {
	for _, m := range list {
		if m == mode {
			return true
		}
	}
	return false
}

func TestOwnerIsNamed(t *testing.T) {
	require.Equal(t, "belongs to user 1001, and this process runs as user 0",
		ofAnother(file{owner: 1001}, 0))
	require.Equal(t, "belongs to user 65534, and this process runs as user 1000 "+
		"(65534 may stand for a user that this container does not map)",
		ofAnother(file{owner: nobody}, 1000))
}

// unknown is a file whose owner the system does not tell.
type unknown struct{ file }

func (unknown) Sys() any { return nil }

func TestOwnerUnknown(t *testing.T) {
	f := unknown{file{mode: 0o777}}
	require.Empty(t, OfAnother(f))
	require.False(t, OfRoot(f) || OthersMayRead(f) || OthersMayChange(f))
}

// The owner of a real file is found.
func TestOwnerOfFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "key")
	require.NoError(t, os.WriteFile(path, nil, 0o600))
	info, err := os.Stat(path)
	require.NoError(t, err)
	require.Empty(t, OfAnother(info))
	if os.Geteuid() != root {
		t.Skip("only root can give a file to another user")
	}
	require.NoError(t, os.Chown(path, 1001, 1001))
	info, err = os.Stat(path)
	require.NoError(t, err)
	require.Equal(t, "belongs to user 1001, and this process runs as user 0", OfAnother(info))
}
