package command

import (
	"os"
	"os/exec"
	"os/signal"
)

// passing gives the signals of this process to another one.
type passing struct {
	signals chan os.Signal
	cmd     *exec.Cmd
	done    chan struct{}
}

// passSignals begins to keep the signals of this process for that of cmd, which is
// not started yet. From then on none of them ends this process.
func passSignals(cmd *exec.Cmd) *passing {
	p := &passing{signals: make(chan os.Signal, 16), cmd: cmd, done: make(chan struct{})}
	signal.Notify(p.signals, passed...)
	return p
}

// started passes on what has come and what comes.
func (p *passing) started() {
	terminal := isTerminal(os.Stdin)
	go func() {
		for {
			select {
			case s := <-p.signals:
				// The terminal sends Ctrl-C to all processes in its foreground.
				if !terminal || !fromTerminal(s) {
					_ = p.cmd.Process.Signal(s)
				}
			case <-p.done:
				return
			}
		}
	}()
}

// stop ends it.
func (p *passing) stop() {
	signal.Stop(p.signals)
	close(p.done)
}
