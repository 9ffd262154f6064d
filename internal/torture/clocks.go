package main

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// A process cannot be given a clock of its own, so the agents of these faults are built with
// another time.Now: it adds what a file says.  The monotonic clock, timers and all that is above
// stay as they are, as where somebody sets the machine's clock.
func wrongClocks() []edit {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		root = []byte("/usr/local/go")
	}
	in := func(file string) string { return filepath.Join(strings.TrimSpace(string(root)), "src/time", file) }
	return []edit{
		{in("time.go"), "	sec, nsec, mono := runtimeNow()\n	if mono == 0 {\n		return Time{uint64(nsec), sec + unixToInternal, Local}\n", "	sec, nsec, mono := runtimeNow()\n	sec += tortured()\n	if mono == 0 {\n		return Time{uint64(nsec), sec + unixToInternal, Local}\n"},
		{in("sys_unix.go"), "func closefd(fd uintptr) {\n", `var torturedBy = func() []byte {
	name, ok := syscall.Getenv("TORTURE_CLOCK")
	if !ok {
		return nil
	}
	fd, err := syscall.Open(name, syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	at, _ := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	return at
}()

func tortured() (ahead int64) {
	for _, b := range torturedBy {
		ahead = ahead<<8 | int64(b)
	}
	return ahead
}

func closefd(fd uintptr) {
`},
		{"cmd/agent/internal/service/clock_linux.go", "	return err == nil && ", "	if _, tortured := unix.Getenv(\"TORTURE_CLOCK\"); tortured {\n		return false\n	}\n	return err == nil && "},
	}
}

// undoubted is an agent that takes every clock at its word.
func undoubted() control {
	return control{"the doubt of a clock that leaps", []edit{{"cmd/agent/internal/control/internal/clock/clock.go", "	Leap      = time.Hour\n", "	Leap      = 1_000_000 * time.Hour\n"}}}
}

// sets has the clock of a site's agent show so much more than it does.
func (h *site) sets(ahead time.Duration) error {
	file := filepath.Join(h.dir, "clock")
	h.ahead = ahead
	f, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600) // not cut: the agent looks at it
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.BigEndian.AppendUint64(nil, uint64(ahead/time.Second)), 0) //nolint:gosec // the other end reads it as it is
	return errors.Join(err, f.Close())
}

// grown brings a site's clock on, by less than is a leap, until it is no young one any more,
// whose clock may be anything.
func (r *room) grown(h *site) error {
	for range 200 {
		if err := h.sets(h.ahead + 12*time.Second); err != nil { // of one step ten seconds count
			return err
		}
		time.Sleep(510 * time.Millisecond)
		rec, err := read(filepath.Join(h.dir, "data"))
		if err != nil {
			return err
		}
		if !rec.state.Clock.Young && time.Duration(rec.state.Clock.Up) > 10*time.Minute {
			return nil
		}
	}
	return fmt.Errorf("the site stays young")
}

const year = 8766 * time.Hour

// wrongs are what a clock may be set to, by what it shows too much.
func wrongs(now time.Time) []time.Duration {
	return []time.Duration{
		-time.Second, -time.Minute, -time.Hour, -24 * time.Hour, -400 * 24 * time.Hour, -now.Sub(time.Unix(60, 0)),
		time.Second, time.Minute, 59 * time.Minute, 2 * time.Hour, 26 * time.Hour, 44 * 24 * time.Hour, 46 * 24 * time.Hour, year, 10 * year,
	}
}

// leaps sets a running agent's clock wrong, some times, starts it anew with a wrong one, and sets
// it right.  What the calendar charges meanwhile must be what is charged when nothing is wrong.
func leaps(r *room) error {
	i := ill{keeps: true, least: 1, lasts: 9 * time.Second, settings: settings{charge: ", charges: [{name: standing, amount: 1, due: day}]"}}
	var before int64
	var midnights int64
	i.before = func(_ *room, h *site) error {
		h.env = append(h.env, "TORTURE_CLOCK="+filepath.Join(h.dir, "clock"))
		return h.sets(0)
	}
	i.begin = func(r *room, h *site) (func(), error) {
		if err := r.grown(h); err != nil {
			return nil, err
		}
		right := h.ahead
		rec := r.judge(h, nil, "before")
		if rec == nil {
			return func() {}, nil
		}
		r.broken = nil // tokens are on their way: it is asked for what was charged
		before = rec.fixed
		midnights = int64(time.Now().Add(right).In(london()).YearDay())
		all := wrongs(time.Now())
		for range 4 {
			d := all[r.rng.IntN(len(all))]
			r.count("clocks that were set", 1)
			if err := h.sets(right + d); err != nil {
				return nil, err
			}
			time.Sleep(1500 * time.Millisecond)
			if r.rng.IntN(3) == 0 {
				r.count("starts with a wrong clock", 1)
				h.kill()
				if r.bad(h.start()) {
					return func() {}, nil
				}
			}
		}
		return func() { r.bad(h.sets(right)) }, nil
	}
	i.after = func(r *room, h *site) {
		rec, err := read(filepath.Join(h.dir, "data"))
		if r.bad(err) {
			return
		}
		rec.against(h.begun, h.opens, nil)
		most := before // each midnight that truly came takes one
		if int64(time.Now().Add(h.ahead).In(london()).YearDay()) != midnights {
			most -= 1_000_000
		}
		if rec.fixed < most || rec.fixed > before {
			r.lost(fmt.Sprintf("the calendar has charged %d while the clock was wrong", before-rec.fixed))
		}
	}
	return i.siege(r)
}

// turns lives through the instants at which clocks are put forward and back, and a site whose
// zone is another after a start.
func turns(r *room) error {
	at := []time.Time{
		time.Date(2027, 3, 28, 1, 0, 0, 0, time.UTC), time.Date(2027, 10, 31, 1, 0, 0, 0, time.UTC), time.Date(2028, 2, 29, 0, 0, 0, 0, time.UTC), time.Date(2027, 1, 1, 0, 0, 0, 0, time.UTC),
	}[r.rng.IntN(4)]
	i := ill{keeps: true, least: 1, lasts: 6 * time.Second, settings: settings{charge: ", charges: [{name: standing, amount: 1, due: day}]"}}
	i.after = func(r *room, h *site) {
		rec, err := read(filepath.Join(h.dir, "data"))
		if r.bad(err) {
			return
		}
		rec.against(h.begun, h.opens, nil)
		least := int64(0)
		if at.In(london()).Hour() == 0 { // one midnight truly comes
			least = -1_000_000
		}
		if rec.fixed < least || rec.fixed > 0 {
			r.lost(fmt.Sprintf("the calendar has charged %d", -rec.fixed))
		}
	}
	i.before = func(_ *room, h *site) error {
		h.env = append(h.env, "TORTURE_CLOCK="+filepath.Join(h.dir, "clock"))
		return h.sets(time.Until(at) - 30*time.Minute)
	}
	i.begin = func(r *room, h *site) (func(), error) {
		if err := r.grown(h); err != nil { // a young site's charges by time wait
			return nil, err
		}
		if err := h.sets(time.Until(at) - 4*time.Second); err != nil {
			return nil, err
		}
		time.Sleep(6 * time.Second)
		text, err := os.ReadFile(filepath.Join(h.dir, "keeplit.yaml"))
		if err != nil {
			return nil, err
		}
		for _, zone := range []string{"Pacific/Kiritimati", "America/St_Johns", "Europe/London"} {
			time.Sleep(2 * time.Second)
			if r.bad(h.stop()) {
				return func() {}, nil
			}
			if err := os.WriteFile(filepath.Join(h.dir, "keeplit.yaml"), []byte(strings.ReplaceAll(string(text), "Europe/London", zone)), 0o600); err != nil {
				return nil, err
			}
			r.count("zones", 1)
			if r.bad(h.start()) {
				return func() {}, nil
			}
		}
		return func() {}, nil
	}
	return i.siege(r)
}

func london() *time.Location {
	zone, err := time.LoadLocation("Europe/London")
	if err != nil {
		return time.UTC
	}
	return zone
}
