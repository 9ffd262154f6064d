package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/tariffs"
)

// Bounds of what is remembered of documents.
const (
	mostRates      = 4
	mostRatesAhead = 400 // days
)

// MostRates is the longest tariff document that is taken: a site stores what it has of them
// with each checkpoint.
const MostRates = 16 << 10

// RatesDocument is a whole tariff document, in force from a day on.
type RatesDocument struct {
	ID     string `json:"id"`
	From   string `json:"from"`   // the first local day, as 2027-01-01
	Tariff string `json:"tariff"` // the text of the document, as a person writes it
}

// ratesBody is what the stream rates holds: one of the two.
type ratesBody struct {
	Rates  *RatesDocument `json:"rates,omitempty"`
	Cancel string         `json:"cancel,omitempty"`
}

// Ordered is a tariff document that a utility has ordered, or taken back.
type Ordered struct {
	ID     string
	From   tariffs.Date
	Text   string
	Cancel bool // it is taken back: there is no more than the id
}

// RatesBody is the body of a tariff document.
func RatesBody(d RatesDocument) (json.RawMessage, error) { return json.Marshal(ratesBody{Rates: &d}) }

// rates reads a tariff document.  Whether it can be charged by, and may follow what is in
// force, only who keeps the account can tell.
func (e Envelope) rates() (*Ordered, *RefusedError) {
	var b ratesBody
	if err := read(e.Body, &b); err != nil {
		return nil, &RefusedError{Unreadable, "body: " + err.Error()}
	}
	switch {
	case (b.Rates != nil) == (b.Cancel != ""):
		return nil, &RefusedError{Unreadable, "body holds one of rates and cancel"}
	case b.Rates == nil && !idForm.MatchString(b.Cancel):
		return nil, &RefusedError{Unreadable, fmt.Sprintf("cancel is %.80q", b.Cancel)}
	case b.Rates == nil:
		return &Ordered{ID: b.Cancel, Cancel: true}, nil
	case !idForm.MatchString(b.Rates.ID):
		return nil, &RefusedError{Unreadable, fmt.Sprintf("rates.id is %.80q", b.Rates.ID)}
	case len(b.Rates.Tariff) > MostRates:
		return nil, &RefusedError{Oversize, fmt.Sprintf("the tariff has %d bytes; the most is %d", len(b.Rates.Tariff), MostRates)}
	}
	o := Ordered{ID: b.Rates.ID, Text: b.Rates.Tariff}
	if err := o.From.SetText(b.Rates.From); err != nil || o.From == 0 {
		return nil, &RefusedError{Unreadable, fmt.Sprintf("rates.from is %.40q; write a day such as 2027-01-01", b.Rates.From)}
	}
	if year, _, _ := o.From.Civil(); year < firstYear || year > lastYear {
		return nil, &RefusedError{Unreadable, "rates.from is of no year that there is"}
	}
	return &o, nil
}

// Tell says of an envelope that was taken before what has become of it, where that was
// asked for.
func (r Rules) Tell(s State, wish AckWish, a Ack) State {
	if wish != AckApplied {
		return s
	}
	s = s.clone()
	s.ack(a)
	return s
}

// asksOfRates is what a tariff document asks for.
func (e Envelope) asksOfRates() []string {
	o, bad := e.rates()
	switch {
	case bad != nil:
		return []string{"its body cannot be read: " + bad.Detail}
	case o.Cancel:
		return []string{"tariff document " + o.ID + " is taken back"}
	}
	out := []string{fmt.Sprintf("tariff document %s, in force from %s:", o.ID, o.From)}
	for _, line := range strings.Split(strings.TrimRight(o.Text, "\n"), "\n") {
		out = append(out, "  "+line)
	}
	return out
}

// HeldRates is a tariff document that was taken.
type HeldRates struct {
	ID    string       `json:"id"`
	Of    Ref          `json:"of"` // the envelope
	Ack   AckWish      `json:"ack,omitempty"`
	Asked tariffs.Date `json:"asked"` // the day that it names
	// From is the local day from which it holds: the day that it names, or the first that
	// nothing was charged of when it came.
	From    tariffs.Date `json:"from"`
	Text    string       `json:"text"`
	Applied time.Time    `json:"applied,omitzero"` // it has come into force
}

// Holds is the document of an envelope.
func (o Ordered) Holds(e Envelope) HeldRates {
	return HeldRates{ID: o.ID, Of: e.ref(), Ack: e.Ack, Asked: o.From, Text: o.Text}
}

// Begun is what is said of a document that has come into force.
func (x HeldRates) Begun(now time.Time) Ack {
	a := Ack{Of: x.Of, State: Applied, At: now}
	if x.From != x.Asked {
		a.Detail = "in force from " + x.From.String() + ": it came when the days before were charged"
	}
	return a
}

func (x HeldRates) named(y HeldRates) bool { return x.ID == y.ID && x.Of.Audience == y.Of.Audience }

func (x HeldRates) forSite() bool { return strings.HasPrefix(x.Of.Audience, "site:") }

// Followed is a list of documents after one was taken in, or back.
type Followed struct {
	All    []HeldRates // by the day from which they hold
	Before []HeldRates // without the one that was taken
	Taken  HeldRates
	Ended  []HeldRates // whose place it has taken
}

// FollowRates takes a document into a list of them, or one back.  It holds from the day that
// it names or, where that has begun, from the next: today is the last day that something
// was charged of, and first that of the months that are kept.  Neither list is changed.
func FollowRates(list []HeldRates, x HeldRates, cancel bool, today, first tariffs.Date) (Followed, *RefusedError) {
	refuse := func(code Code, format string, args ...any) (Followed, *RefusedError) {
		return Followed{}, &RefusedError{code, fmt.Sprintf(format, args...)}
	}
	i := slices.IndexFunc(list, x.named)
	switch {
	case i >= 0 && list[i].From <= today:
		return refuse(Inapplicable, "%s is in force since %s: send another one, from a later day, with a name of its own", x.ID, list[i].From)
	case cancel && i < 0:
		return refuse(Inapplicable, "no tariff document %s is remembered", x.ID)
	case cancel:
		return Followed{All: tidy(slices.DeleteFunc(slices.Clone(list), x.named)), Ended: list[i : i+1]}, nil
	}
	x.From = max(x.Asked, today+1)
	if x.From > today+mostRatesAhead {
		return refuse(Inapplicable, "%s is more than %d days ahead", x.From, mostRatesAhead)
	}
	to := Followed{Taken: x}
	for _, y := range list {
		switch {
		case x.named(y):
		case y.Asked > x.Asked && y.From <= x.From:
			return refuse(Expired, "%s holds from %s on, and what was before is charged", y.ID, y.From)
		case y.From == x.From && y.forSite() && !x.forSite():
			return refuse(Inapplicable, "%s, which is for this site alone, holds from that day", y.ID)
		}
		if x.named(y) || y.From == x.From {
			to.Ended = append(to.Ended, y)
		} else {
			to.Before = append(to.Before, y)
		}
	}
	to.All = append(slices.Clone(to.Before), x)
	slices.SortStableFunc(to.All, func(a, b HeldRates) int { return cmp.Compare(a.From, b.From) })
	for len(to.All) > mostRates && to.All[1].From <= first {
		to.All = to.All[1:] // no energy that is kept is charged by it
	}
	if len(to.All) > mostRates {
		return refuse(TooMany, "%d tariff documents are remembered already; take some back first", mostRates)
	}
	return to, nil
}
