package apart

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// asPlanner has the test binary be a planner: one that fails as its Brief says, or
// the real one with a load that no plan can be made for.
const (
	asPlanner   = "KEEPLIT_TEST_PLANNER"
	asTold      = "1"
	unplannable = "2"
)

func TestMain(m *testing.M) {
	if kind := os.Getenv(asPlanner); kind != "" {
		var p Planner = &faulty{}
		if kind == unplannable {
			p = thermal()
		}
		if err := Serve(context.Background(), os.Stdin, os.Stdout, p); err != nil {
			fmt.Fprintln(os.Stderr, "agent:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// faulty plans, and counts what it was taught in Plan.OwnDays.
type faulty struct{ learned int }

func (f *faulty) Learn(all []planning.Interval) { f.learned += len(all) }

func outOfRange(at int) int { return make([]int, 2)[at] }

func recurse(n int) int {
	if n < 0 {
		return 0
	}
	return recurse(n+1) + 1
}

func (f *faulty) Plan(_ context.Context, b planning.Brief, _ time.Duration) (planning.Plan, error) {
	fault := ""
	for _, l := range b.Loads {
		fault = l.ID
	}
	switch fault {
	case "index":
		outOfRange(7)
	case "goroutine":
		go outOfRange(7)
		select {}
	case "spin":
		for n := 0; n >= 0; n &= 7 {
			n++
		}
	case "wait":
		select {}
	case "memory":
		var all [][]byte
		for {
			b := make([]byte, 1<<20)
			for i := 0; i < len(b); i += 512 {
				b[i] = 1
			}
			if all = append(all, b); len(all) > 1<<30 {
				break
			}
		}
	case "stack":
		return planning.Plan{OwnDays: float64(recurse(0))}, nil
	case "map":
		m := map[int]int{}
		for i := range 8 {
			go func() {
				for {
					m[i]++
				}
			}()
		}
		select {}
	case "exit":
		os.Exit(3)
	case "refuse":
		return planning.Plan{}, errors.New("no plan can be made for that")
	case "noise":
		fmt.Println("no JSON")
	}
	return planning.Plan{MadeAt: b.Now, OwnDays: float64(f.learned)}, nil
}

// thermal is a planner with a load of a kind that it knows nothing of.
func thermal() *planning.Planner {
	const half = 30 * time.Minute
	f, err := forecast.New(forecast.Options{Zone: time.UTC, Step: half})
	if err != nil {
		panic(err)
	}
	tariff, err := tariffs.New(tariffs.Document{
		Name: "flat", Currency: "EUR", Zone: "UTC",
		Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 1_000_000}}}},
	})
	if err != nil {
		panic(err)
	}
	return planning.New(planning.Rules{
		Zone: time.UTC, Tariff: tariff, Interval: half, Slot: half, Ahead: 24 * time.Hour, RunOutOver: 48 * time.Hour, Shift: true,
		Loads: []loads.Load{{ID: "geyser", Kind: "thermal", Defer: true}},
	}, f, nil)
}

// failing is a Brief at which the planner fails.
func failing(fault string) planning.Brief {
	return planning.Brief{Loads: []planning.Owed{{ID: fault}}}
}

func newChild(t *testing.T, past int) *Child {
	t.Helper()
	c := Defaults()
	c.Path, c.Args, c.Env = "/proc/self/exe", []string{os.Args[0]}, append(os.Environ(), asPlanner+"="+asTold)
	c.Within, c.Teach, c.Memory, c.Rest, c.Log = 20*time.Second, 20*time.Second, 128<<20, time.Millisecond, slog.New(slog.DiscardHandler)
	c.Past = func(_ context.Context, yield func([]planning.Interval) error) error {
		for i := range past {
			if err := yield([]planning.Interval{slot(i)}); err != nil {
				return err
			}
		}
		return nil
	}
	p := New(c)
	t.Cleanup(p.Wait)
	return p
}

func slot(i int) planning.Interval {
	return planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{
		Slot:   units.Slot{Start: time.Date(2026, 1, 1, 0, 30*i, 0, 0, time.UTC), Len: 30 * time.Minute},
		Import: units.Energy(i) * units.WattHour, Covered: 30 * time.Minute,
	}}
}

func TestAPlannerThatFailsIsEndedNamedAndTaughtAnew(t *testing.T) {
	for _, c := range []struct{ fault, says string }{
		{"index", "index out of range [7] with length 2 in apart.outOfRange (child_test.go:"},
		{"goroutine", "index out of range [7] with length 2 in apart.outOfRange (child_test.go:"},
		{"spin", "took longer than"},
		{"wait", "all goroutines are asleep"},
		{"memory", "took more than 128 MB of memory"},
		{"stack", "stack exceeds 33554432-byte limit in apart.recurse"},
		{"map", "fatal error: concurrent map"},
		{"exit", "exit status 3"},
		{"noise", "invalid character"},
	} {
		t.Run(c.fault, func(t *testing.T) {
			p := newChild(t, 40)
			ctx := t.Context()
			plan, err := p.Make(ctx, planning.Brief{}, 0)
			if err != nil || plan.OwnDays != 40 {
				t.Fatalf("a well planner knows %v of 40 intervals: %v", plan.OwnDays, err)
			}
			if unraced.Detector && c.fault == "wait" {
				c.says = "took longer than" // under it a process does not see that all wait
			}
			if c.says == "took longer than" {
				p.cfg.Within = time.Second
			}
			p.Learn([]planning.Interval{slot(40), slot(39)}) // one is in the store as well
			brief := failing(c.fault)
			brief.Now = time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
			begin := time.Now()
			if _, err = p.Make(ctx, brief, 0); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Fatalf("it says %v, not %q", err, c.says)
			}
			t.Logf("%s: %v (after %s)", c.fault, err, time.Since(begin).Round(time.Millisecond))
			if took := time.Since(begin); took > 18*time.Second {
				t.Errorf("it took %s to end it", took)
			}
			time.Sleep(5 * time.Millisecond)
			plan, err = p.Make(ctx, planning.Brief{Now: brief.Now}, 0)
			if err != nil || plan.OwnDays != 41 || !plan.MadeAt.Equal(brief.Now) {
				t.Errorf("the next one knows %v of 41 intervals: %v", plan.OwnDays, err)
			}
		})
	}
}

func TestALoadOfAKindThatNoPlanCanBeMadeForIsRefusedByThePlannersProcessToo(t *testing.T) {
	p := newChild(t, 0)
	p.cfg.Env = append(os.Environ(), asPlanner+"="+unplannable)
	_, err := p.Make(t.Context(), planning.Brief{Now: time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)}, time.Second)
	if err == nil || !strings.Contains(err.Error(), `load geyser is of kind "thermal", for which no plan can be made`) {
		t.Errorf("it says %v", err)
	}
}

func TestAPlannerThatRefusesABriefGoesOnWithWhatItHasLearned(t *testing.T) {
	p := newChild(t, 40)
	if _, err := p.Make(t.Context(), failing("refuse"), 0); err == nil || err.Error() != "no plan can be made for that" {
		t.Fatalf("it says %v", err)
	}
	run := p.run
	time.Sleep(5 * time.Millisecond)
	if plan, err := p.Make(t.Context(), planning.Brief{}, 0); err != nil || plan.OwnDays != 40 || p.run != run {
		t.Errorf("it knows %v of 40 intervals, the same process is asked: %v: %v", plan.OwnDays, p.run == run, err)
	}
}

func TestAPlannerThatKeepsFailingIsTriedMoreSlowly(t *testing.T) {
	p := newChild(t, 0)
	p.cfg.Rest, p.cfg.RestMost = 100*time.Millisecond, 400*time.Millisecond
	var failed []time.Time // how long a process takes to start and fail is the machine's
	for end := time.Now().Add(time.Minute); len(failed) < 5 && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		before := p.fails
		if _, err := p.Make(t.Context(), failing("exit"), 0); err == nil {
			t.Fatal("a planner that exits makes a plan")
		}
		if p.fails > before {
			failed = append(failed, time.Now())
		}
	}
	if len(failed) < 5 {
		t.Fatalf("it was tried %d times in a minute", len(failed))
	}
	for i, rest := range []time.Duration{100 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond, 400 * time.Millisecond} {
		if gap := failed[i+1].Sub(failed[i]); gap < rest-20*time.Millisecond {
			t.Errorf("after failure %d it was tried again within %v", i+1, gap)
		}
	}
}

func TestAPlannerEndsWithItsAgent(t *testing.T) {
	for _, fault := range []string{"", "spin"} {
		p := newChild(t, 1)
		if _, err := p.Make(t.Context(), planning.Brief{}, 0); err != nil {
			t.Fatal(err)
		}
		pid := p.run.cmd.Process.Pid
		if fault != "" {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := p.Make(ctx, failing(fault), 0); err == nil {
				t.Fatal("it spins and answers")
			}
		}
		p.Wait()
		if _, err := os.Stat(fmt.Sprintf("/proc/%d", pid)); err == nil {
			t.Errorf("it still runs, fault %q", fault)
		}
	}
}
