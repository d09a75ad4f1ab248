package plugins

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/authsession/authsession/plugins/internal/process"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// TestProtocolPage holds docs/plugin-protocol.md to the code: its numbers, its
// variables, and that no call, code, ability or prompt is missing. The numbers of
// processes are held by the test of the same name in plugins/internal/process.
func TestProtocolPage(t *testing.T) {
	text, err := os.ReadFile("../docs/plugin-protocol.md")
	require.NoError(t, err)
	page := strings.Join(strings.Fields(string(text)), " ")
	for _, want := range []string{
		fmt.Sprintf("| `%s` | `%s`", process.CookieKey, process.CookieValue),
		fmt.Sprintf("| 2 | `%d`, the version of this protocol", process.ProtocolVersion),
		fmt.Sprintf("| a message, both ways | %d MiB", maxMessage>>20),
		fmt.Sprintf("| kinds | %d, with 10,000 settings in all", maxKinds),
		"64 KiB; at most 1000 attributes and 1000 origins", // core's, for all providers
		fmt.Sprintf("| within %d years", maxYears),
		fmt.Sprintf("| a signature | %d KiB", maxSignature>>10),
		fmt.Sprintf("| %d; a message or a question is cut at %d KiB, a URL has %d KiB, a code %d bytes",
			maxPrompts, maxPrompt>>10, maxPage>>10, maxCode),
		"| headers to learn | 16, with names of 256 bytes", // core's
	} {
		require.Contains(t, page, want)
	}
	file := v1.File_provider_proto
	methods := file.Services().Get(0).Methods()
	for i := range methods.Len() {
		require.Contains(t, string(text), "\n### "+string(methods.Get(i).Name())+"\n")
	}
	var names []string
	for enum, prefix := range map[protoreflect.Name]string{"Code": "CODE_", "Reason": "REASON_",
		"PromptKind": "PROMPT_KIND_"} {
		values := file.Enums().ByName(enum).Values()
		for i := range values.Len() {
			if name := strings.TrimPrefix(string(values.Get(i).Name()), prefix); name != "UNSPECIFIED" &&
				!forTheHost(name) {
				names = append(names, name)
			}
		}
	}
	for _, m := range []protoreflect.Name{"Begin", "Prompt", "Credential", "Attachment",
		"AuthorizeRequest", "SignRequest", "Error"} {
		fields := file.Messages().ByName(m).Fields()
		for i := range fields.Len() {
			if name := string(fields.Get(i).Name()); !slices.Contains(inEachMessage, name) {
				names = append(names, name)
			}
		}
	}
	for _, name := range names {
		require.Regexp(t, "`[a-z._]*"+name+"`", page)
	}
}

// inEachMessage are fields that the page does not explain one by one.
var inEachMessage = []string{"credential", "instance", "attach", "kind", "method"}

// forTheHost reports whether no plugin sends a code.
func forTheHost(name string) bool {
	return name == "NOT_INITIALIZED" || name == "CLOSED" || name == "ORIGIN_REFUSED"
}
