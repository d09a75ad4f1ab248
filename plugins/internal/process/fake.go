// This file is for tests of packages that use a supervisor. Read on in ending.go.

package process

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"
)

// NewFakeSupervisor returns a supervisor whose processes are all conn: it starts no
// program. p is only what errors and logs name.
func NewFakeSupervisor(p Program, c Config, log *slog.Logger,
	conn grpc.ClientConnInterface) *Supervisor {
	s := NewSupervisor(p, c, log)
	describer := &starter{program: s.program, config: s.config, log: s.log}
	s.start = func(ctx context.Context) (*Process, Description, error) {
		d, err := describer.describe(ctx, conn)
		if err != nil {
			return nil, d, err
		}
		child := &noChild{ended: make(chan struct{})}
		return newProcess(child, unclosable{conn}, time.Now()), d, nil
	}
	return s
}

// noChild is a process that ends as soon as it is told to.
type noChild struct {
	once  sync.Once
	ended chan struct{}
}

func (c *noChild) end(time.Duration)     { c.once.Do(func() { close(c.ended) }) }
func (c *noChild) done() <-chan struct{} { return c.ended }
func (c *noChild) endState() string      { return "it was told to end" }
func (c *noChild) runningPID() int       { return 0 }

// unclosable is a connection that outlives its processes.
type unclosable struct{ grpc.ClientConnInterface }

func (unclosable) Close() error { return nil }
