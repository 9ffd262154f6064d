package simulate

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
)

// theReturn is a home in which a load of each kind is due at noon.
const theReturn = `
title: A limit is lifted
seed: 3
zone: UTC
start: 2026-02-02
days: 1
warm_up: 0
step: 10s
limit: 12 kW
base: {daily: 9 kWh, occupants: 3, latitude: -26.2}
tariff: {document: {name: One price, currency: ZAR, zone: UTC, current: example, versions: [{energy: [{name: energy, price: 2.00}]}]}}
credit: {opening: 900}
plan_every: 1h
loads:
  - {id: pool, power: 750 W, need: {for: 4h, between: ["12:00-18:00"]}, min_on: 5m, min_off: 5m, priority: 4}
  - {id: bricks, power: 1.5 kW, need: {for: 3h, between: ["12:00-18:00"]}, priority: 5}
  - {id: washer, kind: cycle, power: 600 W, cycle: 2h, need: {runs: 1, between: ["12:00-18:00"]}, priority: 1, plant: {kind: washer}}
  - {id: dryer, kind: cycle, power: 1.2 kW, cycle: 1h30m, need: {runs: 1, between: ["12:30-18:00"]}, priority: 6, plant: {kind: washer}}
  - {id: car, kind: power, power: {min: 6 A, max: 16 A, step: 1 A, phases: 1}, need: {energy: 12 kWh, between: ["12:00-18:00"]}, min_off: 5m, priority: 2, plant: {kind: charger, daily: 12 kWh}}
  - {id: geyser, kind: heat, power: 2 kW, tank: {litres: 150, usual: ["11:00-18:00"]}, min_on: 5m, priority: 3, plant: {kind: tank, daily: 14 kWh, water: {litres: 150, loss: 85 W}}}
`

// A limit of half of what is drawn holds for half an hour and is lifted, by a contact (of the loads) and
// by a word over MQTT (of the site).  What was put off comes back beside what is due anyway: k is the
// greatest minute of the two hours after by that of the hour before, and what bounds it is the limit of
// the site.
func TestWhatComesBackAfterALimit(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	free := lifted(t, "12 kW", "", 0, nil)
	for _, row := range []struct {
		name, site string
		from       policy.Source
		k          float64 // at the most
	}{
		{"a contact", "12 kW", policy.Contact, 1.35},
		{"a word over MQTT", "12 kW", policy.Own, 1.35},
		{"a contact", "8 kW", policy.Contact, 1.1},
		{"a word over MQTT", "8 kW", policy.Own, 1.1},
	} {
		got := lifted(t, row.site, row.from, free.before/2, func(r *control.LimitRules, x *policy.LimitRules) {
			if row.from == policy.Own {
				r.Own = x
				return
			}
			x.Devices = true
			r.Contact = x
		})
		k := got.after / got.before
		t.Logf("%s, site %s: %.0f W in the hour before, %.0f W for 30 minutes (%.0f W at the most), %.0f W in the two hours after: k %.2f; steepest minute %+.0f W, nine tenths drawn again after %v; on together before %d, after %d",
			row.name, row.site, got.before, got.before/2, got.held, got.after, k, got.steepest, got.back, got.together, got.again)
		if got.held > got.before*0.75 || got.together < 6 || got.back == 0 {
			t.Errorf("%s: nothing was limited, or came back: %+v", row.name, got)
		}
		if k > row.k {
			t.Errorf("%s, site %s: k is %.2f", row.name, row.site, k)
		}
	}
}

// stretched is what was drawn, in W: the greatest minute of each part.
type stretched struct {
	before, held, after, steepest float64
	back                          time.Duration // until nine tenths of before were drawn again
	together, again               int           // loads on at once
}

func lifted(t *testing.T, site string, from policy.Source, watts float64, rules func(*control.LimitRules, *policy.LimitRules)) (out stretched) {
	t.Helper()
	w, faults := ParseWorld([]byte(strings.Replace(theReturn, "12 kW", site, 1)), ".")
	if faults = append(faults, w.Check()...); len(faults) > 0 {
		t.Fatal(faults)
	}
	l, err := newLife(&w, Keeplit)
	must(t, err)
	if rules != nil {
		rules(&l.site.Curbs, &policy.LimitRules{FailSafe: units.FromW(watts), Minimum: 2 * time.Hour, Floor: 500 * units.Watt})
	}
	begin := w.Start.in(time.UTC)
	at := func(hour float64) time.Time { return begin.Add(time.Duration(hour * float64(time.Hour))) }
	l.plans = hasty{l.plans, stretch{From: at(0), To: at(24)}} // each runs as soon as it may
	x := &inspector{t: t, zone: time.UTC, told: map[string][]told{}, events: map[string]int{}, cause: map[string]int{}}
	l.watch = x.hears
	ctx := t.Context()
	must(t, l.begin(ctx))
	on := func(now time.Time) (n int) {
		for id := range x.told {
			for _, s := range x.stretches(id, now) {
				if s.To.Equal(now) {
					n++
				}
			}
		}
		return n
	}
	minute := 0.0
	for now := l.plant.Now(); now.Before(at(15.75)); now = now.Add(time.Minute) {
		limited := !now.Before(at(13.25)) && now.Before(at(13.75))
		if from != "" {
			must(t, l.step(ctx, control.Input{Now: now, What: control.LimitWord{From: from, Limit: units.FromW(watts), None: !limited}}))
		}
		register := l.plant.State().Register
		for part := now; part.Before(now.Add(time.Minute)); part = part.Add(w.Step) {
			must(t, l.until(ctx, part, part.Add(w.Step))) // the meter is read so often
		}
		was := minute
		minute = (l.plant.State().Register - register).KWh() * 60 * 1000
		end := now.Add(time.Minute)
		switch {
		case now.Before(at(12.25)):
		case now.Before(at(13.25)):
			out.before, out.together = max(out.before, minute), max(out.together, on(end))
		case now.Before(at(13.25).Add(time.Minute)):
		case limited:
			out.held = max(out.held, minute)
		default:
			out.after, out.steepest, out.again = max(out.after, minute), max(out.steepest, minute-was), max(out.again, on(end))
			if out.back == 0 && minute >= 0.9*out.before {
				out.back = end.Sub(at(13.75))
			}
		}
	}
	l.plans.Wait()
	return out
}
