// Command pages writes the pages of docs/command that describe the command, one for
// each subcommand, into the folder that its argument names.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra/doc"

	"github.com/authsession/authsession/cmd/authsession/internal/command"
)

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "pages:", err)
		os.Exit(1)
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("want the folder")
	}
	root := command.Tree()
	root.DisableAutoGenTag = true
	return doc.GenMarkdownTree(root, args[0])
}
