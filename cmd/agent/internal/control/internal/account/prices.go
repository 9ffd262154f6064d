package account

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// Prices are the pushed prices in force.  A value of it is never changed: new
// prices make a new one.
type Prices struct {
	Currency string          `json:"currency"` // of the tariff they were taken for
	Overlay  tariffs.Overlay `json:"overlay"`
}

// MostPrices bounds the pushed prices kept, which are stored with each
// checkpoint: two weeks of quarter hours, two months of hours.
const MostPrices = 1500

// laid is the tariff as it holds, documents and pushed prices laid over it, kept beside
// the State so that no step has to lay them anew.  It holds nothing that the State does
// not: after a restart it is made again.
type laid struct {
	base      *tariffs.Tariff
	rates     []Rates
	from      *Prices
	documents *tariffs.Tariff
	failed    error // the utility's documents cannot be read any more: the configuration's holds alone
	tariff    *tariffs.Tariff
	ends      time.Time
}

// TariffOf is the tariff that holds with the State's pushed prices: where those
// are stale or have a gap, the document's own rules.
func (r Rules) TariffOf(s State) *tariffs.Tariff {
	if s.Prices == nil && len(s.Rates) == 0 {
		return r.Tariff
	}
	return r.layBy(s).tariff
}

// Documents is the tariff by its documents alone, without pushed prices.
func (r Rules) Documents(s State) *tariffs.Tariff {
	if len(s.Rates) == 0 {
		return r.Tariff
	}
	return r.layBy(s).documents
}

// Lay lays documents and pushed prices over the tariff, once for many questions.
func (r Rules) Lay(s State) State {
	if s.Prices != nil || len(s.Rates) > 0 {
		s.laid = r.layBy(s)
	}
	return s
}

func (r Rules) layBy(s State) *laid {
	c := s.laid
	if c != nil && c.base == r.Tariff && c.from == s.Prices && sameList(c.rates, s.Rates) {
		return c
	}
	l := &laid{base: r.Tariff, rates: s.Rates, from: s.Prices, documents: r.Tariff}
	if c != nil && c.base == r.Tariff && sameList(c.rates, s.Rates) {
		l.documents, l.failed = c.documents, c.failed
	} else if t, err := r.follow(s.Rates); err != nil {
		l.failed = err
	} else {
		l.documents = t
	}
	l.tariff = l.documents
	if s.Prices != nil {
		l.tariff, l.ends = l.documents.WithPrices(s.Prices.Overlay), s.Prices.Overlay.Ends()
	}
	return l
}

// PricesEnded is when the pushed prices came to their end, so that the document
// rules again; ok is false where none were ever sent or they still last.
func (r Rules) PricesEnded(s State, now time.Time) (at time.Time, ok bool) {
	if s.Prices == nil {
		return time.Time{}, false
	}
	ends := r.layBy(s).ends
	return ends, !now.Before(ends)
}

// Push takes in a price document.  It speaks for all time from its first
// price on; of the prices before, those stay that begin earlier and may still be
// asked for: day-ahead prices come at noon and begin at midnight.
// kept: it is handed on again, and no news.  registered is up to when the meter's
// register is known: it is caught up from there.  taken: they are new.
func (r Rules) Push(s State, now, registered time.Time, text []byte, kept bool) (next State, n note.Notes, taken bool, err error) {
	o, err := r.Tariff.ParsePrices(text, now, r.PricesFor)
	if err != nil {
		return s, n, false, err
	}
	if ends := o.Ends(); !now.Before(ends) {
		switch {
		case !kept:
			return s, n, false, fmt.Errorf("%w: the last of its prices ended at %s", tariffs.ErrPrices, ends.Format(time.RFC3339))
		case s.Prices != nil:
			return s, n, false, nil // what is held is at least as new
		}
		// Nobody has sent others since: that is worth a warning, and no fault.
	}
	needed := now
	if !registered.IsZero() && registered.Before(needed) {
		needed = registered
	}
	var stay []tariffs.SlotPrice
	if old := s.Prices; old != nil && old.Overlay.TaxIncluded == o.TaxIncluded && old.Currency == r.Tariff.Document().Currency {
		first := o.Prices[0].Start
		for _, x := range old.Overlay.Prices {
			stale := old.Overlay.MaxAge > 0 && !x.Start.Before(old.Overlay.Received.Add(old.Overlay.MaxAge))
			if x.Start.Before(first) && !stale {
				x.Len = min(x.Len, first.Sub(x.Start))
				stay = append(stay, x)
			}
		}
	}
	o.Prices = since(append(stay, o.Prices...), needed)
	if o.MaxAge == 0 { // else each slot's own start tells whether it is too old
		o.Prices = joined(o.Prices)
	}
	if len(o.Prices) > MostPrices {
		return s, n, false, fmt.Errorf("%w: it holds %d prices that differ; the most is %d: send two weeks at a time", tariffs.ErrPrices, len(o.Prices), MostPrices)
	}
	if old := s.Prices; old != nil && (kept || o.MaxAge == 0) && old.Overlay.MaxAge == o.MaxAge &&
		old.Overlay.TaxIncluded == o.TaxIncluded && slices.EqualFunc(says(old.Overlay.Prices, needed), says(o.Prices, needed), samePrice) {
		return s, n, false, nil // nothing new
	}
	s.Prices = &Prices{Currency: r.Tariff.Document().Currency, Overlay: o}
	s = r.Lay(s)
	n.Durable = true
	n.Event("prices_taken", health.Info, said.Of("prices.taken",
		said.Time("from", o.Prices[0].Start), said.Time("to", s.laid.ends)))
	return s, n, true, nil
}

// Withdraw takes back what pushed prices say of times to come; what has passed stays, for it
// may still have to be charged.
func (r Rules) Withdraw(s State, now time.Time) (next State, withdrawn bool) {
	if s.Prices == nil || !now.Before(s.Prices.Overlay.Ends()) {
		return s, false
	}
	o := s.Prices.Overlay
	var stay []tariffs.SlotPrice
	for _, x := range o.Prices {
		if x.Start.Before(now) {
			x.Len = min(x.Len, now.Sub(x.Start))
			stay = append(stay, x)
		}
	}
	o.Prices = stay
	if s.Prices = nil; len(stay) > 0 {
		s.Prices = &Prices{Currency: r.Tariff.Document().Currency, Overlay: o}
	}
	return r.Lay(s), true
}

func samePrice(a, b tariffs.SlotPrice) bool {
	return a.Start.Equal(b.Start) && a.Len == b.Len && a.Import == b.Import && a.Export == b.Export && a.Priced == b.Priced
}

// since is the prices that end after needed, and the last in any case.
func since(prices []tariffs.SlotPrice, needed time.Time) []tariffs.SlotPrice {
	var out []tariffs.SlotPrice
	for i, x := range prices {
		if i == len(prices)-1 || x.End().After(needed) {
			out = append(out, x)
		}
	}
	return out
}

// joined is the prices with neighbours of one price as one.
func joined(prices []tariffs.SlotPrice) []tariffs.SlotPrice {
	var out []tariffs.SlotPrice
	for _, x := range prices {
		if n := len(out); n > 0 {
			l := &out[n-1]
			if l.End().Equal(x.Start) && l.Import == x.Import && l.Export == x.Export && l.Priced == x.Priced {
				l.Len += x.Len
				continue
			}
		}
		out = append(out, x)
	}
	return out
}

// says is what the prices say from an instant on, however they are divided.
func says(prices []tariffs.SlotPrice, from time.Time) []tariffs.SlotPrice {
	out := since(prices, from)
	for i, x := range out {
		if cut := from.Sub(x.Start); cut > 0 && cut < x.Len {
			out[i].Slot = units.Slot{Start: from, Len: x.Len - cut}
		}
	}
	return joined(out)
}

// Warn says when pushed prices have come to their end, and what is not certain
// about the tariff's own.
// was is the instant of the step before: by it the page tells the end, too.
func (r Rules) Warn(s State, was, now time.Time) (State, note.Notes) {
	var n note.Notes
	ends, ended := r.PricesEnded(s, was)
	var cause said.Said
	if ended {
		cause = said.Of("prices.ended", said.Time("at", ends))
	}
	n.When(ended, health.TariffStale, "", cause)
	if today := units.LocalMidnight(now, r.Tariff.Location()); !today.Equal(s.TariffSeen) {
		s.TariffSeen = today
		doubts := r.Documents(s).Warnings(now, now.Add(24*time.Hour))
		if len(s.Rates) > 0 {
			if failed := r.layBy(s).failed; failed != nil {
				doubts = append(doubts, failed.Error())
			}
		}
		n.When(len(doubts) > 0, health.TariffUnsure, "", said.Words(strings.Join(doubts, "; ")))
	}
	return s, n
}
