package watch

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/proof"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Signs are what goes on at the meter beyond consumption: the quality of
// the supply and signs of tampering.
type Signs struct {
	Watch metering.Watch `json:"watch,omitzero"`
	// Nominal and Frequency are the declared ones, taken from the first sample
	// that shows them; zero before.
	Nominal   units.Voltage   `json:"nominal,omitempty"`
	Frequency units.Frequency `json:"frequency,omitempty"`
	// Standing are the conditions that stand as warnings, the oldest first.
	Standing []Standing `json:"standing,omitempty"`
	// Lit are the phases that have ever had a voltage, a bit each.
	Lit uint8 `json:"lit,omitempty"`
}

// Standing is a condition that is told as one warning although it may come and
// go: a voltage that trembles about a limit is one event and not hundreds.
type Standing struct {
	Event metering.Event `json:"event"` // the first, with the extremes of all
	Times int            `json:"times"`
	// Lasted is how long those took that have ended, all together.
	Lasted time.Duration `json:"lasted,omitempty"`
	Ended  time.Time     `json:"ended,omitzero"` // the end of the newest; zero while it lasts
}

const (
	// calm is how long a condition must be away to be over.
	calm = time.Minute
	// settles is how long after a command to the contactor the power that the
	// meter tells may still be of before it: a meter that counts pulses learns
	// that nothing flows only by waiting.
	settles = 2 * time.Minute
	// believed is how long a sign of tampering must last.
	believed = 10 * time.Second
)

// Contactor is what the watch must know of the supply's contactor and the tariff.
type Contactor struct {
	There  bool           // there is one
	Behind bool           // the meter is fed through it
	Told   credit.Reading // what it was told last
	At     time.Time      // and when
	Seen   loads.Observation
	Sells  bool // energy may flow out: the tariff pays for it, or the site has panels
}

// look looks at a sample for what is no consumption.
func (r Rules) look(s *State, out *Out, m metering.Sample, c Contactor) {
	w := &s.Watch
	m.At = m.At.UTC().Round(0)
	m = c.behind(m.Complete())
	w.declare(m, r.Declared)
	next, events := w.Watch.Take(m, c.openFor(m.At), metering.WatchLimits{
		Nominal: w.Nominal, Frequency: w.Frequency, Generates: c.Sells, MinPower: proof.Flows, Hold: believed,
	})
	w.Watch = next
	r.stand(s, out, events, m.At)
}

// stand takes what begins and ends into what stands as warnings, and lets go
// what has been away for long enough.
func (r Rules) stand(s *State, out *Out, events []metering.Event, at time.Time) {
	w := &s.Watch
	if len(events) == 0 && len(w.Standing) == 0 {
		return
	}
	standing := slices.Clone(w.Standing)
	for _, e := range events {
		i := slices.IndexFunc(standing, func(o Standing) bool { return o.Event.Kind == e.Kind && o.Event.Phase == e.Phase })
		if i < 0 {
			if e.Open {
				standing = append(standing, Standing{Event: e, Times: 1})
				out.Notes.Raise(health.Code(e.Kind), phaseName(e.Phase), shows(e))
				out.Notes.Durable = true
			}
			continue // else its beginning is not known here
		}
		o := &standing[i]
		o.Event = extremes(o.Event, e)
		switch {
		case !e.Open:
			o.Ended = e.Start.Add(e.Duration)
			o.Lasted += e.Duration
		case !o.Ended.IsZero():
			o.Ended = time.Time{}
			o.Times++
		}
	}
	r.calmed(s, out, standing, at)
}

// measured takes disturbances that the meter has measured itself, cycle by cycle,
// and that are over.  A long one was seen in the samples too; it is
// the same one.
func (r Rules) measured(s *State, out *Out, events []metering.Event, at time.Time) {
	standing := slices.Clone(s.Watch.Standing)
	for _, e := range events {
		end := e.Start.Add(e.Duration)
		i := slices.IndexFunc(standing, func(o Standing) bool { return o.Event.Kind == e.Kind && o.Event.Phase == e.Phase })
		if i < 0 {
			standing = append(standing, Standing{Event: e, Times: 1, Lasted: e.Duration, Ended: end})
			out.Notes.Raise(health.Code(e.Kind), phaseName(e.Phase), shows(e))
			out.Notes.Durable = true
			continue
		}
		o := &standing[i]
		o.Event = extremes(o.Event, e)
		if !o.Ended.IsZero() && !e.Start.Before(o.Ended) {
			o.Ended = end
			o.Times++
			o.Lasted += e.Duration
		}
	}
	r.calmed(s, out, standing, at)
}

func (r Rules) calmed(s *State, out *Out, standing []Standing, at time.Time) {
	w := &s.Watch
	w.Standing = nil
	for _, o := range standing {
		if !o.Ended.IsZero() && at.Sub(o.Ended) >= calm {
			r.over(out, o)
			continue
		}
		w.Standing = append(w.Standing, o)
	}
}

// Contact takes what a contact on the meter's box says: the cover's, or that
// for magnets.
func (r Rules) Contact(s State, now time.Time, kind metering.EventKind, open bool) (State, Out) {
	var out Out
	e := metering.Event{Kind: kind, Start: now, Open: open}
	if !open {
		i := slices.IndexFunc(s.Watch.Standing, func(o Standing) bool { return o.Event.Kind == kind && o.Ended.IsZero() })
		if i < 0 {
			return s, out
		}
		began := s.Watch.Standing[i].Event.Start
		e.Start, e.Duration = began, max(0, now.Sub(began))
	}
	r.stand(&s, &out, []metering.Event{e}, now)
	return s, out
}

// over ends a condition: the warning goes, and what it came to is recorded.
func (r Rules) over(out *Out, o Standing) {
	e := o.Event
	subject := phaseName(e.Phase)
	says := said.Of("watch.over", said.Time("from", e.Start), said.Length("lasted", o.Lasted))
	if o.Times > 1 {
		says = said.Of("watch.over_often", said.Count("n", int64(o.Times)), said.Time("from", e.Start), said.Length("lasted", o.Lasted))
	}
	out.Notes.Hide(health.Code(e.Kind), subject)
	out.Notes.EventOf(subject, string(e.Kind)+"_cleared", health.Info, says.Then(shows(e)))
	out.Over = append(out.Over, o)
}

// openFor tells whether the contactor is, by all that is known, open, and was
// long enough before the sample for its power to say something.
func (c Contactor) openFor(at time.Time) bool {
	return c.There && c.Told == credit.SaysOpen && c.Seen.Known && !c.Seen.On && !at.Before(c.At.Add(settles))
}

// behind is s without the voltages that only say that the contactor is open.
func (c Contactor) behind(s metering.Sample) metering.Sample {
	closed := c.Told == credit.SaysClosed && !s.At.Before(c.At.Add(proof.Lag))
	if !c.There || closed || !c.Behind && s.Voltage >= unlit {
		return s
	}
	s.Has &^= metering.HasVoltage | metering.HasFrequency
	s.Phases = slices.Clone(s.Phases)
	for i := range s.Phases {
		s.Phases[i].Has &^= metering.HasVoltage
	}
	return s
}

// unlit is a voltage at which no supply is on.
const unlit units.Voltage = 50_000

// idle is a current below which a phase may be one that nothing is connected to.
const idle units.Current = 100

// connected is s without the voltages of phases that have never had any: a meter of
// three phases on a supply of one shows nothing on the others, which is no interruption
// and no part of a mean.  One on which a current flows has lost its wire.
func (w *Signs) connected(s metering.Sample) metering.Sample {
	if len(s.Phases) < 2 || len(s.Phases) > 8 {
		return s
	}
	for i, f := range s.Phases {
		if f.Has&metering.HasVoltage != 0 && f.Voltage >= unlit {
			w.Lit |= 1 << i
		}
	}
	none := func(i int) bool {
		f := s.Phases[i]
		return f.Has&metering.HasVoltage != 0 && w.Lit&(1<<i) == 0 && f.Current < idle && f.Current > -idle && f.Power < proof.Flows && f.Power > -proof.Flows
	}
	if w.Lit == 0 {
		return s // nothing but darkness so far
	}
	phases := slices.Clone(s.Phases)
	sum, n := units.Voltage(0), units.Voltage(0)
	for i := range phases {
		switch f := &phases[i]; {
		case none(i):
			f.Voltage, f.Has = 0, f.Has&^metering.HasVoltage
		case f.Has&metering.HasVoltage != 0:
			sum, n = sum+f.Voltage, n+1
		}
	}
	if s.Phases = phases; n > 0 && s.Gives(metering.HasVoltage) {
		s.Voltage = sum / n
	}
	return s
}

// declare finds out which of the world's two kinds of supply this is, where nobody has said.
func (w *Signs) declare(s metering.Sample, declared units.Voltage) {
	if declared > 0 {
		w.Nominal = declared
	}
	if told := lit(s); w.Nominal == 0 && told > 0 {
		w.Nominal = 230_000
		if told < 160_000 {
			w.Nominal = 120_000
		}
	}
	if w.Frequency == 0 && s.Gives(metering.HasFrequency) && s.Frequency > 40_000 {
		w.Frequency = 50_000
		if s.Frequency > 55_000 {
			w.Frequency = 60_000
		}
	}
}

// lit is a voltage of the supply: that in all, or where some phase's is not told and there
// is none in all, the first phase's that is.  0: none is told, or there is none.
func lit(s metering.Sample) units.Voltage {
	if s.Gives(metering.HasVoltage) && s.Voltage >= unlit {
		return s.Voltage
	}
	for _, f := range s.Phases {
		if f.Has&metering.HasVoltage != 0 && f.Voltage >= unlit {
			return f.Voltage
		}
	}
	return 0
}

func phaseName(phase int) string {
	if phase == 0 {
		return ""
	}
	return fmt.Sprintf("phase %d", phase)
}

// OfVoltage tells whether a condition is one of voltage.
func OfVoltage(k metering.EventKind) bool {
	switch k {
	case metering.VoltageSag, metering.VoltageSwell, metering.VoltageInterruption, metering.Outage, metering.NeutralLoss, metering.CurrentWithoutVoltage, metering.VoltageUnbalance:
		return true
	}
	return false
}

// shows is the figure that makes an event what it is.
func shows(e metering.Event) said.Said {
	volts, amperes := said.Voltage("voltage", int64(e.Voltage)), said.Current("current", int64(e.Current))
	switch e.Kind {
	case metering.CurrentWithoutVoltage:
		return said.Of("watch.current_at", amperes, volts)
	case metering.FrequencyDeviation:
		return said.Of("watch.frequency", said.Frequency("frequency", int64(e.Frequency)))
	case metering.NeutralMismatch:
		return said.Of("watch.difference", amperes)
	case metering.ReverseEnergy:
		return said.Of("watch.flows_out", said.Power("power", -e.Power))
	case metering.ConsumptionWhileOpen:
		if e.Power == 0 {
			return said.Of("watch.current", amperes)
		}
		return said.Of("watch.power", said.Power("power", e.Power))
	case metering.RegisterStuck:
		return said.Of("watch.stuck", said.Power("power", e.Power), said.Energy("register", e.After))
	case metering.CoverOpen:
		return said.Of("watch.cover")
	case metering.MagnetNear:
		return said.Of("watch.magnet")
	}
	return said.Of("watch.voltage", volts)
}

// extremes is a with what is worse in b.
func extremes(a, b metering.Event) metering.Event {
	switch a.Kind {
	case metering.VoltageSwell, metering.NeutralLoss:
		a.Voltage = max(a.Voltage, b.Voltage)
	default:
		a.Voltage = min(a.Voltage, b.Voltage)
	}
	a.Current = max(a.Current, b.Current)
	if max(b.Power, -b.Power) > max(a.Power, -a.Power) {
		a.Power = b.Power
	}
	if b.Frequency != 0 {
		a.Frequency = b.Frequency
	}
	a.Energy = max(a.Energy, b.Energy)
	a.After = b.After
	return a
}
