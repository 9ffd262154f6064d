package wmbus

import (
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering/glo"
)

// memory is what is known of the telegrams of one meter, so that one which is played
// again is not taken for a new one.
//
// Mode 7 and the extended link layer have counters that only go up.  Of mode 5, and in
// clear, there is the access number alone: one byte, which goes up by one with each
// telegram and begins again after 256.  How far it may have come follows from the time
// since the last one.
type memory struct {
	least time.Duration // between two telegrams of a meter

	counters glo.Counters
	best     kindOf // how the meter has closed a telegram
	some     bool   // one was taken
	access   byte
	at       time.Time
	last     uint64
	// ends are the last blocks of the telegrams by their access numbers: with another
	// number all of a telegram is another.
	ends [256]uint64
}

// slack is how many telegrams may come at once.
const slack = 8

// Of what may be wrong with a telegram by those before it.
var (
	errAgain   = errors.New("a telegram of before, sent again")
	errAltered = errors.New("its access number is not the one that it was closed with: it was changed on its way")
	errWeaker  = errors.New("it is less well closed than those of the meter before: it is not of the meter")
)

// judge tells whether a telegram is new, at the time it came.  A note is what happened
// where it is taken all the same.
func (m *memory) judge(t message, how closed, at time.Time) (fresh bool, note, err error) {
	if how.kind < m.best {
		return false, nil, errWeaker
	}
	// By the number alone, of which the keys of mode 7 are made: the maker is not proven.
	if how.counts && (how.kind == byProof || !m.some || how.counter != m.last) {
		v, said := m.counters.Take(t.meter.digits(), uint32(how.counter), at)
		if v == glo.Repeated || v == glo.Refused {
			return false, nil, said
		}
		m.take(t, how, at)
		m.last = how.counter
		return true, said, nil
	}
	if fresh, err = m.byNumber(t.access, how, at); fresh {
		m.take(t, how, at)
	}
	return fresh, nil, err
}

// byNumber goes by the access number.
func (m *memory) byNumber(access byte, how closed, at time.Time) (fresh bool, err error) {
	if how.kind == byAccess {
		for n, end := range m.ends {
			if end == how.last && end != 0 && byte(n) != access {
				return false, errAltered
			}
		}
	}
	if !m.some {
		return true, nil
	}
	ahead := int(access - m.access)
	if ahead == 0 {
		// A repeater has sent it too; in clear that does no harm.
		return how.kind == inClear || how.kind == byAccess && how.last != m.ends[access], nil
	}
	if since := at.Sub(m.at); since >= 0 && ahead > slack+int(min(since/m.least, 256)) {
		return false, fmt.Errorf("access number %d, %v after %d: %w", access, since.Round(time.Second), m.access, errAgain)
	}
	return true, nil
}

func (m *memory) take(t message, how closed, at time.Time) {
	m.best = max(m.best, how.kind)
	m.some, m.access, m.at = true, t.access, at
	if how.kind == byAccess {
		m.ends[t.access] = how.last
	}
}
