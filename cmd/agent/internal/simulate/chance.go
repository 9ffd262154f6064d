package simulate

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// draw is the source of what is random of one kind on one local day, the same for
// whoever asks, and whenever.
func draw(seed uint64, what string, at time.Time, zone *time.Location) *rand.Rand {
	return rand.New(rand.NewPCG(seed^backoff.Seed(what), uint64(civil.DateIn(at, zone))))
}

// outages are when the grid is down.
type outages struct {
	m    Mains
	seed uint64
	zone *time.Location
	day  time.Time // that the last answer was for
	of   []Outage  // that touch it
}

// at tells whether the grid is down at an instant.
func (o *outages) at(t time.Time) bool {
	if today := units.LocalMidnight(t, o.zone); !today.Equal(o.day) {
		o.day, o.of = today, o.m.Listed
		if o.m.PerWeek > 0 {
			o.of = slices.Concat(o.of, o.begun(today.Add(-time.Hour)), o.begun(t))
		}
	}
	return slices.ContainsFunc(o.of, func(x Outage) bool { return !t.Before(x.From) && t.Before(x.To) })
}

// announced are the outages that are known at an instant and not over, in the order of their begin.
func (o *outages) announced(now time.Time) (out []Outage) {
	until := now.Add(o.m.Announced)
	all := slices.Clone(o.m.Listed)
	if o.m.PerWeek > 0 {
		for day := units.LocalMidnight(now, o.zone).Add(-time.Hour); day.Before(until.Add(25 * time.Hour)); day = units.NextLocalMidnight(day, o.zone) {
			all = append(all, o.begun(day)...)
		}
	}
	for _, x := range all {
		if x.To.After(now) && x.From.Before(until) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Outage) int { return a.From.Compare(b.From) })
	return out
}

// begun are the random outages that begin on the local day that holds t.  They are
// over within a day.
func (o *outages) begun(t time.Time) []Outage {
	mean := o.m.Mean
	if mean == 0 {
		mean = 2 * time.Hour
	}
	r := draw(o.seed, "outages", t, o.zone)
	begin := units.LocalMidnight(t, o.zone)
	length := units.NextLocalMidnight(t, o.zone).Sub(begin)
	var out []Outage
	for limit, p := math.Exp(-o.m.PerWeek/7), r.Float64(); p > limit; p *= r.Float64() {
		from := begin.Add(time.Duration(r.Float64() * float64(length))).Truncate(time.Minute)
		lasts := time.Duration(r.ExpFloat64() * float64(mean)).Truncate(time.Minute)
		out = append(out, Outage{from, from.Add(min(max(lasts, 5*time.Minute), 20*time.Hour))})
	}
	return out
}

// DayAhead are prices for each hour of a day, made up and sent the evening before.
type DayAhead struct {
	Mean     units.Price     `yaml:"mean"`     // of a kWh over the year, with taxes
	Spread   float64         `yaml:"spread"`   // of the hours of a day around it, as a share; 0.5 where 0
	Negative float64         `yaml:"negative"` // share of days whose noon is below zero
	At       units.TimeOfDay `yaml:"at"`       // when they are sent; 14:00 where 0
}

// Check names everything wrong with the prices.
func (p DayAhead) Check() fault.List {
	var l fault.List
	if p.Mean <= 0 {
		l.Add("mean", "write a price per kWh such as 0.25", "the mean price is missing")
	}
	if p.Spread < 0 || p.Spread > 1 {
		l.Add("spread", "write 0 to 1", "%v is not a share", p.Spread)
	}
	if p.Negative < 0 || p.Negative > 1 {
		l.Add("negative", "write 0 to 1", "%v is not a share", p.Negative)
	}
	return l
}

// sent is when they are sent.
func (p *DayAhead) sent() units.TimeOfDay {
	if p.At == 0 {
		return 14 * 60
	}
	return p.At
}

// document is the prices of the local day that begins at midnight, as they are sent.
func (p *DayAhead) document(seed uint64, midnight time.Time, zone *time.Location, currency string) ([]byte, error) {
	type entry struct {
		Start  time.Time `json:"start"`
		End    time.Time `json:"end"`
		Import float64   `json:"import"`
	}
	var doc struct {
		Currency string  `json:"currency"`
		Taxed    bool    `json:"tax_included"`
		Prices   []entry `json:"prices"`
	}
	doc.Currency, doc.Taxed = currency, true
	r := draw(seed, "prices", midnight.Add(time.Hour), zone)
	spread := p.Spread
	if spread == 0 {
		spread = 0.5
	}
	level := 1 + 0.25*r.NormFloat64()
	sunny := r.Float64() < p.Negative
	wind := r.Float64()
	for at := midnight; at.Before(units.NextLocalMidnight(midnight, zone)); at = at.Add(time.Hour) {
		h := float64(at.In(zone).Hour())
		// Dear in the morning and the evening, cheap at night and at noon.
		shape := math.Exp(-sq(h-8)/4) + 1.3*math.Exp(-sq(h-19)/5) - 0.5*math.Exp(-sq(h-13)/8) - 0.5*math.Exp(-sq(math.Mod(h+9, 24)-12)/8)
		v := level*(1-0.4*wind+0.2) + spread*shape + 0.06*r.NormFloat64()
		if sunny {
			v -= 1.6 * math.Exp(-sq(h-13)/6)
		}
		doc.Prices = append(doc.Prices, entry{at.UTC(), at.Add(time.Hour).UTC(), math.Round(p.Mean.Float()*v*1e4) / 1e4})
	}
	return json.Marshal(doc)
}

func sq(x float64) float64 { return x * x }
