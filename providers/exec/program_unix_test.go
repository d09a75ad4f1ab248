//go:build unix

package exec_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/providers/exec"
)

// TestWhyAProgramDoesNotStart proves that the error of a program that is not found or not started
// names what of the program, its interpreter, its folder or the setting is at fault.
func TestWhyAProgramDoesNotStart(t *testing.T) {
	dir := t.TempDir()
	script := func(name, text string, mode os.FileMode) string {
		path := filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(path, []byte(text), mode))
		return path
	}
	echo := script("echo", "#!/bin/sh\necho tok\n", 0o700)
	crlf := "; its first line ends in a carriage return: save it with the line ends of Unix"
	for _, c := range []struct {
		name string
		cfg  exec.Config
		want string
		code core.Code
	}{
		{"line ends of Windows", exec.Config{Command: script("crlf", "#!/bin/sh\r\necho tok\r\n", 0o700)},
			crlf, core.CodeBadConfig},
		{"line ends of Windows below env",
			exec.Config{Command: script("env", "#!/usr/bin/env sh\r\necho tok\r\n", 0o700)}, crlf,
			core.CodeUnavailable},
		{"interpreter that is missing", exec.Config{Command: script("py", "#! /no/python3 -u\n", 0o700)},
			"; its interpreter /no/python3 does not exist", core.CodeBadConfig},
		{"interpreter that env does not find",
			exec.Config{Command: script("env2", "#!/usr/bin/env no-such-python\n", 0o700)},
			"status 127, with which shells and env say that they have not found a program",
			core.CodeUnavailable},
		{"interpreter without mode x",
			exec.Config{Command: script("noexec", "#!"+script("plain", "", 0o600)+"\n", 0o700)},
			"its interpreter has no mode x", core.CodeBadConfig},
		{"command that a shell does not find", exec.Config{Command: script("sh", "#!/bin/sh\nnone\n", 0o700)},
			"status 127, with which shells and env say that they have not found", core.CodeUnavailable},
		{"command that a shell may not execute",
			exec.Config{Command: script("sh2", "#!/bin/sh\n/etc/passwd\n", 0o700)},
			"status 126, with which shells and env say that they cannot execute", core.CodeUnavailable},
		{"byte order mark", exec.Config{Command: script("bom", "\ufeff#!/bin/sh\n", 0o700)},
			"; it begins with a byte order mark", core.CodeBadConfig},
		{"no first line", exec.Config{Command: script("text", "echo tok\n", 0o700)},
			"; a script needs a first line that names its interpreter", core.CodeBadConfig},
		{"empty", exec.Config{Command: script("empty", "", 0o700)}, "; it is empty", core.CodeBadConfig},
		{"another processor", exec.Config{Command: script("elf", "\x7fELF\x02\x01\x01\x00"+
			strings.Repeat("\x00", 80), 0o700)}, "; it is a program for another system", core.CodeBadConfig},
		{"directory", exec.Config{Command: dir}, "is a directory", core.CodeBadConfig},
		{"mode", exec.Config{Command: script("mode", "#!/bin/sh\n", 0o600)}, "it has no mode x",
			core.CodeBadConfig},
		{"command line", exec.Config{Command: echo + " tok"}, "there is no shell: want the program alone",
			core.CodeBadConfig},
		{"line break", exec.Config{Command: echo + "\n"}, "there is no shell", core.CodeBadConfig},
		{"folder that is missing", exec.Config{Command: echo, Dir: dir + "/none"},
			`its folder dir, "` + dir + `/none", does not exist`, core.CodeBadConfig},
		{"folder that is a file", exec.Config{Command: echo, Dir: echo}, "is not a folder",
			core.CodeBadConfig},
		{"folder of home", exec.Config{Command: echo, Dir: "~"}, `its folder dir, "~", does not exist`,
			core.CodeBadConfig},
		{"killed", exec.Config{Command: script("kill", "#!/bin/sh\nkill -9 $$\n", 0o700)},
			"was ended by a signal: killed", core.CodeUnavailable},
		{"aborted", exec.Config{Command: script("abrt", "#!/bin/sh\nkill -ABRT $$\n", 0o700)},
			"was ended by a signal: aborted", core.CodeUnavailable},
		{"standard error alone", exec.Config{Command: script("err", "#!/bin/sh\necho hunter2 >&2\n", 0o700)},
			"the command prints nothing; what it wrote to its standard error is not shown",
			core.CodeUnavailable},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := run(t, c.cfg)
			require.Equal(t, c.code, core.CodeOf(err), "%v", err)
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), "hunter2")
		})
	}
}
