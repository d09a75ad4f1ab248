// Command pages writes the pages of docs/command that describe the command, one for
// each subcommand, and the schema of configuration files for the kinds that are built
// in, into the folder that its argument names.
package main

import (
	"fmt"
	"os"
	"path/filepath"

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
	if err := doc.GenMarkdownTree(root, args[0]); err != nil {
		return err
	}
	schema, err := command.PublishedSchema()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(args[0], "authsession.schema.json"), append(schema, '\n'), 0o644)
}
