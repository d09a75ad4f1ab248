package proto_test

import (
	"errors"
	"fmt"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
)

// An error keeps its code and its text on the way to another process.
func ExampleFromError() {
	m := wire.FromError(core.Errorf(core.Denied, "the key is not known"))
	err := wire.ToError(m)
	fmt.Println(err)
	fmt.Println(errors.Is(err, core.Denied))
	// Output:
	// denied: the key is not known
	// true
}
