package voltage

import "math"

// rapid follows rapid voltage changes (5.11): the voltage is steady while the last 100
// (120) values of U_rms(1/2) are all within a threshold of their mean.  A change begins
// when one phase is not steady any more, and ends where the steadiness of all begins
// again.  While it lasts the threshold is half; where a dip or a swell comes into it, it
// is that and no rapid change.
type rapid struct {
	phases []steady
	n      int // values that the mean is of
	on     bool
	void   bool // a dip or swell is in it, or a break
	dirty  int  // for so many values more one of a dip or swell is among the last n
	Event
}

// steady is one phase.
type steady struct {
	ring   []float64
	at     int
	count  int
	mean   float64
	before float64 // the mean before the change
	is     bool
	from   float64 // the farthest from before
}

func newRapid(phases, n int) rapid {
	r := rapid{n: n, phases: make([]steady, phases)}
	for k := range r.phases {
		r.phases[k].ring = make([]float64, n)
	}
	return r
}

// take takes a value and tells whether the phase is steady.
func (s *steady) take(v, within float64) bool {
	s.ring[s.at] = v
	if s.at++; s.at == len(s.ring) {
		s.at = 0
	}
	if s.count < len(s.ring) {
		if s.count++; s.count < len(s.ring) {
			s.is = false
			return false
		}
	}
	sum, low, high := 0.0, math.Inf(1), math.Inf(-1)
	for _, x := range s.ring {
		sum += x
		low, high = min(low, x), max(high, x)
	}
	s.mean = sum / float64(len(s.ring))
	s.is = high-s.mean <= within && s.mean-low <= within
	return s.is
}

// take takes a cycle of each phase; disturbed says that a dip, swell or interruption is
// under way.
func (r *rapid) take(c *Config, u []cycle, disturbed bool, emit func(Event)) {
	within := c.RapidChange * c.Nominal
	if r.on {
		within /= 2
	}
	switch {
	case disturbed:
		r.dirty = r.n
	case r.dirty > 0:
		r.dirty--
	}
	all, which := true, uint8(0)
	for k := range r.phases {
		p := &r.phases[k]
		was, mean := p.is, p.mean
		if is := p.take(u[k].rms, within); !is {
			all = false
			if was && !r.on {
				which |= 1 << k
			}
		}
		if !r.on && was {
			p.before = mean
		}
	}
	switch {
	case !r.on && which != 0:
		r.on, r.void = true, r.dirty > 0
		r.Event = Event{Kind: RapidChange, From: u[0].from}
		for k := range r.phases {
			r.phases[k].from = 0
		}
	case r.on && all:
		r.on = false
		r.To = u[0].to - float64(r.n)*(u[0].to-u[0].from)/2
		if r.void || r.dirty > 0 {
			return
		}
		for k := range r.phases {
			p := &r.phases[k]
			if change := math.Abs(p.mean - p.before); change >= math.Abs(r.Change) {
				r.Change = p.mean - p.before
			}
			r.Extreme = max(r.Extreme, p.from)
		}
		r.To = max(r.To, r.From)
		emit(r.Event)
		return
	}
	if r.on {
		r.void = r.void || disturbed
		r.Phases |= which
		for k := range r.phases {
			p := &r.phases[k]
			p.from = max(p.from, math.Abs(u[k].rms-p.before))
			if !p.is && math.Abs(u[k].rms-p.before) > within {
				r.Phases |= 1 << k
			}
		}
	}
}

// broken forgets what does not join what comes.
func (r *rapid) broken() {
	r.on = false
	for k := range r.phases {
		r.phases[k].count, r.phases[k].is = 0, false
	}
}
