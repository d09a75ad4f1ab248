package certs_test

import (
	"context"
	"fmt"

	"github.com/authsession/authsession/providers/internal/certs"
)

func ExampleConfig_Load() {
	cfg := certs.Config{CertFile: "no/client.pem", KeyFile: "no/client.key"}
	_, err := cfg.Load(context.Background(), false)
	fmt.Println(err)
	// Output: bad config: file "no/client.pem" does not exist
}
