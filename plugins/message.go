// Read on in settingtypes.go.

package plugins

import (
	"google.golang.org/protobuf/proto"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins/internal/process"
)

// maxMessage is the largest size of a message in bytes, both ways.
const maxMessage = process.MaxMessage

// checkMessage reports why a message would not arrive. what names its content.
func checkMessage(m proto.Message, what string) error {
	b, err := proto.Marshal(m)
	switch {
	case err != nil:
		return core.Errorf(core.CodeBadConfig, "%s is not UTF-8 text", what)
	case len(b) > maxMessage:
		return core.Errorf(core.CodeBadConfig, "%s is larger than %d MiB", what, maxMessage>>20)
	}
	return nil
}
