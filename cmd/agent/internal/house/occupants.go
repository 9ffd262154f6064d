package house

import (
	"math/rand/v2"
	"time"
)

// builder lays out one day.
type builder struct {
	h        *Household
	r        *rand.Rand
	noon     time.Time // of the day, so that nothing depends on when in it one asks
	from, to time.Time
	steps    []step

	wake, leave, back, bed time.Duration // times of day; leave = back: home all day
	away                   bool          // on holiday
}

// use draws watts from a time of day for a while.
func (b *builder) use(from, length time.Duration, watts float64) {
	b.draw(atClock(b.noon, b.h.config.Zone, from), length, watts)
}

// draw draws watts from an instant for a while, as far as it is this day.
func (b *builder) draw(at time.Time, length time.Duration, watts float64) {
	end := at.Add(length).Truncate(time.Millisecond)
	if at.Before(b.from) {
		at = b.from
	}
	if end.After(b.to) {
		end = b.to
	}
	if !at.Before(end) {
		return
	}
	mw := int64(watts*1000) * b.h.scale / 1000
	b.steps = append(b.steps, step{at, mw}, step{end, -mw})
}

// between is a random time in [from, to).
func (b *builder) between(from, to time.Duration) time.Duration {
	return from + time.Duration(b.r.Float64()*float64(to-from))
}

// around is a random time about one, normally spread.
func (b *builder) around(at, spread time.Duration) time.Duration {
	x := max(-2.5, min(2.5, b.r.NormFloat64()))
	return at + time.Duration(x*float64(spread))
}

// live is the day of the people.
func (b *builder) live() {
	b.habits()
	b.alwaysOn()
	b.fridge()
	if b.away {
		b.use(b.around(clock(19, 0), 20*time.Minute), 4*time.Hour, 15) // a lamp on a timer
		return
	}
	b.lights()
	b.kitchen()
	b.screens()
	b.housework()
	b.comfort()
}

// habits are when people get up, go, come back and go to bed.
func (b *builder) habits() {
	z := b.h.config.Zone
	if isWeekend(b.noon, z) {
		b.wake = b.around(clock(8, 15), 40*time.Minute)
		b.bed = b.around(clock(23, 20), 30*time.Minute)
		if b.r.Float64() < 0.6 { // out for some hours
			b.leave = b.between(clock(10, 0), clock(14, 0))
			b.back = b.leave + b.between(time.Hour, 4*time.Hour)
		}
	} else {
		b.wake = b.around(clock(6, 20), 15*time.Minute)
		b.bed = b.around(clock(22, 30), 25*time.Minute)
		if b.r.Float64() < 0.85 { // otherwise someone stays at home
			b.leave = b.around(clock(7, 45), 15*time.Minute)
			b.back = b.around(clock(17, 15), 35*time.Minute)
		}
	}
	b.away = b.holiday()
}

// holiday: two weeks in the warm season and one more somewhere in the year,
// drawn once a year.
func (b *builder) holiday() bool {
	l := b.noon.In(b.h.config.Zone)
	r := dayRand(mix(b.h.config.Seed, "holiday"), int64(l.Year()))
	warm := 182 + r.IntN(45)
	if b.h.config.Latitude < 0 {
		warm = 344 + r.IntN(8)
	}
	other := 60 + r.IntN(90)
	n := l.YearDay()
	return n >= warm && n < warm+13 || n >= other && n < other+7
}

// home tells whether someone is up and at home.
func (b *builder) home(at time.Duration) bool {
	return at >= b.wake && at < b.bed && (at < b.leave || at >= b.back)
}

// alwaysOn is the router, the clocks and the supplies left plugged in, which
// breathe a little.
func (b *builder) alwaysOn() {
	base := 45 + 9*float64(b.h.config.Occupants)
	level := 1.0
	for at := b.from; at.Before(b.to); at = at.Add(5 * time.Minute) {
		level += 0.3*(1-level) + 0.04*b.r.NormFloat64()
		b.draw(at, 5*time.Minute, base*max(0.6, level))
	}
}

// fridge cycles by its thermostat, longer when it is warm; its motor takes some
// times its power for a second.
func (b *builder) fridge() {
	warm := b.h.Weather.daily(b.noon)
	share := 0.30 + 0.008*max(0, warm-10)
	for at := b.from.Add(-b.between(0, 40*time.Minute)); at.Before(b.to); {
		cycle := b.between(36*time.Minute, 48*time.Minute)
		on := time.Duration(share * float64(cycle))
		b.draw(at, time.Second, 650)
		b.draw(at.Add(time.Second), on-time.Second, 110)
		at = at.Add(cycle)
	}
}

// lights are on in a few rooms while it is dark and someone is up.
func (b *builder) lights() {
	rise, set := b.h.Weather.sun(b.noon)
	room := func(from, to time.Duration, watts float64) {
		for at := from; at < to; {
			stay := b.between(10*time.Minute, 75*time.Minute)
			if dark := at < rise+20*time.Minute || at > set-30*time.Minute; dark && b.home(at) && b.r.Float64() < 0.75 {
				b.use(at, min(stay, to-at), watts)
			}
			at += stay
		}
	}
	for range 1 + b.h.config.Occupants {
		room(b.wake, b.bed, 14+20*b.r.Float64())
	}
}

// kitchen: kettles and toast in the morning, a cooked meal in the evening (and at
// noon at the weekend), a microwave now and then.
func (b *builder) kitchen() {
	people := b.h.config.Occupants
	kettle := func(at time.Duration) {
		if b.home(at) {
			b.use(at, b.between(90*time.Second, 220*time.Second), 2000)
		}
	}
	for range 1 + people/2 {
		kettle(b.wake + b.between(5*time.Minute, 50*time.Minute))
	}
	for range b.poisson(0.7 * float64(people)) {
		kettle(b.between(b.wake+time.Hour, b.bed))
	}
	if b.r.Float64() < 0.6 {
		b.use(b.wake+b.between(10*time.Minute, 40*time.Minute), 150*time.Second, 900)
	}
	for range b.poisson(0.5 * float64(people)) {
		if at := b.between(b.wake, b.bed); b.home(at) {
			b.use(at, b.between(time.Minute, 6*time.Minute), 1250)
		}
	}
	supper := b.around(clock(18, 20), 30*time.Minute)
	supper = max(supper, b.back+10*time.Minute)
	if b.r.Float64() < 0.88 {
		b.stove(supper, b.between(20*time.Minute, 40*time.Minute), 1500)
		if b.r.Float64() < 0.35 {
			b.stove(supper-5*time.Minute, b.between(35*time.Minute, 70*time.Minute), 2200)
		}
	}
	if noon := b.around(clock(12, 45), 25*time.Minute); isWeekend(b.noon, b.h.config.Zone) && b.home(noon) {
		b.stove(noon, b.between(20*time.Minute, 45*time.Minute), 1800)
	}
}

// stove heats up and then clicks on and off.
func (b *builder) stove(at, length time.Duration, watts float64) {
	warmUp := min(length/3, b.between(4*time.Minute, 8*time.Minute))
	b.use(at, warmUp, watts)
	end := at + length
	for at += warmUp; at < end; {
		on := b.between(12*time.Second, 28*time.Second)
		b.use(at, min(on, end-at), watts)
		at += on + b.between(20*time.Second, 50*time.Second)
	}
}

// screens: television in the evening, computers when home; a picture's power
// wanders from minute to minute.
func (b *builder) screens() {
	show := func(from, to time.Duration, watts float64) {
		for at := from; at < to; at += time.Minute {
			b.use(at, min(time.Minute, to-at), watts*(0.85+0.3*b.r.Float64()))
		}
	}
	evening := max(b.back, b.around(clock(19, 0), 30*time.Minute))
	show(evening, max(evening, b.bed-b.between(5*time.Minute, time.Hour)), 85)
	for range b.h.config.Occupants {
		if at := b.between(b.wake, b.bed); b.r.Float64() < 0.7 && b.home(at) {
			show(at, min(b.bed, at+b.between(20*time.Minute, 3*time.Hour)), 55)
		}
	}
}

// housework: ironing, vacuuming and hair, more of it at the weekend.
func (b *builder) housework() {
	chance := 0.12
	if isWeekend(b.noon, b.h.config.Zone) {
		chance = 0.5
	}
	if at := b.between(clock(9, 0), clock(20, 0)); b.r.Float64() < chance && b.home(at) {
		b.use(at, b.between(10*time.Minute, 30*time.Minute), 900) // vacuum cleaner
	}
	if at := b.between(clock(10, 0), clock(21, 0)); b.r.Float64() < chance && b.home(at) {
		end := at + b.between(15*time.Minute, 50*time.Minute)
		for ; at < end; at += b.between(70*time.Second, 150*time.Second) { // iron
			b.use(at, b.between(15*time.Second, 40*time.Second), 2000)
		}
	}
	for range b.h.config.Occupants {
		if b.r.Float64() < 0.35 {
			b.use(b.wake+b.between(10*time.Minute, 45*time.Minute), b.between(2*time.Minute, 6*time.Minute), 1400) // hair dryer
		}
	}
}

// comfort: a heater when it is cold and a fan or cooler when it is hot, as long
// as someone is up and at home.
func (b *builder) comfort() {
	const slot = 10 * time.Minute
	for at := b.wake; at < b.bed; at += slot {
		if !b.home(at) {
			continue
		}
		out := b.h.Weather.Temperature(atClock(b.noon, b.h.config.Zone, at))
		if cold := 13 - out; cold > 0 {
			on := time.Duration(min(1, cold/12) * float64(slot))
			b.use(at+b.between(0, slot-on+1), on, 1500)
		}
		if hot := out - 26; hot > 0 {
			b.use(at, slot, 60+40*min(hot, 6))
		}
	}
}
