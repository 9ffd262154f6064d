package series

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// step is the length of the rows, see Series.Step.
func step(rows []Row) time.Duration {
	count := map[time.Duration]int{}
	for i := range rows {
		switch {
		case rows[i].Seconds > 0:
			count[time.Duration(rows[i].Seconds)*time.Second]++
		case i > 0:
			count[time.Duration(rows[i].At-rows[i-1].At)*time.Millisecond]++
		}
	}
	var best time.Duration
	for d, n := range count {
		if best == 0 || n > count[best] || n == count[best] && d < best {
			best = d
		}
	}
	return best
}

// Slot is the energy of one slot of a regular grid.
type Slot struct {
	Start   int64 // Unix seconds
	Line    int32
	Known   bool
	Quality uint8
	Energy  units.Energy
	Export  units.Energy
}

// Slots are the rows as slots of the given length, zero for the rows' own, on the grid of
// whole lengths since 1970.  Shorter rows are summed, where all of a slot are there; a
// register's differences are laid into the slots that they lie in, where no two readings are
// farther apart than a slot.
func (s *Series) Slots(length time.Duration) ([]Slot, time.Duration, error) {
	if length == 0 {
		length = s.Step
	}
	if length == 0 || len(s.Rows) == 0 {
		return nil, length, nil
	}
	if s.Step > length {
		return nil, length, fail(0, "leave --step out, or say how long they are", "the rows are %v apart and not %v", s.Step, length)
	}
	if s.Register {
		return s.differences(length), length, nil
	}
	if own := max(s.Step, time.Millisecond); length%own != 0 {
		return nil, length, fail(0, "leave --step out, or name a multiple of it", "the rows are %v apart, of which slots of %v are not made", s.Step, length)
	}
	var out []Slot
	ms := int64(length / time.Millisecond)
	covered := time.Duration(0) // of the last slot
	whole := true
	for i := range s.Rows {
		r := &s.Rows[i]
		own := s.Step
		if r.Seconds > 0 {
			own = time.Duration(r.Seconds) * time.Second
		}
		if own == 0 {
			own = length
		}
		if off := r.At % ms; off%int64(own/time.Millisecond) != 0 || off+int64(own/time.Millisecond) > ms {
			return nil, length, fail(int(r.Line), remedyOff(own), "%s is not the begin of a slot of %v", r.Time().Format(time.RFC3339), min(own, length))
		}
		start := (r.At - r.At%ms) / 1000
		if n := len(out); n == 0 || out[n-1].Start != start {
			if n > 0 && covered < length {
				out[n-1].Known = false
			}
			out = append(out, Slot{Start: start, Line: r.Line, Known: true, Quality: r.Quality})
			covered, whole = 0, true
		}
		slot := &out[len(out)-1]
		covered += own
		whole = whole && r.Known
		slot.Known = slot.Known && r.Known
		slot.Export += r.Beside().Export
		if s.Power {
			slot.Energy += r.Power().Over(own)
		} else {
			slot.Energy += r.Energy()
		}
		if slot.Quality != r.Quality && s.worse(r.Quality, slot.Quality) {
			slot.Quality = r.Quality
		}
	}
	if n := len(out); n > 0 && covered < length {
		out[n-1].Known = false
	}
	return out, length, nil
}

// remedyOff is what to do about rows that do not begin on the grid, which is that of UTC.
func remedyOff(own time.Duration) string {
	if own > 30*time.Minute {
		return "slots begin on the whole in UTC: where the zone is off by half an hour, export half hours, or a register, and read it with --register"
	}
	return "move the rows to where their slots begin; the readings of a register may lie anywhere, with --register"
}

// worse tells whether a quality says more than another: measured says least.
func (s *Series) worse(a, b uint8) bool {
	return s.Qualities[b] == "measured" || s.Qualities[b] == "" || len(s.Qualities[a]) > len(s.Qualities[b])
}

// differences lays a register out.
func (s *Series) differences(length time.Duration) []Slot {
	ms := int64(length / time.Millisecond)
	type sum struct {
		Slot
		covered int64
	}
	at := map[int64]*sum{}
	add := func(from, to int64, e, fedIn units.Energy, line int32) {
		whole := to - from
		var given, givenOut units.Energy
		for a := from; a < to; {
			start := a - a%ms
			b := min(to, start+ms)
			x := at[start]
			if x == nil {
				x = &sum{Slot: Slot{Start: start / 1000, Line: line}}
				at[start] = x
			}
			upTo, out := e.Part(b-from, whole), fedIn.Part(b-from, whole)
			x.Energy += upTo - given
			x.Export += out - givenOut
			x.covered += b - a
			given, givenOut, a = upTo, out, b
		}
	}
	var last *Row
	for i := range s.Rows {
		r := &s.Rows[i]
		if !r.Known {
			continue
		}
		if last != nil && r.At-last.At <= ms {
			used, fedIn := r.Energy()-last.Energy(), r.Beside().Export-last.Beside().Export
			if used >= 0 && fedIn >= 0 {
				add(last.At, r.At, used, fedIn, last.Line)
			}
		}
		last = r
	}
	out := make([]Slot, 0, len(at))
	for _, x := range at {
		x.Known = x.covered == ms
		out = append(out, x.Slot)
	}
	slices.SortFunc(out, func(a, b Slot) int { return int(a.Start - b.Start) })
	return out
}
