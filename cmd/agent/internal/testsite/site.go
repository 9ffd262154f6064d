// Package testsite is a small site for the tests of what looks at the loop: a
// house in Johannesburg with a geyser, driven by hand.
package testsite

import (
	"context"
	"encoding/json"
	"iter"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/schedule"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// Tariff is dear by day and cheap by night, in two blocks, with a standing
// charge; its figures are examples.
func Tariff(t testing.TB) tariffs.Document {
	t.Helper()
	var night tariffs.Span
	must(t, night.From.SetText("22:00"), night.To.SetText("06:00"))
	return tariffs.Document{
		Name: "test", Currency: "ZAR", Zone: "Africa/Johannesburg", Current: tariffs.CurrentExample,
		Sources:  []tariffs.Source{{Title: "A paper", URL: "https://example.org/paper", Dated: "2026-07-01", For: "prices"}},
		Calendar: tariffs.Calendar{Periods: []tariffs.Period{{Name: "night", Times: []tariffs.Span{night}}, {Name: "day"}}},
		Versions: []tariffs.Version{{
			Name: "2026/27",
			Energy: []tariffs.EnergyCharge{
				{Name: "day energy", Periods: []string{"day"}, Price: 3_000_000},
				{Name: "night energy", Periods: []string{"night"}, Price: 1_000_000},
				{Name: "block", Steps: []tariffs.Step{{To: 350 * units.KilowattHour}, {Price: 500_000}}},
			},
			Charges: []tariffs.FixedCharge{
				{Name: "service", Amount: 2 * units.One, Due: tariffs.DueDay},
				{Name: "network", Amount: 30 * units.One, Due: tariffs.DueMonth},
			},
		}},
	}
}

// New is a house in Johannesburg with a geyser and no contactor.
func New(t testing.TB) *control.Site {
	t.Helper()
	zone, err := time.LoadLocation("Africa/Johannesburg")
	must(t, err)
	tariff, err := tariffs.New(Tariff(t))
	must(t, err)
	doc := credit.Defaults()
	doc.Opening = 500 * units.One
	scheme, err := openpaygo.New(openpaygo.Document{
		Key: "bc41ec9530f6dac86b1a29ab82edc5fb", StartingCode: 516959010, ValueDivider: 1, Unit: openpaygo.Money,
	})
	must(t, err)
	engine, err := credit.New(doc, zone, scheme)
	must(t, err)
	geyser, err := loads.Compile(loads.Document{
		ID: "geyser", Name: "Geyser", Kind: loads.OnOff, Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour},
		Switch: loads.SwitchDocument{Driver: "house"},
	}, zone)
	must(t, err)
	plan, err := schedule.Parse("*/30 * * * *", zone)
	must(t, err)
	all := []loads.Load{geyser}
	return &control.Site{
		ID: "test", Meter: "1", Zone: zone, Currency: "ZAR",
		Limits: metering.Limits{MaxGap: 5 * time.Minute, MaxPower: 20 * units.Kilowatt, Slack: 15 * time.Second}, SilentAfter: 3 * time.Minute,
		Interval: 30 * time.Minute, PointEvery: time.Minute,
		Tariff: tariff, Credit: engine, Loads: all, Guard: loads.NewGuard(loads.DefaultGuard(), all, zone),
		PlanAt: plan, PlanSlot: 30 * time.Minute, PlanAhead: 24 * time.Hour, RunOutOver: 48 * time.Hour, Shift: true, Seed: 1,
	}
}

// Planner plans for site.
func Planner(t testing.TB, site *control.Site) *planning.Planner {
	t.Helper()
	f, err := forecast.New(forecast.Options{Zone: site.Zone, Step: site.Interval})
	must(t, err)
	return planning.New(site.Rules(), f, nil)
}

// Drive steps a site through time with a reading a minute of 500 W, and makes
// the plans it asks for.
func Drive(t testing.TB, site *control.Site, st control.State, from time.Time, d time.Duration) (control.State, []credit.Entry, []planning.Interval) {
	t.Helper()
	planner := Planner(t, site)
	var entries []credit.Entry
	var intervals []planning.Interval
	on := map[string]bool{}
	register := st.Meter.Last.Import
	for now := from; now.Before(from.Add(d)); now = now.Add(time.Minute) {
		power := 500 * units.Watt
		if on["geyser"] {
			power += 3 * units.Kilowatt
		}
		register += power.Over(time.Minute)
		in := control.Input{
			Now: now, Facts: []loads.Fact{{ID: "geyser", Observation: loads.Observation{On: on["geyser"], Known: true, At: now}}},
			What: control.Reading{Sample: metering.Sample{At: now, Has: metering.HasImport | metering.HasPower, Import: register, Power: power, Step: 1}},
		}
		for {
			var eff control.Effects
			st, eff = site.Step(st, in)
			entries, intervals = append(entries, eff.Entries...), append(intervals, eff.Intervals...)
			planner.Learn(eff.Intervals)
			for _, c := range eff.Commands {
				on[c.ID] = c.Set.On
			}
			if !eff.AskPlan {
				break
			}
			plan, err := planner.Make(context.Background(), site.Brief(&st), 0)
			must(t, err)
			in = control.Input{Now: now, Facts: in.Facts, What: control.NewPlan{Plan: plan}}
		}
	}
	return st, entries, intervals
}

// Records are ledger and intervals in memory.
type Records struct {
	Entries   []credit.Entry
	Stretches []planning.Interval
	Happened  []store.Event
}

// Limits are none.
func (*Records) Limits(context.Context, time.Time, time.Time) iter.Seq2[store.Limited, error] {
	return func(func(store.Limited, error) bool) {}
}

// LastEvents are Happened.
func (r *Records) LastEvents(context.Context, int64, int) ([]store.Event, error) {
	return r.Happened, nil
}

// LedgerPage is of Entries.
func (r *Records) LedgerPage(_ context.Context, before uint64, n int) ([]credit.Entry, error) {
	var out []credit.Entry
	for i := len(r.Entries) - 1; i >= 0 && len(out) < n; i-- {
		if before == 0 || r.Entries[i].Seq < before {
			out = append(out, r.Entries[i])
		}
	}
	return out, nil
}

// Ledger is of Entries.
func (r *Records) Ledger(_ context.Context, from uint64) iter.Seq2[credit.Entry, error] {
	return r.some(func(e credit.Entry) bool { return e.Seq >= from })
}

// LedgerBetween is of Entries.
func (r *Records) LedgerBetween(_ context.Context, from, to time.Time) iter.Seq2[credit.Entry, error] {
	return r.some(func(e credit.Entry) bool { return !e.At.Before(from) && !e.At.After(to) })
}

// LedgerAhead is of Entries.
func (r *Records) LedgerAhead(_ context.Context, at time.Time) (last credit.Entry, err error) {
	for _, e := range r.Entries {
		if e.At.Before(at) {
			last = e
		}
	}
	return last, nil
}

// LedgerFind is of Entries, by all but text.
func (r *Records) LedgerFind(_ context.Context, f store.Find, n int) ([]credit.Entry, error) {
	var out []credit.Entry
	for _, e := range slices.Backward(r.Entries) {
		in := (f.Before == 0 || e.Seq < f.Before) && (len(f.Kinds) == 0 || slices.Contains(f.Kinds, e.Kind))
		if in && !e.At.Before(f.From) && (f.To.IsZero() || e.At.Before(f.To)) && len(out) < n {
			out = append(out, e)
		}
	}
	return out, nil
}

func (r *Records) some(keep func(credit.Entry) bool) iter.Seq2[credit.Entry, error] {
	return func(yield func(credit.Entry, error) bool) {
		for _, e := range r.Entries {
			if keep(e) && !yield(e, nil) {
				return
			}
		}
	}
}

// Intervals are of Stretches.
func (r *Records) Intervals(_ context.Context, series string, from, to time.Time) iter.Seq2[store.Interval, error] {
	return func(yield func(store.Interval, error) bool) {
		for _, iv := range r.Stretches {
			if iv.Series == series && !iv.Slot.Start.Before(from) && iv.Slot.Start.Before(to) {
				if !yield(store.Interval{Series: iv.Series, Interval: iv.Interval}, nil) {
					return
				}
			}
		}
	}
}

// Prices is a document for the topic prices: hours of them from start, by turns
// price and one more.
func Prices(start time.Time, hours int, price float64) []byte {
	type entry struct {
		Start  time.Time `json:"start"`
		Import float64   `json:"import"`
	}
	var prices []entry
	for i := range hours {
		prices = append(prices, entry{start.Add(time.Duration(i) * time.Hour), price + float64(i%2)})
	}
	text, err := json.Marshal(map[string]any{"currency": "ZAR", "tax_included": true, "prices": prices})
	if err != nil {
		panic(err)
	}
	return text
}
