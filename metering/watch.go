package metering

import (
	"cmp"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// WatchLimits is what Watch holds a sample against.
type WatchLimits struct {
	Nominal   units.Voltage   // line to neutral; zero takes 230 V
	Frequency units.Frequency // zero takes 50 Hz
	// Generates says that the site may export: then reverse power is no event.
	Generates bool
	// MinPower and MinCurrent are below what counts as nothing; zero takes
	// 20 W and 100 mA.
	MinPower   units.Power
	MinCurrent units.Current
	// Hold is how long a sign of tampering must last to be believed; zero takes
	// three seconds.  Disturbances of the voltage are told at once.
	Hold time.Duration
}

func (l WatchLimits) filled() WatchLimits {
	if l.Nominal == 0 {
		l.Nominal = 230_000
	}
	if l.Frequency == 0 {
		l.Frequency = 50_000
	}
	if l.MinPower == 0 {
		l.MinPower = 20 * units.Watt
	}
	if l.MinCurrent == 0 {
		l.MinCurrent = 100
	}
	if l.Hold == 0 {
		l.Hold = 3 * time.Second
	}
	return l
}

// Watch is the state of what is going on at the meter beyond consumption.  The
// zero value knows of nothing.  It survives a round trip through encoding/json.
type Watch struct {
	At     time.Time    `json:"at"`
	Going  []Condition  `json:"going,omitempty"` // by kind and phase
	Power  units.Power  `json:"power,omitempty"` // of the last sample
	Import units.Energy `json:"import,omitempty"`
	// ByPower is the energy that power has made since the register last moved.
	ByPower units.Energy `json:"by_power,omitempty"`
}

// Condition is something that lasts.
type Condition struct {
	Event Event `json:"event"`
	Told  bool  `json:"told,omitempty"` // it has lasted long enough
}

// Take looks at one sample.  open says that the supply contactor is, by all
// that is known, open.
func (w Watch) Take(s Sample, open bool, lim WatchLimits) (Watch, []Event) {
	lim = lim.filled()
	at := s.At.UTC()
	found := conditions(s, open, lim)
	if w.stuck(s, lim) {
		found = append(found, Event{Kind: RegisterStuck, Energy: w.ByPower, Power: s.Power, Before: w.Import, After: s.Import})
	}
	slices.SortFunc(found, func(a, b Event) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Phase, b.Phase))
	})
	var going []Condition
	var events []Event
	dt := at.Sub(w.At)
	if w.At.IsZero() || dt < 0 {
		dt = 0
	}
	for _, f := range found {
		f.Start, f.Open = at, true
		c := Condition{Event: f}
		if i := slices.IndexFunc(w.Going, func(o Condition) bool { return o.Event.Kind == f.Kind && o.Event.Phase == f.Phase }); i >= 0 {
			c = w.Going[i]
			c.Event = worse(c.Event, f, lim.Frequency)
			if s.Power > 0 && c.Event.Kind != RegisterStuck {
				c.Event.Energy += s.Power.Over(dt)
			}
		}
		if !c.Told && max(0, at.Sub(c.Event.Start)) >= lim.holds(f.Kind) {
			c.Told = true
			events = append(events, c.Event)
		}
		going = append(going, c)
	}
	for _, c := range w.Going {
		still := slices.ContainsFunc(going, func(o Condition) bool { return o.Event.Kind == c.Event.Kind && o.Event.Phase == c.Event.Phase })
		if still || !c.Told {
			continue
		}
		e := c.Event
		e.Open, e.Duration = false, max(0, at.Sub(e.Start))
		events = append(events, e)
	}
	return w.after(s, at, dt, going), events
}

// after is the state that the next sample meets.
func (w Watch) after(s Sample, at time.Time, dt time.Duration, going []Condition) Watch {
	next := Watch{At: at, Going: going, Power: s.Power, Import: s.Import, ByPower: w.ByPower}
	switch {
	case !s.Gives(HasImport | HasPower):
		next.ByPower, next.Import = 0, w.Import
	case s.Import != w.Import:
		next.ByPower = 0
	case s.Power > 0 && dt <= time.Minute:
		next.ByPower += min(s.Power, w.Power+s.Power/10+1).Over(dt)
	}
	return next
}

// stuck tells whether the register should have moved long since.
func (w Watch) stuck(s Sample, lim WatchLimits) bool {
	step := s.Step
	if step <= 0 {
		step = unknownStep
	}
	return s.Gives(HasImport|HasPower) && s.Power > lim.MinPower && s.Import == w.Import &&
		w.ByPower > 10*step+100*units.WattHour
}

// holds is how long a condition must last to be told.
func (l WatchLimits) holds(k EventKind) time.Duration {
	switch k {
	case VoltageSag, VoltageSwell, VoltageInterruption, Outage, FrequencyDeviation, CoverOpen, MagnetNear, RegisterStuck:
		return 0
	case VoltageUnbalance:
		return max(l.Hold, unbalanced)
	default:
		return l.Hold
	}
}

// unbalanced is how long unbalance must last: a motor that starts is none.
const unbalanced = time.Minute

// worse is a with the extremes of a and b.
func worse(a, b Event, nominal units.Frequency) Event {
	switch a.Kind {
	case VoltageUnbalance:
	case VoltageSwell, NeutralLoss:
		a.Voltage = max(a.Voltage, b.Voltage)
	default:
		a.Voltage = min(a.Voltage, b.Voltage)
	}
	a.Current = max(a.Current, b.Current)
	if abs(b.Power) > abs(a.Power) {
		a.Power = b.Power
	}
	if abs(b.Frequency-nominal) > abs(a.Frequency-nominal) {
		a.Frequency = b.Frequency
	}
	a.After = b.After
	return a
}

// conditions are what one sample shows.
func conditions(s Sample, open bool, lim WatchLimits) []Event {
	var out []Event
	low, high, none := lim.Nominal*9/10, lim.Nominal*11/10, lim.Nominal/10
	dark, lit := 0, 0
	var least, most units.Voltage
	for i, p := range s.Phases {
		if p.Has&HasVoltage == 0 {
			continue
		}
		if lit++; lit == 1 {
			least, most = p.Voltage, p.Voltage
		}
		least, most = min(least, p.Voltage), max(most, p.Voltage)
		e := Event{Phase: i + 1, Voltage: p.Voltage, Current: p.Current, Power: p.Power}
		add := func(k EventKind) {
			e.Kind = k
			out = append(out, e)
		}
		switch {
		case p.Voltage < none:
			dark++
			add(VoltageInterruption)
			if p.Has&HasCurrent != 0 && abs(p.Current) > lim.MinCurrent {
				add(CurrentWithoutVoltage)
			}
		case p.Voltage < low:
			add(VoltageSag)
		case p.Voltage > high:
			add(VoltageSwell)
		}
	}
	if lit > 0 && dark == lit {
		// All phases at once are one outage and not three interruptions.
		out = slices.DeleteFunc(out, func(e Event) bool { return e.Kind == VoltageInterruption })
		out = append(out, Event{Kind: Outage, Voltage: most})
	}
	if lit == 3 && dark == 0 && most > high && least < low {
		out = append(out, Event{Kind: NeutralLoss, Voltage: most})
	}
	if lit == 3 && len(out) == 0 {
		mean := (s.Phases[0].Voltage + s.Phases[1].Voltage + s.Phases[2].Voltage) / 3
		if furthest := max(most-mean, mean-least); furthest*100 > 3*mean {
			e := Event{Kind: VoltageUnbalance, Voltage: least}
			if most-mean > mean-least {
				e.Voltage = most
			}
			out = append(out, e)
		}
	}
	if s.Gives(HasFrequency) && dark < max(lit, 1) && s.Frequency > 0 && abs(s.Frequency-lim.Frequency) > 1000 {
		out = append(out, Event{Kind: FrequencyDeviation, Frequency: s.Frequency})
	}
	if s.Gives(HasPower) && s.Power < -lim.MinPower && !lim.Generates {
		out = append(out, Event{Kind: ReverseEnergy, Power: s.Power})
	}
	if open && (s.Gives(HasPower) && abs(s.Power) > lim.MinPower || !s.Gives(HasPower) && s.Gives(HasCurrent) && abs(s.Current) > lim.MinCurrent) {
		out = append(out, Event{Kind: ConsumptionWhileOpen, Power: s.Power, Current: s.Current})
	}
	if s.Gives(HasNeutral|HasCurrent) && len(s.Phases) == 1 {
		if d := abs(abs(s.Current) - abs(s.NeutralCurrent)); d > lim.MinCurrent && d > abs(s.Current)/5 {
			out = append(out, Event{Kind: NeutralMismatch, Current: d})
		}
	}
	if s.Gives(HasCover) && s.CoverOpen {
		out = append(out, Event{Kind: CoverOpen})
	}
	if s.Gives(HasMagnet) && s.MagnetNear {
		out = append(out, Event{Kind: MagnetNear})
	}
	return out
}
