package control

import (
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// WatchState is what goes on at the meter beyond consumption: the quality of
// the supply and signs of tampering.
type WatchState struct {
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

// watch looks at a sample for what is no consumption.
func (p *step) watch(s metering.Sample) {
	w := &p.st.Meter.Watch
	s.At = s.At.UTC().Round(0)
	s = p.behind(s.Complete())
	w.declare(s)
	next, events := w.Watch.Take(s, p.openFor(s.At), metering.WatchLimits{
		Nominal: w.Nominal, Frequency: w.Frequency, Generates: p.sells(), MinPower: flows, Hold: believed,
	})
	w.Watch = next
	p.stand(events, s.At)
}

// stand takes what begins and ends into what stands as warnings, and lets go
// what has been away for long enough.
func (p *step) stand(events []metering.Event, at time.Time) {
	w := &p.st.Meter.Watch
	if len(events) == 0 && len(w.Standing) == 0 {
		return
	}
	standing := slices.Clone(w.Standing)
	for _, e := range events {
		i := slices.IndexFunc(standing, func(o Standing) bool { return o.Event.Kind == e.Kind && o.Event.Phase == e.Phase })
		if i < 0 {
			if e.Open {
				standing = append(standing, Standing{Event: e, Times: 1})
				p.raise(health.Code(e.Kind), phaseName(e.Phase), shows(e))
				p.eff.Durable = true
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
	p.calmed(standing, at)
}

// measured takes disturbances that the meter has measured itself, half cycle by
// half cycle, and that are over.  A long one was seen in the samples too; it is
// the same one.
func (p *step) measured(events []metering.Event, at time.Time) {
	standing := slices.Clone(p.st.Meter.Watch.Standing)
	for _, e := range events {
		end := e.Start.Add(e.Duration)
		i := slices.IndexFunc(standing, func(o Standing) bool { return o.Event.Kind == e.Kind && o.Event.Phase == e.Phase })
		if i < 0 {
			standing = append(standing, Standing{Event: e, Times: 1, Lasted: e.Duration, Ended: end})
			p.raise(health.Code(e.Kind), phaseName(e.Phase), shows(e))
			p.eff.Durable = true
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
	p.calmed(standing, at)
}

func (p *step) calmed(standing []Standing, at time.Time) {
	w := &p.st.Meter.Watch
	w.Standing = nil
	for _, o := range standing {
		if !o.Ended.IsZero() && at.Sub(o.Ended) >= calm {
			p.over(o)
			continue
		}
		w.Standing = append(w.Standing, o)
	}
}

// contact takes what a contact on the meter's box says: the cover's, or that
// for magnets.
func (p *step) contact(kind metering.EventKind, open bool) {
	e := metering.Event{Kind: kind, Start: p.now, Open: open}
	if !open {
		i := slices.IndexFunc(p.st.Meter.Watch.Standing, func(o Standing) bool { return o.Event.Kind == kind && o.Ended.IsZero() })
		if i < 0 {
			return
		}
		began := p.st.Meter.Watch.Standing[i].Event.Start
		e.Start, e.Duration = began, max(0, p.now.Sub(began))
	}
	p.stand([]metering.Event{e}, p.now)
}

// over ends a condition: the warning goes, and what it came to is recorded.
func (p *step) over(o Standing) {
	e := o.Event
	subject := phaseName(e.Phase)
	says := said.Of("watch.over", said.Time("from", e.Start), said.Length("lasted", o.Lasted))
	if o.Times > 1 {
		says = said.Of("watch.over_often", said.Count("n", int64(o.Times)), said.Time("from", e.Start), said.Length("lasted", o.Lasted))
	}
	p.st.Health, _ = p.st.Health.Clear(health.Code(e.Kind), subject)
	p.eventOf(subject, string(e.Kind)+"_cleared", health.Info, says.Then(shows(e)))
	point := Point{
		Measurement: QualityPoint, At: e.Start,
		Tags: []Tag{{"code", string(e.Kind)}, {"phase", fmt.Sprint(e.Phase)}, {"site", p.ID}},
	}
	add := func(key string, v float64, given bool) {
		if given {
			point.Fields = append(point.Fields, Field{key, v})
		}
	}
	add("current_a", float64(e.Current)/1000, e.Current != 0)
	point.Fields = append(point.Fields, Field{"duration_s", o.Lasted.Seconds()})
	add("energy_kwh", e.Energy.KWh(), e.Energy != 0)
	add("frequency_hz", float64(e.Frequency)/1000, e.Frequency != 0)
	add("power_w", e.Power.W(), e.Power != 0)
	point.Fields = append(point.Fields, Field{"times", float64(o.Times)})
	add("voltage_v", float64(e.Voltage)/1000, ofVoltage(e.Kind))
	p.eff.Points = append(p.eff.Points, point)
}

// QualityPoint is the measurement of a disturbance or a sign of tampering, at
// its start, written when it is over.
const QualityPoint = "power_quality"

// openFor tells whether the contactor is, by all that is known, open, and was
// long enough before the sample for its power to say something.
func (p *step) openFor(at time.Time) bool {
	c, seen := p.st.Supply.Contactor, p.st.SupplySeen
	return p.Contactor && c.Told == credit.SaysOpen && seen.Known && !seen.On && !at.Before(c.At.Add(settles))
}

// behind is s without the voltages that only say that the contactor is open.
func (p *step) behind(s metering.Sample) metering.Sample {
	c := p.st.Supply.Contactor
	closed := c.Told == credit.SaysClosed && !s.At.Before(c.At.Add(lag))
	if !p.Contactor || closed || !p.Supply.Behind && s.Voltage >= dark {
		return s
	}
	s.Has &^= metering.HasVoltage | metering.HasFrequency
	s.Phases = slices.Clone(s.Phases)
	for i := range s.Phases {
		s.Phases[i].Has &^= metering.HasVoltage
	}
	return s
}

// dark is a voltage at which no supply is on.
const dark units.Voltage = 50_000

// idle is a current below which a phase may be one that nothing is connected to.
const idle units.Current = 100

// connected is s without the voltages of phases that have never had any: a meter of
// three phases on a supply of one shows nothing on the others, which is no interruption
// and no part of a mean.  One on which a current flows has lost its wire.
func (w *WatchState) connected(s metering.Sample) metering.Sample {
	if len(s.Phases) < 2 || len(s.Phases) > 8 {
		return s
	}
	for i, f := range s.Phases {
		if f.Has&metering.HasVoltage != 0 && f.Voltage >= dark {
			w.Lit |= 1 << i
		}
	}
	none := func(i int) bool {
		f := s.Phases[i]
		return f.Has&metering.HasVoltage != 0 && w.Lit&(1<<i) == 0 && f.Current < idle && f.Current > -idle && f.Power < flows && f.Power > -flows
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

// declare finds out which of the world's two kinds of supply this is.
func (w *WatchState) declare(s metering.Sample) {
	if w.Nominal == 0 && s.Gives(metering.HasVoltage) && s.Voltage >= dark {
		w.Nominal = 230_000
		if s.Voltage < 160_000 {
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

// sells tells whether the tariff pays for energy that flows out, so that it is
// expected to.
func (p *step) sells() bool {
	for _, v := range p.Tariff.Document().Versions {
		if len(v.Export) > 0 {
			return true
		}
	}
	return false
}

func phaseName(phase int) string {
	if phase == 0 {
		return ""
	}
	return fmt.Sprintf("phase %d", phase)
}

func ofVoltage(k metering.EventKind) bool {
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
