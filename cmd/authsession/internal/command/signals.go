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
// not started yet. From then on none of them ends this process. Signals that this process
// ignores stay ignored, in the other process too.
func passSignals(cmd *exec.Cmd) *passing {
	p := &passing{signals: make(chan os.Signal, 16), cmd: cmd, done: make(chan struct{})}
	notify(p.signals, passed...)
	return p
}

// notify is [signal.Notify] without the signals that this process was started to ignore, as
// by nohup: to ask for one would end that, and the processes that this one starts would not
// ignore it either.
func notify(c chan<- os.Signal, signals ...os.Signal) {
	for _, s := range signals {
		if !signal.Ignored(s) {
			signal.Notify(c, s)
		}
	}
}

// started passes on what has come and what comes.
func (p *passing) started() {
	go func() {
		for {
			select {
			case s := <-p.signals:
				if !sentToGroup(s) {
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
