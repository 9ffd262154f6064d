package planning

import (
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// cheapSpans is a request of a load that runs only below a price, in the slots in which the next kWh costs less: of a
// programme, those that hold all of it.
func (s *Rules) cheapSpans(r loads.Request, l loads.Load, o outlook) loads.Request {
	var spans []units.Slot
	for _, span := range r.Spans {
		begun := len(spans)
		for t := max(0, int(span.Start.Sub(o.slots[0].Start)/s.Slot)); ; t++ {
			start := o.slots[0].Start.Add(time.Duration(t) * s.Slot)
			if !start.Before(span.End()) || t >= len(o.slots)+len(o.later) {
				break
			}
			if o.priceAt(t) >= *l.Below {
				continue
			}
			from, to := civil.Later(start, span.Start), civil.Earlier(start.Add(s.Slot), span.End())
			if i := len(spans) - 1; i >= begun && spans[i].End().Equal(from) {
				spans[i].Len += to.Sub(from)
			} else if from.Before(to) {
				spans = append(spans, units.Slot{Start: from, Len: to.Sub(from)})
			}
		}
	}
	r.Spans = nil
	for _, x := range spans {
		if l.Kind != loads.Cycle || x.Len >= l.Cycle {
			r.Spans = append(r.Spans, x)
		}
	}
	return r
}

// optional has the job of a load that runs only below a price run for as long as it costs less, with what
// it adds to blocks and demand, and never be short.
func (s *Rules) optional(j *job, k costs) {
	below := s.Loads[j.load].Below
	if below == nil {
		return
	}
	j.later, j.opens = true, false
	// In a slot that is cheap enough it runs, whatever a start and a place are worth: what is no money.
	if most := below.Float() + stayShare*k.level; below.Float() > 0 && (j.job.PriceCap == 0 || most < j.job.PriceCap) {
		j.job.PriceCap = most
	}
}
