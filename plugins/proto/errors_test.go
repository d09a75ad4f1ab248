package proto

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

// saidBy is what a factory says about an error of its provider.
func saidBy(t *testing.T, err error) (text string, said core.Error) {
	t.Helper()
	open := func(context.Context, core.Environment, struct{}) (core.Provider, error) {
		return nil, err
	}
	f := core.NewFactory(core.Info{Kind: "kind"}, open)
	_, got := f.Open(t.Context(), "", nil)
	var e *core.Error
	require.ErrorAs(t, got, &e)
	said = *e
	said.Err = nil
	return got.Error(), said
}

func TestErrorsSayTheSameOnBothSides(t *testing.T) {
	coded := core.Errorf(core.CodeDenied, "the key is not known")
	faults := core.Faults{{Path: []string{"a", "0", "b.c"}, Problem: "missing"}, {Problem: "odd"}}
	for name, err := range map[string]error{
		"plain":             errors.New("no route"),
		"a code":            core.CodeDenied,
		"a code, wrapped":   fmt.Errorf("asking: %w", core.CodeInteractive),
		"coded":             coded,
		"coded, no cause":   &core.Error{Code: core.CodeInteractive},
		"coded, no code":    &core.Error{Err: errors.New("x")},
		"coded, wrapped":    fmt.Errorf("asking: %w", coded),
		"coded, joined":     fmt.Errorf("%w; %w", errors.New("first"), coded),
		"coded twice":       core.Errorf(core.CodeUnavailable, "asking: %w", coded),
		"with an operation": &core.Error{Op: "sign", Code: core.CodeBadConfig, Err: errors.New("no key")},
		"to be tried later": &core.Error{Code: core.CodeUnavailable, RetryAfter: 7 * time.Second,
			Err: errors.New("busy")},
		"later, wrapped": fmt.Errorf("asking: %w",
			&core.Error{Code: core.CodeUnavailable, RetryAfter: time.Minute, Err: errors.New("busy")}),
		"local":          core.LocalErrorf(core.CodeBadConfig, "no file"),
		"local, wrapped": fmt.Errorf("asking: %w", core.LocalErrorf(core.CodeUnavailable, "no file")),
		"not local any more": core.Errorf(core.CodeUnavailable, "asking: %w",
			core.LocalErrorf(core.CodeDenied, "no file")),
		"an input":            core.InputRefused("subject_token", coded),
		"an input, wrapped":   fmt.Errorf("asking: %w", core.InputRefused("subject_token", coded)),
		"an input, prefixed":  core.Prefix(core.InputRefused("subject_token", coded), "asking"),
		"faults":              faults,
		"faults, coded":       &core.Error{Code: core.CodeBadConfig, Err: faults},
		"faults, described":   core.Errorf(core.CodeBadConfig, "the settings: %w", faults),
		"a fault":             core.Faultf("a.b", "missing"),
		"a fault, coded":      core.Errorf(core.CodeBadConfig, "%w", core.Faultf("a.b", "missing")),
		"a context that ends": context.Canceled,
	} {
		t.Run(name, func(t *testing.T) {
			text, said := saidBy(t, err)
			back := ToError(over(t, FromError(err)))
			gotText, got := saidBy(t, back)
			require.Equal(t, text, gotText)
			require.Equal(t, said, got)
			require.Equal(t, faultsOf(err), faultsOf(back))
		})
	}
	require.EqualError(t, ToError(FromError(errors.Join(errors.New("first"), coded))),
		"denied: first; denied: the key is not known")
	require.NoError(t, ToError(nil))
	require.Nil(t, FromError(nil))
}

func TestCodesOfErrors(t *testing.T) {
	for sent, want := range map[v1.Code]core.Code{
		0: core.CodeUnavailable, 1: core.CodeBadConfig, 2: core.CodeUnavailable, 3: core.CodeDenied, 4: core.CodeInteractive,
		5: core.CodeNotInitialized, 6: core.CodeClosed, 7: core.CodeOriginRefused,
		8: core.CodeUnavailable, -1: core.CodeUnavailable, 257: core.CodeUnavailable, 1 << 30: core.CodeUnavailable,
	} {
		require.Equal(t, want, core.CodeOf(ToError(&v1.Error{Code: sent})), int32(sent))
	}
	for number, name := range v1.Code_name {
		if number != 0 {
			require.Equal(t, strings.ToLower(strings.TrimPrefix(name, "CODE_")),
				strings.ReplaceAll(core.Code(number).Error(), " ", "_"))
		}
	}
}

func TestWaitsOfErrors(t *testing.T) {
	for _, c := range []struct {
		sent *durationpb.Duration
		want time.Duration
	}{
		{nil, 0},
		{durationpb.New(7 * time.Second), 7 * time.Second},
		{durationpb.New(-7 * time.Second), 0},
		{durationpb.New(1000 * time.Hour), time.Hour},
		{&durationpb.Duration{Seconds: 1 << 62}, 0},
		{&durationpb.Duration{Seconds: 1, Nanos: -1}, 0},
	} {
		var e *core.Error
		require.ErrorAs(t, ToError(&v1.Error{RetryAfter: c.sent}), &e)
		require.Equal(t, c.want, e.RetryAfter)
	}
}

func TestHostileErrors(t *testing.T) {
	long := strings.Repeat("long ", 1<<16)
	many := make([]*v1.Fault, 50_000)
	for i := range many {
		many[i] = &v1.Fault{Path: []string{"x"}, Problem: "missing"}
	}
	paths := make([]string, 10_000)
	for name, m := range map[string]*v1.Error{
		"a long message":   {Code: 3, Message: long},
		"a long operation": {Code: 3, Op: long, Message: "x"},
		"control characters": {Code: 3, Op: "\x1b]0;",
			Message: "a\r\nset-cookie: b\x00\x7f\u0085\u2028\u202e",
			Faults:  []*v1.Fault{{Path: []string{"\n"}, Problem: "\t"}}},
		"many faults":         {Code: 1, Faults: many},
		"faults of many keys": {Code: 1, Faults: []*v1.Fault{{Path: paths, Problem: "x"}}},
		"faults of long keys": {Code: 1, Faults: []*v1.Fault{{Path: []string{long}, Problem: long},
			nil}},
		"faults and a long message": {Code: 1, Message: long, Faults: many},
	} {
		t.Run(name, func(t *testing.T) {
			text := ToError(m).Error()
			require.Less(t, len(text), 3*maxReadFaults)
			require.True(t, text == printable(text, len(text)), "not printable")
		})
	}
	require.Regexp(t, `; and \d+ more$`, ToError(&v1.Error{Faults: many}).Error())
}

// TestLocalOfErrors checks the member of the protocol, and that an error
// without it, as of an earlier version, is one of a server.
func TestLocalOfErrors(t *testing.T) {
	require.True(t, FromError(core.LocalErrorf(core.CodeDenied, "x")).GetLocal())
	require.False(t, FromError(core.Errorf(core.CodeDenied, "x")).GetLocal())
	for _, sent := range []bool{true, false} {
		var e *core.Error
		require.ErrorAs(t, ToError(&v1.Error{Code: 1, Local: sent}), &e)
		require.Equal(t, sent, e.Local)
	}
}

// TestErrorsCanBeSent makes errors that are no text, or too long.
func TestErrorsCanBeSent(t *testing.T) {
	long := strings.Repeat("\xff\U0001F600", 1<<16)
	faults := make(core.Faults, 1000)
	for i := range faults {
		faults[i] = core.Fault{Path: []string{long[:1000], "\xff"}, Problem: long[:10_000]}
	}
	for _, err := range []error{errors.New(long), core.Errorf(core.CodeDenied, "%s", long), faults,
		core.Errorf(core.CodeBadConfig, "%s: %w", long, faults), &core.Error{Op: long}} {
		b, failed := proto.Marshal(FromError(err))
		require.NoError(t, failed)
		require.Less(t, len(b), 2*maxSentFaults)
	}
}

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "abc": "abc", "abcdef": "abcde…", "a\nb": "ab", "\xff": "", "a\x00bcdef": "abcde…",
		"ééééé": "ééééé", "éééééé": "ééééé…", "a\u200eb": "ab",
	} {
		require.Equal(t, want, printable(in, 5), "%q", in)
	}
}
