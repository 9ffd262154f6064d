package control

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

const (
	// configured is who tells of the hours that the configuration has.
	configured = "configuration"
	// weeklyAhead is how far ahead those are told; plans know them farther.
	weeklyAhead = 36 * time.Hour
	// outageMost is how many outages may be told at once: of a week or two.
	outageMost = 100
	// outageLong is for how long one lasts at most.
	outageLong = 7 * 24 * time.Hour
	// litAfter and litPower are how long after its begin, and with how much drawn, an outage has not come.
	litAfter = 10 * time.Minute
	litPower = 50 * units.Watt
)

// schedule takes a list of outages in the place of those that were told before: [{"start": ..., "end": ...}], or
// an object that has them as its events, as announcements of load shedding do.  What is over is left out.
func (x Expect) schedule(p *step, text string) {
	all, no := readOutages(text, p.now)
	if no != nil {
		p.eff.Reply.Err = &NotTakenError{no}
		return
	}
	was := p.st.Expected
	var kept []ExpectState
	for _, e := range was {
		switch {
		case e.What != forecast.Outage || e.By == configured || !e.To.After(p.now):
			kept = append(kept, e)
		case !slices.ContainsFunc(all, e.same):
			if e.From.Before(p.now) { // what was told of the time up to now stays so
				e.To = p.now
				kept = append(kept, e)
			}
		default:
			kept = append(kept, e)
			all = slices.DeleteFunc(all, e.same)
		}
	}
	if len(kept) == len(was) && len(all) == 0 && slices.Equal(kept, was) {
		return // it is told
	}
	next := p.st.nextExpected()
	for i, s := range all {
		kept = append(kept, ExpectState{N: next + i, What: forecast.Outage, From: s.Start, To: s.End(), By: x.By, Since: p.now})
	}
	p.st.Expected, p.st.WantPlan, p.eff.Durable = kept, true, true
	p.event("expect", health.Info, said.Of("asked", said.Text("by", x.By)))
}

// same tells whether it is of a stretch of time.
func (e ExpectState) same(s units.Slot) bool { return e.From.Equal(s.Start) && e.To.Equal(s.End()) }

// readOutages is the list that text has, in order of time; no is why it is not taken.
func readOutages(text string, now time.Time) (all []units.Slot, no said.Said) {
	type outage struct {
		Start time.Time `json:"start"`
		End   time.Time `json:"end"`
	}
	var doc struct {
		Events *[]outage `json:"events"`
	}
	var list []outage
	var err error
	if strings.HasPrefix(text, "[") {
		err = json.Unmarshal([]byte(text), &list)
	} else if err = json.Unmarshal([]byte(text), &doc); err == nil && doc.Events != nil {
		list = *doc.Events
	}
	if err != nil || list == nil {
		return nil, said.Of("expect.unlisted")
	}
	for _, o := range list {
		from, to := o.Start.UTC().Truncate(time.Second), o.End.UTC().Truncate(time.Second)
		switch {
		case o.Start.IsZero() || o.End.IsZero():
			return nil, said.Of("expect.unlisted")
		case !to.After(from):
			return nil, said.Of("expect.order", said.Time("from", from), said.Time("until", to))
		case to.Sub(from) > outageLong:
			return nil, said.Of("expect.long", said.Time("from", from), said.Time("until", to))
		case to.After(now.Add(expectLong)):
			return nil, said.Of("expect.far", said.Time("at", to))
		}
		if to.After(now) {
			all = append(all, units.Slot{Start: from, Len: to.Sub(from)})
		}
	}
	if all = joined(all); len(all) > outageMost {
		return nil, said.Of("expect.many", said.Count("most", outageMost))
	}
	return all, nil
}

// Configured tells whether it is of the hours that the configuration has.
func (e ExpectState) Configured() bool { return e.By == configured }

// nextExpected is the number of what is told next.
func (st *State) nextExpected() (n int) {
	for _, o := range st.Expected {
		n = max(n, o.N)
	}
	return n + 1
}

// ofOutages are those that are told and not over, or all that are none.
func (st *State) ofOutages(are bool) (out []ExpectState) {
	for _, e := range st.expectedAt(st.Now, true) {
		if (e.What == forecast.Outage) == are {
			out = append(out, e)
		}
	}
	return out
}

// hours are the hours of a week that are not over before from and begin before to, in order of time; hours that meet
// are one.
func hours(w civil.Week, zone *time.Location, from, to time.Time) (out []units.Slot) {
	if len(w) == 0 {
		return nil
	}
	for d := civil.DateIn(from, zone) - 1; d <= civil.DateIn(to, zone); d++ {
		for _, h := range w {
			if !h.On[d.Weekday()] {
				continue
			}
			begin, end := d.At(h.From, zone).UTC(), d.At(h.To, zone).UTC()
			if h.To <= h.From {
				end = (d + 1).At(h.To, zone).UTC()
			}
			if end.After(from) && begin.Before(to) && begin.Before(end) {
				out = append(out, units.Slot{Start: begin, Len: end.Sub(begin)})
			}
		}
	}
	return joined(out)
}

// weekly tells of the hours without mains that the configuration has, those of the next day.
func (p *step) weekly() {
	ours := func(e ExpectState) bool { return e.By == configured && e.To.After(p.now) }
	if len(p.Outages) == 0 && !slices.ContainsFunc(p.st.Expected, ours) {
		return
	}
	want := hours(p.Outages, p.Zone, p.now, p.now.Add(weeklyAhead))
	var kept []ExpectState
	for _, e := range p.st.Expected {
		if !ours(e) {
			kept = append(kept, e)
			continue
		}
		if i := slices.IndexFunc(want, e.same); i >= 0 {
			kept, want = append(kept, e), slices.Delete(want, i, i+1)
		}
	}
	if len(want) == 0 && len(kept) == len(p.st.Expected) {
		return
	}
	next := p.st.nextExpected()
	for i, s := range want {
		kept = append(kept, ExpectState{N: next + i, What: forecast.Outage, From: s.Start, To: s.End(), By: configured, Since: p.now})
	}
	p.st.Expected, p.eff.Durable = kept, true
}

// lit notes outages that have not come: what the meter says counts, and nothing waits for the end of one that is
// not there.
func (p *step) lit() {
	last := p.st.Meter.Last.At
	for i, e := range p.st.Expected {
		if e.What != forecast.Outage || e.Lit || !e.To.After(p.now) || p.now.Before(e.From.Add(litAfter)) || last.Before(e.From.Add(litAfter/2)) {
			continue
		}
		if d := p.drawn(); p.fresh() && d.Known() && d.Power > litPower {
			p.st.Expected = slices.Clone(p.st.Expected)
			p.st.Expected[i].Lit = true
			p.st.WantPlan, p.eff.Durable = true, true
		}
	}
}

// expected is what is told, as plans take it: with the hours of each week without mains as far as the end of the
// credit is looked for, without outages that have not come.
func (s *Site) expected(st *State) (out []forecast.Expected) {
	far := st.Now
	for _, e := range st.expectedAt(st.Now, true) {
		if e.By == configured {
			far = civil.Later(far, e.To)
		}
		if !e.Lit {
			out = append(out, forecast.Expected{Told: e.What, From: e.From, To: e.To, KWh: e.Energy.KWh()})
		}
	}
	if len(s.Outages) == 0 {
		return out
	}
	for _, h := range hours(s.Outages, s.Zone, far, st.Now.Add(max(s.RunOutOver, s.PlanAhead))) {
		if !h.Start.Before(far) {
			out = append(out, forecast.Expected{Told: forecast.Outage, From: h.Start, To: h.End()})
		}
	}
	return out
}

// outOf are requests without the hours in which there is no mains: what they ask for is had before or after.  What
// is to be hot by a time in or after them is heated before.
func outOf(all []forecast.Expected, requests []loads.Request, now time.Time) []loads.Request {
	for _, e := range all {
		if e.Told != forecast.Outage {
			continue
		}
		for i, r := range requests {
			var off time.Duration
			for _, s := range r.Spans {
				off += max(0, civil.Earlier(s.End(), e.To).Sub(civil.Later(s.Start, e.From)))
			}
			if off == 0 {
				continue
			}
			spans := without(r.Spans, e.From, e.To)
			if r.Kind == loads.Heat {
				free := civil.Later(now, r.Free)
				if i > 0 {
					free = civil.Later(free, requests[i-1].By)
				}
				from := r.Spans[0].Start.Add(-off)
				if !r.All {
					from = civil.Earlier(r.Spans[0].Start, e.From.Add(-r.Time))
				}
				if from = civil.Later(from, free); from.Before(r.Spans[0].Start) && from.Before(e.From) {
					spans = joined(append(spans, units.Slot{Start: from, Len: civil.Earlier(r.Spans[0].Start, e.From).Sub(from)}))
				}
			}
			requests = slices.Clone(requests)
			requests[i].Spans = spans
		}
	}
	return requests
}
