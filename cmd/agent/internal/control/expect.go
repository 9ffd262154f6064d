package control

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Expect is what a person tells of the use in a time to come, in words: "away from 20 Dec until 3 Jan", "guests
// from Fri until Sun", "3 kWh from Sun 12:00", "outage from 18:00 until 20:30"; or takes back: "back" ends every
// time away that is under way, "withdraw 2" what has that number.  A list of outages as JSON takes the place of those
// that were told before.
type Expect struct {
	Text string
	By   string // who tells, for the record
}

// ExpectState is what is told of a time.  Of a day alone that is told somebody is away from its end on, and up to its
// begin: that somebody is there is the safe side.  Guests are there from its begin on, and up to its end.
type ExpectState struct {
	N      int           `json:"n"` // its number
	What   forecast.Told `json:"what"`
	From   time.Time     `json:"from"`
	To     time.Time     `json:"to"`
	Energy units.Energy  `json:"energy,omitempty"`
	By     string        `json:"by,omitempty"`
	Since  time.Time     `json:"since"`
	// Lit: an outage that has not come.
	Lit bool `json:"lit,omitempty"`
}

const (
	// expectMost is how many may be told at once.
	expectMost = 20
	// expectLong is for how long one may hold, and how far ahead it may begin.
	expectLong = 400 * 24 * time.Hour
	// expectKept is for how long one is kept that is over: intervals of it may be closed yet.
	expectKept = 48 * time.Hour
	// expectOver is how many of them are kept at most.
	expectOver = 100
	// expectExtra is how long something is used on top where nothing is said.
	expectExtra = 2 * time.Hour
	// expectEnergy is the most that is used on top.
	expectEnergy = 500 * units.KilowattHour
)

func (Expect) asks() bool  { return true }
func (Expect) spare() bool { return false }

// held refuses it while the records are held.
func (Expect) held(p *step) { p.eff.Reply.Err = ErrHeld }

// happen notes what is told, or takes back.
func (x Expect) happen(p *step) {
	text := strings.TrimSpace(x.Text)
	number, withdraw := strings.CutPrefix(text, "withdraw ")
	switch {
	case strings.HasPrefix(text, "[") || strings.HasPrefix(text, "{"):
		x.schedule(p, text)
	case strings.EqualFold(text, "back"):
		x.end(p, func(e ExpectState) bool { return e.What == forecast.Away && !e.From.After(p.now) })
	case withdraw:
		x.end(p, func(e ExpectState) bool { return strconv.Itoa(e.N) == strings.TrimSpace(number) && e.By != configured })
	default:
		x.note(p, text)
	}
}

// note notes what is told.
func (x Expect) note(p *step, text string) {
	e, no := readExpected(text, p.now, p.Zone)
	if no != nil {
		p.eff.Reply.Err = &NotTakenError{no}
		return
	}
	ahead, most := p.st.ofOutages(e.What == forecast.Outage), expectMost
	if e.What == forecast.Outage {
		most = outageMost
	}
	for _, o := range ahead {
		if o.What == e.What && o.To.Equal(e.To) && o.Energy == e.Energy && (o.From.Equal(e.From) || !o.From.After(p.now) && !e.From.After(p.now)) {
			return // it is told
		}
	}
	if len(ahead) >= most {
		p.eff.Reply.Err = &NotTakenError{said.Of("expect.many", said.Count("most", int64(most)))}
		return
	}
	e.N, e.By, e.Since = p.st.nextExpected(), x.By, p.now
	p.st.Expected = append(slices.Clone(p.st.Expected), e)
	p.st.WantPlan, p.eff.Durable = true, true
	p.event("expect", health.Info, said.Of("asked", said.Text("by", x.By))) // not what: events leave the home
}

// readExpected is what text tells; no is why it is not taken.
func readExpected(text string, now time.Time, zone *time.Location) (e ExpectState, no said.Said) {
	head, until, _ := strings.Cut(text, " until ")
	what, from, _ := strings.Cut(head, " from ")
	e = ExpectState{From: now, What: forecast.Told(strings.ToLower(strings.TrimSpace(what)))}
	unread := said.Of("expect.unreadable", said.Repeated("text", text))
	if e.What != forecast.Away && e.What != forecast.Guests && e.What != forecast.Outage {
		energy, err := units.ParseEnergy(strings.TrimSpace(what))
		if err != nil || energy <= 0 || energy > expectEnergy {
			return e, unread
		}
		e.What, e.Energy = forecast.Extra, energy
	}
	if from = strings.TrimSpace(from); from != "" {
		first, last, err := civil.Span(from, now, zone)
		if err != nil {
			return e, unread
		}
		if e.From = first; e.What == forecast.Away {
			e.From = last
		}
	}
	switch until = strings.TrimSpace(until); {
	case until != "":
		first, last, err := civil.Span(until, civil.Later(now, e.From), zone)
		if err != nil {
			return e, unread
		}
		if e.To = last; e.What == forecast.Away {
			e.To = first
		}
	case e.What == forecast.Extra:
		e.To = e.From.Add(expectExtra)
	default:
		return e, unread
	}
	switch {
	case !e.To.After(now):
		return e, said.Of("expect.past", said.Time("at", e.To))
	case !e.To.After(e.From):
		return e, said.Of("expect.order", said.Time("from", e.From), said.Time("until", e.To))
	case e.What == forecast.Outage && e.To.Sub(e.From) > outageLong:
		return e, said.Of("expect.long", said.Time("from", e.From), said.Time("until", e.To))
	case e.To.After(now.Add(expectLong)):
		return e, said.Of("expect.far", said.Time("at", e.To))
	}
	return e, nil
}

// end ends what was told from now on.
func (x Expect) end(p *step, such func(ExpectState) bool) {
	var kept []ExpectState
	found := false
	for _, e := range p.st.Expected {
		if e.To.After(p.now) && such(e) {
			found = true
			p.event("expect_off", health.Info, said.Of("asked", said.Text("by", x.By)))
			if e.To = p.now; !e.From.Before(p.now) {
				continue
			}
		}
		kept = append(kept, e)
	}
	if !found {
		p.eff.Reply.Err = &NotTakenError{said.Of("expect.unknown")}
		return
	}
	over := func(e ExpectState) bool { return !e.To.After(p.now) }
	for n := len(kept); n > expectOver; n-- { // who tells and takes back without end fills no disk
		i := slices.IndexFunc(kept, over)
		if i < 0 {
			break
		}
		kept = slices.Delete(kept, i, i+1)
	}
	p.st.Expected, p.st.WantPlan, p.eff.Durable = kept, true, true
}

// Says is what is told, in words.
func (e ExpectState) Says() said.Said {
	from, until := said.Time("from", e.From), said.Time("until", e.To)
	switch e.What {
	case forecast.Guests:
		return said.Of("expect.guests", from, until)
	case forecast.Extra:
		return said.Of("expect.extra", said.Energy("energy", e.Energy), from, until)
	case forecast.Outage:
		if e.Lit {
			return said.Of("expect.lit", from, until)
		}
		return said.Of("expect.outage", from, until)
	case forecast.Away, forecast.Usual:
	}
	return said.Of("expect.away", from, until)
}

// expectedAt is what is told that is not over at an instant; ahead: what begins after it, too.
func (st *State) expectedAt(at time.Time, ahead bool) (out []ExpectState) {
	for _, e := range st.Expected {
		if e.To.After(at) && (ahead || !e.From.After(at)) {
			out = append(out, e)
		}
	}
	return out
}

// Expecting is what is told of now and of the time to come, the first to begin first.
func (st *State) Expecting() []ExpectState {
	out := st.expectedAt(st.Now, true)
	slices.SortStableFunc(out, func(a, b ExpectState) int { return a.From.Compare(b.From) })
	return out
}

// expect forgets what has been over for long, has a plan made where something begins or ends, and tells
// where somebody is plainly there although it was told that nobody is.
func (p *step) expect(before time.Time) {
	until, away := p.st.away(p.now)
	p.when(away && p.st.Plan != nil && p.st.Plan.NotEmpty, health.NotEmpty, "", said.Of("expect.not_empty", said.Time("until", until)))
	p.empty()
	p.weekly()
	p.lit()
	if len(p.st.Expected) == 0 {
		return
	}
	edge := func(t time.Time) bool { return t.After(before) && !t.After(p.now) }
	kept := make([]ExpectState, 0, len(p.st.Expected))
	for _, e := range p.st.Expected {
		if edge(e.From) || edge(e.To) {
			p.st.WantPlan = true
		}
		if e.To.Add(expectKept).After(p.now) && e.From.Before(p.now.Add(expectLong)) { // else it was said by a clock that was wrong
			kept = append(kept, e)
		}
	}
	if len(kept) < len(p.st.Expected) {
		p.st.Expected, p.eff.Durable = slices.Clip(kept), true
	}
}

// away tells whether it is told that nobody is there at an instant, and not that guests are; until when.
func (st *State) away(at time.Time) (until time.Time, is bool) {
	for _, e := range st.expectedAt(at, false) {
		switch e.What {
		case forecast.Away:
			until, is = civil.Later(until, e.To), true
		case forecast.Guests:
			return time.Time{}, false
		case forecast.Usual, forecast.Extra, forecast.Outage:
		}
	}
	return until, is
}

// unusual is what was told of part of a slot.
func (st *State) unusual(slot units.Slot) (q metering.Quality) {
	for _, e := range st.Expected {
		if !e.From.Before(slot.End()) || !e.To.After(slot.Start) {
			continue
		}
		switch e.What {
		case forecast.Away:
			q |= metering.Away
		case forecast.Guests:
			q |= metering.Guests
		case forecast.Extra:
			q |= metering.Extra
		case forecast.Outage:
			if !e.Lit {
				q |= metering.MainsOff
			}
		case forecast.Usual:
		}
	}
	return q
}

// empty tells the loads when nobody is there.  Where somebody plainly is, it is not believed of now.
func (p *step) empty() {
	var all []units.Slot
	for _, e := range p.st.Expecting() {
		if e.What != forecast.Away || p.st.Health.Has(health.NotEmpty, "") && !e.From.After(p.now) {
			continue
		}
		all = append(all, units.Slot{Start: e.From, Len: e.To.Sub(e.From)})
	}
	for _, e := range p.st.expectedAt(p.now, true) { // who has guests is there
		if e.What == forecast.Guests {
			all = without(all, e.From, e.To)
		}
	}
	for i := range p.st.Loads {
		pr := &p.st.Loads[i].Progress
		all := joined(append(been(*pr, p.now), all...))
		if !slices.EqualFunc(pr.Empty, all, func(a, b units.Slot) bool { return a.Start.Equal(b.Start) && a.Len == b.Len }) {
			pr.Empty, p.st.WantPlan = all, true
		}
	}
}

// been are the times of a load's present need-day in which nobody was there: what was not needed in them
// is not missing once somebody is back.
func been(pr loads.Progress, now time.Time) []units.Slot {
	var out []units.Slot
	for _, s := range pr.Empty {
		if end := civil.Earlier(s.End(), now); end.After(s.Start) && end.After(pr.From) {
			out = append(out, units.Slot{Start: s.Start, Len: end.Sub(s.Start)})
		}
	}
	return out
}

// without are slots but for [from, to).
func without(all []units.Slot, from, to time.Time) (out []units.Slot) {
	for _, s := range all {
		for _, part := range [][2]time.Time{{s.Start, civil.Earlier(s.End(), from)}, {civil.Later(s.Start, to), s.End()}} {
			if part[0].Before(part[1]) {
				out = append(out, units.Slot{Start: part[0], Len: part[1].Sub(part[0])})
			}
		}
	}
	return out
}

// joined are slots in the order of their begin, those that meet as one.
func joined(all []units.Slot) (out []units.Slot) {
	slices.SortFunc(all, func(a, b units.Slot) int { return a.Start.Compare(b.Start) })
	for _, s := range all {
		if i := len(out) - 1; i >= 0 && !s.Start.After(out[i].End()) {
			out[i].Len = civil.Later(out[i].End(), s.End()).Sub(out[i].Start)
			continue
		}
		out = append(out, s)
	}
	return out
}
