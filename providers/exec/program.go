// Why a program is not found or cannot be started.
//
// Read on in outcome.go.

package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"strings"
	"syscall"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/internal/textfile"
)

// lookUpError returns the error of a command that os/exec does not find.
func lookUpError(command string, err error) error {
	problem := "is not found"
	switch {
	case errors.Is(err, exec.ErrDot):
		problem = "is in the current folder only; want an absolute path"
	case errors.Is(err, fs.ErrPermission):
		problem = "may not be executed: it has no mode x, or its file system is mounted with noexec"
	case errors.Is(err, syscall.EISDIR):
		problem = "is a directory"
	case strings.ContainsAny(command, " \t\r\n|&;<>\"'"):
		problem += "; there is no shell: want the program alone, and its arguments as args"
	}
	return core.LocalErrorf(core.CodeBadConfig, "the program %q %s", command, problem)
}

// startError returns the error of a program that the system does not start: what the system says,
// and what of the program or its folder may be the reason.
func (c *Config) startError(ctx context.Context, path string, err error) error {
	var pathErr *fs.PathError
	if errors.As(err, &pathErr) {
		err = pathErr.Err
	}
	code := core.CodeBadConfig
	if isTransient(err) {
		code = core.CodeUnavailable
	}
	if fault := c.dirFault(); fault != "" {
		return core.LocalErrorf(code, "the program %q cannot be started: %s", c.Command, fault)
	}
	reason := ""
	switch {
	case errors.Is(err, fs.ErrNotExist):
		reason = missingInterpreter(ctx, path)
	case errors.Is(err, syscall.ENOEXEC):
		reason = notExecutable(ctx, path)
	case errors.Is(err, fs.ErrPermission):
		reason = "; its interpreter has no mode x, or a file system is mounted with noexec"
	}
	return core.LocalErrorf(code, "the program %q cannot be started: %w%s", c.Command, err, reason)
}

// dirFault says what is wrong with the folder of the command; "": nothing that can be seen.
func (c *Config) dirFault() string {
	if c.Dir == "" {
		return ""
	}
	switch info, err := os.Stat(c.Dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("its folder dir, %q, does not exist", c.Dir)
	case err != nil:
		return fmt.Sprintf("its folder dir, %q, may not be entered", c.Dir)
	case !info.IsDir():
		return fmt.Sprintf("its folder dir, %q, is not a folder", c.Dir)
	}
	return ""
}

// scriptLimit is the size of the largest script whose first line is looked at.
const scriptLimit = 1 << 20

// firstLine returns the first line of a script; nil: it cannot be read, or is no script.
func firstLine(ctx context.Context, path string) []byte {
	data, err := textfile.Read(ctx, path, scriptLimit)
	if err != nil {
		return nil
	}
	line, _, _ := bytes.Cut(data, []byte("\n"))
	return line
}

// missingInterpreter says why a program that is there is reported as missing.
func missingInterpreter(ctx context.Context, path string) string {
	line, isScript := bytes.CutPrefix(firstLine(ctx, path), []byte("#!"))
	switch fields := strings.Fields(string(line)); {
	case isScript && carriageReturn(line) != "":
		return carriageReturn(line)
	case isScript && len(fields) > 0:
		return fmt.Sprintf("; its interpreter %s does not exist", core.Printable(fields[0], 100))
	}
	return "; the loader that it needs does not exist, as with a program for another system or libc"
}

// carriageReturn says that the first line of a script has the line end of Windows, of which the
// carriage return becomes a part of the interpreter's name; "": it has not.
func carriageReturn(line []byte) string {
	if !bytes.HasSuffix(line, []byte("\r")) {
		return ""
	}
	return "; its first line ends in a carriage return: save it with the line ends of Unix"
}

// notExecutable says what a file is that the system does not know how to execute.
func notExecutable(ctx context.Context, path string) string {
	data, err := textfile.Read(ctx, path, scriptLimit)
	switch {
	case err == nil && len(data) == 0:
		return "; it is empty"
	case err == nil && bytes.HasPrefix(data, []byte("\xef\xbb\xbf")):
		return "; it begins with a byte order mark: save it without"
	case err == nil && bytes.IndexByte(data, 0) < 0:
		return "; a script needs a first line that names its interpreter, as #!/bin/sh"
	}
	return "; it is a program for another system or processor"
}
