// Package self lets an example be its own plugin, so that nothing has to be
// built first. A real plugin is a program of its own; its configuration names
// its path and its checksum as they are.
package self

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

// Serve is the whole program where a host has started it as a plugin, and does
// not return then. Otherwise it does nothing. Call it first in main.
func Serve(factories ...core.Factory) {
	if os.Getenv("AUTHSESSION_PLUGIN") != "" {
		plugins.Serve(factories...)
		os.Exit(0)
	}
}

// Copy puts a copy of the running program, which nobody else can write to,
// into a new folder. The caller calls remove at the end. The variables say
// where it is, and its checksum: SELF_PATH and SELF_SHA256.
func Copy() (variables []string, remove func() error, err error) {
	dir, err := os.MkdirTemp("", "authsession-self-")
	if err != nil {
		return nil, nil, err
	}
	remove = func() error { return os.RemoveAll(dir) }
	defer func() {
		if err != nil {
			err = errors.Join(err, remove())
		}
	}()
	path, err := os.Executable()
	if err != nil {
		return nil, remove, err
	}
	from, err := os.Open(path)
	if err != nil {
		return nil, remove, err
	}
	defer from.Close()
	path = filepath.Join(dir, "plugin"+filepath.Ext(path))
	to, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o700)
	if err != nil {
		return nil, remove, err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(to, sum), from)
	if err = errors.Join(err, to.Close()); err != nil {
		return nil, remove, err
	}
	return []string{"SELF_PATH=" + path, "SELF_SHA256=" + hex.EncodeToString(sum.Sum(nil))}, remove, nil
}

// Renamed returns a factory of the same providers under another kind: a
// program cannot have two of one kind, and here both ends have them.
func Renamed(kind string, f core.Factory) core.Factory {
	describe := func() (core.Info, []core.Setting) {
		info := f.Info()
		info.Kind = kind
		return info, f.Settings()
	}
	return core.ProxyFactory(describe, f.Check, f.Open)
}
