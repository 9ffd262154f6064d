package glo

import (
	"fmt"
	"time"

	"github.com/keeplit/keeplit/metering"
)

// Relearn is how long the counter of a meter that counts from a lower number must have
// gone on there, without a step back and without a telegram above, before it is believed.
const Relearn = time.Hour

// mostTitles bounds how many meters are remembered.
const mostTitles = 4

// Counters remembers how far each meter's frame counter has come.  A counter that goes
// back is a telegram played again, and refused; so that a meter whose counter really
// began anew is not refused for ever, one that counts on below for Relearn is taken.
// The zero value knows no meter and takes the first telegram of each.
type Counters struct{ meters []counted }

type counted struct {
	title string
	last  uint32
	// A run of refused telegrams that count up among themselves.
	run      bool
	began    time.Time
	runLast  uint32
	repeated int // how often the last has come again
}

// Verdict is what is to be made of a telegram by its counter.
type Verdict int

// The verdicts.
const (
	Fresh    Verdict = iota // take it
	Repeated                // the one before, once more: a server that sends twice; pass over it
	Refused                 // it is of before
	Anew                    // take it, and say that the counter began anew
)

// Take judges one telegram that could be opened, at the time it came.  The error says
// what is wrong where the verdict is Refused, and what happened where it is Anew.
func (c *Counters) Take(title string, n uint32, at time.Time) (Verdict, error) {
	m := c.of(title)
	if m == nil {
		if len(c.meters) == mostTitles {
			c.meters = append(c.meters[:0], c.meters[1:]...)
		}
		c.meters = append(c.meters, counted{title: title, last: n})
		return Fresh, nil
	}
	switch {
	case n > m.last:
		*m = counted{title: title, last: n}
		return Fresh, nil
	case n == m.last:
		if m.repeated++; m.repeated > 1 {
			return Refused, fmt.Errorf("frame counter %d has come %d times: the same telegram is sent again and again", n, m.repeated+1)
		}
		return Repeated, nil
	case !m.run || n < m.runLast:
		m.run, m.began, m.runLast = true, at, n
	case n == m.runLast: // within the run it says nothing new
	case at.Sub(m.began) >= Relearn:
		last := m.last
		*m = counted{title: title, last: n}
		return Anew, fmt.Errorf("the frame counter was %d and has counted on from a lower number, now %d, for %v: it is taken for a meter whose counter began anew", last, n, Relearn)
	default:
		m.runLast = n
	}
	return Refused, fmt.Errorf("frame counter %d after %d: a telegram of before, sent again", n, m.last)
}

func (c *Counters) of(title string) *counted {
	for i := range c.meters {
		if c.meters[i].title == title {
			return &c.meters[i]
		}
	}
	return nil
}

// Give hands out a telegram that e carried, where its counter says that it is new, and
// says under the name op what is wrong with one that is not.  No Counters, as of a
// recording, judge nothing and ask for no time.
func (c *Counters) Give(op string, e Ciphertext, t metering.Telegram, now func() time.Time, emit func(metering.Telegram, error)) {
	if c != nil {
		v, note := c.Take(e.Title(), e.Counter(), now())
		if note != nil {
			emit(metering.Telegram{}, Replayed(op, note))
		}
		if v == Repeated || v == Refused {
			return
		}
	}
	emit(t, nil)
}
