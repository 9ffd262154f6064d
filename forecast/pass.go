package forecast

import (
	"math"
	"slices"
	"sort"
)

// pass is what the replays taught, in order of time, up to panel next.
type pass struct {
	anchor  int
	next    int // origin from which panels are still to be gone through
	now     int // cell up to which outcomes have been learned from
	seen    int // it would be the same whatever the cells from here on were
	ridge   *ridge
	pool    pool
	cal     calibration
	belief  belief
	waiting []made
	paths   []made
	done    int      // of the paths, how many have been learned from
	read    readings // see readLevels; zero where not worked out since the last path
	before  *pass    // as it was some hours ago, for a reading that comes late
}

// made is a forecast that was made: uncalibrated, and as it was given out.
type made struct {
	p          *panel
	raw, given []quad
	regime     regime      // that was seen then
	odd        regime      // the same for paths, and
	odds       float64     // with which odds it was on them
	z          []keptError // its errors, where all are known
}

// keep remembers the pass as it is, before it learns on: of what was asked for at
// origin, the passes of the day before it.
func (s *pass) keep(d *days, origin int) {
	was := *s
	was.ridge = s.ridge.clone()
	was.waiting, was.paths = slices.Clone(s.waiting), slices.Clone(s.paths)
	s.before = &was
	for p := s.before; p != nil; p = p.before {
		if p.seen <= origin-d.perDay {
			p.before = nil
		}
	}
}

// learn goes through the panels that are new since the last time, in order, as
// far as origin.  Another anchor starts from scratch.
func (e *engine) learn(origin, anchor int) *pass {
	s := e.pass
	if s == nil || s.anchor != anchor || s.now > origin {
		s = &pass{anchor: anchor, ridge: newRidge(ridgeFeatures), next: math.MinInt, now: math.MinInt, seen: math.MinInt}
	}
	e.pass = s
	first := anchor - replayDays*e.d.perDay
	for _, p := range e.panels {
		if p.origin < first {
			p.fold()
		}
	}
	for _, p := range e.panels {
		if p.origin < s.next {
			continue
		}
		if p.origin > origin {
			break
		}
		e.absorb(s, p.origin, origin)
		if p.origin > origin-e.d.perDay {
			s.keep(e.d, origin)
		}
		m := made{p: p}
		if p.origin >= first {
			e.answerFitted(s, p)
			m.raw = e.combine(s, p)
			m.given = append([]quad(nil), m.raw...)
			s.cal.learned(e.d.perDay).apply(m.given)
			m.regime = e.watch(s, p.origin, m.given)
			odd := e.oddOf(s, p.origin, m.given, m.regime)
			s.paths = append(s.paths, made{p: p, given: m.given, odd: odd, odds: s.belief.ofPaths(&odd)})
			s.read = readings{}
		}
		s.waiting = append(s.waiting, m)
		s.next = p.origin + 1
		s.seen = max(s.seen, p.origin)
	}
	e.absorb(s, origin, origin)
	return s
}

// absorb learns from the forecasts whose outcome is known at now, where a forecast from
// origin on is asked for.
func (e *engine) absorb(s *pass, now, origin int) {
	k := 0
	for ; k < len(s.waiting); k++ {
		m := &s.waiting[k]
		end := m.p.origin + scoreDays*e.d.perDay
		if end > now {
			break
		}
		if end > origin-e.d.perDay {
			s.waiting, k = s.waiting[k:], 0
			s.keep(e.d, origin)
		}
		e.addRows(s.ridge, m.p)
		if m.raw != nil {
			s.done++
			s.pool.learn(e.d, s.paths[:s.done])
			s.cal.learn(e.d, m.p.origin, m.raw)
			s.belief.learn(e.d, m)
		}
		s.seen = max(s.seen, end)
	}
	s.waiting = s.waiting[k:]
	s.now = now
}

// forgetFrom drops what may have seen cell c or later: it has changed.
func (e *engine) forgetFrom(c int) {
	k := sort.Search(len(e.panels), func(i int) bool { return e.panels[i].origin > c })
	e.panels = e.panels[:k]
	for e.pass != nil && e.pass.seen > c {
		e.pass = e.pass.before
	}
	for s := e.pass; s != nil; s = s.before {
		for i := range s.paths {
			if m := &s.paths[i]; m.z != nil && m.p.origin+len(m.z) > c {
				m.z, s.read = nil, readings{}
			}
		}
	}
	if e.tried > c {
		e.tried = math.MinInt
	}
	e.spare = slices.DeleteFunc(e.spare, func(f fitted) bool { return f.anchor > c })
	for len(e.boosts) > 0 && e.boosts[len(e.boosts)-1].anchor > c {
		e.boosts = e.boosts[:len(e.boosts)-1]
		e.refit = true
	}
}
