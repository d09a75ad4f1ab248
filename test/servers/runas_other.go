//go:build !unix

package servers

import "syscall"

// runAs returns nothing: where there is no root, programs run as who started them.
func runAs(int, int) *syscall.SysProcAttr { return nil }
