//go:build !linux && !darwin

package plugins

import "os/exec"

// awaitExit waits for a process to end.
func awaitExit(cmd *exec.Cmd) { _ = cmd.Wait() }
