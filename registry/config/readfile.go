// Read on in pipes.go.

package config

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/authsession/authsession/internal/textfile"
)

const (
	maxFile      = 16 << 20 // bytes of a configuration
	maxReference = 1 << 20  // bytes of a file that a reference names
)

// digest identifies the contents of a file. The zero digest: it could not be
// read.
type digest [sha256.Size]byte

func digestOf(data []byte, err error) digest {
	if err != nil {
		return digest{}
	}
	return sha256.Sum256(data)
}

// watched is a file as it was when it was read.
type watched struct {
	limit int64 // bytes
	digest
}

// watchedFiles are the files that one load read, by name. [Config.Watch]
// compares them with what the files hold later.
type watchedFiles map[string]watched

// read reads a file and notes what it holds. The error continues "file NAME ".
func (w watchedFiles) read(ctx context.Context, name string, limit int64) ([]byte, error) {
	data, err := textfile.Read(ctx, name, limit)
	w[name] = watched{limit, digestOf(data, err)}
	return data, err
}

// again reads all files again and returns what they hold now.
func (w watchedFiles) again(ctx context.Context) watchedFiles {
	out := make(watchedFiles, len(w))
	for name, file := range w {
		_, _ = out.read(ctx, name, file.limit)
	}
	return out
}

// checkedText returns a text without a byte order mark, as a file is read. The error begins with
// what, which says where it comes from.
func checkedText(what, text string) (string, error) {
	isPlain := utf8.ValidString(text) && strings.IndexByte(text, 0) < 0 &&
		!strings.HasPrefix(text, "\ufeff")
	if isPlain {
		return text, nil // without a copy
	}
	data, err := textfile.Text([]byte(text))
	if err != nil {
		return "", fmt.Errorf("%s %w", what, err)
	}
	return string(data), nil
}
