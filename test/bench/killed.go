package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/authsession/authsession/core"
	"github.com/authsession/authsession/plugins"
)

// processes has the rows about the processes of plugins.
func processes(p plan) []table {
	crash := table{
		title: "Killed plugin",
		text: "The process is killed; from then on the provider is asked again and again. " +
			"Milliseconds until the next good answer. To reach: 50.",
		head: []string{"", "ms", "failed calls"},
	}
	small := buildSmall()
	defer small.remove()
	for _, of := range []binary{small.ours, self()} {
		var took, failed figures
		for range p.runs {
			ms, n := crashed(of)
			took, failed = append(took, ms), append(failed, n)
		}
		crash.add("authsession, "+of.megabytes(), took.String(), failed.String())
	}
	var bareFailed figures
	for range p.runs {
		bareFailed = append(bareFailed, bareCrashed(small.bare))
	}
	crash.add("bare go-plugin", "never, within 500", bareFailed.String())

	const sessions = 100
	shared := table{
		title: "100 sessions of one plugin",
		text:  "All opened and authenticated. To reach: one process.",
		head:  []string{"", "processes", "ms for all after the first"},
	}
	var count, rest figures
	for range p.runs {
		n, ms := sharing(sessions)
		count, rest = append(count, n), append(rest, ms)
	}
	shared.add("authsession", count.String(), rest.String())
	return []table{crash, shared}
}

// crashed kills the plugin of a provider, and returns the milliseconds until
// another process has answered, and how many calls failed meanwhile.
func crashed(of binary) (ms, failed float64) {
	h := new(plugins.Host)
	defer closeHost(h)
	provider := openTicket(ticketsOf(h, of))
	began := kill(answering(provider))
	for {
		if _, err := provider.Authenticate(context.Background(), core.Request{}); err == nil {
			return milliseconds(time.Since(began)), failed
		}
		failed++
		if time.Since(began) > 10*time.Second {
			panic("bench: a killed plugin does not come back")
		}
		time.Sleep(time.Millisecond)
	}
}

// bareCrashed does the same for half a second with a bare plugin, and returns
// how many calls failed. One that works is a panic: the table says it is never.
func bareCrashed(of binary) (failed float64) {
	b := openBare(of)
	defer b.client.Kill()
	began := kill(b.client.ReattachConfig().Pid)
	for !b.client.Exited() {
		time.Sleep(time.Millisecond)
	}
	for time.Since(began) < 500*time.Millisecond {
		if b.call() == nil {
			panic("bench: a bare plugin came back")
		}
		failed++
		time.Sleep(time.Millisecond)
	}
	return failed
}

// answering returns the process that answers.
func answering(p core.Provider) int {
	c, err := p.Authenticate(context.Background(), core.Request{})
	must(err)
	pid, err := strconv.Atoi(c.Subject)
	must(err)
	if pid == os.Getpid() {
		panic("bench: this is no plugin")
	}
	return pid
}

func kill(pid int) time.Time {
	p, err := os.FindProcess(pid)
	must(err)
	began := time.Now()
	must(p.Kill())
	return began
}

// sharing opens n sessions and counts the processes that answer.
func sharing(n int) (processes, ms float64) {
	h := new(plugins.Host)
	defer closeHost(h)
	factory := ticketsOf(h, self())
	pids := map[string]bool{}
	var began time.Time
	for i := range n {
		s := core.New("bench", openTicket(factory), nil)
		must(s.Init(context.Background()))
		pids[s.Status().Subject] = true
		if i == 0 {
			began = time.Now()
		}
	}
	return float64(len(pids)), milliseconds(time.Since(began))
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
