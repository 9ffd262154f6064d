package control

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/tariffs"
)

// PriceDocument is prices sent at run time, as tariffs.ParsePrices reads them.
type PriceDocument struct {
	Text []byte
	// Kept: it was sent some time ago and is handed on again (a retained
	// message), so that it is no news that the sender lives.
	Kept bool
}

// Prices are the pushed prices in force.  A value of it is never changed: new
// prices make a new one.
type Prices struct {
	Currency string          `json:"currency"` // of the tariff they were taken for
	Overlay  tariffs.Overlay `json:"overlay"`
}

// mostPrices bounds the pushed prices kept, which are stored with each
// checkpoint: two weeks of quarter hours, two months of hours.
const mostPrices = 1500

// priced is a tariff with pushed prices laid over it, kept beside the State so
// that no step has to lay them anew.  It holds nothing that the State does not:
// after a restart it is made again.
type priced struct {
	base   *tariffs.Tariff
	from   *Prices
	tariff *tariffs.Tariff
	ends   time.Time
}

// TariffOf is the tariff that holds with the State's pushed prices: where those
// are stale or have a gap, the document's own rules.
func (s *Site) TariffOf(st *State) *tariffs.Tariff {
	if st.Prices == nil {
		return s.Tariff
	}
	return s.pricedBy(st).tariff
}

func (s *Site) pricedBy(st *State) *priced {
	if c := st.priced; c != nil && c.base == s.Tariff && c.from == st.Prices {
		return c
	}
	return &priced{base: s.Tariff, from: st.Prices, tariff: s.Tariff.WithPrices(st.Prices.Overlay), ends: st.Prices.Overlay.Ends()}
}

// PricesEnded is when the pushed prices came to their end, so that the document
// rules again; ok is false where none were ever sent or they still last.
func (s *Site) PricesEnded(st *State) (at time.Time, ok bool) {
	if st.Prices == nil {
		return time.Time{}, false
	}
	ends := s.pricedBy(st).ends
	return ends, !st.Now.Before(ends)
}

func (PriceDocument) asks() bool  { return true }
func (PriceDocument) spare() bool { return false }

// held: prices are refused, so that whoever sends them sends them again.
func (PriceDocument) held(p *step) { p.eff.Reply.Err = ErrHeld }

// happen takes in a price document.  It speaks for all time from its first
// price on; of the prices before, those stay that begin earlier and may still be
// asked for: day-ahead prices come at noon and begin at midnight.
func (d PriceDocument) happen(p *step) {
	o, err := p.Tariff.ParsePrices(d.Text, p.now, p.PricesFor)
	if err != nil {
		p.eff.Reply.Err = err
		return
	}
	if ends := o.Ends(); !p.now.Before(ends) {
		switch {
		case !d.Kept:
			p.eff.Reply.Err = fmt.Errorf("%w: the last of its prices ended at %s", tariffs.ErrPrices, ends.Format(time.RFC3339))
			return
		case p.st.Prices != nil:
			return // what is held is at least as new
		}
		// Nobody has sent others since: that is worth a warning, and no fault.
	}
	needed := p.now
	if last := p.st.Meter.Last.At; !last.IsZero() && last.Before(needed) {
		needed = last // a register is caught up from here
	}
	var kept []tariffs.SlotPrice
	if old := p.st.Prices; old != nil && old.Overlay.TaxIncluded == o.TaxIncluded && old.Currency == p.Tariff.Document().Currency {
		first := o.Prices[0].Start
		for _, x := range old.Overlay.Prices {
			stale := old.Overlay.MaxAge > 0 && !x.Start.Before(old.Overlay.Received.Add(old.Overlay.MaxAge))
			if x.Start.Before(first) && !stale {
				x.Len = min(x.Len, first.Sub(x.Start))
				kept = append(kept, x)
			}
		}
	}
	o.Prices = since(append(kept, o.Prices...), needed)
	if o.MaxAge == 0 { // else each slot's own start tells whether it is too old
		o.Prices = joined(o.Prices)
	}
	if len(o.Prices) > mostPrices {
		p.eff.Reply.Err = fmt.Errorf("%w: it holds %d prices that differ; the most is %d: send two weeks at a time", tariffs.ErrPrices, len(o.Prices), mostPrices)
		return
	}
	if old := p.st.Prices; old != nil && (d.Kept || o.MaxAge == 0) && old.Overlay.MaxAge == o.MaxAge &&
		old.Overlay.TaxIncluded == o.TaxIncluded && slices.EqualFunc(says(old.Overlay.Prices, needed), says(o.Prices, needed), samePrice) {
		return // nothing new
	}
	p.eff.Durable = true
	p.st.Prices = &Prices{Currency: p.Tariff.Document().Currency, Overlay: o}
	p.st.priced = p.pricedBy(&p.st)
	p.st.WantPlan = true
	p.event("prices_taken", health.Info, said.Of("prices.taken",
		said.Time("from", o.Prices[0].Start), said.Time("to", p.st.priced.ends)))
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

// priceWarnings says when pushed prices have come to their end, and what is not
// certain about the tariff's own.
func (p *step) priceWarnings() {
	ends, ended := p.PricesEnded(&p.st)
	var cause said.Said
	if ended {
		cause = said.Of("prices.ended", said.Time("at", ends))
	}
	p.when(ended, health.TariffStale, "", cause)
	if today := units.LocalMidnight(p.now, p.Tariff.Location()); !today.Equal(p.st.TariffSeen) {
		p.st.TariffSeen = today
		doubts := p.Tariff.Warnings(p.now, p.now.Add(24*time.Hour))
		p.when(len(doubts) > 0, health.TariffUnsure, "", said.Words(strings.Join(doubts, "; ")))
	}
}
