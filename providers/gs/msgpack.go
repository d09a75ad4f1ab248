// A check of MessagePack before it is decoded.
//
// Read on in body.go.

package gs

import (
	"encoding/binary"

	"github.com/authsession/authsession/core"
)

// maxDepth is how deep lists and maps of MessagePack may be nested. The decoder is recursive, and a
// stack overflow ends the process.
const maxDepth = 1000

var errPacked = core.Errorf(core.CodeUnavailable,
	"the answer's MessagePack is cut short or nested too deep")

// checkPacked reports a MessagePack value that is incomplete or nested too deep. It does not
// recurse: open has the number of values that are still missing at each level, from the outermost
// to the innermost.
func checkPacked(b []byte) error {
	open := []uint64{1}
	for len(open) > 0 {
		if open[len(open)-1] == 0 {
			open = open[:len(open)-1]
			continue
		}
		open[len(open)-1]--
		size, values, ok := packedItem(b)
		if !ok || uint64(len(b)) < size {
			return errPacked
		}
		b = b[size:]
		if values > 0 {
			if open = append(open, values); len(open) > maxDepth {
				return errPacked
			}
		}
	}
	return nil
}

// packedItem returns the size in bytes of the value at the start of b, without the values that it
// contains, and the number of those, which follow it. A map contains two values for each entry.
func packedItem(b []byte) (size, values uint64, ok bool) {
	if len(b) == 0 {
		return 0, 0, false
	}
	switch c := b[0]; {
	case c <= 0x7f, c >= 0xe0, c == 0xc0, c == 0xc2, c == 0xc3:
		return 1, 0, true
	case c <= 0x8f:
		return 1, 2 * uint64(c&0x0f), true
	case c <= 0x9f:
		return 1, uint64(c & 0x0f), true
	case c <= 0xbf:
		return 1 + uint64(c&0x1f), 0, true
	case c == 0xc1:
		return 0, 0, false
	case c >= 0xca && c <= 0xd3: // floats and integers
		return 1 + [...]uint64{4, 8, 1, 2, 4, 8, 1, 2, 4, 8}[c-0xca], 0, true
	case c >= 0xd4 && c <= 0xd8: // extensions of a fixed size, with a type
		return 2 + 1<<(c-0xd4), 0, true
	}
	return packedLong(b)
}

// packedLong is packedItem for values that begin with a length.
func packedLong(b []byte) (size, values uint64, ok bool) {
	length := func(width int) (uint64, bool) {
		if len(b) < 1+width {
			return 0, false
		}
		var wide [8]byte
		copy(wide[8-width:], b[1:1+width])
		return binary.BigEndian.Uint64(wide[:]), true
	}
	switch c := b[0]; {
	case c >= 0xc4 && c <= 0xc6, c >= 0xd9 && c <= 0xdb: // bytes and text
		width := 1 << (c - 0xc4)
		if c >= 0xd9 {
			width = 1 << (c - 0xd9)
		}
		n, ok := length(width)
		return 1 + uint64(width) + n, 0, ok
	case c >= 0xc7 && c <= 0xc9: // extensions, with a type
		width := 1 << (c - 0xc7)
		n, ok := length(width)
		return 2 + uint64(width) + n, 0, ok
	case c == 0xdc, c == 0xdd: // lists
		width := 2 << (c - 0xdc)
		n, ok := length(width)
		return 1 + uint64(width), n, ok
	default: // maps
		width := 2 << (c - 0xde)
		n, ok := length(width)
		return 1 + uint64(width), 2 * n, ok
	}
}
