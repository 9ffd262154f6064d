package simulate

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
	"github.com/keeplit/keeplit/loads"
)

// theWeek is a home with thirteen loads of every kind that is switched, whose credit ends once
// and whose mains fail once; Monday to Sunday.
const theWeek = `
title: A week of thirteen loads
seed: 5
zone: Africa/Johannesburg
start: 2026-02-02
days: 7
warm_up: 0
step: 1m
limit: 6.5 kW
base: {daily: 9 kWh, occupants: 3, latitude: -26.2}
tariff:
  document:
    name: Two prices
    currency: ZAR
    zone: Africa/Johannesburg
    current: example
    calendar: {periods: [{name: peak, times: [{from: "06:00", to: "09:00"}, {from: "17:00", to: "20:00"}]}, {name: rest}]}
    versions: [{energy: [{name: peak energy, periods: [peak], price: 4.20}, {name: other energy, periods: [rest], price: 2.00}]}]
credit: {opening: OPENING}
outages: {listed: [{from: 2026-02-04T12:00:00Z, to: 2026-02-04T14:30:00Z}]}
plan_every: 1h
loads:
  - {id: pool, power: 750 W, need: {for: 4h, between: ["07:00-19:00"]}, min_on: 15m, min_off: 10m, max_starts: 4, priority: 4}
  - {id: drip, power: 400 W, need: {for: 1h, between: ["04:00-09:00"], weekdays: "Mon,Wed,Fri"}, priority: 5}
  - {id: dry-air, power: 300 W, need: {energy: 0.9 kWh}, min_on: 20m, min_off: 20m, priority: 5}
  - {id: compressor, power: 1.5 kW, need: {for: 2h, between: ["08:00-18:00"], weekdays: "Mon-Fri"}, min_on: 20m, min_off: 10m, max_starts: 3, priority: 3}
  - {id: fan, power: 200 W, need: {for: 8h}, essential: true, min_off: 5m, priority: 0}
  - {id: washer, kind: cycle, power: 600 W, cycle: 1h45m, need: {runs: 1, between: ["08:00-20:00"], weekdays: "Mon,Thu,Sat"}, priority: 3, plant: {kind: washer}}
  - {id: dishes, kind: cycle, power: 700 W, cycle: 1h30m, need: {runs: 1, between: ["20:00-07:00"]}, priority: 3, plant: {kind: washer}}
  - {id: dryer, kind: cycle, power: 1.2 kW, cycle: 1h, need: {runs: 1, between: ["12:00-22:00"], weekdays: "Sat"}, priority: 4, plant: {kind: washer}}
  - {id: car, kind: power, power: {min: 6 A, max: 16 A, step: 1 A, phases: 1}, need: {energy: 6 kWh, between: ["19:00-07:00"]}, min_off: 5m, priority: 2, plant: {kind: charger, daily: 5 kWh}}
  - {id: immersion, kind: power, power: {steps: [1 kW, 2 kW, 3 kW]}, need: {energy: 4 kWh, between: ["09:00-16:00"]}, priority: 6}
  - {id: geyser, kind: heat, power: 3 kW, tank: {litres: 150}, min_on: 5m, priority: 1, plant: {kind: tank, daily: 3 kWh, water: {litres: 150, loss: 85 W}}}
  - {id: kitchen, kind: heat, power: 2 kW, tank: {litres: 50}, min_on: 5m, priority: 1, plant: {kind: tank, daily: 1 kWh, water: {litres: 50, loss: 45 W}}}
  - {id: bricks, utility_class: heating, power: 1.2 kW, need: {for: 3h, between: ["22:00-06:00"]}, priority: 7}MORE
top_up:
  - {on: [fri], at: ["15:00"], amount: 900}
`

// roofAndBattery make fifteen of them, of every kind that a house can have.
const roofAndBattery = `
  - {id: roof, kind: sun, power: 3 kW}
  - {id: battery, kind: battery, battery: {capacity: 6 kWh, charge: 2 kW, discharge: 2.5 kW, reserve: 30, efficiency: 90}}`

// hasty has plans made in a stretch of time as a person may ask for them: loads run as soon as they
// may, whatever is left of the credit.  What little credit is kept for hangs on the shedding alone then.
type hasty struct {
	control.Plans
	in stretch
}

func (h hasty) Make(ctx context.Context, b planning.Brief, within time.Duration) (planning.Plan, error) {
	b.Unshifted = b.Unshifted || !b.Now.Before(h.in.From) && b.Now.Before(h.in.To)
	return h.Plans.Make(ctx, b, within)
}

// told is a command as the checker has it.
type told struct {
	at     time.Time
	on     bool
	watts  float64 // below zero: given
	mode   string
	reason string
}

// stretch is some time.
type stretch struct{ From, To time.Time }

// inspector judges a week by its commands alone: it knows neither guard nor plan.
type inspector struct {
	t      *testing.T
	zone   *time.Location
	told   map[string][]told
	dim    []stretch // in which a contact has the loads draw no more than dimmed
	dark   []stretch // mains were gone
	events map[string]int
	cause  map[string]int
}

const dimmed = 3000.0 // W

func (x *inspector) hears(in control.Input, eff control.Effects) {
	for _, c := range eff.Commands {
		x.told[c.ID] = append(x.told[c.ID], told{in.Now, c.Set.On, c.Set.Power.W(), c.Set.Mode, c.Reason})
		x.cause[c.Reason]++
	}
	for _, e := range eff.Events {
		x.events[e.Code]++
	}
}

// stretches are when a load was on: from on to off, or to the mains' end.
func (x *inspector) stretches(id string, end time.Time) (out []stretch) {
	var from time.Time
	all := slices.Clone(x.told[id])
	for _, d := range x.dark {
		all = append(all, told{at: d.From, reason: "dark"})
	}
	slices.SortStableFunc(all, func(a, b told) int { return a.at.Compare(b.at) })
	for _, c := range append(all, told{at: end}) {
		switch {
		case c.on && from.IsZero():
			from = c.at
		case !c.on && !from.IsZero():
			out = append(out, stretch{From: from, To: c.at})
			from = time.Time{}
		}
	}
	return out
}

func overlap(a, b stretch) time.Duration {
	from, to := a.From, a.To
	if b.From.After(from) {
		from = b.From
	}
	if b.To.Before(to) {
		to = b.To
	}
	return max(0, to.Sub(from))
}

func within(all []stretch, s stretch) (sum time.Duration) {
	for _, a := range all {
		sum += overlap(a, s)
	}
	return sum
}

// Thirteen loads of every kind that is switched, and fifteen with panels and a battery, through the real
// loop, for a week with a limit and a failure of the mains, with enough credit and with too little: what they were told is judged by
// rules that are written here once more, from docs/loads.md.
func TestAWeekOfAllLoadsIsJudgedFromOutside(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	t.Run("enough credit", func(t *testing.T) { weekOf(t, "700", "", true) })
	t.Run("with panels and a battery", func(t *testing.T) { weekOf(t, "700", roofAndBattery, true) })
	t.Run("too little", func(t *testing.T) { weekOf(t, "150", "", false) })
}

func weekOf(t *testing.T, opening, more string, enough bool) {
	w, faults := ParseWorld([]byte(strings.NewReplacer("OPENING", opening, "MORE", more).Replace(theWeek)), ".")
	if faults = append(faults, w.Check()...); len(faults) > 0 {
		t.Fatal(faults)
	}
	l, err := newLife(&w, Keeplit)
	must(t, err)
	l.site.Curbs = control.LimitRules{Contact: &policy.LimitRules{Devices: true, FailSafe: dimmed * units.Watt, Minimum: 2 * time.Hour, Floor: units.Kilowatt}}
	l.site.Supply.Shed = []control.ShedRule{{Below: 60 * units.One, Priority: loads.ClassOf(4).Rank(4)}}
	zone := w.zone()
	begin := w.Start.in(zone)
	at := func(day int, hour float64) time.Time {
		return begin.AddDate(0, 0, day).Add(time.Duration(hour * float64(time.Hour)))
	}
	x := &inspector{t: t, zone: zone, told: map[string][]told{}, events: map[string]int{}, cause: map[string]int{}}
	for _, d := range []int{1, 3} {
		x.dim = append(x.dim, stretch{From: at(d, 18), To: at(d, 21)})
	}
	for _, o := range w.Mains.Listed {
		x.dark = append(x.dark, stretch(o))
	}
	l.watch = x.hears
	if !enough {
		l.plans = hasty{l.plans, stretch{From: at(1, 6), To: at(1, 17)}}
	}
	var low []stretch // in which less than the rule of the credit was left
	over, row, longest, most := 0, 0, 0, 0.0
	ctx := t.Context()
	must(t, l.begin(ctx))
	end := at(7, 0)
	before := l.plant.State()
	var night stored
	for now := l.plant.Now(); now.Before(end); now = now.Add(w.Step) {
		limited := slices.ContainsFunc(x.dim, func(s stretch) bool { return !now.Before(s.From) && now.Before(s.To) })
		if !l.dark {
			must(t, l.step(ctx, control.Input{Now: now, What: control.LimitWord{From: policy.Contact, Limit: dimmed * units.Watt, None: !limited}}))
		}
		must(t, l.until(ctx, now, now.Add(w.Step)))
		after := l.plant.State()
		kw := (after.Register - before.Register).KWh() * 60
		if most = max(most, kw); kw > 6.5 {
			over++
			if x.waits(w) { // what is on could be off
				row++
			}
			longest = max(longest, row)
		} else {
			row = 0
		}
		night.look(t, w, before, after)
		before = after
		if l.st.Credit.Available() < 60*units.One {
			if n := len(low); n > 0 && low[n-1].To.Equal(now) {
				low[n-1].To = now.Add(w.Step)
			} else {
				low = append(low, stretch{From: now, To: now.Add(w.Step)})
			}
		}
	}
	l.plans.Wait()
	if h, ok := l.plans.(hasty); ok && within(low, h.in) < 2*time.Hour {
		t.Errorf("little credit is left for %s of the hours in which nothing but the shedding spares it: that is not tried", within(low, h.in))
	}
	x.judge(w, begin, end, low, enough)
	t.Logf("greatest minute %.1f kW, %d minutes above 6.5 kW, %d in a row with loads on that can wait; %d stretches of little credit; events %v; reasons %v", most, over, longest, len(low), x.events, x.cause)
	bound := 1 // the meter is read once a minute
	if more != "" {
		bound = 2 // and a battery follows it a reading later
	}
	if longest > bound {
		t.Errorf("%d minutes in a row above the site's limit, with loads on that can wait", longest)
	}
	night.judge(t, more != "")
	for _, d := range l.plant.State().Loads {
		t.Logf("%s: used %s, wanted and not there %s", d.ID, d.Used, d.Unmet)
		if enough && d.Unmet > 0 {
			t.Errorf("%s lacks %s", d.ID, d.Unmet)
		}
	}
}

// judge holds what was told against the rules.
func (x *inspector) judge(w World, begin, end time.Time, low []stretch, enough bool) {
	t := x.t
	off := x.dark
	var from time.Time
	for _, c := range append(slices.Clone(x.told[loads.SupplyID]), told{at: end, on: true}) {
		switch {
		case !c.on && from.IsZero():
			from = c.at
		case c.on && !from.IsZero():
			off = append(off, stretch{From: from, To: c.at})
			from = time.Time{}
		}
	}
	var cut time.Duration
	for _, o := range off {
		cut += o.To.Sub(o.From)
	}
	t.Logf("without supply: %s", cut)
	if !enough && (cut < 3*time.Hour || len(low) == 0) {
		t.Error("the credit does not end, and nothing of that is tried")
	}
	hindered := slices.Concat(off, x.dim, low)
	whole := stretch{From: begin, To: end}
	met, days := 0, 0
	for _, d := range w.Loads {
		switch d.Kind {
		case loads.Sun:
			if n := len(x.told[d.ID]); n > 0 {
				t.Errorf("%s is told something %d times", d.ID, n)
			}
			continue
		case loads.Battery:
			x.battery(d, off)
			continue
		}
		on := x.stretches(d.ID, end)
		for _, o := range off { // a command on while there is no supply
			for _, c := range x.told[d.ID] {
				if c.on && c.at.After(o.From) && c.at.Before(o.To) {
					t.Errorf("%s is told on at %s, and there is no supply", d.ID, c.at.In(x.zone))
				}
			}
			if s := within(on, o); s > 5*time.Second {
				t.Errorf("%s is on for %s without supply", d.ID, s)
			}
		}
		if d.Priority >= 4 && !d.Essential {
			for _, o := range low {
				if s := within(on, stretch{From: o.From.Add(w.Step), To: o.To}); s > 0 {
					t.Errorf("%s is on at %s while little credit is left", d.ID, o.From.In(x.zone))
				}
			}
		}
		x.minimum(d, on, end)
		got, of := x.needs(d, on, hindered, begin)
		met, days = met+got, days+of
		byDay := map[string]int{}
		for _, c := range x.told[d.ID] {
			byDay[c.at.In(x.zone).Format("Mon")]++
		}
		worst := 0
		for _, n := range byDay {
			worst = max(worst, n)
		}
		t.Logf("%-10s on %5.1f h in %2d stretches; needs of %d of %d whole days; at most %d writes a day", d.ID, within(on, whole).Hours(), len(on), got, of, worst)
		if bound := map[bool]int{false: 24, true: 60}[d.Kind == loads.Varies]; worst > bound {
			t.Errorf("%s is told %d times in a day", d.ID, worst)
		}
	}
	t.Logf("%d of %d needs met on days without cut, limit or little credit", met, days)
	if enough && (met < days || days < 30) {
		t.Errorf("%d of %d needs are met on days without cut, limit or want of credit", met, days)
	}
	x.together(w)
}

// minimum holds the least times on and off, and the starts of a day.
func (x *inspector) minimum(d Load, on []stretch, end time.Time) {
	least := func(v *time.Duration, otherwise time.Duration) time.Duration {
		if v == nil {
			return otherwise
		}
		return *v
	}
	minOn, minOff := least(d.MinOn, time.Minute), least(d.MinOff, 3*time.Minute)
	if d.Kind == loads.Cycle {
		minOn = max(minOn, d.Cycle)
	}
	starts := map[string]int{}
	for i, s := range on {
		if s.To.Equal(end) {
			continue // it goes on
		}
		starts[s.From.In(x.zone).Format(time.DateOnly)]++
		why := ""
		for _, c := range x.told[d.ID] {
			if c.at.Equal(s.To) {
				why = c.reason
			}
		}
		failed := slices.ContainsFunc(x.dark, func(d stretch) bool { return d.From.Equal(s.To) }) // told on as the mains failed
		protects := failed || why == "" || why == "limit" || why == "supply_off" || strings.Contains(why, "credit")
		if s.To.Sub(s.From) < minOn && !protects {
			x.t.Errorf("%s is on for %s from %s, for %q; its least is %s", d.ID, s.To.Sub(s.From), s.From.In(x.zone), why, minOn)
		}
		if i > 0 && s.From.Sub(on[i-1].To) < minOff {
			x.t.Errorf("%s is off for %s until %s; its least is %s", d.ID, s.From.Sub(on[i-1].To), s.From.In(x.zone), minOff)
		}
	}
	for day, n := range starts {
		if d.MaxStart > 0 && n > d.MaxStart {
			x.t.Errorf("%s starts %d times on %s", d.ID, n, day)
		}
	}
}

// window is when a load may be on, as the world has it, read by the checker itself.
func window(d Load) (from, to float64, days string) {
	days = "Mon Tue Wed Thu Fri Sat Sun"
	switch d.ID {
	case "pool":
		return 7, 19, days
	case "drip":
		return 4, 9, "Mon Wed Fri"
	case "compressor":
		return 8, 18, "Mon Tue Wed Thu Fri"
	case "washer":
		return 8, 20, "Mon Thu Sat"
	case "dishes":
		return 20, 31, days
	case "dryer":
		return 12, 22, "Sat"
	case "car":
		return 19, 31, days
	case "immersion":
		return 9, 16, days
	case "bricks":
		return 22, 30, days
	}
	return 0, 24, days
}

// needs counts the days on which the load could have had its need, and those on which it had.
func (x *inspector) needs(d Load, on, hindered []stretch, begin time.Time) (met, of int) {
	if d.Kind == loads.Heat {
		return 0, 0 // what it needs is for its tank to say
	}
	from, to, days := window(d)
	var allowed []stretch
	for i := range 7 {
		day := begin.AddDate(0, 0, i)
		s := stretch{From: day.Add(time.Duration(from * float64(time.Hour))), To: day.Add(time.Duration(to * float64(time.Hour)))}
		if !strings.Contains(days, day.In(x.zone).Format("Mon")) {
			continue
		}
		allowed = append(allowed, s)
		if within(hindered, s) > 0 || !s.To.Before(begin.AddDate(0, 0, 7)) {
			continue
		}
		had := false
		switch {
		case d.Need.Runs > 0:
			for _, o := range on {
				had = had || overlap(o, s) >= d.Cycle
			}
		case d.Need.For > 0:
			had = within(on, s) >= d.Need.For-2*time.Minute
		case d.ID == "car": // full or away it takes less: that it was offered is what can be told
			had = x.energy(d, on, s) >= 0.9*d.Need.Energy.KWh() || within(on, s) > 0
		default:
			had = x.energy(d, on, s) >= 0.95*d.Need.Energy.KWh()
		}
		if of++; had {
			met++
		} else {
			x.t.Logf("%s: not had on %s: on %s, %.2f kWh", d.ID, day.In(x.zone).Format("Mon"), within(on, s), x.energy(d, on, s))
		}
	}
	var all, in time.Duration
	for _, o := range on {
		all += o.To.Sub(o.From)
		in += within(allowed, o)
	}
	if to > 24 { // what is on in the first night is of the day before
		in += within(on, stretch{From: begin, To: begin.Add(time.Duration((to - 24) * float64(time.Hour)))})
	}
	if late := all - in; late > time.Duration(len(on))*2*time.Minute { // one that lacks no more goes on
		x.t.Errorf("%s is on for %s outside its hours and days", d.ID, late)
	}
	return met, of
}

// energy is what a load that draws as it is told took within a slot, in kWh.
func (x *inspector) energy(d Load, on []stretch, s stretch) (kwh float64) {
	for _, o := range on {
		last, watts := o.From, 0.0
		for _, c := range append(slices.Clone(x.told[d.ID]), told{at: o.To}) {
			if c.at.Before(o.From) || c.at.After(o.To) {
				continue
			}
			kwh += overlap(stretch{From: last, To: c.at}, s).Hours() * watts / 1000
			if last, watts = c.at, c.watts; c.on && watts == 0 {
				watts = d.Greatest().W()
			}
		}
	}
	return kwh
}

// waits tells whether anything is on that can wait.
func (x *inspector) waits(w World) bool {
	return slices.ContainsFunc(w.Loads, func(d Load) bool {
		all := x.told[d.ID]
		return !d.Essential && len(all) > 0 && all[len(all)-1].takes(d) > 0
	})
}

// takes is what a load may draw as it was told, in W; what a battery gives makes no room.
func (c told) takes(d Load) float64 {
	switch {
	case !c.on:
		return 0
	case d.Kind == loads.Battery:
		return max(0, c.watts) // at rest nothing
	}
	return cmp.Or(c.watts, d.Greatest().W())
}

// battery holds what a battery is told: never more than it can, nothing while there is no supply.
func (x *inspector) battery(d Load, off []stretch) {
	byDay, takes, gives := map[string]int{}, 0, 0
	for _, c := range x.told[d.ID] {
		byDay[c.at.In(x.zone).Format("Mon")]++
		if c.watts > d.Battery.Charge.W() || -c.watts > d.Battery.Discharge.W() {
			x.t.Errorf("%s is told %.0f W at %s", d.ID, c.watts, c.at.In(x.zone))
		}
		if c.watts > 0 {
			takes++
		} else if c.watts < 0 {
			gives++
		}
		for _, o := range off {
			if c.on && c.watts != 0 && c.at.After(o.From) && c.at.Before(o.To) {
				x.t.Errorf("%s is told %.0f W at %s, and there is no supply", d.ID, c.watts, c.at.In(x.zone))
			}
		}
	}
	worst := 0
	for _, n := range byDay {
		worst = max(worst, n)
	}
	x.t.Logf("%-10s told to take %d times and to give %d; at most %d writes a day", d.ID, takes, gives, worst)
	if takes < 20 || gives < 20 {
		x.t.Error("the battery is hardly used, and nothing of it is tried")
	}
	if worst > 24*60 {
		x.t.Errorf("%s is told %d times in a day", d.ID, worst)
	}
}

// stored is what a battery did, by what it holds and what the meter counts.
type stored struct {
	out    units.Energy // that flowed out while the panels gave nothing
	lowest units.Energy // that was kept
	seen   bool
}

func (s *stored) look(t *testing.T, w World, before, after house.State) {
	roof := units.Power(0)
	for _, d := range after.Loads {
		if d.ID == "roof" {
			roof = d.Flow
		}
	}
	for i, d := range after.Loads {
		at := slices.IndexFunc(w.Loads, func(l Load) bool { return l.ID == d.ID })
		if w.Loads[at].Kind != loads.Battery {
			continue
		}
		b := w.Loads[at].Battery
		kept := b.Capacity - d.Deficit
		if !s.seen || kept < s.lowest {
			s.lowest, s.seen = kept, true
		}
		if before.Loads[i].Deficit > 0 && (d.Flow > b.Charge || -d.Flow > b.Discharge) {
			t.Errorf("%s flows %s", d.ID, d.Flow)
		}
		if roof == 0 {
			s.out += after.Export - before.Export
		}
		if reserve := b.Capacity / 100 * 30; kept < reserve-reserve/20 {
			t.Fatalf("%s holds %s, and %s of it are kept for outages", d.ID, kept, reserve)
		}
	}
}

func (s *stored) judge(t *testing.T, there bool) {
	if s.seen != there {
		t.Error("a battery is not looked at")
	}
	if there {
		t.Logf("battery: %s kept at the least, %s flowed out while there was no sun", s.lowest, s.out)
	}
	if s.out > units.KilowattHour/2 { // until a reading, once a minute, tells that something was switched off
		t.Errorf("%s flowed into the grid while there was no sun: it is the battery's", s.out)
	}
}

// together holds what all loads were told against the contact's limit, from three seconds after it.
func (x *inspector) together(w World) {
	for _, s := range x.dim {
		worst, when := 0.0, time.Time{}
		for at := s.From.Add(3 * time.Second); at.Before(s.To); at = at.Add(10 * time.Second) {
			sum := 0.0
			for _, d := range w.Loads {
				if d.Essential {
					continue
				}
				i, found := slices.BinarySearchFunc(x.told[d.ID], at, func(c told, at time.Time) int { return c.at.Compare(at) })
				if !found {
					i--
				}
				if i < 0 {
					continue
				}
				sum += x.told[d.ID][i].takes(d)
			}
			if sum > worst {
				worst, when = sum, at
			}
		}
		x.t.Logf("limited to %.0f W from %s, the loads that can wait were told %.0f W at the most", dimmed, s.From.In(x.zone).Format("Mon 15:04"), worst)
		if worst > dimmed+1 {
			var who []string
			for _, id := range slices.Sorted(maps.Keys(x.told)) {
				for _, c := range x.told[id] {
					if c.at.After(s.From.Add(-time.Hour)) && c.at.Before(s.To) {
						who = append(who, fmt.Sprintf("%s %s %v %.0f (%s)", c.at.In(x.zone).Format("15:04:05"), id, c.on, c.watts, c.reason))
					}
				}
			}
			x.t.Errorf("%.0f W at %s: %s", worst, when.In(x.zone), strings.Join(who, "; "))
		}
	}
}
