package simulate

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/optimizer"
	"github.com/keeplit/keeplit/tariffs"
)

// constant is a CSV of a week in which 0.5 kW are always used; from an hour on it is so
// much more.
func constant(t testing.TB, folder string, more float64, from int) {
	t.Helper()
	var b strings.Builder
	b.WriteString("time,kwh\n")
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for h := range 7 * 24 {
		e := 0.5
		if h >= from {
			e += more
		}
		fmt.Fprintf(&b, "%s,%v\n", start.Add(time.Duration(h)*time.Hour).Format(time.RFC3339), e)
	}
	must(t, os.WriteFile(filepath.Join(folder, "base.csv"), []byte(b.String()), 0o600))
}

// hand is a world of which every figure can be reckoned by hand: 0.5 kW at 2 a kWh and 1 a
// day, from 2026-01-01 UTC, without a warm-up.
func hand(t testing.TB, days int, text string) World {
	t.Helper()
	folder := t.TempDir()
	constant(t, folder, 0, 0)
	doc := `title: By hand
start: 2026-01-01
warm_up: 0
step: 5m
base: {file: base.csv}
` + text
	if !strings.Contains(text, "tariff:") {
		doc += "tariff: {document: {name: x, currency: EUR, zone: UTC, versions: [{energy: [{name: e, price: 2}], charges: [{name: c, amount: 1, due: day}]}]}}\n"
	}
	w, faults := ParseWorld([]byte(doc), folder)
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	w.Days = days
	return w
}

const heater = "loads: [{id: heater, power: 1 kW, need: {for: 2h}}]\n"

// lives lives through the world under one policy.
func lives(t testing.TB, w World, p Policy) *Result {
	t.Helper()
	r, err := Run(t.Context(), w, Options{Policies: []Policy{p}})
	must(t, err)
	return r.Policies[p]
}

func about(t *testing.T, what string, got, want, within float64) {
	t.Helper()
	if math.Abs(got-want) > within {
		t.Errorf("%s: %v is told, %v it is", what, got, want)
	}
}

// Where the sun gives most of what is used, and a battery loses some of it, a kWh costs what
// the account was charged over what the home had, whoever gave it: 24 kWh and 4 of the heater.
func TestAKWhOfAHomeWithPanelsIsOneThatItUsed(t *testing.T) {
	t.Parallel()
	for _, p := range []Policy{None, Keeplit} {
		w := hand(t, 2, `credit: {opening: 500}
loads:
  - {id: heater, power: 1 kW, need: {for: 2h}}
  - {id: roof, kind: sun, power: 2 kW}
  - {id: battery, kind: battery, battery: {capacity: 4 kWh, charge: 2 kW}}
`)
		r := lives(t, w, p)
		if r.Sun < 5 || r.FedIn < 1 || r.Energy > 24 {
			t.Fatalf("%s: the sun gave %.1f kWh, %.1f were fed in and %.1f drawn: nothing is shown by that", p, r.Sun, r.FedIn, r.Energy)
		}
		about(t, string(p)+": cost a kWh", r.CostPerKWh, r.Cost/28, r.Cost/28*0.02)
		for _, id := range []string{"roof", "battery"} {
			if l := r.Loads[id]; l.Moves+l.Gone > 0 {
				t.Errorf("%s: starts of the %s are announced to somebody", p, id)
			}
		}
	}
}

// A car of 7 kWh a day that is given 12 a night lacks nothing as it leaves; given 3, it lacks
// some more each day.
func TestWhatCarsLackIsCountedAsTheyLeave(t *testing.T) {
	t.Parallel()
	for need, lacks := range map[string][2]float64{"12 kWh": {0, 0.001}, "3 kWh": {10, 200}} {
		r := lives(t, hand(t, 6, `credit: {opening: 500}
loads:
  - {id: car, kind: power, power: {min: 6 A, max: 32 A, step: 1 A, phases: 1}, need: {energy: `+need+`}, ready_by: "06:00", min_off: 5m, plant: {kind: charger, daily: 7 kWh}}
`), Keeplit)
		if r.LateCar == nil || *r.LateCar < lacks[0] || *r.LateCar > lacks[1] {
			t.Errorf("%s a night: %v kWh were lacking", need, r.LateCar)
		}
	}
	if r := lives(t, hand(t, 1, heater), None); r.LateCar != nil {
		t.Error("a world without a car tells what cars lack")
	}
}

func TestMoneyEnergyAndStartsAreThoseReckonedByHand(t *testing.T) {
	t.Parallel()
	w := hand(t, 2, heater+"credit: {opening: 500}\n")
	w.Start.Day, w.Warm = 2, 1 // on its first day the agent begins some minutes late
	r := lives(t, w, None)
	about(t, "energy", r.Energy, 48*0.5+2*2, 0.1)
	about(t, "of it loads", r.LoadsKWh, 4, 0.1)
	about(t, "cost", r.Cost, 2*28+2, 0.1)
	about(t, "cost a year", r.CostAYear, 365./2*58, 20)
	about(t, "cost a kWh", r.CostPerKWh, 58./28, 0.01)
	about(t, "days per 100", r.DaysPer100, 100/29., 0.01)
	about(t, "peak", r.PeakKW, 1.5, 0.001)
	if r.Starts != 2 || r.Loads["heater"].Starts != 2 || r.Plans != 97 && r.Plans != 96 {
		t.Errorf("%d starts and %d plans are counted", r.Starts, r.Plans)
	}
	if r.HoursOff != 0 || r.Cutoffs != 0 || r.UnmetKWh != 0 || r.UnmetDays != 0 || r.Demand != 0 || len(r.Cuts) != 0 {
		t.Errorf("something was missing: %+v", r)
	}
	if len(r.Balance) != 2 || r.Balance[0].Day != "2026-01-02" || len(r.Week) != 96 {
		t.Fatalf("days %v and %d slots are recorded", r.Balance, len(r.Week))
	}
	about(t, "what the first day took of the balance", r.Balance[0].High-r.Balance[1].High, 29, 0.2)
	sum := 0.0
	for _, s := range r.Week {
		sum += s.Base + s.Loads[0]
	}
	about(t, "energy of the week", sum, r.Energy, 0.05)
}

// With 10 and nothing bought: an hour of the base load takes 1, the heater 4 on its
// first day; the charge of the day takes 1 at its end.  Light ends after 6 hours.
func TestHoursOffAndUnmetNeedsAreThoseReckonedByHand(t *testing.T) {
	t.Parallel()
	r := lives(t, hand(t, 2, heater+"credit: {opening: 10}\n"), None)
	about(t, "hours off", r.HoursOff, 48-6, 0.3)
	if r.Cutoffs != 1 || r.Cuts[string(credit.ForNoCredit)].Times != 1 {
		t.Errorf("%d cut-offs are counted: %v", r.Cutoffs, r.Cuts)
	}
	about(t, "hours for want of credit", r.Cuts[string(credit.ForNoCredit)].Hours, r.HoursOff, 0)
	about(t, "need unmet", r.UnmetKWh, 2, 0.05)
	if r.UnmetDays != 1 || r.Loads["heater"].UnmetDays != 1 {
		t.Errorf("%d days are counted short", r.UnmetDays)
	}
}

func TestADemandChargeIsCountedApart(t *testing.T) {
	t.Parallel()
	r := lives(t, hand(t, 1, heater+"credit: {opening: 500}\n"+
		"tariff: {document: {name: x, currency: EUR, zone: UTC, versions: [{energy: [{name: e, price: 2}], demand: [{name: d, price: 10, unit: kW, interval: 30m}]}]}}\n"), None)
	about(t, "demand charge", r.Demand, 15, 0.05)
	about(t, "cost", r.Cost, r.Energy*2+15, 0.1)
}

// A tank that nobody heats and nobody takes from loses 75 W: 7 kWh in 93.3 h.  With 6 kWh
// lost no shower is left, with 3.5 it is below 40 degrees, and with 7 by 20 K.
func TestHotWaterAndComfortAreThoseReckonedByHand(t *testing.T) {
	t.Parallel()
	w := hand(t, 5, "loads: [{id: geyser, power: 1 kW, need: {for: 30m}, plant: {kind: geyser, daily: 1 Wh}}]\ncredit: {opening: 0}\n") // it is never lit
	w.Every = time.Hour
	r := lives(t, w, None)
	l, err := newLife(&w, None)
	must(t, err)
	first := l.plant.State().Loads[0].Deficit.KWh() // it is not quite full
	about(t, "hours of hot water", *r.HotHours, (6-first)/0.075/120*24, 0.05)
	about(t, "K h", r.Comfort, 20*(3.5/0.075)/2+20*(120-(7-first)/0.075), 2)
}

func TestHoursWithoutMainsAreNobodysCut(t *testing.T) {
	t.Parallel()
	r := lives(t, hand(t, 1, "credit: {opening: 500}\noutages: {listed: [{from: 2026-01-01T03:00:00Z, to: 2026-01-01T05:30:00Z}]}\n"), None)
	about(t, "hours without mains", r.MainsHours, 2.5, 0.001)
	about(t, "energy", r.Energy, 21.5*0.5, 0.05) // the contactor waits for some minutes
	if r.HoursOff > 0.2 || r.Cuts[string(credit.ForNoCredit)].Times != 0 {
		t.Errorf("%v hours off are counted: %v", r.HoursOff, r.Cuts)
	}
	about(t, "dark hours of the day", r.Balance[0].Off, 2.5, 0.2)
}

// counting is a counter that counts, of one load.
func counting() *counter {
	w := &World{Zone: "UTC", Days: 1}
	site := &control.Site{Zone: time.UTC, Loads: []loads.Load{{ID: "a"}}, RunOutOver: 14 * day}
	c := newCounter(w, site, time.Unix(0, 0).UTC())
	c.counting = true
	return c
}

// hoursOn is a plan of whole hours for load a, from an instant on.
func hoursOn(from time.Time, on string) *planning.Plan {
	p := &planning.Plan{Start: from, Slot: time.Hour, Prices: make([]units.Price, len(on)), Loads: []planning.LoadPlan{{ID: "a", Power: make([]units.Power, len(on))}}}
	for i, c := range on {
		if c == '#' {
			p.Loads[0].Power[i] = units.Kilowatt
		}
	}
	return p
}

func TestAMoveIsAStartAtAnotherTimeThatNothingForced(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for name, row := range map[string]struct {
		was, is           string
		on, forced        bool
		sent              int // hours from noon up to which prices were sent with the plan before; 0: none ever are
		moves, near, gone int
	}{
		"it stays":                           {was: "...##...", is: "...##...", moves: 0},
		"it stays and ends sooner":           {was: "...##...", is: "...#....", moves: 0},
		"it is later":                        {was: "...##...", is: "....##..", moves: 1, gone: 1},
		"it is earlier":                      {was: "...##...", is: ".#.....", moves: 1, gone: 1},
		"it begins sooner and runs through":  {was: "...##...", is: "..###...", moves: 1, gone: 1},
		"it begins at once":                  {was: "...##...", is: "##......", moves: 1, gone: 1},
		"it was near":                        {was: ".##.....", is: "....##..", moves: 1, near: 1, gone: 1},
		"one more stands before it":          {was: "...##...", is: ".#.##...", moves: 0},
		"it is dropped":                      {was: "...##...", is: "........", gone: 1},
		"it moved after credit was bought":   {was: "...##...", is: "....##..", forced: true, gone: 1},
		"what is under way is no start":      {was: "##......", is: "#.......", on: true},
		"the next after what is under way":   {was: "#..##...", is: "#...##..", on: true, moves: 1, gone: 1},
		"nothing was announced, and now is":  {was: "........", is: "...##..."},
		"it is over the edge of the horizon": {was: "...#", is: "...####", moves: 0},
		"its price was still to be sent":     {was: "...##...", is: "....##..", sent: 3},
		"its price was sent":                 {was: "...##...", is: "....##..", sent: 4, moves: 1, gone: 1},
	} {
		c := counting()
		c.on["a"] = row.on
		b := &planning.Brief{Now: noon}
		if row.sent > 0 {
			b.Prices = &tariffs.Overlay{Prices: []tariffs.SlotPrice{{Slot: units.Slot{Start: noon.Add(-12 * time.Hour), Len: time.Duration(12+row.sent) * time.Hour}}}}
		}
		c.planned(b, hoursOn(noon, row.was), 0)
		if row.forced {
			c.entries([]credit.Entry{{Kind: credit.Topup, Amount: units.One}})
		}
		c.planned(b, hoursOn(noon, row.is), 0)
		if r := c.out.Loads["a"]; r.Moves != row.moves || r.MovesNear != row.near || r.Gone != row.gone {
			t.Errorf("%s: %d moves, %d of them near, and %d gone", name, r.Moves, r.MovesNear, r.Gone)
		}
	}
}

func TestAShortfallThatDoesNotComeIsFalseAndCountedOnceAPlan(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	by := noon.Add(12 * time.Hour)
	b := &planning.Brief{Now: noon, Loads: []planning.Owed{{ID: "a", Requests: []loads.Request{{By: by}}}}}
	says := func() *planning.Plan {
		p := hoursOn(noon, "........................")
		p.Short = []planning.Shortfall{{Load: "a", Kind: optimizer.ShortEnergy, At: noon}}
		return p
	}
	for _, row := range []struct {
		missed time.Duration
		false_ int
	}{{0, 2}, {time.Hour, 0}} {
		c := counting()
		c.planned(b, says(), 0)
		c.planned(b, says(), 0)
		c.planned(b, hoursOn(noon, "####"), 0)
		c.ended("a", by.Add(-time.Hour), 0) // another need-day
		c.ended("a", by, row.missed)
		if c.out.Plans != 3 || c.out.Announced != 2 || c.out.FalseShortfalls != row.false_ {
			t.Errorf("%s missed: %d plans, %d announced, %d false", row.missed, c.out.Plans, c.out.Announced, c.out.FalseShortfalls)
		}
	}
}

func TestWhatIsSaidOfTheEndOfCreditIsHeldAgainstTheTruth(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	e := endings{over: 48 * time.Hour}
	e.open = []said{
		{at: noon, left: 10, early: at(5), mid: at(8), late: at(12)},               // right within its bounds, 2 h off
		{at: noon, left: 10, early: at(11), mid: at(14), late: at(20)},             // it ended before p10
		{at: noon, left: 10, early: at(2), mid: at(4), late: at(9)},                // and after p90
		{at: noon, left: 10, early: at(3), mid: at(40), beyond: true},              // it said that it would last
		{at: noon, left: 99, spent: 0, early: at(3), mid: at(40), late: at(47)},    // it has not ended, and is let go
		{at: noon, left: 10, spent: 95, early: at(60), mid: at(70), late: at(100)}, // said with more spent
	}
	for h := range 60 {
		e.see(at(h), units.Money(h)) // one an hour: 10 have gone by 22:00
	}
	got := e.result()
	if got.Said != 4 || got.Before != 0.25 || got.After != 0.25 || got.Missed != 1 || len(e.open) != 0 {
		t.Errorf("it is told as %+v, with %d open", got, len(e.open))
	}
	about(t, "the median error", got.Error, 6, 0.01) // of 2, 4, 6 and 30
}
