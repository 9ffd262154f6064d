package series

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// countsUp is the line by which it is clear that the values are a register's, zero
// where they are not.  No consumption grows, or stays, from slot to slot for a day, but
// for a few falls by a meter that was changed; and none is so great and changes so little.
// One that begins anew each day or month shows it as well: what falls had grown for long,
// and falls to nothing.
func (s *Series) countsUp() int {
	var rises []units.Energy
	var falls [][2]units.Energy
	var n int
	var first, last *Row
	for i := range s.Rows {
		r := &s.Rows[i]
		if !r.Known {
			continue
		}
		n++
		if last == nil {
			first = r
		} else if d := r.Energy() - last.Energy(); d > 0 {
			rises = append(rises, d)
		} else if d < 0 {
			falls = append(falls, [2]units.Energy{last.Energy(), r.Energy()})
		}
		last = r
	}
	if n < 4 || len(rises) < max(3, n/50) {
		return 0
	}
	slices.Sort(rises)
	day := n >= 12 && last.At-first.At >= int64(23*time.Hour/time.Millisecond)
	switch greatest := rises[len(rises)-1]; {
	case len(falls) <= n/200 && day:
	case len(falls) == 0 && first.Energy() > 100*units.KilowattHour && first.Energy()/100 > greatest:
	case day && anew(rises, falls, time.Duration(last.At-first.At)*time.Millisecond):
	default:
		return 0
	}
	return int(last.Line)
}

// anew tells whether all but a few falls, of which there is at most one a day, are those of
// a register that begins anew; the rises are sorted.
func anew(rises []units.Energy, falls [][2]units.Energy, span time.Duration) bool {
	if len(falls) == 0 || len(falls)*5 > len(rises) || time.Duration(len(falls)-1)*20*time.Hour > span {
		return false
	}
	usual := rises[len(rises)*95/100]
	n := 0
	for _, f := range falls {
		if f[0] > 2*usual && f[1] <= usual {
			n++
		}
	}
	return n*4 >= len(falls)*3
}
