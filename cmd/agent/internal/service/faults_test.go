package service

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/apart"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/desk"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// faultyPlanner has the test binary be the planner of a site, which fails at half
// of the plans for as long as the file that the variable names exists.
const faultyPlanner = "KEEPLIT_TEST_FAULTY_PLANNER"

// planWithFaults is the planner's process; args are those of "agent planner".
func planWithFaults(file string) {
	cfg, err := loaded(os.Args[2])
	if err != nil {
		panic(err)
	}
	site, err := SiteOf(cfg)
	if err != nil {
		panic(err)
	}
	p, err := Planner(site, true)
	if err != nil {
		panic(err)
	}
	if err := apart.Serve(context.Background(), os.Stdin, os.Stdout, faultyPlans{p, file}); err != nil {
		panic(err)
	}
	os.Exit(0)
}

type faultyPlans struct {
	*planning.Planner
	file string
}

func (f faultyPlans) Plan(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	h := fnv.New32()
	_, _ = fmt.Fprint(h, b.Now.UnixMilli())
	if _, err := os.Stat(f.file); err == nil {
		switch h.Sum32() % 12 {
		case 0:
			for n := 0; n >= 0; n &= 7 { // without end
				n++
			}
		case 1, 2:
			_ = make([]int, 1)[int(h.Sum32())]
		case 3:
			go func() { panic("in a goroutine of the forecast") }()
			select {}
		case 4:
			for all := [][]byte{}; ; {
				b := make([]byte, 1<<20)
				for i := 0; i < len(b); i += 512 {
					b[i] = 1
				}
				all = append(all, b)
			}
		case 5:
			os.Exit(3)
		}
	}
	return f.Planner.Plan(ctx, b, within)
}

// faults counts what was injected, by seam.
type faults struct {
	on              atomic.Bool
	plan            atomic.Int64
	page, telemetry seam
	// silent: every call hangs until the test is over.
	silent atomic.Bool
	over   chan struct{}
}

// seam is where a part is called, with what was injected there.
type seam struct{ n, panics, waits, loops atomic.Int64 }

func (s *seam) hangs() int64 { return s.waits.Load() + s.loops.Load() }
func (s *seam) all() int64   { return s.panics.Load() + s.hangs() }

func (f *faults) all() int64 { return f.plan.Load() + f.page.all() + f.telemetry.all() }

// hang is how long a call hangs, in which the house passes five minutes: a part that
// hangs for ever can be tried but once.
const hang = time.Second

// strike panics at three calls of six, waits at one and loops at one.
func (f *faults) strike(s *seam, what string) {
	if f.silent.Load() {
		<-f.over
		return
	}
	if !f.on.Load() {
		return
	}
	switch n := s.n.Add(1); n % 6 {
	case 0:
	case 2:
		s.waits.Add(1)
		select {
		case <-f.over:
		case <-time.After(hang):
		}
	case 4:
		s.loops.Add(1)
		for end := time.Now().Add(hang / 4); time.Now().Before(end); { // without rest
			n++
		}
	default:
		s.panics.Add(1)
		panic(fmt.Sprintf("%s, call %d", what, n))
	}
}

// faultyAgent is the page's picture of the house, which panics and hangs.
type faultyAgent struct {
	web.Agent
	f *faults
}

func (a faultyAgent) View() picture.View {
	a.f.strike(&a.f.page, "the page's picture")
	return a.Agent.View()
}

// faultyQueue is the outbox of telemetry, which panics and hangs.
type faultyQueue struct {
	telemetry.Queue
	f *faults
}

func (q faultyQueue) Next(ctx context.Context, n int) ([]store.Message, error) {
	q.f.strike(&q.f.telemetry, "the points that wait")
	return q.Queue.Next(ctx, n)
}

// countedPlans counts the plans that did not come.
type countedPlans struct {
	control.Plans
	f *faults
}

func (c countedPlans) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	plan, err := c.Plans.Make(ctx, b, within)
	if err != nil {
		c.f.plan.Add(1)
	}
	return plan, err
}

// obedient is a switch that notes what it is told.
type obedient struct {
	on   atomic.Bool
	sets atomic.Int64
	offs atomic.Int64
}

func (o *obedient) Set(_ context.Context, p loads.Setpoint) error {
	o.sets.Add(1)
	if !p.On && o.on.Load() {
		o.offs.Add(1)
	}
	o.on.Store(p.On)
	return nil
}

func (o *obedient) Observed(context.Context) (loads.Observation, error) {
	return loads.Observation{}, nil
}

// fastHouse is a house on a clock that runs 300 times as fast.
type fastHouse struct {
	began   time.Time
	power   atomic.Int64 // mW
	e       units.Energy
	read    atomic.Int64
	geyser  *obedient
	supply  *obedient
	stopped atomic.Bool
}

const fast = 300

func (h *fastHouse) now() time.Time {
	return h.began.Add(fast * time.Since(h.began)).UTC().Truncate(time.Millisecond)
}

// Run is the meter.
func (h *fastHouse) Run(ctx context.Context, emit func(metering.Reading)) error {
	last := h.now()
	t := time.NewTicker(20 * time.Millisecond)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
		if h.stopped.Load() {
			continue
		}
		now := h.now()
		power := units.Power(h.power.Load())
		if !h.supply.on.Load() {
			power = 0
		}
		h.e += power.Over(now.Sub(last))
		last = now
		h.read.Add(1)
		emit(metering.Reading{Sample: metering.Sample{At: now, Has: metering.HasImport | metering.HasPower, Import: h.e, Power: power, Step: 1}})
	}
}

func TestFaultsInPlanPageAndTelemetryNeverTouchMeteringCutOffAndTopUp(t *testing.T) {
	most, each := int64(40), int64(2) // faults in all, and of each kind and place
	if os.Getenv("KEEPLIT_LONG") != "" {
		most, each = 500, 25
	}
	dir := t.TempDir()
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := port.Addr().String()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(port.Close())
	file := filepath.Join(dir, "faults")
	for name, text := range map[string]string{"token.key": trialKey, "faults": "", "keeplit.yaml": fmt.Sprintf(`
site: {id: faults, meter: "04000000001", zone: Africa/Johannesburg, limit: 8 kW}
data: data
meter: {driver: mqtt, max_power: 20 kW, mqtt: {kind: tasmota, topic: meter}}
tariff:
  document: {name: flat, currency: ZAR, zone: Africa/Johannesburg, versions: [{energy: [{name: energy, price: 2.50}]}]}
credit: {opening: 8}
schedule: {plan: "*/5 * * * *"}
tokens: {openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}}
mqtt: {url: "mqtt://127.0.0.1:1"}
web: {listen: %q, reading: open}
supply: {switch: {driver: tasmota, topic: supply}}
loads:
- {id: geyser, name: Geyser, kind: onoff, power: 3 kW, need: {for: 2h}, min_off: 0s, switch: {driver: tasmota, topic: geyser}}
log: {level: error}
`, trialStart, address)} {
		must(os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	defer cancel()
	name := filepath.Join(dir, "keeplit.yaml")
	cfg, err := loaded(name)
	must(err)

	// The service, with a house of its own on a fast clock.
	quiet := slog.New(slog.DiscardHandler)
	f := &faults{over: make(chan struct{})}
	h := &fastHouse{began: time.Now(), geyser: &obedient{}, supply: &obedient{}}
	s := blank(cfg, quiet)
	s.pace = pace{
		first: 10 * time.Millisecond, most: 50 * time.Millisecond, well: time.Second,
		look: 50 * time.Millisecond, stuck: 300 * time.Millisecond, end: time.Second,
	}
	s.store, err = store.Open(ctx, cfg.Path(cfg.Data), store.Options{Ballast: -1})
	must(err)
	s.closers = append(s.closers, s.store.Close)
	s.site, err = SiteOf(cfg)
	must(err)
	s.site.Wall = false
	state, first := s.site.Begin(h.now())
	child := apart.Defaults()
	child.Path, child.Args, child.Env = "/proc/self/exe", []string{os.Args[0], "planner", name}, append(os.Environ(), faultyPlanner+"="+file)
	child.Within, child.Teach, child.Memory, child.Rest, child.RestMost, child.Log = 300*time.Millisecond, 10*time.Second, 150<<20, time.Millisecond, time.Millisecond, quiet
	child.Past = func(ctx context.Context, yield func([]planning.Interval) error) error {
		return journal.Past(ctx, s.store, time.Unix(0, 0), h.now(), yield)
	}
	s.plans = countedPlans{apart.New(child), f}
	s.journal = journal.New(s.store, nil, true, present.NewWords().Plain(s.site))
	s.loop = control.NewLoop(control.LoopConfig{
		Site: s.site, State: state, First: first, Planner: s.plans, Journal: counted{s.journal, &s.progress},
		Switches: map[string]loads.Switch{loads.SupplyID: h.supply, "geyser": h.geyser},
		Now:      h.now, PersistEvery: time.Minute, PlanTime: 200 * time.Millisecond, Log: quiet,
	})
	s.meter = h
	s.influx, err = telemetry.New(telemetry.Config{URL: "http://127.0.0.1:1", Bucket: "b", Site: "faults", MinBackoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond, Log: quiet}, faultyQueue{s.store.Outbox(store.Influx), f})
	must(err)
	s.cfg.InfluxDB = nil
	s.desk = desk.New(s.site, s.loop, s.store, picture.New(s.site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Decimals: 2}}), desk.About{})
	s.page, err = web.New(faultyAgent{s.desk, f}, web.Config{Listen: address, OpenReading: true}, quiet)
	must(err)

	key, err := hex.DecodeString(trialKey)
	must(err)
	scheme, err := openpaygo.New(openpaygo.Document{Key: hex.EncodeToString(key), StartingCode: trialStart, Unit: openpaygo.Money, ValueDivider: 1})
	must(err)

	h.power.Store(int64(units.Kilowatt))
	f.on.Store(true)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	waitFor := func(what string, within time.Duration, ok func() bool) time.Duration {
		t.Helper()
		begin := time.Now()
		for !ok() {
			if time.Since(begin) > within {
				st := s.loop.Snapshot().State
				text, _ := json.Marshal(st.Health)
				t.Fatalf("waited in vain for: %s; %s %s", what, st.Decision.Why, text)
			}
			time.Sleep(2 * time.Millisecond)
		}
		return time.Since(begin)
	}
	waitFor("the supply", 10*time.Second, h.supply.on.Load)

	// People look at the page all the while.
	var people sync.WaitGroup
	for _, path := range []string{"/", "/events?page=home", "/api/v1/view"} {
		people.Go(func() {
			for ctx.Err() == nil {
				limited, end := context.WithTimeout(ctx, time.Second)
				r, _ := http.NewRequestWithContext(limited, http.MethodGet, "http://"+address+path, nil)
				if answer, err := http.DefaultClient.Do(r); err == nil {
					_, _ = io.Copy(io.Discard, answer.Body)
					_ = answer.Body.Close()
				}
				end()
				time.Sleep(30 * time.Millisecond)
			}
		})
	}

	count, tokens, shed := 0, 0, 0
	worst, seen := time.Duration(0), map[string]bool{}
	wanted := []string{"plan_failed ", "part_failed influxdb", "part_failed influxdb, at work", "part_failed page"}
	limit := time.Now().Add(8 * time.Minute)
	enough := func() bool {
		ok := f.all() >= most && f.plan.Load() >= each
		for _, want := range wanted {
			ok = ok && seen[want]
		}
		for _, s := range []*seam{&f.page, &f.telemetry} {
			ok = ok && s.panics.Load() >= each && s.waits.Load() >= each && s.loops.Load() >= each
		}
		return ok
	}
	for !enough() && time.Now().Before(limit) {
		token, next, err := scheme.Issue(count, credit.AddCredit, 1)
		must(err)
		count = next
		reply, err := s.loop.Feed(ctx, control.Input{What: control.Token{Text: token, Source: "page"}})
		must(err)
		if !reply.TopUp.Accepted() {
			t.Fatalf("a good token: %s", reply.TopUp.Says)
		}
		tokens++
		// Too much is drawn while the geyser runs: it must go off at once.
		_, err = s.loop.Feed(ctx, control.Input{What: control.Request{Kind: control.RunLoad, Load: "geyser", By: "page"}})
		must(err)
		waitFor("the geyser's start", 20*time.Second, h.geyser.on.Load)
		h.power.Store(int64(10 * units.Kilowatt))
		worst = max(worst, waitFor("shedding", 20*time.Second, func() bool { return !h.geyser.on.Load() }))
		shed++
		h.power.Store(int64(units.Kilowatt))
		for end := time.Now().Add(100 * time.Millisecond); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
			for _, w := range s.loop.Snapshot().State.Health.Active {
				seen[string(w.Code)+" "+w.Subject] = true
			}
		}
	}
	if !enough() {
		t.Errorf("injected: %d in plans, %+v in the page, %+v in telemetry; warnings %v, wanted %q", f.plan.Load(), &f.page, &f.telemetry, seen, wanted)
	}
	if n := h.supply.offs.Load(); n > 0 {
		t.Errorf("the supply was cut %d times although there was credit", n)
	}

	// All is well again: a plan comes, and the warnings go.
	injected := f.all()
	f.on.Store(false)
	must(os.Remove(file))
	well := h.now()
	back := waitFor("a plan, and no warning", 60*time.Second, func() bool {
		st := s.loop.Snapshot().State
		ok := st.Plan != nil && st.Plan.MadeAt.After(well)
		for _, w := range st.Health.Active {
			ok = ok && w.Code != health.PlanFailed && w.Code != health.PartFailed
		}
		return ok
	})

	// Page and telemetry hang for good, and are named.
	f.silent.Store(true)
	waitFor("warnings about what hangs", 20*time.Second, func() bool {
		hang := map[string]bool{}
		for _, w := range s.loop.Snapshot().State.Health.Active {
			hang[w.Subject] = w.Code == health.PartFailed && strings.Contains(w.Cause.String(), "if that stays, restart the agent")
		}
		return hang["page"] && hang["influxdb, at work"]
	})

	// The credit is spent: it is cut, and a token brings it back.
	h.power.Store(int64(15 * units.Kilowatt))
	// (The contactor opens before the state that says why is shown.)
	waitFor("the cut-off", 60*time.Second, func() bool { return !h.supply.on.Load() && !s.loop.Snapshot().State.Decision.Close })
	if cut := s.loop.Snapshot().State.Decision; cut.Cause != credit.ForNoCredit {
		t.Errorf("cut for %q", cut.Cause)
	}
	token, _, err := scheme.Issue(count, credit.AddCredit, 100)
	must(err)
	reply, err := s.loop.Feed(ctx, control.Input{What: control.Token{Text: token, Source: "page"}})
	must(err)
	if !reply.TopUp.Accepted() {
		t.Fatalf("the last token: %s", reply.TopUp.Says)
	}
	waitFor("the supply's return", 10*time.Second, h.supply.on.Load)

	h.stopped.Store(true)
	time.Sleep(100 * time.Millisecond)
	unread := func() int64 { return h.read.Load() - int64(s.progress.metered.Load()) } //nolint:gosec // small
	waitFor("the last readings", 20*time.Second, func() bool { return unread() == 0 })
	lost := unread()
	cancel()
	people.Wait()
	ending := time.Now()
	if err := <-done; err != nil {
		t.Error(err)
	}
	ended := time.Since(ending)
	close(f.over)
	st := s.loop.Snapshot().State // all that was read has been counted when it ends
	if lost != 0 || st.Meter.Registers.Import < h.e-units.KilowattHour/10 || st.Meter.Registers.Import > h.e {
		t.Errorf("%d readings lost; %s counted of %s", lost, st.Meter.Registers.Import, h.e)
	}
	said := func(s *seam) string {
		return fmt.Sprintf("%d (%d panics, %d waits, %d loops)", s.all(), s.panics.Load(), s.waits.Load(), s.loops.Load())
	}
	t.Logf("%d faults: %d plans, %s in the page, %s in telemetry; %d readings, %d lost; %d tokens, all credited; geyser shed %d times, the slowest after %s; wrong switchings of the supply 0; plan back after %s; "+
		"cut off, topped up and ended (in %s) while page and telemetry hung for good",
		injected, f.plan.Load(), said(&f.page), said(&f.telemetry), h.read.Load(), lost, tokens+1, shed, worst.Round(time.Millisecond), back.Round(time.Millisecond), ended.Round(time.Millisecond))
}
