// Readme is the program in README.md: a configuration, one request. Write the file
// authsession.yaml that README.md shows, with an API of yours, and run it beside that file.
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
		return err // every fault of the file, with line and column
	}
	defer cfg.Close(ctx)

	resp, err := core.Client().Get("https://reports.example.com/v1/today") // with a token, renewed when it is time
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	_, err = io.Copy(os.Stdout, resp.Body)
	return err
}
