// Readme is the program in README.md: one session from a file, one request.
// Write the file authsession.yaml that README.md shows, with an API of yours,
// and run it beside that file.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/authsession/authsession/providers"
	"github.com/authsession/authsession/registry/config"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cfg, err := config.Load(ctx, config.Options{Files: []string{"authsession.yaml"}, Factories: providers.Builtin()})
	if err != nil {
		return err // every fault of the file, with line and column
	}
	defer cfg.Close(ctx)
	reports, err := cfg.Session("reports")
	if err != nil {
		return err
	}
	if err := reports.Init(ctx); err != nil { // authenticates
		return err
	}
	resp, err := reports.Client().Get("https://reports.example.com/v1/today") // with a token, renewed when it is time
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
