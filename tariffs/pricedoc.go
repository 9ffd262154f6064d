package tariffs

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// ErrPrices is what every error of ParsePrices wraps.
var ErrPrices = errors.New("price document not taken")

// mostSlots is a year of quarter hours.
const mostSlots = 366 * 96

// PriceDocument is the JSON of prices sent at run time:
//
//	{"currency": "EUR", "tax_included": false, "prices": [
//	  {"start": "2026-07-01T00:00:00Z", "end": "2026-07-01T00:15:00Z", "import": 0.2513, "export": 0.08},
//	  {"start": "2026-07-01T00:15:00Z", "import": 0.2377}]}
//
// end may be left out: a price then holds until the next one begins, and the
// last one as long as the one before it (an hour where there is none).
type PriceDocument struct {
	Currency    string       `json:"currency"`
	TaxIncluded bool         `json:"tax_included"`
	Prices      []PriceEntry `json:"prices"`
}

// PriceEntry is one price of it.
type PriceEntry struct {
	Start  time.Time    `json:"start"`
	End    time.Time    `json:"end"`
	Import json.Number  `json:"import"`
	Export *json.Number `json:"export,omitempty"`
}

// The years a price may be for.  A time that cannot be written down, as one of the
// year 10000, would spoil all that it is stored and shown with.
const firstYear, lastYear = 2000, 2200

func outOfTime(t time.Time) bool {
	year := t.UTC().Year()
	return !t.IsZero() && (year < firstYear || year > lastYear)
}

// ParsePrices reads a price document received at an instant, for use until
// maxAge after it (0: for as long as it lasts).  A document in another currency,
// with unknown keys, overlapping slots or prices out of range is refused whole,
// so that what was in force stays in force.
func (t *Tariff) ParsePrices(data []byte, received time.Time, maxAge time.Duration) (Overlay, error) {
	fail := func(format string, args ...any) (Overlay, error) {
		return Overlay{}, fmt.Errorf("%w: "+format, append([]any{ErrPrices}, args...)...)
	}
	var doc PriceDocument
	in := json.NewDecoder(bytes.NewReader(data))
	in.DisallowUnknownFields()
	if err := in.Decode(&doc); err != nil {
		return fail("%w", err)
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return fail("something follows the document")
	}
	switch {
	case doc.Currency != t.doc.Currency:
		return fail("it is in %q, the tariff in %s", doc.Currency, t.doc.Currency)
	case len(doc.Prices) == 0:
		return fail("it holds no prices")
	case len(doc.Prices) > mostSlots:
		return fail("it holds %d prices; the most is %d", len(doc.Prices), mostSlots)
	}
	slices.SortStableFunc(doc.Prices, func(a, b PriceEntry) int { return a.Start.Compare(b.Start) })
	o := Overlay{Received: received.UTC(), MaxAge: maxAge, TaxIncluded: doc.TaxIncluded}
	length := time.Hour
	for i, e := range doc.Prices {
		end := e.End
		switch {
		case e.Start.IsZero():
			return fail("a price has no start")
		case outOfTime(e.Start) || outOfTime(end):
			return fail("the price from %s is not between the years %d and %d", e.Start.Format(time.RFC3339), firstYear, lastYear)
		case end.IsZero() && i+1 < len(doc.Prices):
			end = doc.Prices[i+1].Start
		case end.IsZero():
			end = e.Start.Add(length)
		}
		length = end.Sub(e.Start)
		if length <= 0 || length > 31*24*time.Hour {
			return fail("the price from %s lasts %s", e.Start.Format(time.RFC3339), length)
		}
		if i > 0 && o.Prices[i-1].End().After(e.Start) {
			return fail("the price from %s begins before the one before it ends", e.Start.Format(time.RFC3339))
		}
		p := SlotPrice{Slot: units.Slot{Start: e.Start.UTC(), Len: length}}
		var err error
		if p.Import, err = pushedNumber(e.Import); err != nil {
			return fail("import from %s: %w", e.Start.Format(time.RFC3339), err)
		}
		if e.Export != nil {
			p.Priced = true
			if p.Export, err = pushedNumber(*e.Export); err != nil {
				return fail("export from %s: %w", e.Start.Format(time.RFC3339), err)
			}
		}
		o.Prices = append(o.Prices, p)
	}
	return o, nil
}

// pushedNumber reads a price exactly; decimals beyond the millionth, which
// converted market prices have, are rounded half to even.
func pushedNumber(n json.Number) (units.Price, error) {
	v, err := units.ParseRounded(string(n), 12)
	if err != nil {
		return 0, fmt.Errorf("%q is not a price per kWh such as 0.2513", string(n))
	}
	p := units.Price(units.MulDiv(v, 1, 1_000_000))
	if p > mostPrice || p < -mostPrice {
		return 0, fmt.Errorf("%s is out of range; write the price per kWh", n)
	}
	return p, nil
}
