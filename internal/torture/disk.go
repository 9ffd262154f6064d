package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A power cut takes what was written and not synced.  The agent runs below strace, which
// writes down every write and sync of its databases; from that any moment's disk can be
// made: what was synced is there, of the rest nothing, or some sectors.

// databases are the files whose writes are followed.
func databases() []string {
	return []string{"keeplit.db", "keeplit.db-wal", "intervals.db", "intervals.db-wal"}
}

// tracer is the command that an agent runs below.
func tracer(data, log string) []string {
	args := []string{
		"strace", "-f", "-ttt", "-y", "-xx", "-s", "1000000", "--seccomp-bpf", "-qq", "-e", "signal=none",
		"-e", "trace=pwrite64,write,ftruncate,fsync,fdatasync", "-o", log,
	}
	for _, name := range databases() {
		args = append(args, "-P", filepath.Join(data, name))
	}
	return args
}

// op is a write, a truncation, or a sync of a file.
type op struct {
	at   time.Time // when it had returned, or before
	file string
	kind byte // w, t, s
	off  int64
	data []byte
	upto int // of a sync: the operations before this one are on the disk
}

// How strace writes calls down.
var ( //nolint:gochecknoglobals // constants
	callLine = regexp.MustCompile(`^(\d+) +(\d+)\.(\d+) (.*)$`)
	callName = regexp.MustCompile(`^(pwrite64|write|ftruncate|fsync|fdatasync)\(\d+<([^>]*)>(.*)$`)
	resumed  = regexp.MustCompile(`^<\.\.\. (\w+) resumed>(.*)$`)
)

// operations reads what strace wrote down.  A last line that was cut off is left out.
func operations(log string) ([]op, error) {
	f, err := os.Open(log)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	var out []op
	type open struct {
		text string
		from int
	}
	waiting := map[string]open{}
	lines := bufio.NewReaderSize(f, 1<<20)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		m := callLine.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			continue
		}
		sec, _ := strconv.ParseInt(m[2], 10, 64)
		micro, _ := strconv.ParseInt(m[3], 10, 64)
		call, from := m[4], len(out)
		if before, ok := strings.CutSuffix(call, " <unfinished ...>"); ok {
			waiting[m[1]] = open{before, from}
			continue
		}
		if r := resumed.FindStringSubmatch(call); r != nil {
			w, ok := waiting[m[1]]
			if !ok {
				continue
			}
			delete(waiting, m[1])
			call, from = w.text+r[2], w.from
		}
		o, ok, err := operation(call)
		if err != nil {
			return nil, fmt.Errorf("%w in %.80q", err, call)
		}
		if !ok {
			continue
		}
		o.at, o.upto = time.Unix(sec, micro*1000), from
		out = append(out, o)
	}
}

// operation is one call; ok is false of what failed or is none of ours.
func operation(call string) (o op, ok bool, err error) {
	m := callName.FindStringSubmatch(call)
	if m == nil {
		return o, false, nil
	}
	name, err := unhex(m[2])
	if err != nil {
		return o, false, err
	}
	o.file = filepath.Base(string(name))
	args, result, cut := strings.Cut(m[3], ") = ")
	if !cut || strings.HasPrefix(result, "-1") {
		return o, false, nil
	}
	switch m[1] {
	case "fsync", "fdatasync":
		o.kind = 's'
		return o, true, nil
	case "ftruncate":
		o.kind = 't'
		o.off, err = strconv.ParseInt(strings.TrimPrefix(args, ", "), 10, 64)
		return o, err == nil, err
	case "write":
		return o, false, fmt.Errorf("a write without a place, which a database does not do")
	}
	o.kind = 'w'
	parts := strings.Split(args, ", ") // "", data, length, offset
	if len(parts) != 4 {
		return o, false, fmt.Errorf("%d arguments", len(parts)-1)
	}
	if o.data, err = unhex(strings.Trim(parts[1], `"`)); err != nil {
		return o, false, err
	}
	o.off, err = strconv.ParseInt(parts[3], 10, 64)
	return o, err == nil, err
}

// unhex is \x41\x42.
func unhex(s string) ([]byte, error) { return hex.DecodeString(strings.ReplaceAll(s, `\x`, "")) }

const sector = 512

// cut writes the disk as it is when power fails after ops, which began on what lies in from:
// of what was not synced each sector is there with the chance keep.
func cut(from string, ops []op, keep float64, rng *rand.Rand, into string) error {
	files := map[string][]byte{}
	for _, name := range databases() {
		if data, err := os.ReadFile(filepath.Join(from, name)); from != "" && err == nil {
			files[name] = data
		}
	}
	synced := map[string]int{}
	for _, o := range ops {
		if o.kind == 's' {
			synced[o.file] = max(synced[o.file], o.upto)
		}
	}
	for i, o := range ops {
		if o.kind == 's' {
			continue
		}
		content := files[o.file]
		if o.kind == 't' {
			if i < synced[o.file] || rng.Float64() < keep {
				content = append(content[:min(int64(len(content)), o.off):min(int64(len(content)), o.off)], make([]byte, max(0, o.off-int64(len(content))))...)
			}
			files[o.file] = content
			continue
		}
		for n := 0; n < len(o.data); {
			step := min(len(o.data)-n, sector-int((o.off+int64(n))%sector))
			if i < synced[o.file] || rng.Float64() < keep {
				end := int(o.off) + n + step
				if end > len(content) {
					content = append(content, make([]byte, end-len(content))...)
				}
				copy(content[int(o.off)+n:], o.data[n:n+step])
			}
			n += step
		}
		files[o.file] = content
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(into, name), content, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// powerCuts runs an agent while tokens come, and looks at the disk that power cuts at many
// moments would have left; on some of them it goes on.
func powerCuts(r *room) error {
	dir, err := os.MkdirTemp(r.dir, "cuts-")
	if err != nil {
		return err
	}
	h, err := newSite(r.ctx, r.agent, dir, settings{})
	defer h.close()
	if err != nil {
		return err
	}
	log := filepath.Join(dir, "log")
	h.before = tracer(filepath.Join(dir, "data"), log)
	if err := r.opened(h, 2000); err != nil {
		return err
	}
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	known := map[*told]time.Time{} // since when, by the harness's clock
	lasts, cuts, lives := 8*time.Second, 40, 4
	if r.brief {
		lasts, cuts, lives = 4*time.Second, 15, 1
	}
	for end := time.Now().Add(lasts); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		c.buy(h, 1, func() int { return 1 + r.rng.IntN(900) })
		ctx, cancel := context.WithTimeout(r.ctx, 2*time.Second)
		c.enter(ctx, h)
		cancel()
		for _, t := range c.said() {
			for _, is := range c.all {
				if is.token == t.token && t.known && known[is].IsZero() {
					known[is] = time.Now()
				}
			}
		}
	}
	h.kill()
	ops, err := operations(log)
	if err != nil {
		return err
	}
	first := 0 // the moment from which on there was an account
	for i, o := range ops {
		if o.at.Before(h.house.began) {
			first = i
		}
	}
	if len(ops)-first < 20 {
		return fmt.Errorf("only %d writes and syncs were seen", len(ops)-first)
	}
	for n := range cuts {
		at := first + r.rng.IntN(len(ops)-first)
		keep := []float64{0, 0, 0.5, 0.9}[r.rng.IntN(4)]
		into := filepath.Join(dir, fmt.Sprintf("cut-%d", n))
		if err := os.MkdirAll(filepath.Join(into, "data"), 0o700); err != nil {
			return err
		}
		if err := cut("", ops[:at+1], keep, r.rng, filepath.Join(into, "data")); err != nil {
			return err
		}
		tokens := c.said()
		for i, t := range tokens {
			when := known[c.all[i]]
			t.known = !when.IsZero() && when.Before(ops[at].at)
			t.accepted = min(t.accepted, 1)
		}
		when := fmt.Sprintf("cut %d, at %d of %d writes and syncs, %.0f %% of the rest kept", n, at, len(ops), 100*keep)
		rec, err := read(filepath.Join(into, "data"))
		r.tried++
		if r.bad(err) {
			return nil
		}
		for _, b := range rec.against(h.begun, h.opens, tokens) {
			r.lost(when + ": " + b)
		}
		if len(r.broken) > 0 {
			return nil
		}
		if n < lives {
			if r.bad(r.livesOn(h, into, c)) {
				return nil
			}
		}
		_ = os.RemoveAll(into)
	}
	r.count("tokens", len(c.all))
	r.count("went on", lives)
	return nil
}

// livesOn has an agent go on from a disk that a cut has left: every token that was made
// counts then, once.
func (r *room) livesOn(h *site, into string, c *customers) error {
	on := *h
	on.before, on.cmd = nil, nil
	if err := os.RemoveAll(filepath.Join(h.dir, "data")); err != nil {
		return err
	}
	if err := os.Rename(filepath.Join(into, "data"), filepath.Join(h.dir, "data")); err != nil {
		return err
	}
	// The broker has heard of a later ledger, as of a card that lost what it had promised:
	// then tokens wait for a person.  A power cut takes only what nobody was told of.
	h.client.Publish("keeplit/torture/ledger/head", 1, true, "").WaitTimeout(5 * time.Second)
	if err := on.start(); err != nil {
		return err
	}
	again := &customers{ways: map[string]int{}}
	for _, t := range c.said() {
		again.all = append(again.all, &told{token: t.token})
	}
	ctx, cancel := context.WithTimeout(r.ctx, 30*time.Second)
	defer cancel()
	again.enter(ctx, &on)
	if n := len(again.waiting()); n > 0 {
		err := fmt.Errorf("%d tokens are not taken after the cut: %v %v", n, again.strange, on.warnings())
		on.kill()
		return err
	}
	r.saw(on.warnings()...)
	err := on.stop()
	r.judge(&on, again.said(), "gone on after a cut")
	return err
}
