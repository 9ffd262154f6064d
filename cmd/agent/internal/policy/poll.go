package policy

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
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

// Poll takes the whole list of the events that a server has for this site.  What it does not
// list any more is taken back, and that it has listed anything is its heartbeat.  What it
// lists twice, or longer than is looked at, is said in the verdicts.
func (r Rules) Poll(s State, list List, now time.Time) (State, Poll) {
	s = r.Anchored(s, now).clone()
	was := ServerState{}
	if s.Served != nil {
		was = *s.Served
	}
	var out Poll
	is := ServerState{Prices: was.Prices, PricesAt: was.PricesAt}
	var events []Event
	var priced []pricedEvent
	keep := map[string]bool{} // whose older version is listed: the newer one stays
	for _, e := range order(list.Events, &out) {
		if slices.ContainsFunc(is.Listed, func(x Listed) bool { return x.ID == e.ID }) {
			continue // the later modification comes first
		}
		x := Listed{ID: e.ID, Digest: digest(e.text), First: now, Modified: e.modified()}
		i := slices.IndexFunc(was.Listed, func(x Listed) bool { return x.ID == e.ID })
		v := Verdict{ID: e.ID, Name: e.EventName}
		if i >= 0 && x.Modified.Before(was.Listed[i].Modified) {
			is.Listed, keep[e.ID] = append(is.Listed, was.Listed[i]), true
			out.Fresh = append(out.Fresh, Verdict{ID: e.ID, Name: e.EventName, Code: Reordered, Detail: "a version of it that was modified later is known already"})
			continue
		}
		fresh := i < 0 || was.Listed[i].Digest != x.Digest
		if !fresh {
			x.First = was.Listed[i].First
		}
		got, prices := r.listed(e, list.Programs, x.First, now, &v)
		if x.Priced = prices != nil; x.Priced {
			priced = append(priced, pricedEvent{e.priority(), *prices})
		}
		for _, k := range got {
			alike := 0
			for _, o := range events {
				if o.alerts() == k.alerts() {
					alike++
				}
			}
			if alike >= mostEvents {
				v.Code, v.Detail = TooMany, fmt.Sprintf("%d events are remembered already", mostEvents)
				continue
			}
			events = append(events, k)
		}
		x.Code = v.Code
		if fresh || x.Code != was.Listed[i].Code {
			out.Fresh = append(out.Fresh, v)
			out.Repriced = out.Repriced || x.Priced || i >= 0 && was.Listed[i].Priced
		}
		is.Listed = append(is.Listed, x)
	}
	slices.SortFunc(is.Listed, func(a, b Listed) int { return strings.Compare(a.ID, b.ID) })
	for _, x := range was.Listed {
		if !slices.ContainsFunc(is.Listed, func(y Listed) bool { return y.ID == x.ID }) {
			out.Fresh = append(out.Fresh, Verdict{ID: x.ID, Gone: true})
			out.Repriced = out.Repriced || x.Priced
		}
	}
	events = append(events, slices.DeleteFunc(slices.Clone(s.Events), func(x Event) bool { return !keep[x.ID] })...)
	s.Events = carry(s.Events, events)
	heldBack := slices.ContainsFunc(is.Listed, func(x Listed) bool { return x.Priced && keep[x.ID] })
	if !heldBack {
		out.Prices = merge(priced, &out)
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

// listedEvent is an event that can be read.
type listedEvent struct {
	VTNEvent
	text []byte
}

// order reads a list: the events in the order in which they begin to count, which is that of
// their modifications where one is listed twice, so that which of many are remembered does
// not hang on how a server sorts them.
func order(list [][]byte, out *Poll) (events []listedEvent) {
	for i, text := range list {
		if i >= MostListed {
			out.Fresh = append(out.Fresh, Verdict{Code: TooMany, Detail: fmt.Sprintf("%d events are listed; %d are looked at", len(list), MostListed)})
			break
		}
		e, err := ReadVTNEvent(text)
		if err != nil {
			out.Fresh = append(out.Fresh, Verdict{ID: e.ID, Code: Unreadable, Detail: err.Error()})
			continue
		}
		events = append(events, listedEvent{e, text})
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
	return events
}

// listed is what one event comes to: events to be remembered and prices.
func (r Rules) listed(e listedEvent, programs map[string][]ADRDescriptor, first, now time.Time, v *Verdict) (out []Event, prices *priceDocument) {
	if e.cancels() {
		return nil, nil // it is taken back
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
			var doc priceDocument
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
			refuse(kind, bad)
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
	return out, prices
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
	doc      priceDocument
}

// merge makes one document of the prices of several events: where two price the same time,
// the one of the highest priority counts, and among equals the one that comes first.
func merge(all []pricedEvent, out *Poll) []byte {
	if len(all) == 0 {
		return nil
	}
	slices.SortStableFunc(all, func(a, b pricedEvent) int { return a.priority - b.priority })
	doc := all[0].doc
	doc.Prices = slices.Clone(doc.Prices)
	for _, x := range all[1:] {
		if x.doc.Currency != doc.Currency || x.doc.TaxIncluded != doc.TaxIncluded {
			out.Fresh = append(out.Fresh, Verdict{Code: Inapplicable, Detail: "prices of a lower priority are in another currency, or with taxes where those of a higher one are without: they are left out"})
			continue
		}
		for _, p := range x.doc.Prices {
			doc.Prices = append(doc.Prices, gaps(p, doc.Prices)...)
		}
		slices.SortFunc(doc.Prices, func(a, b priceEntry) int { return a.Start.Compare(b.Start) })
	}
	if len(doc.Prices) > mostIntervals {
		doc.Prices = doc.Prices[:mostIntervals]
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return nil
	}
	return text
}

// gaps are the parts of a price that others leave free.
func gaps(p priceEntry, taken []priceEntry) []priceEntry {
	free := []priceEntry{p}
	for _, t := range taken {
		var left []priceEntry
		for _, f := range free {
			if !t.Start.Before(f.End) || !f.Start.Before(t.End) {
				left = append(left, f)
				continue
			}
			if f.Start.Before(t.Start) {
				before := f
				before.End = t.Start
				left = append(left, before)
			}
			if t.End.Before(f.End) {
				after := f
				after.Start = t.End
				left = append(left, after)
			}
		}
		free = left
	}
	return free
}
