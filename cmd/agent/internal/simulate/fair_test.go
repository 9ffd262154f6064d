package simulate

import (
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func text(t testing.TB, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	must(t, err)
	return string(b)
}

// What comes after a day changes nothing before it, but for foresight.
func TestNobodyLooksAheadButForesight(t *testing.T) {
	t.Parallel()
	w := hand(t, 1, `loads: [{id: heater, power: 1 kW, need: {for: 2h}}, {id: pump, power: 700 W, need: {for: 3h}}]
credit: {opening: 12}
top_up: [{chance: 0.5, amount: 8}]
outages: {listed: [{from: 2026-01-01T03:00:00Z, to: 2026-01-01T04:30:00Z}]}
tariff: {document: {name: x, currency: EUR, zone: UTC, versions: [{energy: [{name: e, price: 2}]}]}}
prices: {mean: 0.4}
`)
	later := w
	later.Folder = t.TempDir()
	constant(t, later.Folder, 3, 24)
	later.Mains.Listed = append(later.Mains.Listed[:1:1], Outage{w.Start.in(time.UTC).Add(25 * time.Hour), w.Start.in(time.UTC).Add(40 * time.Hour)})
	later.Start.Day, w.Start.Day = 1, 1
	for _, p := range Policies() {
		a, b := lives(t, w, p), lives(t, later, p)
		same := text(t, a) == text(t, b)
		if p != Foresight && !same {
			t.Errorf("%s: another tomorrow is another today:\n%s\n%s", p, text(t, a), text(t, b))
		}
		if p == Foresight && same {
			t.Log("foresight, which knows another tomorrow, did the same")
		}
	}
}

// Showers, outages and prices are the same whoever makes the plan.
func TestEachPolicyMeetsTheSameChances(t *testing.T) {
	t.Parallel()
	w := world(t, "dynamic-prices", 0, 1)
	w.Mains = Mains{PerWeek: 20, Mean: 30 * time.Minute}
	w.Start.Day = 3                                 // on which there are some
	w.Loads[0].Plant.Daily = 2 * units.KilowattHour // the tank is never empty
	type chances struct {
		mains  float64
		drawn  units.Energy
		prices string
	}
	seen := map[Policy]chances{}
	for _, p := range Policies() {
		its := p.knows(w)
		l, err := newLife(&its, p)
		must(t, err)
		begin := l.plant.State()
		must(t, l.run(t.Context(), nil))
		end := l.plant.State()
		var c chances
		c.mains = l.count.out.MainsHours
		for i, d := range end.Loads {
			if d.ID != "boiler" {
				continue
			}
			// What was taken is what was heated, what is now missing and what could not be had.
			c.drawn = d.Used - begin.Loads[i].Used + d.Deficit - begin.Loads[i].Deficit + d.Unmet - begin.Loads[i].Unmet
		}
		var prices []float64
		for _, s := range l.count.out.Week {
			prices = append(prices, s.Price)
		}
		c.prices = text(t, prices)
		seen[p] = c
	}
	first := seen[None]
	if first.mains == 0 || first.drawn < units.KilowattHour {
		t.Fatalf("nothing happened: %+v", first)
	}
	for p, c := range seen {
		if c.mains != first.mains || math.Abs((c.drawn-first.drawn).KWh()) > 0.01 || p != Foresight && c.prices != first.prices {
			t.Errorf("%s met other chances: %v h without mains and %s drawn, none %v h and %s, with the same prices: %t",
				p, c.mains, c.drawn, first.mains, first.drawn, c.prices == first.prices)
		}
	}
}

// The document of a small world, whose form others read.  KEEPLIT_UPDATE=1 makes it anew.
func TestTheFiguresOfASmallWorldAreThoseOfTheFile(t *testing.T) {
	t.Parallel()
	w := hand(t, 2, heater+`credit: {opening: 500}
tariff:
  document:
    name: Two prices
    currency: EUR
    zone: UTC
    calendar: {periods: [{name: noon, times: [{from: "12:00", to: "15:00"}]}, {name: rest}]}
    versions: [{energy: [{name: n, periods: [noon], price: 1}, {name: r, periods: [rest], price: 3}]}]
`)
	r, err := Run(t.Context(), w, Options{})
	must(t, err)
	for _, p := range r.Policies {
		p.Week = p.Week[:1]
	}
	got, err := json.MarshalIndent(r, "", "  ")
	must(t, err)
	got = append(got, '\n')
	name := filepath.Join("testdata", "small.json")
	if os.Getenv("KEEPLIT_UPDATE") != "" {
		must(t, os.MkdirAll("testdata", 0o755), os.WriteFile(name, got, 0o644)) //nolint:gosec // it is committed
	}
	want, err := os.ReadFile(name)
	must(t, err)
	if string(got) != string(want) {
		t.Errorf("the figures have changed; where that is right, make the file anew with KEEPLIT_UPDATE=1:\n%s", got)
	}
	for _, key := range []string{
		"world", "days", "policies", "none", "timer", "greedy", "keeplit", "foresight", "cost", "energy_kwh", "cost_per_kwh", "hours_off", "cutoffs",
		"unmet_kwh", "unmet_days", "comfort_kh", "peak_kw", "days_per_100", "starts", "moves", "false_shortfalls", "gain_share",
	} {
		if !strings.Contains(string(got), `"`+key+`":`) {
			t.Errorf("the document has no %q", key)
		}
	}
}

func TestARecordingOfAnySpacingIsTheBaseLoad(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		every    time.Duration
		register bool
	}{
		"ten minutes":          {every: 10 * time.Minute},
		"two hours":            {every: 2 * time.Hour},
		"a day":                {every: day},
		"a register, 15 min":   {every: 15 * time.Minute, register: true},
		"a register, 30 min":   {every: 30 * time.Minute, register: true},
		"an hour, as it comes": {every: time.Hour},
	} {
		var b strings.Builder
		b.WriteString("time,kwh\n")
		each, sum := 0.5*row.every.Hours(), 1234.5
		for at := start; !at.After(start.Add(week)); at = at.Add(row.every) {
			v := each
			if row.register {
				v, sum = sum, sum+each
			}
			b.WriteString(at.Format(time.RFC3339) + "," + text(t, v) + "\n")
		}
		w := hand(t, 1, "credit: {opening: 500}\n")
		w.Base.Register = row.register
		must(t, os.WriteFile(filepath.Join(w.Folder, "base.csv"), []byte(b.String()), 0o600))
		base, err := w.base()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		// Far from the recording, over no whole number of slots.
		from := start.Add(100*day + 7*time.Minute)
		if e, ok := base.Energy(from, from.Add(29*time.Hour)); !ok || math.Abs(e.KWh()-14.5) > 0.001 {
			t.Errorf("%s: %s in 29 hours of 0.5 kW", name, e)
		}
	}
}

func TestNobodyBuysWhileTheVendorIsClosed(t *testing.T) {
	t.Parallel()
	// 2026-01-02 is a Friday.
	w := hand(t, 3, "top_up: [{below: 50, amount: 20, takes: 10m}]\nvendor: {closed: [{from: \"fri 18:00\", to: \"sat 09:00\"}], most_a_day: 30}\n")
	b := newBuyer(&w)
	start := w.Start.in(time.UTC)
	var bought []string
	for at := start; at.Before(start.Add(3 * day)); at = at.Add(5 * time.Minute) {
		b.think(at, at.Add(5*time.Minute), 10*units.One, false)
		for {
			amount, ok := b.buys(at.Add(5 * time.Minute))
			if !ok {
				break
			}
			bought = append(bought, at.Add(5*time.Minute).Format("Mon 15:04 ")+text(t, amount.Float()))
		}
	}
	want := "Thu 07:10 20, Thu 18:10 10, Fri 07:10 20, Sat 09:00 20, Sat 18:10 10"
	if got := strings.Join(bought, ", "); got != want {
		t.Errorf("bought was %s, not %s", got, want)
	}
}
