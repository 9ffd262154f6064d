package policy

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/tariffs"
)

// prices is the event as a document of prices, as tariffs.ParsePrices reads it.
func (r Rules) prices(e Envelope, adr *ADREvent, now time.Time) ([]byte, *RefusedError) {
	doc, bad := r.priced(e, adr, now)
	if bad != nil {
		return nil, bad
	}
	out, err := json.Marshal(doc)
	if err != nil {
		return nil, &RefusedError{Unreadable, err.Error()}
	}
	return out, nil
}

// priced are the event's prices from now on.
func (r Rules) priced(e Envelope, adr *ADREvent, now time.Time) (doc tariffs.PriceDocument, bad *RefusedError) {
	unreadable := func(format string, args ...any) (tariffs.PriceDocument, *RefusedError) {
		return tariffs.PriceDocument{}, &RefusedError{Unreadable, fmt.Sprintf(format, args...)}
	}
	l, err := adr.lay(e.Issued, func(most time.Duration) time.Duration { return draw(r.Site, adr.ID, most, true) })
	if err != nil {
		return unreadable("%s", err)
	}
	kind := ""
	add := func(s span, from time.Time) error {
		var in, out []json.RawMessage
		for _, p := range s.payloads {
			switch p.Type {
			case TypePrice, TypeGrossPrice:
				if in != nil || kind != "" && kind != p.Type {
					return fmt.Errorf("one of %s and %s, once an interval", TypePrice, TypeGrossPrice)
				}
				in, kind = p.Values, p.Type
			case TypeExportPrice:
				if out != nil {
					return fmt.Errorf("%s once an interval", TypeExportPrice)
				}
				out = p.Values
			default:
				return fmt.Errorf("%.40q is no price", p.Type)
			}
		}
		n := len(in)
		switch {
		case n == 0:
			return fmt.Errorf("an interval has no %s", TypePrice)
		case out != nil && len(out) != n:
			return fmt.Errorf("an interval has %d prices of import and %d of export", n, len(out))
		case s.length == Forever:
			return fmt.Errorf("prices that do not end: write the tariff's own, or prices that come again (event.duration) up to %s", mostAhead)
		case s.length%(time.Duration(n)*time.Second) != 0:
			return fmt.Errorf("%s is not %d equal parts of whole seconds", s.length, n)
		}
		part := s.length / time.Duration(n)
		for i := range n { // several values share the interval evenly
			for _, v := range append([]json.RawMessage{in[i]}, out...) {
				if _, err := reckoned(v, 12); err != nil {
					return err
				}
			}
			x := tariffs.PriceEntry{Start: from.Add(time.Duration(i) * part), Import: json.Number(in[i])}
			x.End = x.Start.Add(part)
			if out != nil {
				export := json.Number(out[i])
				x.Export = &export
			}
			if !l.ends.IsZero() && x.End.After(l.ends) {
				x.End = l.ends
			}
			if x.End.After(now) && x.End.After(x.Start) && x.Start.Before(now.Add(mostAhead)) {
				doc.Prices = append(doc.Prices, x)
			}
		}
		return nil
	}
	for round := l.start; len(doc.Prices) <= mostIntervals; round = round.Add(l.period) {
		if l.period > 0 { // a late reader skips ahead
			if late := now.Sub(round); late > l.period {
				round = round.Add(late - late%l.period)
			}
		}
		for _, s := range l.spans {
			if err := add(s, round.Add(s.offset)); err != nil {
				return unreadable("%s", err)
			}
		}
		next := round.Add(l.period)
		if l.period == 0 || !l.ends.IsZero() && !next.Before(l.ends) || next.After(now.Add(mostAhead)) {
			break
		}
	}
	switch {
	case len(doc.Prices) == 0:
		return doc, &RefusedError{Expired, "the last of its prices is over"}
	case len(doc.Prices) > mostIntervals:
		return doc, &RefusedError{Unsafe, fmt.Sprintf("it holds more than %d prices", mostIntervals)}
	}
	for _, t := range []string{kind, TypeExportPrice} {
		currency, err := adr.counts(t, []string{"KWH"})
		if err != nil {
			return unreadable("%s", err)
		}
		if t == kind {
			doc.Currency = currency
		}
	}
	if doc.Currency == "" {
		return unreadable("payloadDescriptors does not say in which currency %s is", kind)
	}
	doc.TaxIncluded = kind == TypeGrossPrice
	return doc, nil
}
