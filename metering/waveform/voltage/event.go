package voltage

import "math"

// Kind names a disturbance.
type Kind string

// Disturbances, as IEC 61000-4-30 has them.
const (
	Dip          Kind = "dip"
	Swell        Kind = "swell"
	Interruption Kind = "interruption"
	RapidChange  Kind = "rapid_change"
)

// Event is a disturbance of all phases together that is over, or that the samples ended
// in.  From and To are the beginnings of the values of U_rms(1/2) that began and ended
// it: a cycle at half the voltage lasts one and a half.
type Event struct {
	Kind     Kind
	From, To float64 // in samples since the beginning
	// Extreme is the lowest (of a swell the highest) U_rms(1/2) of any phase, in V; of a
	// rapid change the farthest from the mean before.
	Extreme float64
	// Change is by how many volts a rapid change moved the mean; zero else.
	Change float64
	// Phases are those that were in it, a bit each.
	Phases uint8
	// Interrupted says of a dip that an interruption was in it: it is not counted as a dip.
	Interrupted bool
	Unending    bool // the samples ended in it
}

// cycle is U_rms(1/2) of one phase: the rms voltage of the cycle that ends with a half
// cycle, and where that cycle began.
type cycle struct{ rms, from, to float64 }

// events follows dips, swells and interruptions of all phases (5.4 and 5.5): a dip begins
// when one phase goes below its limit and ends when all are above it and the hysteresis;
// an interruption begins when all have gone below and ends when one comes back.
type events struct {
	dip, swell, gap disturbance
	low, high, dead int // the phases that were not back at the last cycle, a bit each
	below           int // those that were interrupted
}

type disturbance struct {
	on bool
	Event
}

func (d *disturbance) begin(kind Kind, u cycle) {
	d.on, d.Event = true, Event{Kind: kind, From: u.from, Extreme: u.rms}
}

// active tells whether the voltage is disturbed.
func (s *events) active() bool { return s.dip.on || s.swell.on || s.gap.on }

// take takes a cycle of each phase, and tells of what is over.
func (s *events) take(c *Config, u []cycle, emit func(Event)) {
	all := 1<<len(u) - 1
	var low, high, dead int // beyond a limit now
	wasLow, wasHigh, wasDead := s.low, s.high, s.dead
	s.low, s.high, s.dead = 0, 0, 0 // not back yet
	deepest, greatest := u[0].rms, u[0].rms
	for k, v := range u {
		bit, part := 1<<k, v.rms/c.Nominal
		set := func(which *int, is bool) {
			if is {
				*which |= bit
			}
		}
		set(&low, part < c.Dip)
		set(&high, part > c.Swell)
		set(&dead, part < c.Interruption)
		set(&s.low, part < c.Dip+c.Hysteresis)
		set(&s.high, part > c.Swell-c.Hysteresis)
		set(&s.dead, part < c.Interruption+c.Hysteresis)
		deepest, greatest = min(deepest, v.rms), max(greatest, v.rms)
	}
	// first is the earliest beginning among some phases, and last the latest.
	first := func(which int) cycle {
		out := cycle{from: math.Inf(1)}
		for k, v := range u {
			if which&(1<<k) != 0 && v.from < out.from {
				out = v
			}
		}
		return out
	}
	last := func(which int) float64 {
		from := math.Inf(-1)
		for k, v := range u {
			if which&(1<<k) != 0 {
				from = max(from, v.from)
			}
		}
		return from
	}
	if s.gap.on && s.dead != all {
		s.gap.To, s.gap.on = first(wasDead&^s.dead).from, false
		emit(s.gap.Event)
	}
	if s.dip.on && s.low == 0 {
		s.dip.To, s.dip.on = last(wasLow), false
		emit(s.dip.Event)
	}
	if s.swell.on && s.high == 0 {
		s.swell.To, s.swell.on = last(wasHigh), false
		emit(s.swell.Event)
	}
	if low != 0 && !s.dip.on {
		s.dip.begin(Dip, first(low))
	}
	if high != 0 && !s.swell.on {
		s.swell.begin(Swell, first(high))
	}
	if dead == all && !s.gap.on {
		s.gap.begin(Interruption, u[0])
		s.gap.From = last(all &^ s.below)
		s.dip.Interrupted = true
	}
	s.below = dead
	if s.dip.on {
		s.dip.Phases |= uint8(low)
		s.dip.Extreme = min(s.dip.Extreme, deepest)
	}
	if s.swell.on {
		s.swell.Phases |= uint8(high)
		s.swell.Extreme = max(s.swell.Extreme, greatest)
	}
	if s.gap.on {
		s.gap.Phases = uint8(all)
		s.gap.Extreme = min(s.gap.Extreme, deepest)
	}
}

// end tells of what the samples ended in.
func (s *events) end(at float64, emit func(Event)) {
	for _, d := range []*disturbance{&s.gap, &s.dip, &s.swell} {
		if d.on {
			d.on, d.To, d.Unending = false, at, true
			emit(d.Event)
		}
	}
}
