// What messages have in common: texts, times, maps and headers.
// Read on in credential.go.

package proto

import (
	"crypto"
	"maps"
	"math"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/authsession/authsession/core"
	v1 "github.com/authsession/authsession/plugins/proto/v1"
)

const (
	maxDepth = 32   // of nested descriptions and values
	maxText  = 2000 // runes of an error's or a description's text
	maxName  = 200  // runes of a name or a key
)

// printable makes text of the other side fit to be shown: at most limit runes,
// and none that cannot be seen.
func printable(s string, limit int) string { return core.Printable(s, limit) }

// lastTime is the last second that a Timestamp can hold.
var lastTime = time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)

func fromTime(t time.Time) *timestamppb.Timestamp {
	switch {
	case t.IsZero():
		return nil
	case t.After(lastTime):
		t = lastTime
	}
	return timestamppb.New(t)
}

// toTime reads a time. Only an absent one is the zero time, which means none:
// one that is out of range is the nearest within it.
func toTime(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	first := time.Time{}.Add(1)
	switch at := t.AsTime(); {
	case t.GetSeconds() <= first.Unix():
		return first
	case t.GetSeconds() >= lastTime.Unix():
		return lastTime
	case t.CheckValid() != nil:
		return time.Unix(t.GetSeconds(), 0).UTC()
	default:
		return at
	}
}

func reveal(m map[string]core.Secret) map[string]string {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]string, len(m))
	for name, value := range m {
		out[name] = value.Reveal()
	}
	return out
}

func hide(m map[string]string) map[string]core.Secret {
	if len(m) == 0 {
		return nil
	}
	out := make(map[string]core.Secret, len(m))
	for name, value := range m {
		out[name] = core.NewSecret(value)
	}
	return out
}

func mapOrNil(m map[string]string) map[string]string {
	if len(m) == 0 {
		return nil
	}
	return maps.Clone(m)
}

func emptyToNil(list []string) []string {
	if len(list) == 0 {
		return nil
	}
	return slices.Clone(list)
}

// hashNumber returns the number of a hash. A number that no hash has stays such a
// number.
func hashNumber(h crypto.Hash) uint32 { return uint32(min(uint64(h), math.MaxUint32)) }

func fromHeader(h http.Header) map[string]*v1.Values {
	m := make(map[string]*v1.Values, len(h))
	for name, values := range h {
		m[name] = &v1.Values{Values: slices.Clone(values)}
	}
	return m
}

func toHeader(m map[string]*v1.Values) http.Header {
	h := make(http.Header, len(m))
	for name, values := range m {
		h[name] = slices.Clone(values.GetValues())
	}
	return h
}

// onlyText returns h without what is not UTF-8, and without names that have no
// value.
func onlyText(h http.Header) http.Header {
	out := make(http.Header, len(h))
	for name, values := range h {
		for _, value := range values {
			if utf8.ValidString(name) && utf8.ValidString(value) {
				out[name] = append(out[name], value)
			}
		}
	}
	return out
}
