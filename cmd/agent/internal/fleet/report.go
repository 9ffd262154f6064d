package fleet

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strconv"
	"text/tabwriter"
)

// Report is what a trial has shown.
type Report struct {
	Agents       int              `json:"agents"`
	Seed         uint64           `json:"seed"`
	Broker       string           `json:"broker"`
	Connecting   Connecting       `json:"connecting"`
	Reconnecting Reconnecting     `json:"reconnecting"`
	Agent        PerAgent         `json:"per_agent"`
	Pushes       []Push           `json:"pushes"`
	Ledger       Ledger           `json:"ledger"`
	Acks         Acks             `json:"acknowledgements"`
	Refused      map[string]int64 `json:"refused"` // envelopes by code, over all agents
}

// Connecting is how the fleet came to the broker.
type Connecting struct {
	All       bool    `json:"all"`
	Seconds   float64 `json:"seconds"` // from the first start to the last connection
	PerSecond float64 `json:"per_second"`
}

// Reconnecting is what happened to the connections afterwards.
type Reconnecting struct {
	Connects      int     `json:"connects"`
	MostPerSecond int     `json:"most_per_second"`
	MostAway      int     `json:"most_away"`
	Away          int     `json:"away"`         // at the end
	BackSeconds   float64 `json:"back_seconds"` // from the first loss until nobody was away, the longest
}

// PerAgent is what an agent takes here, with its share of the trial itself.
type PerAgent struct {
	Bytes       int64   `json:"bytes"` // resident; 0: not known on this system
	Goroutines  float64 `json:"goroutines"`
	Descriptors float64 `json:"descriptors"` // 0: not known on this system
}

// Push is what became of one word to all.  Times are from sending to what is stored.
type Push struct {
	Kind         string `json:"kind"`
	To           string `json:"to"`
	Once         int    `json:"once"` // agents that applied it once
	MoreThanOnce int    `json:"more_than_once"`
	Refused      int    `json:"refused"`
	Missing      int    `json:"missing"`
	SentAgain    int    `json:"sent_again"` // to single agents that had not applied it
	P50          int64  `json:"p50_ms"`
	P99          int64  `json:"p99_ms"`
	Most         int64  `json:"most_ms"`
}

// Ledger is what came of the vouchers.
type Ledger struct {
	Vouchers int `json:"vouchers"` // sent
	Credited int `json:"credited"` // entries
	Unsound  int `json:"unsound"`  // ledgers whose chain does not hold
}

// Acks are the acknowledgements that the utility has heard.
type Acks struct {
	Made    int64 `json:"made"`
	Heard   int   `json:"heard"` // each once
	Twice   int   `json:"twice"` // that came once more
	Unsound int   `json:"unsound"`
	Waiting int   `json:"waiting"` // that no receipt has come for
	Dropped int64 `json:"dropped"`
}

func (f *Fleet) report() Report {
	r := Report{Agents: len(f.agents), Seed: f.opt.Seed, Broker: f.opt.Broker, Pushes: []Push{}, Refused: map[string]int64{}}
	r.Connecting, r.Reconnecting = f.links.report()
	f.mu.Lock()
	r.Ledger.Vouchers = f.tokens * len(f.agents)
	for _, p := range f.pushes {
		r.Pushes = append(r.Pushes, p.report())
	}
	f.mu.Unlock()
	for _, a := range f.agents {
		n, err := a.book.topups()
		r.Ledger.Credited += n
		if err != nil {
			r.Ledger.Unsound++
		}
		st := a.book.heard()
		for _, c := range st.Refused {
			r.Refused[string(c.Code)] += int64(c.N) //nolint:gosec // small
		}
		r.Acks.Made += int64(st.AckSeq) //nolint:gosec // small
		r.Acks.Waiting += len(st.Acks)
		r.Acks.Dropped += int64(st.Dropped) //nolint:gosec // small
	}
	delete(r.Refused, "") // taken
	r.Acks.Heard, r.Acks.Twice, r.Acks.Unsound = f.utility.counts()
	if n := int64(len(f.agents)); n > 0 && f.after != (footprint{}) {
		r.Agent = PerAgent{
			Bytes: (f.after.resident - f.before.resident) / n, Goroutines: float64(f.after.goroutines-f.before.goroutines) / float64(n),
			Descriptors: float64(f.after.descriptors-f.before.descriptors) / float64(n),
		}
	}
	return r
}

// Faults are what a fleet must not do, in words; none: all went well.
func (r Report) Faults() (out []string) {
	add := func(n int, what string) {
		if n > 0 {
			out = append(out, fmt.Sprintf("%d %s", n, what))
		}
	}
	for _, p := range r.Pushes {
		add(p.MoreThanOnce, "agents applied a "+p.Kind+" more than once")
		add(p.Missing+p.Refused, "agents did not apply a "+p.Kind)
	}
	add(r.Ledger.Credited-r.Ledger.Vouchers, "vouchers were credited twice")
	add(r.Ledger.Vouchers-r.Ledger.Credited, "vouchers were not credited")
	add(r.Ledger.Unsound, "ledgers are not sound")
	add(r.Acks.Unsound, "acknowledgements are not signed by their site")
	add(r.Reconnecting.Away, "agents are away at the end")
	return out
}

// Table prints the report for people.
func (r Report) Table(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 4, 2, ' ', 0)
	fmt.Fprintf(t, "agents\t%d\tseed %d\n", r.Agents, r.Seed)
	fmt.Fprintf(t, "connected\t%.0f/s\tall after %.1f s\n", r.Connecting.PerSecond, r.Connecting.Seconds)
	fmt.Fprintf(t, "an agent\t%.0f KiB\t%.1f goroutines, %.2f descriptors\n", float64(r.Agent.Bytes)/1024, r.Agent.Goroutines, r.Agent.Descriptors)
	for _, p := range r.Pushes {
		fmt.Fprintf(t, "%s\tonce %d\tmore than once %d, refused %d, missing %d; applied after %d ms (p50), %d ms (p99), %d ms (last)", p.Kind, p.Once, p.MoreThanOnce, p.Refused, p.Missing, p.P50, p.P99, p.Most)
		if p.SentAgain > 0 {
			fmt.Fprintf(t, "; sent again %d", p.SentAgain)
		}
		fmt.Fprintln(t)
	}
	fmt.Fprintf(t, "vouchers\t%d\tcredited %d\n", r.Ledger.Vouchers, r.Ledger.Credited)
	fmt.Fprintf(t, "acknowledged\t%d\theard %d, twice %d, not confirmed %d, given up %d\n", r.Acks.Made, r.Acks.Heard, r.Acks.Twice, r.Acks.Waiting, r.Acks.Dropped)
	if r.Reconnecting.Connects > 0 || r.Reconnecting.MostAway > 0 {
		fmt.Fprintf(t, "reconnected\t%d\tat most %d/s; %d were away at once, all back after %.1f s\n", r.Reconnecting.Connects, r.Reconnecting.MostPerSecond, r.Reconnecting.MostAway, r.Reconnecting.BackSeconds)
	}
	for _, code := range slices.Sorted(maps.Keys(r.Refused)) {
		fmt.Fprintf(t, "refused\t%d\t%s\n", r.Refused[code], code)
	}
	return t.Flush()
}

// footprint is what the process takes.
type footprint struct {
	resident                int64 // bytes
	goroutines, descriptors int
}

func footprintNow() footprint {
	runtime.GC()
	f := footprint{goroutines: runtime.NumGoroutine()}
	if text, err := os.ReadFile("/proc/self/statm"); err == nil {
		if fields := bytes.Fields(text); len(fields) > 1 {
			pages, _ := strconv.ParseInt(string(fields[1]), 10, 64)
			f.resident = pages * int64(os.Getpagesize())
		}
	}
	if open, err := os.ReadDir("/proc/self/fd"); err == nil {
		f.descriptors = len(open)
	}
	return f
}
