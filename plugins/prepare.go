// Read on in signin.go.

package plugins

import (
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// prepareMessages uses once each message that comes before the first credential: the
// first use of a type takes as long as hundreds of later ones. Host and plugin do so
// while they wait for something else anyway. Later calls do nothing.
var prepareMessages = sync.OnceFunc(func() {
	value := &v1.Value{Kind: &v1.Value_TextValue{TextValue: "x"}}
	settings := &v1.Object{Fields: map[string]*v1.Value{"x": value}}
	credential := &v1.Credential{
		Attach:  &v1.Attachment{Header: map[string]string{"x": "x"}},
		Renewal: "x", Expiry: timestamppb.Now(),
		Origins: []string{"x"}, Attributes: map[string]string{"x": "x"},
	}
	for _, m := range []proto.Message{
		&v1.DescribeRequest{},
		&v1.DescribeResponse{Kinds: []*v1.Kind{{Name: "x", Settings: []*v1.Setting{{Name: "x"}}}}},
		&v1.OpenRequest{Instance: "x", Settings: settings},
		&v1.OpenResponse{Abilities: []v1.Ability{v1.Ability_ABILITY_SIGN}},
		beginMessage(&v1.Begin{Instance: "x", Previous: credential}),
		&v1.AuthenticateResponse{
			Message: &v1.AuthenticateResponse_Credential{Credential: credential}},
	} {
		if b, err := proto.Marshal(m); err == nil {
			_ = proto.Unmarshal(b, m.ProtoReflect().New().Interface())
		}
	}
})
