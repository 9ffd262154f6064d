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
	// Crest is what of Under is no reason to deny the power.
	Crest Crest `json:"crest,omitzero"`
}

// Crest is the greatest power that was told of late: a register that shows it late may
// still owe so much.
type Crest struct {
	From  time.Time     `json:"from"`           // since when Now is watched
	Now   units.Power   `json:"now,omitempty"`  // the greatest since
	Last  units.Power   `json:"last,omitempty"` // and before
	Dark  time.Duration `json:"dark,omitempty"` // the longest between two that were told
	Since time.Time     `json:"since,omitzero"` // since when Under is more than all that explains; zero: it is not
}

// flowStep is what Flow needs of one sample.
type flowStep struct {
	step
	gap         bool          // the time since the last sample says nothing
	dark        time.Duration // how old the power was that was known until now
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
		f.Claim, f.Over, f.Under, f.Least, f.Most, f.Crest = 0, 0, 0, 0, 0, Crest{}
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
	f.Crest = f.Crest.higher(st, f.Under == 0)
	f.Over = min(2*f.mostOver(st.step), max(0, f.Over+f.Least*4/5-moved))
	may := f.mostUnder(st.step)
	f.Under = min(2*may, max(0, f.Under+moved*4/5-f.Most))
	switch {
	case f.Under <= may:
		f.Crest.Since = time.Time{}
	case f.Crest.Since.IsZero():
		f.Crest.Since = st.at
	}
	f.Least, f.Most = 0, 0
	return f
}

// higher goes on by one sample.  even: nothing is owed, and what was told longer ago than a
// register may be late counts no more.
func (c Crest) higher(st flowStep, even bool) Crest {
	told := max(0, st.most)
	switch {
	case c.From.IsZero():
		c = Crest{From: st.at, Last: st.lim.carries()} // nobody knows what was before
	case even && st.at.Sub(c.From) > st.lim.Slack:
		c = Crest{From: st.at, Last: c.Now}
	}
	c.Now, c.Dark = max(c.Now, told), max(c.Dark, st.dark)
	return c
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

// mostOver is how much more than the register the power may have claimed: two steps, what the
// register may show late, and what it may have been less between two powers.
func (f Flow) mostOver(st step) units.Energy {
	return 2*f.grain(st) + f.Claim.Over(st.lim.Slack+f.Crest.Dark)
}

// mostUnder is how much more than the power told the register may have counted: two steps,
// what it may show late, and what nobody saw between two powers.
func (f Flow) mostUnder(st step) units.Energy {
	most := st.lim.carries()
	unseen := max(f.Crest.Now, f.Crest.Last).Over(st.lim.Slack) + most.Over(f.Crest.Dark)
	return 2*f.grain(st) + min(unseen, most.Over(st.lim.Slack))
}

// under tells whether the register denies that so little flows: for longer than a power may
// be told late.
func (f Flow) under(lim Limits) bool {
	return !f.Crest.Since.IsZero() && f.SeenAt.Sub(f.Crest.Since) >= 2*lim.Slack
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
		d.Denied = d.Doubted && f.Over > f.mostOver(st) || f.under(lim)
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
