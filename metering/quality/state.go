package quality

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Rules are what the voltage is held against.
type Rules struct {
	Zone      *time.Location // weeks are of its calendar, from Monday; nil is UTC
	Nominal   units.Voltage
	Frequency units.Frequency
}

// State is what is kept: the week under way and the one before.
type State struct {
	Now  Week  `json:"now,omitzero"`
	Last *Week `json:"last,omitempty"`
	Mean Mean  `json:"mean,omitzero"`
}

// Mean is the 10 minutes under way of the voltages that a meter tells.
type Mean struct {
	From    time.Time       `json:"from"`
	At      time.Time       `json:"at"` // of the newest
	Newest  []units.Voltage `json:"newest"`
	Squares []int64         `json:"squares"` // of mV times milliseconds
	Time    time.Duration   `json:"time"`    // that they are of
}

const (
	slot = 10 * time.Minute
	// holds is how long a voltage that was told may stand for what came after it.
	holds = time.Minute
)

// weekOf is the week of an instant: from Monday to Monday of the calendar.
func weekOf(t time.Time, zone *time.Location) (from, to time.Time) {
	if zone == nil {
		zone = time.UTC
	}
	y, m, d := t.In(zone).Date()
	back := (int(t.In(zone).Weekday()) + 6) % 7
	return time.Date(y, m, d-back, 0, 0, 0, 0, zone).UTC(), time.Date(y, m, d-back+7, 0, 0, 0, 0, zone).UTC()
}

// at makes the week of an instant the one under way; false where that is over.
func (s *State) at(t time.Time, r Rules, sampled bool) bool {
	if !s.Now.From.IsZero() && !t.Before(s.Now.From) && t.Before(s.Now.To) {
		if sampled != s.Now.Sampled || r.Nominal != s.Now.Nominal {
			s.begin(t, r, true) // another kind of meter, or another voltage is declared: the two do not mix
		}
		return true
	}
	if s.Last.holds(t) {
		if !sampled || !s.Last.Sampled || !t.After(s.Last.Newest) || s.Now.seen() >= s.Last.seen() {
			return false
		}
		s.Now, s.Last = *s.Last, nil // the clock was ahead, and its week has not begun
		s.Now.Phases = slices.Clone(s.Now.Phases)
		return true
	}
	if !s.Now.From.IsZero() && !t.Before(s.Now.To) {
		over := s.Now
		s.Last = &over
	}
	s.begin(t, r, sampled)
	return true
}

func (s *State) begin(t time.Time, r Rules, sampled bool) {
	first := s.Now.From.IsZero() || sampled != s.Now.Sampled || r.Nominal != s.Now.Nominal
	from, to := weekOf(t, r.Zone)
	s.Now = Week{From: from, To: to, Sampled: sampled, Nominal: r.Nominal}
	if first {
		s.Now.Since = t.UTC().Truncate(slot)
	}
}

// Take takes what was measured from samples.
func (s State) Take(r Rules, n *News) State {
	if n.Empty() {
		return s
	}
	if n.Nominal > 0 && n.Frequency > 0 {
		r.Nominal, r.Frequency = n.Nominal, n.Frequency
	}
	if r.Nominal <= 0 || r.Frequency <= 0 {
		return s
	}
	s.Mean = Mean{}
	s.Now.Phases = slices.Clone(s.Now.Phases)
	for i := range n.Tens {
		if t := &n.Tens[i]; s.at(t.End.Add(-1), r, true) {
			s.Now.ten(t, r.Nominal)
		}
	}
	for _, v := range n.Seconds {
		if s.at(v.End.Add(-1), r, true) {
			s.Now.seconds(v, r.Frequency)
		}
	}
	for _, e := range n.Events {
		switch {
		case s.Last.holds(e.Start): // it is told when it is over, and that may be a week later
			last := *s.Last
			last.event(e, r.Nominal)
			s.Last = &last
		case s.at(e.Start, r, true):
			s.Now.event(e, r.Nominal)
		}
	}
	return s
}

// seen is how many values over 10 minutes there were.
func (w *Week) seen() int { return w.Values + w.Flagged + w.Short }

// holds tells whether an instant lies in a week, of which there may be none.
func (w *Week) holds(t time.Time) bool {
	return w != nil && !t.Before(w.From) && t.Before(w.To)
}

// Hear takes the voltages that a meter tells at an instant, line to neutral, zero where
// one is not told.
func (s State) Hear(r Rules, at time.Time, volts []units.Voltage) State {
	if r.Nominal <= 0 || len(volts) == 0 || s.Now.Sampled && at.Sub(s.Now.Newest) < 7*24*time.Hour {
		return s
	}
	s.Now.Phases = slices.Clone(s.Now.Phases)
	m := s.Mean
	m.Squares = slices.Clone(m.Squares)
	if gone := at.Sub(m.At); len(m.Newest) == len(volts) && gone > 0 && gone <= holds {
		for m.At.Before(at) {
			end := m.From.Add(slot)
			to := at
			if end.Before(to) {
				to = end
			}
			for k, v := range m.Newest {
				m.Squares[k] += int64(v) * int64(v) * to.Sub(m.At).Milliseconds()
			}
			m.Time += to.Sub(m.At)
			if m.At = to; to.Equal(end) {
				s.means(&m, r)
				m = Mean{From: end, At: to, Newest: m.Newest, Squares: make([]int64, len(volts))}
			}
		}
	} else {
		if from := at.Truncate(slot); !from.Equal(m.From) || len(m.Newest) != len(volts) {
			if m.Time > 0 {
				s.means(&m, r)
			}
			m = Mean{From: from.UTC(), Squares: make([]int64, len(volts))}
		}
	}
	m.At, m.Newest = at.UTC(), slices.Clone(volts)
	s.Mean = m
	return s
}

// means makes a value of 10 minutes that are over.
func (s *State) means(m *Mean, r Rules) {
	t := Ten{End: m.From.Add(slot), Covered: PPM(m.Time.Milliseconds() * 1_000_000 / slot.Milliseconds()), Gaps: true}
	if ms := m.Time.Milliseconds(); ms > 0 {
		for _, square := range m.Squares {
			v := units.Voltage(math.Round(math.Sqrt(float64(square) / float64(ms))))
			t.Phases = append(t.Phases, Phase{Voltage: v})
			// An interruption that the meter tells flags it as one that is measured.
			t.Flagged = t.Flagged || v*2 < r.Nominal
		}
	}
	if s.at(t.End.Add(-1), r, false) {
		s.Now.ten(&t, r.Nominal)
	}
}
