package command

import (
	"fmt"
	"os"
	"strings"
)

// startOf returns when a process started and what it executes, as proc(5) has them,
// or "". A program that another one has executed in its place, as version managers
// of kubectl do, was not given what that one was.
func startOf(pid int) string {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	// The name of the program, in parentheses, may have any characters.
	end := strings.LastIndexByte(string(text), ')')
	fields := strings.Fields(string(text[end+1:]))
	const started = 19 // the 22nd field; the third one follows the name
	if end < 0 || len(fields) <= started {
		return ""
	}
	program, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)) // another user's cannot be read
	return fields[started] + " " + program
}
