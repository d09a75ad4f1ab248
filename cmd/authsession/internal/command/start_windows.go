package command

import (
	"strconv"

	"golang.org/x/sys/windows"
)

// startOf returns when a process started, or "".
func startOf(pid int) string {
	process, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, uint32(pid))
	if err != nil {
		return ""
	}
	defer windows.CloseHandle(process) //nolint:errcheck // it was read
	var started, exited, kernel, user windows.Filetime
	if err := windows.GetProcessTimes(process, &started, &exited, &kernel, &user); err != nil {
		return ""
	}
	return strconv.FormatInt(started.Nanoseconds(), 10)
}
