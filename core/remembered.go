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

// headerValues holds what the answers of one origin said, by canonical header name.
// It is never written to.
type headerValues map[string][]string

// rememberedHeaders holds headers of answers for Authorizers, by origin. The map is
// exchanged as a whole. The zero value is empty.
type rememberedHeaders struct {
	all atomic.Pointer[map[string]headerValues]
}

func (t *rememberedHeaders) of(u *url.URL) headerValues {
	all := t.all.Load()
	if all == nil {
		return nil
	}
	o, _ := originOf(u)
	return (*all)[o.text]
}

// learn remembers the headers with these names of an answer. It reports whether
// one of them has a value that is not in known, which the request was made with.
func (t *rememberedHeaders) learn(
	resp *http.Response, u *url.URL, names []string, known headerValues,
) bool {
	var news headerValues
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		values := fitValues(resp.Header[name])
		if len(values) == 0 || slices.Equal(values, known[name]) {
			continue
		}
		if news == nil {
			news = headerValues{}
		}
		news[name] = values
	}
	o, ok := originOf(u)
	if news == nil || !ok {
		return false
	}
	for {
		old := t.all.Load()
		all := map[string]headerValues{}
		if old != nil && (len(*old) < maxRememberedOrigins || (*old)[o.text] != nil) {
			all = maps.Clone(*old)
		}
		merged := headerValues{}
		maps.Copy(merged, all[o.text])
		maps.Copy(merged, news)
		all[o.text] = merged
		if t.all.CompareAndSwap(old, &all) {
			return true
		}
	}
}

// fitValues returns the values of a header that may be remembered.
func fitValues(values []string) []string {
	var fit []string
	for _, v := range values {
		if v != "" && len(v) <= maxRememberedValue && isFieldValue(v) && len(fit) < maxRememberedValues {
			fit = append(fit, v)
		}
	}
	return fit
}
