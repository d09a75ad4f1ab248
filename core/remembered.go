// Read on in echo.go.

package core

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"sync/atomic"
)

const (
	maxRememberedOrigins = 64      // origins whose answers are remembered
	maxRememberedValue   = 4 << 10 // bytes of one value
	maxRememberedValues  = 16      // of one header
)

// headerValues holds header values of the answers of one origin, by canonical name. It
// is immutable.
type headerValues map[string][]string

// rememberedHeaders holds header values of answers for Authorizers, by origin. The map
// is replaced as a whole. The zero value is empty.
type rememberedHeaders struct {
	byOrigin atomic.Pointer[map[string]headerValues]
}

// forURL returns the values of the origin of u. Nil: there are none.
func (h *rememberedHeaders) forURL(u *url.URL) headerValues {
	all := h.byOrigin.Load()
	if all == nil {
		return nil
	}
	o, _ := originOf(u)
	return (*all)[o.text]
}

// remember stores the headers of resp, an answer from u, that names lists. It reports
// whether one of them differs from given, the values that the request was made with.
func (h *rememberedHeaders) remember(
	resp *http.Response, u *url.URL, names []string, given headerValues,
) bool {
	var changed headerValues
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		values := rememberable(resp.Header[name])
		if len(values) == 0 || slices.Equal(values, given[name]) {
			continue
		}
		if changed == nil {
			changed = headerValues{}
		}
		changed[name] = values
	}
	o, ok := originOf(u)
	if changed == nil || !ok {
		return false
	}
	for {
		old := h.byOrigin.Load()
		all := map[string]headerValues{}
		if old != nil && (len(*old) < maxRememberedOrigins || (*old)[o.text] != nil) {
			all = maps.Clone(*old)
		}
		merged := headerValues{}
		maps.Copy(merged, all[o.text])
		maps.Copy(merged, changed)
		all[o.text] = merged
		if h.byOrigin.CompareAndSwap(old, &all) {
			return true
		}
	}
}

// rememberable returns the values of a header that may be remembered.
func rememberable(values []string) []string {
	var list []string
	for _, v := range values {
		if v != "" && len(v) <= maxRememberedValue && isFieldValue(v) &&
			len(list) < maxRememberedValues {
			list = append(list, v)
		}
	}
	return list
}
