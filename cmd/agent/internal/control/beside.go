package control

import (
	"cmp"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering/beside"
)

// MeterReading is what a person has read on the utility's meter.  It is told beside what
// was counted here: nothing that is charged, credited or switched asks for it.
type MeterReading struct {
	Shown string // in kWh, as it stands on the display
	At    string // when, as civil.Lately reads it; "" is now
	By    string // who tells it, for the record

	Anew   bool   // the utility's meter was exchanged
	Turned bool   // its display has passed its last digit
	Sure   bool   // it was looked at twice
	Left   bool   // the display shows the credit that is left
	Bought string // of Left: what was bought since the reading before, in kWh; "" is nothing

	// Past is what was counted around At by the records, where that is before the trail of
	// the State; nil: it is not known.
	Past *beside.Past
}

// WithdrawReading takes a MeterReading back.
type WithdrawReading struct {
	N  int // its number
	By string
}

func (MeterReading) asks() bool     { return true }
func (MeterReading) spare() bool    { return false }
func (WithdrawReading) asks() bool  { return true }
func (WithdrawReading) spare() bool { return false }

// held refuses it while the records are held: what was counted is not taken in then.
func (MeterReading) held(p *step) { p.eff.Reply.Err = ErrHeld }

func (WithdrawReading) held(p *step) { p.eff.Reply.Err = ErrHeld }

// longestBack is how far back a reading may be told.
const longestBack = 400 * 24 * time.Hour

// When is the instant that a reading is of, by the State's clock, or why it cannot be.
func (m MeterReading) When(st *State, zone *time.Location) (time.Time, said.Said) {
	at := st.Now
	if m.At != "" {
		var err error
		if at, err = civil.Lately(m.At, st.Now, zone); err != nil {
			return at, said.Of("reading.time", said.Repeated("text", m.At))
		}
	}
	switch {
	case at.After(st.Now.Add(time.Minute)):
		return at, said.Of("reading.ahead", said.Time("at", at))
	case at.Before(st.Now.Add(-longestBack)):
		return at, said.Of("reading.old", said.Time("at", at), said.Time("from", st.Now.Add(-longestBack)))
	}
	return at.Truncate(time.Millisecond), nil
}

// happen takes the reading, or says why not.
func (m MeterReading) happen(p *step) {
	next, x, why := m.take(p)
	if why != nil {
		p.eff.Reply.Err = &NotTakenError{why}
		return
	}
	p.st.Beside, p.eff.Durable = next, true
	p.event("meter_reading", health.Info, said.Of("reading.taken", said.Count("n", int64(next.Last)), said.Energy("shown", x.Shown), said.Time("at", x.At), said.Energy("own", x.Here.Own), said.Text("by", m.By)))
}

func (m MeterReading) take(p *step) (next beside.State, t beside.Told, why said.Said) {
	st := p.st
	st.Now = p.now
	at, why := m.When(&st, p.Zone)
	if why != nil {
		return next, t, why
	}
	t = beside.Told{At: at, By: m.By, Anew: m.Anew, Turned: m.Turned, Sure: m.Sure, Left: m.Left}
	if t.Shown, t.Step, why = beside.ParseShown(m.Shown); why != nil {
		return next, t, why
	}
	if m.Bought != "" {
		if t.Bought, _, why = beside.ParseShown(m.Bought); why != nil {
			return next, t, why
		}
		if !m.Left {
			return next, t, said.Of("reading.bought")
		}
	}
	here := st.Meter.Registers
	switch {
	case st.Clock.Young:
		return next, t, said.Of("reading.young")
	case here.At.IsZero():
		return next, t, said.Of("reading.nothing")
	case at.After(here.At) && !p.fresh():
		return next, t, said.Of("reading.silent", said.Time("at", here.At))
	}
	r := p.besideRules()
	var ok bool
	t.Here, t.Blur, ok = st.Beside.By(at, beside.Point{At: here.At, Own: here.Import, Unmeasured: st.Beside.Unmeasured}, m.Past, r)
	if !ok {
		return next, t, said.Of("reading.unknown", said.Time("at", at))
	}
	t.Blur += cmp.Or(st.Meter.Last.Step, 10*units.WattHour)
	next, why = st.Beside.Add(p.now, t, r)
	return next, t, why
}

// happen takes the reading back.
func (w WithdrawReading) happen(p *step) {
	next, taken, ok := p.st.Beside.Withdraw(w.N)
	if !ok {
		p.eff.Reply.Err = &NotTakenError{said.Of("reading.none", said.Count("n", int64(w.N)))}
		return
	}
	p.st.Beside, p.eff.Durable = next, true
	p.event("meter_reading_withdrawn", health.Info, said.Of("reading.withdrawn", said.Count("n", int64(w.N)), said.Energy("shown", taken.Shown), said.Time("at", taken.Here.At), said.Text("by", w.By)))
}

func (s *Site) besideRules() beside.Rules {
	return beside.Rules{Percent: cmp.Or(s.Beside, beside.DefaultPercent), MaxPower: s.Limits.MaxPower}
}

// Compared is the utility's meter held against ours.
func (s *Site) Compared(st *State) beside.Account { return st.Beside.Account(s.besideRules(), s.Zone) }

// differ warns where the two meters cannot both be right.
func (p *step) differ() {
	if len(p.st.Beside.Readings) == 0 {
		p.clear(health.MetersDiffer, "")
		return
	}
	s := p.st.Beside.Judged(p.besideRules())
	values := []said.Value{said.Energy("utility", s.Utility), said.Energy("own", s.Own), said.Time("from", s.From), said.Time("to", s.To)}
	cause := said.Of("meters.more", values...)
	if s.Is == beside.Less {
		cause = said.Of("meters.less", values...)
	}
	p.when(s.Is == beside.More || s.Is == beside.Less, health.MetersDiffer, "", cause)
}
