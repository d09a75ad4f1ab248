// Read on in report.go.

package config

import (
	"context"

	"github.com/authsession/authsession/internal/textfile"
)

// pipes are the files of a configuration that are pipes, such as /dev/fd/63 of a
// shell's <(command). What was read from them is kept, because it can be read only
// once. The loads of a configuration use them one after the other.
type pipes map[string]pipe

// pipe is what was read from a pipe.
type pipe struct {
	data []byte
	err  error // it continues "the file "
}

// read reads the pipes among these files that were not read before.
func (p pipes) read(ctx context.Context, names []string) {
	for _, name := range names {
		before, known := p[name]
		if known && before.err == nil || !known && !textfile.IsPipe(name) {
			continue
		}
		data, err := textfile.ReadPipe(ctx, name, maxFile)
		p[name] = pipe{data, err}
	}
}
