// Package inherited keeps the descriptors that this process has inherited from the processes it
// starts.
//
// Go opens every file with FD_CLOEXEC, so that a child gets the files that it is given and no
// other. A descriptor that the process itself got from its parent, such as the socket of a service
// manager or a pipe of a shell, has no such flag: os/exec would pass it on to every child.
package inherited

// CloseOnExec sets FD_CLOEXEC on every descriptor above 2 that has no such flag, so that programs
// that start from now on do not get it. Call it right before the start.
//
// restore takes the flags away again, for a program that means to pass its descriptors on, such
// as a shell's <(…), to a child of its own. Call it once, right after the start, or never: then
// the flags remain. Of several calls at the same time, the last restore takes effect.
//
// CloseOnExec reports no error: what cannot be found out is left as it is. It does nothing on
// Windows, where a child gets only the handles that are listed. It is safe for concurrent use.
func CloseOnExec() (restore func()) { return closeOnExec() }
