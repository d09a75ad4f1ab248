// Read on in tree.go.

package config

import "sync"

// places are where the values of files and sources, or of variables, were written, by path. A
// reader notes them in the order of the text, which takes no search and no memory of its own for
// each. They are indexed when one is first looked up: a load without a fault or a reference needs
// none.
type places struct {
	// chunks have what was noted, atOnce in each: a list that grew would be copied again and again.
	chunks [][]noted
	count  int32

	mu      sync.Mutex // guards index, and same in noted
	index   map[placeKey]int32
	indexed int32 // how many of those noted index has
}

const atOnce = 256

// noted is a key, or an element of a list, in the text. It has a number, from 0.
type noted struct {
	place // the zero place: not known
	name  string
	above int32 // the one that the key is in; root: none
	same  int32 // the one of the same path that was noted first
}

// root is what the keys at the top are in.
const root = int32(-1)

// placeKey is a key of an index: a name, and the first noted of the path that it is in.
type placeKey struct {
	above int32
	name  string
}

// note notes a name in the one at above, and returns its number.
func (p *places) note(above int32, name string, at place) int32 {
	if p.count%atOnce == 0 {
		p.chunks = append(p.chunks, make([]noted, 0, atOnce))
	}
	last := &p.chunks[len(p.chunks)-1]
	*last = append(*last, noted{place: at, name: name, above: above})
	p.count++
	return p.count - 1
}

// get returns the one of a number.
func (p *places) get(number int32) *noted { return &p.chunks[number/atOnce][number%atOnce] }

// set notes the place of a path, but none of the ways to it.
func (p *places) set(path []string, at place) {
	above := root
	for i, name := range path {
		if i == len(path)-1 {
			above = p.note(above, name, at)
		} else {
			above = p.note(above, name, place{})
		}
	}
}

// at returns the place of the value at path below base. It reports false if there is none.
func (p *places) at(base, path []string) (place, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.indexAll()
	at := root
	for _, names := range [2][]string{base, path} {
		for _, name := range names {
			next, ok := p.index[placeKey{at, name}]
			if !ok {
				return place{}, false
			}
			at = next
		}
	}
	if at == root || p.get(at).source == nil {
		return place{}, false
	}
	return p.get(at).place, true
}

// indexAll indexes what was noted since it was last called. Of several places of one path the last
// one counts, but of those in one source that keeps the first, the first.
func (p *places) indexAll() {
	if p.index == nil {
		p.index = make(map[placeKey]int32, p.count)
	}
	for ; p.indexed < p.count; p.indexed++ {
		number, n := p.indexed, p.get(p.indexed)
		key := placeKey{n.above, n.name}
		if n.above != root {
			key.above = p.get(n.above).same
		}
		first, twice := p.index[key]
		if !twice {
			p.index[key], n.same = number, number
			continue
		}
		n.same = first
		before := &p.get(first).place
		if n.source != nil && (n.source != before.source || !n.source.keepsFirst) {
			*before = n.place
		}
	}
}
