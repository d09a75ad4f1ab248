// The plugin's side. Read on in prompter.go.

package plugins

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	wire "github.com/authsession/authsession/plugins/proto"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// refusal is an answer that no session sees, such as that an ability is missing:
// a bare status. It is a type of its own, as the errors of providers can have a
// status of gRPC, too.
type refusal struct {
	code codes.Code
	text string
}

func (r *refusal) Error() string { return r.text }

// GRPCStatus makes the server of gRPC answer with the status.
func (r *refusal) GRPCStatus() *status.Status { return status.New(r.code, r.text) }

func unsupported(method string) error {
	return &refusal{codes.Unimplemented, method + " is not supported"}
}

// splitError returns a provider's error as it is sent in the answer out, or a
// refusal. what names the content of the answer.
func splitError(err error, out proto.Message, what string) (*v1.Error, error) {
	if _, ok := err.(*refusal); ok {
		return nil, err
	}
	if err == nil {
		err = checkMessage(out, what)
	}
	return wire.FromError(err), nil
}

// recoverPanic turns a panic of call into an error and writes where it happened
// to standard error. The value of the panic may be secret and is not written.
func recoverPanic(call func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			lines := strings.SplitN(string(debug.Stack()), "\n", maxStackLines+1)
			fmt.Fprintf(os.Stderr, "[ERROR] the provider panicked (%T) %s\n",
				r, strings.Join(lines[:len(lines)-1], " | "))
			err = core.Errorf(core.CodeUnavailable, "the provider panicked (%T)", r)
		}
	}()
	return call()
}

const maxStackLines = 39
