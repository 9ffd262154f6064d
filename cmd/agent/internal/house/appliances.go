package house

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A geyser of 150 litres heated by 40 K, losing 75 W to the room, with a
// thermostat that closes when 3 K are lost (1 K of 150 l is 0.174 kWh).
const (
	geyserCapacity = 7 * units.KilowattHour
	thermostatBand = 520 * units.WattHour
	standingLoss   = 75 * units.Watt
)

// geyserDraw: the element heats while on and called for.
func (d *device) geyserDraw(at time.Time, on bool) (units.Power, time.Time) {
	if on && d.state.Calls {
		return d.Power, at.Add(timeFor(d.state.Deficit, d.Power-standingLoss))
	}
	if d.state.Calls {
		return 0, time.Time{}
	}
	return 0, at.Add(timeFor(thermostatBand-d.state.Deficit, standingLoss))
}

func (d *device) geyserPass(t time.Duration, heat units.Energy) {
	d.state.Deficit += standingLoss.Over(t) - heat
	d.state.Deficit = min(d.state.Deficit, geyserCapacity) // the water is as cold as the room
	d.thermostat()
}

func (d *device) thermostat() {
	switch {
	case d.state.Deficit >= thermostatBand:
		d.state.Calls = true
	case d.state.Deficit <= 0:
		d.state.Calls = false
	}
}

// waterUse is the hot water of a day: showers in the morning and the evening,
// and small amounts between; more of it at the weekend and in the cold season.
func (d *device) waterUse(at time.Time) []event {
	r := dayRand(d.seed, dayNumber(at, d.zone))
	weekend := isWeekend(at, d.zone)
	morning := clock(6, 0)
	if weekend {
		morning = clock(8, 0)
	}
	var out []event
	add := func(from, spread time.Duration, share float64) {
		t := atClock(at, d.zone, from+time.Duration(r.Float64()*float64(spread)))
		e := units.Energy(float64(d.Daily) * share * (0.7 + 0.6*r.Float64()))
		out = append(out, event{at: t, takes: e})
	}
	add(morning, time.Hour, 0.26)
	add(morning, 90*time.Minute, 0.2)
	add(clock(12, 30), time.Hour, 0.06)
	if weekend {
		add(clock(10, 0), 6*time.Hour, 0.12)
	}
	add(clock(18, 0), time.Hour, 0.12)
	add(clock(19, 0), 3*time.Hour, 0.24)
	add(clock(20, 0), 2*time.Hour, 0.12)
	slices.SortFunc(out, func(a, b event) int { return a.at.Compare(b.at) })
	return out
}

// stage is a part of a washing machine's programme, in thousandths of its length
// and of its mean power.
type stage struct{ length, power int64 }

// programme fills, heats, washes and spins; the lengths add up to the whole, and
// the powers weighted by them to the mean.
func programme() [8]stage {
	return [8]stage{{40, 300}, {180, 4240}, {300, 240}, {30, 900}, {250, 200}, {40, 800}, {120, 150}, {40, 645}}
}

// washerDraw walks the programme while on.
func (d *device) washerDraw(at time.Time, on bool) (units.Power, time.Time) {
	if !on || d.state.Programme >= d.Cycle {
		return 0, time.Time{}
	}
	var end int64
	for _, s := range programme() {
		end += s.length
		stop := time.Duration(int64(d.Cycle) / 1000 * end).Truncate(time.Millisecond)
		if d.state.Programme < stop {
			return units.Power(int64(d.Power) * s.power / 1000), at.Add(stop - d.state.Programme)
		}
	}
	// What is left by rounding.
	return d.Power, at.Add(d.Cycle - d.state.Programme)
}

const batteryCapacity = 50 * units.KilowattHour

// chargerDraw: the car charges while on, at home and not full.
func (d *device) chargerDraw(at time.Time, on bool) (units.Power, time.Time) {
	if !on || d.state.Away || d.state.Deficit <= 0 {
		return 0, time.Time{}
	}
	return d.power(), at.Add(timeFor(d.state.Deficit, d.power()))
}

// trips are the car's of a day: to work and back, and on most weekends one
// longer way.
func (d *device) trips(at time.Time) []event {
	r := dayRand(d.seed, dayNumber(at, d.zone))
	jitter := func(t time.Duration, spread time.Duration) time.Time {
		return atClock(at, d.zone, t+time.Duration((r.Float64()*2-1)*float64(spread)))
	}
	takes := units.Energy(float64(d.Daily) * (0.6 + 0.8*r.Float64()))
	if !isWeekend(at, d.zone) {
		return []event{
			{at: jitter(clock(7, 30), 30*time.Minute), away: true},
			{at: jitter(clock(17, 45), 45*time.Minute), takes: takes},
		}
	}
	if r.Float64() < 0.3 {
		return nil
	}
	return []event{
		{at: jitter(clock(10, 30), time.Hour), away: true},
		{at: jitter(clock(15, 30), 2*time.Hour), takes: takes * 3 / 2},
	}
}

// awayAt tells whether the car is on a trip at an instant.
func (d *device) awayAt(at time.Time) bool {
	away := false
	for _, e := range d.events(at) {
		if !e.at.After(at) {
			away = e.away
		}
	}
	return away
}

// timeFor is how long p takes to give e, rounded up to the millisecond so that
// it is surely given then.
func timeFor(e units.Energy, p units.Power) time.Duration {
	if e <= 0 {
		return time.Millisecond
	}
	ms := (int64(e) + int64(p) - 1) / int64(p)
	return time.Duration(max(ms, 1)) * time.Millisecond
}
