// Read on in values.go.

package proto

import (
	"slices"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// FromInfo makes a message of the description of a kind.
func FromInfo(info core.Info, settings []core.Setting) *v1.Kind {
	k := &v1.Kind{
		Name: info.Kind, Summary: info.Summary, Settings: fromSettings(settings), Facade: info.Facade,
	}
	for _, env := range info.Environments {
		k.Environments = append(k.Environments, string(env))
	}
	return k
}

// ToInfo makes the description of a kind of a message. Texts are made printable
// and cut to a sensible length.
func ToInfo(k *v1.Kind) (core.Info, []core.Setting) {
	info := core.Info{
		Kind: printable(k.GetName(), maxName), Summary: printable(k.GetSummary(), maxText),
		Facade: k.GetFacade(),
	}
	for _, env := range k.GetEnvironments() {
		info.Environments = append(info.Environments, core.Environment(printable(env, maxName)))
	}
	return info, toSettings(k.GetSettings(), 0)
}

func fromSettings(list []core.Setting) []*v1.Setting {
	out := make([]*v1.Setting, len(list))
	for i, s := range list {
		out[i] = &v1.Setting{
			Name: s.Name, Type: s.Type, Doc: s.Doc, Default: s.Default, Enum: slices.Clone(s.Enum),
			Required: s.Required, Secret: s.Secret, Identity: s.Identity && !s.Secret,
			Fields: fromSettings(s.Fields),
		}
	}
	return out
}

func toSettings(list []*v1.Setting, depth int) []core.Setting {
	if len(list) == 0 || depth > maxDepth {
		return nil
	}
	out := make([]core.Setting, len(list))
	for i, s := range list {
		out[i] = core.Setting{
			Name: printable(s.GetName(), maxName), Type: printable(s.GetType(), maxName),
			Doc: printable(s.GetDoc(), maxText), Default: printable(s.GetDefault(), maxText),
			Required: s.GetRequired(), Secret: s.GetSecret(),
			Identity: s.GetIdentity() && !s.GetSecret(), Fields: toSettings(s.GetFields(), depth+1),
		}
		for _, value := range s.GetEnum() {
			out[i].Enum = append(out[i].Enum, printable(value, maxName))
		}
	}
	return out
}

// FromVisit makes a prompt of a page that a person is asked to open.
func FromVisit(v core.DevicePrompt) *v1.Prompt {
	return &v1.Prompt{
		Kind: v1.PromptKind_PROMPT_KIND_VISIT, Text: v.VerificationURI,
		Code: v.UserCode, Direct: v.VerificationURIComplete,
		Expires: fromTime(v.ExpiresAt),
	}
}

// ToVisit makes a page to open of a prompt.
func ToVisit(m *v1.Prompt) core.DevicePrompt {
	return core.DevicePrompt{
		VerificationURI: m.GetText(), UserCode: m.GetCode(),
		VerificationURIComplete: m.GetDirect(), ExpiresAt: toTime(m.GetExpires()),
	}
}
