package metering

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Flow is what the registers say of the power: the mean power between two of
// their movements, and whether they agree with the power that the meter tells.
// The zero value knows nothing.
type Flow struct {
	SeenAt time.Time `json:"seen_at"` // the register was last told and believed
	// Grain is the smallest movement seen: a meter may say a resolution that its
	// register has not.
	Grain units.Energy `json:"grain"`

	// From is a moment at which the register moved, and Moved how far it went
	// since; Mean is the power of the last such stretch that was long enough,
	// which ended at MeanAt.
	From   time.Time    `json:"from"`
	Moved  units.Energy `json:"moved"`
	Mean   units.Power  `json:"mean"`
	MeanAt time.Time    `json:"mean_at"`
	// MeanFrom is when it began.
	MeanFrom time.Time `json:"mean_from"`

	// Least and Most are what the power told since SeenAt makes of energy.
	Least units.Energy `json:"least"`
	Most  units.Energy `json:"most"`
	// Claim is the power that Over is about: energy that was claimed and that
	// the register has not counted.  Under is energy that the register counted
	// and no power explains.
	Claim units.Power  `json:"claim"`
	Over  units.Energy `json:"over"`
	Under units.Energy `json:"under"`
}

// flowStep is what Flow needs of one sample.
type flowStep struct {
	step
	gap         bool // the time since the last sample says nothing
	in, out     outcome
	known       bool        // power was known over the whole step, and was
	least, most units.Power // never outside of these
}

// Stretches over which the registers give a power: long enough against the time
// between two samples, or far enough against their resolution.
const (
	fewSamples = 4
	fewSteps   = 8
	least      = 10 * time.Second
)

// take goes on by one sample.
func (f Flow) take(st flowStep) Flow {
	if st.gap || st.dt <= 0 {
		return Flow{Grain: f.Grain, SeenAt: f.seenAt(st)}
	}
	if st.s.Quality&Lost != 0 {
		st.known = false // the register lacks what was lost, and denies no power
	}
	if st.known {
		f.Least += max(0, st.least).Over(st.dt)
		f.Most += max(0, st.most).Over(st.dt)
	} else {
		f.Claim, f.Over, f.Under, f.Least, f.Most = 0, 0, 0, 0, 0
	}
	if !st.in.seen {
		if st.in.fromRegister { // another base
			return Flow{Grain: f.Grain, SeenAt: st.at}
		}
		return f
	}
	moved := st.in.moved
	if moved > 0 && (f.Grain == 0 || moved < f.Grain) {
		f.Grain = moved
	}
	f = f.compare(st, moved)
	since := st.at.Sub(f.SeenAt)
	f.SeenAt = st.at
	net := moved
	if st.out.seen {
		net -= st.out.moved
	}
	return f.mean(st, net, since)
}

func (f Flow) seenAt(st flowStep) time.Time {
	if st.in.fromRegister || st.first && st.s.Gives(HasImport) {
		return st.at
	}
	return f.SeenAt
}

// compare holds the energy that the register counted against that of the power
// told.  A fifth of either is left to their errors.
func (f Flow) compare(st flowStep, moved units.Energy) Flow {
	if !st.known {
		return f
	}
	claim := max(0, st.most)
	if claim < f.Claim/2 || f.Over == 0 {
		f.Over, f.Claim = 0, claim // it claims something else now
	}
	f.Claim = max(f.Claim, claim)
	limit := 2 * (2*f.grain(st.step) + f.Claim.Over(st.lim.Slack))
	f.Over = min(limit, max(0, f.Over+f.Least*4/5-moved))
	f.Under = min(2*f.mostUnder(st.step), max(0, f.Under+moved*4/5-f.Most))
	f.Least, f.Most = 0, 0
	return f
}

// mean takes the power of the stretch that ends with a movement.
func (f Flow) mean(st flowStep, net units.Energy, since time.Duration) Flow {
	if net == 0 {
		return f
	}
	if f.From.IsZero() {
		f.From = st.at
		return f
	}
	f.Moved += net
	long := st.at.Sub(f.From)
	if long < least || long < fewSamples*since && abs(f.Moved) < fewSteps*f.grain(st.step) {
		return f
	}
	if p := f.Moved.Mean(long); st.lim.believes(true, p) {
		f.Mean, f.MeanFrom, f.MeanAt = p, f.From, st.at
	}
	f.From, f.Moved = st.at, 0
	return f
}

func (f Flow) grain(st step) units.Energy { return max(f.Grain, st.resolution()) }

func (f Flow) mostUnder(st step) units.Energy {
	most := st.lim.MaxPower
	if most <= 0 {
		most = DefaultLimits().MaxPower
	}
	return 2*f.grain(st) + most.Over(st.lim.Slack)
}

// Drawn is what is known of the power now.
type Drawn struct {
	Power  units.Power `json:"power"` // positive is import
	At     time.Time   `json:"at"`    // when it was told, or the register moved last
	Source Source      `json:"source"`
	// From is the beginning of the time that a derived power is the mean of; At,
	// where it was told.
	From time.Time `json:"from"`
	// Doubted: so much energy was claimed that the register should have moved,
	// and it has not yet.
	Doubted bool `json:"doubted"`
	// Denied: the meter tells a power, and the register says otherwise.
	Denied bool `json:"denied"`
}

// Source is where a power comes from.
type Source string

// The sources.
const (
	NotTold Source = ""        // nobody knows
	Told    Source = "told"    // by the meter
	Derived Source = "derived" // from the register's movement
)

// Known tells whether there is a power.
func (d Drawn) Known() bool { return d.Source != NotTold }

// Drawn is the power that flows at now, as far as anything not older than fresh
// tells: what the meter told, unless its register says otherwise, else what the
// register says.  resolution is that of the register as the meter tells it, zero
// where it does not.
func (r Registers) Drawn(now time.Time, fresh time.Duration, resolution units.Energy, lim Limits) Drawn {
	recent := func(t time.Time) bool { return !t.IsZero() && now.Sub(t) <= fresh }
	st := step{s: Sample{Step: resolution}, lim: lim}
	f := r.Flow
	d := Drawn{}
	if r.HasPower && recent(r.PowerAt) {
		d = Drawn{Power: r.Power, At: r.PowerAt, From: r.PowerAt, Source: Told}
		d.Doubted = r.Power > 0 && f.Over > 2*f.grain(st)
		d.Denied = d.Doubted && f.Over > 2*f.grain(st)+f.Claim.Over(lim.Slack) || f.Under > f.mostUnder(st)
		if !d.Denied {
			return d
		}
	}
	denied := d.Denied
	d = Drawn{Denied: denied}
	if recent(f.SeenAt) && !f.MeanAt.IsZero() {
		// Since the last movement less than one step has gone through.
		p := f.Mean
		if still := f.SeenAt.Sub(f.MeanAt); still > 0 && f.Moved == 0 {
			if most := f.grain(st).Mean(still); abs(p) > most {
				p = max(-most, min(most, p))
			}
		}
		d.Power, d.At, d.From, d.Source = p, f.SeenAt, f.MeanFrom, Derived
	}
	return d
}
