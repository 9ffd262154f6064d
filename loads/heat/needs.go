package heat

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Doubt is why what is known of a tank is not enough: it is on then in all hours in which
// hot water is usual.
type Doubt string

// The doubts.
const (
	Sure     Doubt = ""
	Unseen   Doubt = "unseen"   // nobody measures what it draws
	Learning Doubt = "learning" // not for long enough, what is drawn is not known yet
	Lost     Doubt = "lost"     // it has not been full for too long
	TooCold  Doubt = "cold"     // it was found colder than it should have been, not long ago
)

const (
	lostAfter = 50 * time.Hour // two nights, of which the first may not have done
	coldFor   = 72 * time.Hour
	mostLead  = 3 * time.Hour
	// pathAhead is how far it is looked for what is drawn, from when the tank is full.
	pathAhead = 60 * time.Hour
	// spare is the part by which what is asked for is more than what is lacking.
	spare = 10
	// reserve is the part of the hot water that is left over in nine of ten.
	reserve = 3
	// leastPart is the part of the hot water that is heated at least, but for what is lacking.
	leastPart = 4
	// fullAgain is how long ago it was full where it is to be full again, whatever is reckoned.
	fullAgain = 20 * time.Hour
	// ready is how long before hot water is usual the tank is to be hot.
	ready = 30 * time.Minute
	// slot is how long a slot of the plan is: what does not hold whole ones cannot be planned.
	slot = 30 * time.Minute
)

// Doubt is what is in doubt of the tank at an instant.
func (k Tank) Doubt(s State, now time.Time) Doubt {
	switch {
	case k.Blind(s, now):
		return Unseen
	case k.usual(s).days < learnDays:
		return Learning
	case now.Sub(s.Full) > lostAfter:
		return Lost
	case !s.Cold.IsZero() && now.Sub(s.Cold) < coldFor:
		return TooCold
	}
	return Sure
}

// Overdue is from when on the tank must become full, whatever it costs: a day before it has
// not been full for as long as it may be.
func (k Tank) Overdue(s State) time.Time {
	last := s.Full
	if last.IsZero() {
		last = s.First
	}
	return last.Add(k.Within - 24*time.Hour)
}

// Must tells whether the tank is to be heated now whatever it costs.
func (k Tank) Must(s State, now time.Time) bool {
	return !s.First.IsZero() && !now.Before(k.Overdue(s))
}

// Lack is what the tank lacks to be full at an instant, on the mean and in nine of ten.
func (k Tank) Lack(s State, now time.Time) (mean, high units.Energy) {
	if s.First.IsZero() {
		return k.Whole, k.Whole
	}
	return k.reckon(s).at(now)
}

// Left is what of the tank is still 40 degrees or more, if it were mixed.
func (k Tank) Left(s State, now time.Time) units.Energy {
	lack, _ := k.Lack(s, now)
	return max(0, k.Usable-lack)
}

// Showers is for how many showers of 50 litres at 38 degrees that is.
func Showers(left units.Energy) float64 { return left.KWh() / shower.KWh() }

// Need is heat that is to be had by an instant.
type Need struct {
	From, By time.Time
	Energy   units.Energy // that is lacking then, and some more
	All      bool         // it is to be on from From to By
	Soon     bool         // the sooner the better: there is too little time
	Full     bool         // the tank is to be full by then
	Must     bool         // whatever it costs
}

// reckoned is the tank ahead, with what it will be given.
type reckoned struct {
	k      Tank
	s      State
	base   time.Time
	lack   units.Energy
	heated units.Energy
	path   path
	loss   units.Power
}

func (k Tank) reckon(s State) *reckoned {
	r := &reckoned{k: k, s: s, loss: k.Loses(s)}
	r.from(s.Base, s.Lack)
	r.heated = s.Heated
	return r
}

// from is where the tank lacks so much.
func (r *reckoned) from(at time.Time, lack units.Energy) {
	r.base, r.lack, r.heated = at, lack, 0
	r.path = r.k.path(r.s, at, pathAhead)
}

// at is what is lacking then.
func (r *reckoned) at(t time.Time) (mean, high units.Energy) {
	mean, high = r.path.by(t)
	lost := r.lack + r.loss.Over(min(t.Sub(r.base), 14*24*time.Hour)) - r.heated
	within := func(x units.Energy) units.Energy { return max(0, min(r.k.Whole, x)) }
	return within(lost + mean), within(lost + high)
}

// Needs are what the tank must be given from now on, by when: sorted, and apart.  Once a day
// it is to be full, before most is drawn; at the other hours in which hot water is usual
// there is to be enough for nine of ten.
func (k Tank) Needs(s State, now, until time.Time) []Need {
	if s.First.IsZero() {
		s = State{First: now, At: now, Base: now, Lack: k.Whole}
	}
	if k.Doubt(s, now) != Sure {
		return k.whole(s, now, until)
	}
	var out []Need
	usual, power := k.usual(s), k.Element(s)
	r := k.reckon(s)
	free := now // from here on nothing is asked for yet
	for t := now.Truncate(time.Hour).Add(time.Hour); !t.After(until); t = t.Add(time.Hour) {
		hour, date := k.hour(t)
		mean, lack := r.at(t)
		n := Need{By: t, Energy: lack}
		if n.Full = hour%24 == usual.anchor(date); !n.Full {
			long := min(max(2, usual.bout(hour)), usual.anchorAfter(hour))
			_, then := r.at(t.Add(time.Duration(long) * time.Hour))
			enough := k.Usable - k.Usable/reserve
			n.Energy = then - enough
			if idle := then-lack < r.loss.Over(time.Duration(long)*time.Hour)+k.Usable/20; n.Energy <= 0 || idle && mean < enough {
				continue // there is enough, or nobody draws any
			}
			if end := t.Add(time.Duration(long) * time.Hour); then-lack > enough {
				// A full tank would not do: it is heated while it is drawn from.
				n.All, n.By, n.From = true, end, civil.Later(free, t.Add(-timeFor(lack, power)-ready))
				n.Energy = k.Power.Over(end.Sub(n.From))
				if n.From.Before(end) {
					out, free = append(out, n), end
					r.from(end, k.Usable/leastPart)
				}
				continue
			}
			n.Energy = min(lack, max(n.Energy, k.Usable/leastPart)) // above it there is no room
		} else if t.Sub(s.Full) > fullAgain && len(out) == 0 {
			n.Energy = max(lack, k.Usable/leastPart) // until its thermostat says so
		}
		if n.Energy <= 0 || n.Energy < k.Usable/20 {
			continue
		}
		n.Energy += n.Energy / spare
		n.Must = n.Full && k.Must(s, t)
		long := timeFor(n.Energy, power-r.loss)
		if n.By = t.Add(-ready); n.By.Add(-long).Before(free) {
			n.By = t
		}
		n.From = free
		if n.Full {
			n.From = civil.Later(free, r.since(free, n.By.Add(-long*3/2)).Truncate(slot))
		}
		if n.By.Add(-slots(long)).Before(slotFrom(free)) {
			n.Soon, n.From, n.By = true, free, slotFrom(free).Add(slots(long))
		}
		out = append(out, n)
		free = n.By
		if n.Full {
			r.from(civil.Later(t, n.By), 0)
		} else {
			r.heated += n.Energy
		}
	}
	return out
}

// since is when most of what is lacking at last, or half a day later, is: to heat it before
// only loses heat.
func (r *reckoned) since(first, last time.Time) time.Time {
	all, _ := r.at(last)
	for t := first; t.Before(last); t = t.Add(30 * time.Minute) {
		if lack, _ := r.at(t); lack*2 >= all {
			return t
		}
	}
	return civil.Later(first, last)
}

// slots is how long the whole slots are that hold a stretch of time.
func slots(d time.Duration) time.Duration { return (d + slot - 1).Truncate(slot) }

// slotFrom is where the first slot begins that does not begin before an instant.
func slotFrom(t time.Time) time.Time { return t.Add(slot - 1).Truncate(slot) }

// whole are the hours in which hot water is usual, and what heats it before them: it is on
// all the time.
func (k Tank) whole(s State, now, until time.Time) []Need {
	_, lack := k.Lack(s, now)
	if k.Blind(s, now) {
		lack = k.Whole
	}
	lead := min(timeFor(lack, k.Element(s)), mostLead).Truncate(30*time.Minute) + 30*time.Minute
	var out []Need
	usual := k.usual(s)
	for d := civil.DateIn(now, k.Zone) - 1; d.Start(k.Zone).Before(until); d++ {
		hours := k.Usual
		if usual.days >= learnDays {
			hours = usual.hours(d)
		}
		for _, x := range hours {
			n := Need{All: true, From: at(d, x.From, k.Zone).Add(-lead), By: at(d, x.To, k.Zone)}
			if i := len(out) - 1; i >= 0 {
				n.From = civil.Later(n.From, out[i].By)
			}
			if n.From = civil.Later(n.From, now); !n.From.Before(n.By) || n.From.After(until) {
				continue
			}
			n.Energy = k.Power.Over(n.By.Sub(n.From))
			n.Must = k.Must(s, n.By)
			out = append(out, n)
		}
	}
	return out
}

// at is so many minutes of the clock after a day's midnight.
func at(d civil.Date, minutes int, zone *time.Location) time.Time {
	y, m, day := (d + civil.Date(minutes/1440)).Civil()
	return time.Date(y, m, day, 0, minutes%1440, 0, 0, zone).UTC()
}

// anchor is the hour of a day before which the tank is best full: the most is drawn in the
// hours that follow it, the first of them counting most.
func (h habit) anchor(d civil.Date) int {
	mean, best, most := &h.mean[kindOf(d)], 0, -1.0
	for i := range 24 {
		sum, part := 0.0, 1.0
		for j := range 8 {
			sum += part * mean[(i+j)%24]
			part *= 0.85
		}
		if sum > most {
			best, most = i, sum
		}
	}
	return best
}

// anchorAfter is in how many hours the next anchor is, at most a day.
func (h habit) anchorAfter(hour int) int {
	n := 1
	for n < 24 && (hour+n)%24 != h.anchor(civil.Date((hour+n)/24)) {
		n++
	}
	return n
}

// hours are those of a day in which hot water is usual.
func (h habit) hours(d civil.Date) []Hours {
	var out []Hours
	for i := 0; i < 24; i++ {
		if n := min(h.bout(int(d)*24+i), 24-i); n > 0 {
			out = append(out, Hours{i * 60, (i + n) * 60})
			i += n
		}
	}
	return out
}

// bout is for how many hours from one on hot water is usual without a break; 0: not in that.
func (h habit) bout(hour int) int {
	mean := &h.mean[kindOf(civil.Date(hour/24))]
	sum := 0.0
	for _, x := range mean {
		sum += x
	}
	n := 0
	for n < 8 && mean[(hour+n)%24] > sum/24/4 {
		n++
	}
	return n
}
