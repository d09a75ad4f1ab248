//go:build !cgo

package main

import (
	"fmt"
	"os"
)

func main() {
	fmt.Fprintln(os.Stderr, "plugin-pkcs11 loads a C library: build it with CGO_ENABLED=1 and a C compiler")
	os.Exit(1)
}
