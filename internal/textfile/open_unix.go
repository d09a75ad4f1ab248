//go:build unix

package textfile

import (
	"os"
	"syscall"
)

// open opens a file without waiting, as the open of a pipe waits for a writer.
func open(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
}
