//go:build !unix

package inherited

func closeOnExec() func() { return func() {} }
