package core

import (
	"maps"
	"net/http"
	"net/url"
	"sync/atomic"
)

const (
	maxLessons = 64      // origins whose answers are remembered
	maxLesson  = 4 << 10 // bytes of one value
)

// lesson holds what the answers of one origin said, by canonical header name.
// It is never written to.
type lesson map[string]string

// lessons are a session's, by origin. They are exchanged as a whole.
type lessons struct {
	all atomic.Pointer[map[string]lesson]
}

func (t *lessons) of(u *url.URL) lesson {
	all := t.all.Load()
	if all == nil {
		return nil
	}
	o, _ := originOf(u)
	return (*all)[o.text]
}

// learn takes the headers with these names from an answer. It reports whether
// one of them has a value that the request did not know.
func (t *lessons) learn(resp *http.Response, u *url.URL, names []string, known lesson) bool {
	var news lesson
	for _, name := range names {
		name = http.CanonicalHeaderKey(name)
		value := resp.Header.Get(name)
		if value == "" || len(value) > maxLesson || value == known[name] || !isFieldValue(value) {
			continue
		}
		if news == nil {
			news = lesson{}
		}
		news[name] = value
	}
	o, ok := originOf(u)
	if news == nil || !ok {
		return false
	}
	for {
		old := t.all.Load()
		all := map[string]lesson{}
		if old != nil && (len(*old) < maxLessons || (*old)[o.text] != nil) {
			all = maps.Clone(*old)
		}
		merged := lesson{}
		maps.Copy(merged, all[o.text])
		maps.Copy(merged, news)
		all[o.text] = merged
		if t.all.CompareAndSwap(old, &all) {
			return true
		}
	}
}
