package main

import (
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/authsession/authsession/cmd/authsession/internal/command"
)

// TestMain makes the test binary the programs of the scripts, too.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"authsession": func() { os.Exit(command.Main(nil)) },
		"xdg-open":    func() { os.Exit(browse(os.Args[1:])) },
		"child":       func() { os.Exit(child(os.Args[1:])) },
	})
}

// TestScripts runs the scripts of testdata/script.
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup:               setup,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"status": exitStatus,
			"server": controlServer,
		},
	})
}
