// Readme is the program in README.md: it loads a configuration and sends one request. To run it,
// write the file authsession.yaml that README.md shows, with the names of your API, into the
// working directory.
package main

import (
	"context"
	"io"
	"log"
	"os"

	"github.com/authsession/authsession"
	"github.com/authsession/authsession/core"
)

func main() {
	if err := run(context.Background()); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context) error {
	cfg, err := authsession.Load(ctx, nil) // reads authsession.yaml
	if err != nil {
		return err // all faults of the file, with line and column
	}
	defer cfg.Close(ctx)

	// The request carries a token, which is renewed before it expires.
	resp, err := core.Client().Get("https://reports.example.com/v1/today")
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
