package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/tariffs"
)

// ServerState is what is remembered of a server's list besides its events.
type ServerState struct {
	Listed []Listed `json:"listed,omitempty"` // in the order of their names
	// Prices names the prices that were put in force last, "" where the server has none, and
	// PricesAt is when.
	Prices   string    `json:"prices,omitempty"`
	PricesAt time.Time `json:"prices_at,omitzero"`
}

// Listed is one version of an event that a server lists.
type Listed struct {
	ID       string    `json:"id"`
	Digest   string    `json:"digest"`
	First    time.Time `json:"first"` // when it was first seen
	Modified time.Time `json:"modified,omitzero"`
	Priced   bool      `json:"priced,omitempty"`
	Code     Code      `json:"code,omitempty"`
}

// Verdict is what became of an event of a server.
type Verdict struct {
	ID   string
	Name string
	Does []Stream // what it does
	Code Code     // why it does nothing, or not all of what it says
	// Detail says so in words: of what is taken, too, which part of it does nothing.
	Detail string
	Gone   bool // it is not listed any more
}

// Says is a verdict in words.
func (v Verdict) Says() string {
	name := v.ID
	if v.Name != "" {
		name += fmt.Sprintf(" (%.60s)", v.Name)
	}
	if name == "" {
		return fmt.Sprintf("%s: %s", v.Code, v.Detail)
	}
	return fmt.Sprintf("%s: %s: %s", name, v.Code, v.Detail)
}

// Poll is what a server's list leads to.
type Poll struct {
	Fresh   []Verdict // of events that are new, changed or gone
	Changed bool      // something is to be remembered that must not be lost
	// Repriced: an event with prices is new, changed or gone, so that what it said before of
	// times to come does not hold any more.
	Repriced bool
	// Prices is what the server's prices are, as tariffs.ParsePrices reads them; nil: none.
	// Stale: what was put in force last says something else, or some time ago.
	Prices []byte
	Stale  bool
}

// List is what a server has for a site: its events, as it writes them, and of each of its
// programs in what payloads are counted where an event does not say it.
type List struct {
	Events   [][]byte
	Programs map[string][]ADRDescriptor
}

// pricesAgain is how long prices that do not change are not put in force anew.
const pricesAgain = time.Hour

// item is what one event of a list comes to.
type item struct {
	is       Listed
	was      *Listed // nil: it was not listed before
	v        Verdict
	priority int
	got      []Event
	prices   *tariffs.PriceDocument
	tell     bool
	older    bool // what is listed is older than what is known, which stays
}

// part is what of an event is remembered by itself.
type part struct {
	stream Stream
	kind   string // of a wish: SIMPLE or a limit
}

// partOf is which part of its event something remembered is.
func partOf(e Event) part { return part{e.Of.Stream, kindOf(e)} }

// Poll takes the whole list of the events that a server has for this site.  What it does not
// list any more is taken back, and that it has listed anything is its heartbeat.  What it
// lists and cannot be taken takes nothing back: a limit or a wish that was taken goes on as it
// was.  What it lists twice, or longer than is looked at, is said in the verdicts.
func (r Rules) Poll(s State, list List, now time.Time) (State, Poll) {
	s = r.Anchored(s, now).clone()
	was := ServerState{}
	if s.Served != nil {
		was = *s.Served
	}
	var out Poll
	is := ServerState{Prices: was.Prices, PricesAt: was.PricesAt}
	all, loose := order(list.Events, s.Standing())
	var items []item
	for _, e := range all {
		if slices.ContainsFunc(items, func(x item) bool { return x.is.ID == e.ID }) {
			continue // the later modification comes first
		}
		items = append(items, r.item(e, list.Programs, was, s.Events, now))
	}
	events := remembered(items, now)
	var priced []pricedEvent
	heldBack := false
	for _, it := range items {
		if it.prices != nil {
			priced = append(priced, pricedEvent{it.priority, *it.prices})
		}
		heldBack = heldBack || it.older && it.is.Priced
		if it.is.Code = it.v.Code; it.tell || it.was != nil && it.was.Code != it.is.Code {
			out.Fresh = append(out.Fresh, it.v)
			if !it.older {
				out.Repriced = out.Repriced || it.is.Priced || it.was != nil && it.was.Priced
			}
		}
		is.Listed = append(is.Listed, it.is)
	}
	s.Events = carry(s.Events, events)
	if !heldBack {
		out.Prices = merge(priced, &loose)
	}
	is.say(was, loose, now, &out)
	for _, x := range was.Listed {
		if x.ID != "" && !slices.ContainsFunc(is.Listed, func(y Listed) bool { return y.ID == x.ID }) {
			out.Fresh = append(out.Fresh, Verdict{ID: x.ID, Gone: true})
			out.Repriced = out.Repriced || x.Priced
		}
	}
	if !heldBack {
		name := digest(out.Prices)
		if out.Prices == nil {
			name = ""
		}
		if out.Stale = out.Repriced || name != is.Prices || name != "" && now.Sub(is.PricesAt) >= pricesAgain; out.Stale {
			is.Prices, is.PricesAt = name, now
		}
	} else {
		out.Repriced = false
	}
	out.Changed = !reflect.DeepEqual(was.Listed, is.Listed) && (len(was.Listed) > 0 || len(is.Listed) > 0) || out.Repriced
	s.Served = &is
	if r.Limits() {
		s.Limit.Heard, s.Limit.Wrote = now, now
	}
	return s, out
}

// item is what one event of a list comes to, where these are remembered.
func (r Rules) item(e listedEvent, programs map[string][]ADRDescriptor, was ServerState, known []Event, now time.Time) item {
	it := item{is: Listed{ID: e.ID, Digest: digest(e.text), First: now, Modified: e.modified()}, v: Verdict{ID: e.ID, Name: e.EventName}, priority: e.priority()}
	if i := slices.IndexFunc(was.Listed, func(x Listed) bool { return x.ID == e.ID }); i >= 0 {
		it.was = &was.Listed[i]
	}
	if it.tell = it.was == nil || it.was.Digest != it.is.Digest; !it.tell {
		it.is.First = it.was.First
	}
	stays := func(which func(Event) bool) {
		for _, x := range known {
			if x.ID == e.ID && which(x) {
				it.got = append(it.got, x)
			}
		}
	}
	switch {
	case it.was != nil && e.bad == nil && it.is.Modified.Before(it.was.Modified):
		it.is, it.older, it.tell = *it.was, true, false // told where that is new
		it.v.Code, it.v.Detail = Reordered, "a version of it that was modified later is known already"
		stays(func(Event) bool { return true })
		return it
	case e.bad != nil:
		if it.was != nil {
			it.is.Modified = it.was.Modified
		}
		it.v.Code, it.v.Detail = Unreadable, e.bad.Error()
		stays(func(Event) bool { return true })
		return it
	}
	var refused []part
	it.got, it.prices, refused = r.listed(e, programs, it.is.First, now, &it.v)
	it.is.Priced = it.prices != nil
	stays(func(x Event) bool { return slices.Contains(refused, partOf(x)) })
	return it
}

// remembered are the events that are remembered, and what is wrong with the rest.  Where there
// are too many, those stay that hold soonest, limits first: a server may list each hour of the
// week to come.
func remembered(items []item, now time.Time) (out []Event) {
	type place struct{ item, event int }
	var soonest []place
	for i, it := range items {
		for k := range it.got {
			soonest = append(soonest, place{i, k})
		}
	}
	begins := func(p place) time.Time {
		if at := items[p.item].got[p.event].Start; at.After(now) {
			return at
		}
		return now
	}
	limits := func(p place) bool { return items[p.item].got[p.event].Of.Stream == Limit }
	slices.SortStableFunc(soonest, func(a, b place) int {
		if c := begins(a).Compare(begins(b)); c != 0 {
			return c
		}
		switch a, b := limits(a), limits(b); {
		case a && !b:
			return -1
		case b && !a:
			return 1
		}
		return 0
	})
	alerts, others, stays := 0, 0, map[place]bool{}
	for _, p := range soonest {
		n := &others
		if items[p.item].got[p.event].alerts() {
			n = &alerts
		}
		if stays[p] = *n < mostEvents; stays[p] {
			*n++
		}
	}
	for i := range items {
		for k, e := range items[i].got {
			if stays[place{i, k}] {
				out = append(out, e)
			} else {
				items[i].v.Code, items[i].v.Detail = TooMany, fmt.Sprintf("%d events are remembered already", mostEvents)
			}
		}
	}
	return out
}

// say says what of a list belongs to no event that has a name, where that is not what was said
// before.
func (is *ServerState) say(was ServerState, loose []Verdict, now time.Time, out *Poll) {
	if len(loose) > 0 {
		words := ""
		for _, v := range loose {
			words += v.Says() + "\n"
		}
		x := Listed{Digest: digest([]byte(words)), First: now, Code: loose[0].Code}
		if i := slices.IndexFunc(was.Listed, func(x Listed) bool { return x.ID == "" }); i >= 0 && was.Listed[i].Digest == x.Digest {
			x.First = was.Listed[i].First
		} else {
			out.Fresh = append(out.Fresh, loose...)
		}
		is.Listed = append(is.Listed, x)
	}
	slices.SortFunc(is.Listed, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
}

// Standing are the ids of the events that a server has listed and that do something: those of
// which it matters whether they are there.
func (s State) Standing() (ids []string) {
	for _, e := range s.Events {
		ids = append(ids, e.ID)
	}
	if s.Served != nil {
		for _, x := range s.Served.Listed {
			if x.Priced {
				ids = append(ids, x.ID)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// listedEvent is an event of a list.
type listedEvent struct {
	VTNEvent
	text []byte
	bad  error // why it cannot be read: nothing of it is known but its id
}

// order reads a list: the events in the order in which they begin to count, which is that of
// their modifications where one is listed twice, so that which of many are remembered does
// not hang on how a server sorts them.  Where there are more than are looked at, those of
// these ids are.
func order(list [][]byte, first []string) (events []listedEvent, loose []Verdict) {
	if n := len(list); n > MostListed {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b []byte) int {
			switch a, b := slices.Contains(first, idOf(a)), slices.Contains(first, idOf(b)); {
			case a && !b:
				return -1
			case b && !a:
				return 1
			}
			return 0
		})
		list = list[:MostListed]
		loose = append(loose, Verdict{Code: TooMany, Detail: fmt.Sprintf("%d events are listed; %d are looked at", n, MostListed)})
	}
	for _, text := range list {
		e, err := ReadVTNEvent(text)
		switch id := idOf(text); {
		case err == nil:
			events = append(events, listedEvent{VTNEvent: e, text: text})
		case id != "":
			events = append(events, listedEvent{VTNEvent: VTNEvent{ADREvent: ADREvent{ID: id}}, text: text, bad: err})
		default:
			loose = append(loose, Verdict{Code: Unreadable, Detail: err.Error()})
		}
	}
	slices.SortStableFunc(events, func(a, b listedEvent) int {
		if c := a.priority() - b.priority(); c != 0 && a.ID != b.ID {
			return c
		}
		if c := strings.Compare(a.ID, b.ID); c != 0 {
			return c
		}
		return b.modified().Compare(a.modified())
	})
	return events, loose
}

// idOf is the id of an event that may not be readable; "": it has none.
func idOf(text []byte) string {
	var e struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(text, &e) != nil || !objectForm.MatchString(e.ID) {
		return ""
	}
	return e.ID
}

// listed is what one event comes to: events to be remembered, prices, and what of it asks for
// something that cannot be done.
func (r Rules) listed(e listedEvent, programs map[string][]ADRDescriptor, first, now time.Time, v *Verdict) (out []Event, prices *tariffs.PriceDocument, refused []part) {
	if e.cancels() {
		return nil, nil, nil // it is taken back
	}
	adr := e.ADREvent
	adr.PayloadDescriptor = e.descriptors(programs)
	env := Envelope{Issuer: r.Issuer, Audience: served, ID: short64(e.ID), Issued: e.Issued(first)}
	var said []string
	refuse := func(kind string, bad *RefusedError) {
		said = append(said, fmt.Sprintf("%.60s: %s", kind, bad.Detail))
		if v.Code == Taken || v.Code == Inapplicable {
			v.Code = bad.Code
		}
	}
	done := map[string]bool{}
	for _, kind := range e.kinds() {
		stream, why := r.serves(kind)
		switch {
		case stream == "":
			refuse(kind, &RefusedError{Inapplicable, why})
			continue
		case !r.Listens(stream):
			refuse(kind, &RefusedError{StreamNotAllowed, fmt.Sprintf("openadr.streams does not list %s", stream)})
			continue
		}
		// All prices are one thing, and so are all alerts; a wish and a limit are two.
		which := func(k string) bool { return k == kind }
		name := kind
		if stream == Tariff || stream == Message {
			which = func(k string) bool { s, _ := r.serves(k); return s == stream }
			name = string(stream)
		}
		if done[name] {
			continue
		}
		done[name] = true
		one := adr
		one.of, env.Stream = which, stream
		var x Event
		var bad *RefusedError
		switch stream {
		case Tariff:
			var doc tariffs.PriceDocument
			if doc, bad = r.priced(env, &one, now); bad == nil {
				prices = &doc
			}
		case Message:
			x, bad = r.messages(env, &one, now)
		case Limit:
			x, bad = r.limits(env, &one, now)
		default:
			x, bad = r.demands(env, &one, now)
		}
		switch {
		case bad == nil && stream != Tariff && (len(x.Steps) == 0 || x.over(now)):
			bad = &RefusedError{Expired, "it is over"}
			fallthrough
		case bad != nil:
			if refuse(kind, bad); bad.Code == Unreadable || bad.Code == Unsafe {
				if stream == Limit {
					refused = append(refused, part{Limit, ""})
				} else if stream == Demand {
					refused = append(refused, part{Demand, kind})
				}
			}
			continue
		}
		v.Does = append(v.Does, stream)
		if stream != Tariff {
			x.Taken = first
			out = append(out, x)
		}
	}
	if len(v.Does) > 0 && v.Code == Inapplicable {
		v.Code = Taken // what is left of it does nothing, and need not
	}
	v.Detail = strings.Join(said, "; ")
	return out, prices, refused
}

// short64 is the name of an envelope for an event of any name.
func short64(id string) string { return fmt.Sprintf("%.64s", id) }

// carry takes over what is known of events that stay.
func carry(was, is []Event) []Event {
	for i, e := range is {
		for _, o := range was {
			if o.ID == e.ID && o.Of == e.Of && o.Issued.Equal(e.Issued) && kindOf(o) == kindOf(e) && slices.Equal(o.Steps, e.Steps) {
				is[i].Applied, is[i].OptedOut = o.Applied, o.OptedOut
			}
		}
	}
	return tidy(is)
}

func kindOf(e Event) string {
	if len(e.Steps) == 0 {
		return ""
	}
	return e.Steps[0].Kind
}

// pricedEvent is the prices of one event.
type pricedEvent struct {
	priority int
	doc      tariffs.PriceDocument
}

// merge makes one document of the prices of several events: where two price the same time,
// the one of the highest priority counts, and among equals the one that comes first.
func merge(all []pricedEvent, loose *[]Verdict) []byte {
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b pricedEvent) int { return a.priority - b.priority })
	doc := all[0].doc
	doc.Prices = slices.Clone(doc.Prices)
	for _, x := range all[1:] {
		if x.doc.Currency != doc.Currency || x.doc.TaxIncluded != doc.TaxIncluded {
			*loose = append(*loose, Verdict{Code: Inapplicable, Detail: "prices of a lower priority are in another currency, or with taxes where those of a higher one are without: they are left out"})
			continue
		}
		var more []tariffs.PriceEntry
		for _, p := range x.doc.Prices {
			more = append(more, gaps(p, doc.Prices)...)
		}
		doc.Prices = append(doc.Prices, more...)
		slices.SortFunc(doc.Prices, func(a, b tariffs.PriceEntry) int { return a.Start.Compare(b.Start) })
		// What is later than so many is left out whatever else comes.
		doc.Prices = doc.Prices[:min(len(doc.Prices), mostIntervals)]
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil
	}
	return text
}

// gaps are the parts of a price that others leave free, which are in order of time.
func gaps(p tariffs.PriceEntry, taken []tariffs.PriceEntry) (free []tariffs.PriceEntry) {
	i, _ := slices.BinarySearchFunc(taken, p.Start, func(t tariffs.PriceEntry, at time.Time) int { return t.End.Compare(at) })
	for _, t := range taken[i:] {
		if !t.Start.Before(p.End) {
			break
		}
		if p.Start.Before(t.Start) {
			before := p
			before.End = t.Start
			free = append(free, before)
		}
		p.Start = t.End
	}
	if p.Start.Before(p.End) {
		free = append(free, p)
	}
	return free
}
