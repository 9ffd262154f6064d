package metermatrix

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// rig is a simulated meter that stands ready.
type rig struct {
	meter   string                 // of the configuration
	push    func()                 // has it send what it shows; nil: it is asked
	slow    bool                   // a reading may come half a second after the push
	gathers bool                   // what comes together is one reading
	contact *contact               // of a meter that gives pulses
	port    *samples               // of a converter
	paced   bool                   // it measures while time goes on, and not while the world stands still
	broker  *testservers.Mosquitto // nil: none is needed
	client  string                 // of the agent on it
}

const siteYAML = `
site: {id: matrix, meter: "1", zone: %s}
meter: {max_power: 17 kW, %s}
tariff: {document: {name: flat, currency: EUR, zone: Europe/Amsterdam, current: example, versions: [{energy: [{name: energy, price: 1}]}]}}
tokens: {openpaygo: {key: {env: K}, starting_code: 516959010}}
credit: {opening: 1000000}
mqtt: {url: "mqtt://127.0.0.1:1"}
`

// bench is an agent in front of a simulated meter.
type bench struct {
	t        *testing.T
	w        *world
	rig      rig
	site     *control.Site
	st       control.State
	words    present.Plain
	readings chan metering.Reading
	taken    chan struct{}
	end      func() // ends the agent, and waits until it has

	sound  bool         // nothing keeps readings from coming
	held   bool         // the driver waits for its reading to be taken
	begun  bool         // the judge counts since the first good reading
	from   units.Energy // what had been used then
	of     units.Energy // what was counted then
	credit units.Money  // what was there then
	seen   verdict
}

// verdict is what the judge saw.
type verdict struct {
	used, counted units.Energy // from when the fault began
	charged       units.Money
	excess        units.Energy // the most that was ever counted beyond what was used
	raised, ended []health.Code
	stands        []health.Code // at the end
	back          bool          // a good reading came after the fault
	slow          int           // answers that should have come and did not
	during        int           // good readings while it lasted
	wrong         []string      // what must never be said
	samples       []metering.Sample
}

func newBench(t *testing.T, w *world, start func(*testing.T, *world) rig) *bench {
	t.Helper()
	b := &bench{t: t, w: w, rig: start(t, w), readings: make(chan metering.Reading), taken: make(chan struct{})}
	b.start(home().String())
	if b.rig.paced {
		b.pass(tick) // there is something to measure
	}
	t.Cleanup(func() { b.end() })
	return b
}

// start starts an agent in a zone, on the state of the one before.
func (b *bench) start(zone string) {
	t := b.t
	t.Helper()
	cfg, faults := config.Parse(fmt.Appendf(nil, siteYAML, zone, b.rig.meter), t.TempDir(),
		config.Secrets{Getenv: func(string) string { return "bc41ec9530f6dac86b1a29ab82edc5fb" }, ReadFile: os.ReadFile}, drivers.All())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	first := b.site == nil
	var err error
	if b.site, err = service.SiteOf(cfg); err != nil {
		t.Fatal(err)
	}
	b.words = present.NewWords().Plain(b.site)
	if first {
		b.st, _ = b.site.Begin(b.w.now())
	} else if b.st, err = b.stored(); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	machine := &board{c: b.rig.contact, port: b.rig.port, over: ctx.Done()}
	env := metering.Env{
		Now: b.w.now, Every: cfg.Meter.Every, Machine: machine, Path: cfg.Path,
		Since: b.st.Meter.Last.At,
	}
	env.Import, env.Export = b.st.Meter.Shown()
	if b.rig.port != nil {
		env.Now = b.rig.port.now // it counts its samples by the clock, which goes on with them
	}
	var wg sync.WaitGroup
	run := func(f func(context.Context) error) {
		wg.Go(func() {
			if err := f(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
	}
	b.end = func() {
		stop()
		wg.Wait()
		for _, f := range machine.close {
			_ = f() // it is over
		}
	}
	if m := b.rig.broker; m != nil {
		session, err := broker.New(broker.Config{
			URL: m.URL, Site: "matrix", ClientID: b.rig.client, Username: m.User, Log: slog.New(slog.DiscardHandler),
			Password: func() (string, error) { return m.Password, nil },
		})
		if err != nil {
			t.Fatal(err)
		}
		env.MQTT = device.NewPool(session, b.w.now, slog.New(slog.DiscardHandler))
		run(session.Run)
	}
	meter, err := cfg.Meter.Settings.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range env.MQTT.Devices() {
		run(d.Run)
	}
	run(func(ctx context.Context) error {
		return meter.Run(ctx, func(r metering.Reading) {
			select {
			case b.readings <- r:
			case <-ctx.Done():
				return
			}
			select { // it waits until the reading is taken, as for the loop
			case <-b.taken:
			case <-ctx.Done():
			}
		})
	})
}

// stored is the state as the next agent finds it.
func (b *bench) stored() (control.State, error) {
	text, err := json.Marshal(b.st)
	if err != nil {
		return control.State{}, err
	}
	st, err := control.ReadState(text)
	if err != nil {
		return st, err
	}
	return b.site.Resume(st)
}

// restart ends the agent and starts it in another zone.
func (b *bench) restart(zone string) {
	b.end()
	b.held = false
	b.start(zone)
}

// step has the agent take an input, and looks at what it says.
func (b *bench) step(what control.Happening) {
	before := b.warnings()
	st, eff := b.site.Step(b.st, control.Input{Now: b.w.now(), What: what})
	b.st = st
	v := &b.seen
	has := func(all []health.Warning, w health.Warning) bool {
		return slices.ContainsFunc(all, func(o health.Warning) bool { return o.Code == w.Code && o.Subject == w.Subject })
	}
	for _, w := range b.warnings() {
		if !has(before, w) && !slices.Contains(v.raised, w.Code) {
			v.raised = append(v.raised, w.Code)
		}
	}
	for _, w := range before {
		if !has(b.warnings(), w) && !slices.Contains(v.ended, w.Code) {
			v.ended = append(v.ended, w.Code)
		}
	}
	negative := regexp.MustCompile(`-[0-9.]+ k?Wh`) // no person is to be told of such an energy
	for i, e := range eff.Events {
		text := b.words.Event(e)
		switch {
		case strings.TrimSpace(text) == "" && !strings.HasSuffix(e.Code, "_cleared"):
			v.wrong = append(v.wrong, e.Code+" says nothing")
		case negative.MatchString(text):
			v.wrong = append(v.wrong, text)
		case e.Severity > health.Info && (strings.HasSuffix(e.Code, "_cleared") || strings.HasSuffix(e.Code, "_recovered")):
			v.wrong = append(v.wrong, e.Code+" is told as "+fmt.Sprint(e.Severity))
		case slices.ContainsFunc(eff.Events[:i], func(o control.Event) bool { return b.words.Event(o) == text && o.Code == e.Code }):
			v.wrong = append(v.wrong, e.Code+" is told twice")
		}
	}
	if b.begun {
		v.excess = max(v.excess, b.counted()-b.used())
	}
}

// warnings are those that stand, but for what is said of the made-up tariff.
func (b *bench) warnings() []health.Warning {
	return slices.DeleteFunc(slices.Clone(b.st.Health.Active), func(w health.Warning) bool { return w.Code == health.TariffUnsure })
}

// used is what truly passed since the judge began.
func (b *bench) used() units.Energy { return b.w.truth() - b.from }

// counted is what the agent holds to have been used since.
func (b *bench) counted() units.Energy { return b.st.Meter.Registers.Import - b.of }

// charged is what it has taken for it.
func (b *bench) charged() units.Money { return b.credit - b.st.Credit.Available() }

// pass lets time go on, as the loop sees it.
func (b *bench) pass(d time.Duration) {
	most := tick
	switch {
	case d > 24*time.Hour:
		most = 5 * time.Minute
	case b.rig.contact != nil: // each pulse comes when it is due
		most = 250 * time.Millisecond
	}
	for d > 0 {
		part := min(d, most)
		b.w.pass(part)
		if b.rig.contact != nil {
			b.rig.push()
		}
		b.step(nil)
		d -= part
	}
}

// here is the next reading that comes within the patience of the machine's clock.  The world
// stands still meanwhile, and before another one there must be a release.
func (b *bench) here() (r metering.Reading, ok bool) {
	if b.rig.push != nil {
		b.rig.push()
	}
	for wait := b.patience(); ; wait = 30 * time.Millisecond {
		select {
		case more := <-b.readings:
			b.held = true
			if code := metering.CodeOf(more.Err); b.sound && (code == metering.Silent || code == metering.Short) {
				b.seen.slow++ // a deadline of the driver's, on a machine that has much else to do
				return more, true
			}
			b.step(control.Reading(more))
			if more.Err == nil {
				b.seen.samples = append(b.seen.samples, more.Sample)
			}
			if !ok || more.Err == nil {
				r, ok = more, true
			}
		case <-time.After(wait):
			return r, ok
		}
		if b.rig.push == nil || b.rig.contact != nil || b.rig.gathers {
			return r, ok
		}
		b.release() // one telegram may hold more than one reading
	}
}

// release lets the driver go on.
func (b *bench) release() {
	if b.held {
		b.held = false
		b.taken <- struct{}{}
	}
}

// most is how long a part of a cell may take by the machine's clock.
const most = time.Minute

// spend takes n readings with a tick after each.  only: those that are good; a busy machine
// may have been too slow for the others, and then the world waits.
func (b *bench) spend(n int, only bool) (last error, all bool) {
	b.sound = only
	defer func() { b.sound = false }()
	for end := time.Now().Add(most); n > 0; {
		if time.Now().After(end) {
			return last, false
		}
		r, ok := b.here()
		if r.Err != nil {
			last = r.Err
		}
		if ok && r.Err == nil {
			b.seen.during++
		} else if only {
			if b.release(); b.rig.paced {
				b.pass(tick)
			}
			continue
		}
		b.pass(tick)
		b.release()
		n--
	}
	return last, true
}

// recover waits for n good readings while time goes on.
func (b *bench) recover(n int) (last error, ok bool) {
	for end := time.Now().Add(2 * most); n > 0; {
		if time.Now().After(end) {
			return last, false
		}
		r, ok := b.here()
		if ok && r.Err == nil {
			n--
		} else if r.Err != nil {
			last = r.Err
		}
		b.pass(tick)
		b.release()
	}
	return last, true
}

// still waits until what is counted is what the meter shows now: two readings that agree
// while the world stands still.
func (b *bench) still() bool {
	if b.rig.paced {
		return b.quiet()
	}
	seen := units.Energy(-1)
	for end := time.Now().Add(most); time.Now().Before(end); {
		r, ok := b.here()
		b.release()
		switch {
		case !ok || r.Err != nil || !r.Sample.Gives(metering.HasImport):
		case r.Sample.Import == seen:
			return true
		default:
			seen = r.Sample.Import
		}
	}
	return false
}

// quiet waits until a meter that measures while time goes on has told all that has passed.
func (b *bench) quiet() bool {
	for end := time.Now().Add(most); time.Now().Before(end); {
		_, ok := b.here()
		b.release()
		if !ok {
			return true
		}
	}
	return false
}

// begin has the judge begin to count: all that was used up to now is counted.
func (b *bench) begin() bool {
	if _, ok := b.spend(3, true); !ok || !b.still() {
		return false
	}
	b.begun, b.from, b.of, b.credit = true, b.w.truth(), b.st.Meter.Registers.Import, b.st.Credit.Available()
	b.seen = verdict{samples: b.seen.samples[max(0, len(b.seen.samples)-1):]} // the first telegram may have come before all was open
	b.pass(tick)
	return true
}

// patience is how long a reading may take by the machine's clock.
func (b *bench) patience() time.Duration {
	switch {
	case b.rig.push == nil || b.rig.contact != nil:
		return 12 * time.Second
	case b.sound:
		return 5 * time.Second
	case b.rig.paced:
		return 2 * time.Second
	case b.rig.slow:
		return 1200 * time.Millisecond
	}
	return 500 * time.Millisecond // nothing need come
}

// closing takes the last readings: what was used up to now must have been counted.
func (b *bench) closing() {
	b.still()
	v := &b.seen
	v.used, v.counted, v.charged = b.used(), b.counted(), b.charged()
	for _, w := range b.warnings() {
		v.stands = append(v.stands, w.Code)
	}
}
