package loads

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/heat"
)

// beforeReturn is how long before somebody is back hot water may be heated for them.
const beforeReturn = 12 * time.Hour

// emptyAt tells whether nobody is there at an instant; until when.
func (p Progress) emptyAt(t time.Time) (until time.Time, is bool) {
	for _, s := range p.Empty {
		if s.Contains(t) {
			return s.End(), true
		}
	}
	return time.Time{}, false
}

// off tells whether nothing is needed on a need-day: it is none of its days of the week, or nobody is there
// when it should be done, and what it needs is for people.
func (l Load) off(d needDay, p Progress) bool {
	if d.off || !l.people {
		return d.off
	}
	_, empty := p.emptyAt(d.ready.Add(-1))
	return empty
}

// emptied are what a tank needs where nobody is there for times: nothing meanwhile, also against legionella, and to be
// full before somebody is back.
func (l Load) emptied(p Progress, needs []heat.Need, now, until time.Time) []heat.Need {
	if len(p.Empty) == 0 {
		return needs
	}
	s := p.water()
	var out []heat.Need
	keep := func(n heat.Need) {
		if i := len(out) - 1; i >= 0 {
			n.From = civil.Later(n.From, out[i].By)
		}
		if n.From.Before(n.By) {
			out = append(out, n)
		}
	}
	back := func(e units.Slot) {
		from := civil.Later(now, civil.Later(e.Start, e.End().Add(-beforeReturn)))
		if !e.End().After(now) || from.After(until) {
			return
		}
		_, lack := l.Tank.Lack(s, e.End())
		if hot := e.Start; s.Full.After(hot) && e.End().Sub(s.Full) < beforeReturn {
			return // it is hot, and will be
		}
		keep(heat.Need{From: from, By: e.End(), Energy: max(lack+lack/10, l.Tank.Usable/4), Full: true, Must: l.Tank.Must(s, e.End())})
	}
	at := 0 // of the times away
	for _, n := range needs {
		for at < len(p.Empty) && !p.Empty[at].End().After(n.By) {
			back(p.Empty[at])
			at++
		}
		for _, e := range p.Empty {
			switch {
			case e.Contains(n.From) && !n.By.After(e.End()):
				n.By = n.From // nobody is there for it
			case e.Contains(n.From):
				n.From = e.End()
			case e.Contains(n.By):
				if n.By = e.Start; !n.All {
					n.By = n.From
				}
			}
		}
		if n.From.Before(n.By) {
			keep(n)
		}
	}
	for ; at < len(p.Empty); at++ {
		back(p.Empty[at])
	}
	return out
}
