package control

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

const testStart = 516959010

func testKey() openpaygo.Key {
	return openpaygo.Key{0xbc, 0x41, 0xec, 0x95, 0x30, 0xf6, 0xda, 0xc8, 0x6b, 0x1a, 0x29, 0xab, 0x82, 0xed, 0xc5, 0xfb}
}

// testSite is a house in Johannesburg: dear by day, cheap by night, a standing
// charge, VAT, a geyser and a washing machine, emergency credit of 10.
func testSite(t testing.TB) *Site {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Johannesburg")
	if err != nil {
		t.Fatal(err)
	}
	var night tariffs.Span
	must(t, night.From.SetText("22:00"), night.To.SetText("06:00"))
	var vat tariffs.Rate
	must(t, vat.SetText("15 %"))
	tariff, err := tariffs.New(tariffs.Document{
		Name: "test", Currency: "ZAR", Zone: "Africa/Johannesburg",
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{
			Energy: []tariffs.EnergyCharge{
				{Name: "day energy", Periods: []string{"day"}, Price: 3_000_000},
				{Name: "night energy", Periods: []string{"night"}, Price: 1_000_000},
			},
			Charges: []tariffs.FixedCharge{{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay}},
			Taxes:   []tariffs.Tax{{Name: "VAT", Rate: vat}},
		}},
	})
	must(t, err)
	doc := credit.Defaults()
	doc.Opening = 50 * units.One
	doc.Emergency.Amount, doc.Emergency.OfferBelow = 10*units.One, 5*units.One
	engine, err := credit.New(doc, zone, testScheme(t))
	must(t, err)
	none := time.Duration(0)
	var all []loads.Load
	for _, d := range []loads.Document{
		{
			ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour},
			MinOff: &none, Switch: loads.SwitchDocument{Driver: "house"},
		},
		{
			ID: "washer", Name: "Washer", Kind: loads.Cycle, Power: units.Kilowatt, Cycle: 90 * time.Minute, Need: &loads.NeedDocument{Runs: 1},
			Switch: loads.SwitchDocument{Driver: "house"},
		},
	} {
		l, err := loads.Compile(d, zone)
		must(t, err)
		all = append(all, l)
	}
	plan, err := schedule.Parse("*/30 * * * *", zone)
	must(t, err)
	guard := loads.DefaultGuard()
	guard.GapMin, guard.GapMax, guard.Spread = 0, 0, 0
	guard.Supply, guard.SupplyFeedback = true, true
	return &Site{
		ID: "test", Meter: "1", Zone: zone, Currency: "ZAR",
		Limits: metering.Limits{MaxGap: 5 * time.Minute, MaxPower: 20 * units.Kilowatt, Slack: 15 * time.Second}, SilentAfter: 3 * time.Minute,
		Interval: 30 * time.Minute, PointEvery: time.Minute,
		Tariff: tariff, Credit: engine, Loads: all, Guard: loads.NewGuard(guard, all, zone), Contactor: true,
		PlanAt: plan, PlanSlot: 30 * time.Minute, PlanAhead: 24 * time.Hour, RunOutOver: 48 * time.Hour, Shift: true, Seed: 1,
	}
}

// testScheme is the site's vendor.
func testScheme(t testing.TB) credit.Scheme {
	t.Helper()
	scheme, err := openpaygo.New(openpaygo.Document{
		Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: testStart, ValueDivider: 1, Unit: openpaygo.Money,
	})
	must(t, err)
	return scheme
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tokenFor is the n-th token of the site's vendor.
func tokenFor(t testing.TB, n, value int) string {
	t.Helper()
	text, err := openpaygo.Encode(testKey(), testStart, 2*n, value, openpaygo.Form{})
	must(t, err)
	return text
}

// bench steps a site by hand: readings of a register that the test moves, and
// switches that do as they are told.
type bench struct {
	t        testing.TB
	site     *Site
	st       State
	now      time.Time
	register units.Energy
	power    units.Power // of the base
	states   map[string]bool
	sets     map[string]loads.Setpoint // of what is told powers: what it was told last, or set by hand
	gone     map[string]bool           // nothing is heard of its switch, and it hears nothing
	deaf     map[string]units.Power    // it says what it was told and draws this
	cell     *cell                     // its battery; nil: there is none
	stuck    bool                      // the supply contactor does not obey
	said     int                       // commands to it
	ledger   []credit.Entry
	events   []Event
	last     Effects
	planner  *plans
	plain    bool // no restart is tried at each step
	synced   bool // a time server keeps the machine's clock
	record   Recording

	ill *failure // what becomes of plans; nil: they come

	plan, planBack *planning.Plan // the plan last read back, as it was and as it is after
}

func begin() time.Time { return time.Date(2026, 11, 2, 22, 0, 0, 0, time.UTC) } // local midnight

// newBench is a site whose steps the test makes itself, one after the other.
func newBench(t testing.TB) *bench {
	unraced.Only(t)
	b := &bench{t: t, site: testSite(t), now: begin(), power: 500 * units.Watt, states: map[string]bool{loads.SupplyID: true}}
	var eff Effects
	b.st, eff = b.site.Begin(b.now)
	b.take(eff)
	f, err := forecast.New(forecast.Options{Zone: b.site.Zone, Step: b.site.Interval})
	must(t, err)
	b.planner = &plans{t: b.t, site: b.site, forecast: f}
	b.reading(0)
	return b
}

// plans makes a bench's plans; a test may change the site from one to the next.
type plans struct {
	t        testing.TB
	site     *Site
	forecast *forecast.Forecaster
	news     []planning.Interval
}

func (p *plans) Learn(intervals []planning.Interval) { p.news = append(p.news, intervals...) }

func (p *plans) Plan(st State) planning.Plan {
	made := planning.New(p.site.Rules(), p.forecast, nil)
	made.Within(10 * time.Millisecond) // two loads are soon laid out
	made.Learn(p.news)
	p.news = nil
	plan, err := made.Plan(context.Background(), p.site.Brief(&st), 0)
	must(p.t, err)
	return plan
}

// habits are a home's intervals from one instant to another: more in the evening, a
// little different from day to day.
func habits(site *Site, from, to time.Time) []planning.Interval {
	var out []planning.Interval
	for _, slot := range units.Slots(from, site.Interval, int(to.Sub(from)/site.Interval)) {
		n := slot.Start.Unix() / int64(site.Interval/time.Second)
		kwh := 0.1 + 0.01*float64(n*n%17)
		if h := slot.Start.In(site.Zone).Hour(); h >= 18 && h < 22 {
			kwh += 0.4 + 0.02*float64(n/48%5)
		}
		out = append(out, planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{Slot: slot, Import: units.FromKWh(kwh), Covered: slot.Len}})
	}
	return out
}

func (b *bench) take(eff Effects) {
	b.t.Helper()
	b.last = eff
	b.ledger = append(b.ledger, eff.Entries...)
	b.events = append(b.events, eff.Events...)
	for _, c := range eff.Commands {
		if c.ID == loads.SupplyID {
			b.said++
			if b.stuck {
				continue
			}
		}
		if b.gone[c.ID] {
			continue
		}
		b.states[c.ID] = c.Set.On
		if b.sets != nil {
			b.sets[c.ID] = c.Set
		}
	}
	for _, iv := range eff.Intervals {
		if clock.Unset(iv.Slot.Start) {
			b.t.Errorf("an interval of %s is kept", iv.Slot.Start)
		}
	}
	if b.planner != nil {
		b.planner.Learn(eff.Intervals)
	}
}

func (b *bench) facts() []loads.Fact {
	var out []loads.Fact
	for _, l := range b.site.Loads {
		o := loads.Observation{On: b.states[l.ID], Known: true, At: b.now, HasPower: true}
		if b.drawing(l.ID) {
			o.Power = b.draws(l)
		}
		f := loads.Fact{ID: l.ID, Observation: o}
		if l.Kind == loads.Varies {
			f.Takes = loads.Capability{Powers: l.Powers, ReadBack: true}
			f.Set, f.HasSet = b.sets[l.ID], true
		}
		if l.Kind == loads.Battery {
			f.Takes = l.Takes().Proven()
			f.Set, f.HasSet, f.Charge, f.HasCharge = b.sets[l.ID], true, b.cell.charge, true
		}
		if b.gone[l.ID] {
			f.Observation = loads.Observation{}
		}
		out = append(out, f)
	}
	return append(out, loads.Fact{ID: loads.SupplyID, Observation: loads.Observation{On: b.states[loads.SupplyID], Known: true, At: b.now}})
}

// draws is what a load that is on draws.
func (b *bench) draws(l loads.Load) units.Power {
	if p, ok := b.deaf[l.ID]; ok {
		return p
	}
	if l.Kind == loads.Battery {
		return b.sets[l.ID].Power
	}
	return l.Draws(loads.Setpoint{On: true, Power: b.sets[l.ID].Power})
}

func (b *bench) drawing(id string) bool { return b.states[loads.SupplyID] && b.states[id] }

// restarted is the state as it is after a restart, through JSON.  The plan is most
// of the text and the same from one plan to the next, so it is read back once.
func (b *bench) restarted() State {
	b.t.Helper()
	bare := b.st
	bare.Plan = nil
	var back State
	must(b.t, json.Unmarshal([]byte(b.text(bare)), &back))
	if b.st.Plan != nil && b.st.Plan != b.plan {
		b.plan, b.planBack = b.st.Plan, &planning.Plan{}
		must(b.t, json.Unmarshal([]byte(b.text(b.plan)), b.planBack))
	}
	if b.st.Plan != nil {
		back.Plan = b.planBack
	}
	return back
}

func (b *bench) text(v any) string {
	b.t.Helper()
	text, err := json.Marshal(v)
	must(b.t, err)
	return string(text)
}

// step makes one step; the state must survive JSON, as a restart would have it.
func (b *bench) step(in Input) Effects {
	b.t.Helper()
	if in.Now.IsZero() {
		in.Now = b.now
	}
	in.Facts, in.Synced, in.Record = b.facts(), in.Synced || b.synced, max(in.Record, b.record)
	st, eff := b.site.Step(b.st, in)
	if !b.plain {
		b.asRestarted(in, st, eff)
	}
	b.st = st
	b.take(eff)
	switch {
	case !eff.AskPlan || b.planner == nil:
	case b.ill != nil && b.ill.answered:
		b.step(Input{Now: in.Now, What: NoPlan{Cause: "a fault of the test"}})
	case b.ill != nil:
	default:
		plan := b.planner.Plan(b.st)
		b.step(Input{Now: in.Now, What: NewPlan{plan}})
	}
	b.last = eff
	return eff
}

// asRestarted makes the step to st again, as it is after a restart before it.
func (b *bench) asRestarted(in Input, st State, eff Effects) {
	b.t.Helper()
	back := b.restarted()
	other, otherEff := b.site.Step(back, in)
	if !reflect.DeepEqual(otherEff, eff) { // in a tenth of the time that a difference takes to find
		if d := cmp.Diff(otherEff, eff, sameErrors()); d != "" {
			b.t.Fatalf("after a restart the step has other effects:\n%s", d)
		}
	}
	if (st.Plan != b.st.Plan || other.Plan != back.Plan) && b.text(st.Plan) != b.text(other.Plan) {
		b.t.Fatalf("after a restart the step leads to another plan:\n%s", cmp.Diff(st.Plan, other.Plan))
	}
	bare, otherBare := st, other
	bare.Plan, otherBare.Plan = nil, nil
	if a1, a2 := b.text(bare), b.text(otherBare); a1 != a2 {
		b.t.Fatalf("after a restart the step leads to another state:\n%s", cmp.Diff(a1, a2))
	}
}

// sameErrors takes errors for equal that say the same.
func sameErrors() cmp.Option {
	return cmp.Comparer(func(a, b error) bool {
		return a == nil && b == nil || a != nil && b != nil && a.Error() == b.Error()
	})
}

// reading lets d pass and reads the meter.
func (b *bench) reading(d time.Duration) Effects {
	b.t.Helper()
	power := units.Power(0)
	if b.states[loads.SupplyID] {
		power = b.power
		for _, l := range b.site.Loads {
			if b.states[l.ID] {
				power += b.draws(l)
			}
		}
	}
	b.register += max(0, power).Over(d) // of import
	b.now = b.now.Add(d)
	return b.step(Input{What: Reading{Sample: metering.Sample{
		At: b.now, Has: metering.HasImport | metering.HasPower, Import: b.register, Power: power, Step: 1,
	}}})
}

func (b *bench) run(d, step time.Duration) {
	b.t.Helper()
	for end := b.now.Add(d); b.now.Before(end); {
		b.reading(step)
	}
}

func (b *bench) balance() units.Money { return b.st.Credit.Available() }

// memory is a Journal that keeps batches, and fails on demand.
type memory struct {
	spent   bool
	mu      sync.Mutex
	batches []Batch
	fail    error
	failOn  func(Batch) bool
}

// failAt makes the commits of some batches fail for want of room.
func (m *memory) failAt(on func(Batch) bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.failOn = on
}

// failWith makes every commit fail with err, nil: none.
func (m *memory) failWith(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = err
}

// knows makes the next token one that the records have already.
func (m *memory) knows() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.spent = true
}

func (m *memory) Commit(_ context.Context, b Batch) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	if len(b.Effects.Credited) > 0 && m.spent {
		m.spent = false
		return fmt.Errorf("token table: %w", &TokenSpentError{Fingerprint: b.Effects.Credited[0].Fingerprint, Err: errTest})
	}
	if m.failOn != nil && m.failOn(b) {
		return ErrJournalFull
	}
	m.batches = append(m.batches, b)
	return nil
}

func (m *memory) ledger() []credit.Entry {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []credit.Entry
	for _, b := range m.batches {
		out = append(out, b.Effects.Entries...)
	}
	return out
}

var errTest = errors.New("a fault of the test")

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }
