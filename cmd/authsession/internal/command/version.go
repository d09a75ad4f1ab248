package command

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"github.com/spf13/cobra"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "version",
		Short:   "Print the version of the command",
		Example: "  authsession version\n  authsession version -o json",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			v := readVersion()
			if a.json() {
				return writeJSON(a.stdout, v)
			}
			_, err := fmt.Fprintf(a.stdout, "authsession %s (%s, %s)\n", v.Command, v.Go, v.Platform)
			return err
		},
	}
}

// version is what the command was built from. Fields are only added.
type version struct {
	Schema   int    `json:"schema_version"`
	Command  string `json:"version"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func readVersion() version {
	v := version{Schema: 1, Command: "(devel)", Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		v.Command = info.Main.Version
	}
	return v
}
