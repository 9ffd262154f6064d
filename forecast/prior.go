package forecast

import (
	"fmt"
	"math"
)

// Kind is what a site is used for: it tells the days of a site that has none of its own yet.
type Kind uint8

// The kinds of sites.
const (
	Home Kind = iota
	Shop
	Office
)

// Kinds are the words for them, in order.
func Kinds() []string { return []string{"home", "shop", "office"} }

// ParseKind is the kind of a word, a home where there is none.
func ParseKind(word string) (Kind, error) {
	for k, w := range Kinds() {
		if w == word || word == "" {
			return Kind(k), nil
		}
	}
	return Home, fmt.Errorf("%q is no kind of site: write home, shop or office", word)
}

// prior is what is assumed before a site has data.
type prior struct {
	perDay float64 // kWh
	// level is how unsure that is, as the logarithm of what one site in ten uses more than by.
	level float64
	// days is how many days of own data weigh as much.
	days float64
	// open and closed are the shares of the mean load by hour of the local day, on
	// days of work and the others; a home's are alike.
	open, closed [24]float64
	// share is what of a site's own mean its shape is laid on.
	share float64
	shut  func(kind uint8) bool // tells the closed days
	// q10, q50 and q90 relative to the mean of the slot: a single home's half hour
	// is skewed to the right.
	q10, q50, q90 float64
}

// prior of a kind of site: a base load, a morning and an evening of a home; refrigeration
// and the hours of trade of a shop; working days of an office.
func (k Kind) prior() prior {
	switch k {
	case Shop:
		day := [24]float64{
			0.55, 0.55, 0.55, 0.55, 0.55, 0.57, 0.65, 0.85, 1.10, 1.35, 1.50, 1.55,
			1.55, 1.52, 1.52, 1.52, 1.52, 1.50, 1.40, 1.15, 0.90, 0.70, 0.60, 0.57,
		}
		rest := [24]float64{
			0.55, 0.55, 0.55, 0.55, 0.55, 0.55, 0.57, 0.62, 0.70, 0.80, 0.88, 0.92,
			0.92, 0.90, 0.88, 0.86, 0.82, 0.76, 0.68, 0.62, 0.58, 0.55, 0.55, 0.55,
		}
		return prior{
			perDay: 30, level: 1.3, days: 2, open: day, closed: rest, share: 1, q10: 0.60, q50: 0.96, q90: 1.42,
			shut: func(kind uint8) bool { return kind == sunday || kind == holidayKind },
		}
	case Office:
		day := [24]float64{
			0.60, 0.60, 0.60, 0.60, 0.61, 0.65, 0.78, 1.05, 1.40, 1.62, 1.70, 1.70,
			1.66, 1.68, 1.68, 1.64, 1.54, 1.32, 1.05, 0.88, 0.76, 0.68, 0.63, 0.61,
		}
		rest := [24]float64{
			0.58, 0.58, 0.58, 0.58, 0.58, 0.58, 0.58, 0.60, 0.62, 0.64, 0.66, 0.66,
			0.66, 0.66, 0.66, 0.65, 0.64, 0.62, 0.60, 0.59, 0.58, 0.58, 0.58, 0.58,
		}
		return prior{
			perDay: 60, level: 1.5, days: 2, open: day, closed: rest, share: 1, q10: 0.66, q50: 0.97, q90: 1.36,
			shut: func(kind uint8) bool { return kind >= 5 },
		}
	case Home:
	}
	day := [24]float64{
		0.68, 0.60, 0.57, 0.56, 0.58, 0.66, 0.85, 1.00, 1.03, 1.00, 0.98, 1.00,
		1.05, 1.02, 0.97, 0.98, 1.07, 1.27, 1.48, 1.52, 1.46, 1.33, 1.10, 0.86,
	}
	whole := 0.0
	for _, x := range day {
		whole += x / 24
	}
	// Its shape comes to a little less than 1, and its other figures were chosen with that.
	return prior{
		share: whole, perDay: 8, level: priorLevel, days: priorDays, open: day, closed: day, q10: prior10, q50: prior50, q90: prior90,
		shut: func(uint8) bool { return false },
	}
}

// priorDays is how many days of own data weigh as much as a home's prior.
const priorDays = 4.0

// A home's prior quantiles relative to the mean of the slot.
const (
	prior10 = 0.40
	prior50 = 0.85
	prior90 = 1.75
)

// priorLevel is how unsure a home's level is: homes that are thought to be alike differ by
// two and a half times to either side.
const priorLevel = 0.9

// tails are q10 and q90 over q50, where a share of the level is guessed: the logarithms of
// the slot's spread and of the level's add as squares.
func (p *prior) tails(guessed float64) (down, up float64) {
	level := p.level * math.Sqrt(guessed)
	return math.Exp(-math.Hypot(math.Log(p.q50/p.q10), level)), math.Exp(math.Hypot(math.Log(p.q90/p.q50), level))
}

// slot is the assumed mean of a model slot of a day as a share of the mean load.
func (p *prior) slot(kind uint8, s, perDay int) float64 {
	shape := &p.open
	if p.shut(kind) {
		shape = &p.closed
	}
	x := (float64(s)+0.5)*24/float64(perDay) - 0.5
	lo := math.Floor(x)
	a, b := shape[(int(lo)+24)%24], shape[(int(lo)+25)%24]
	return a + (b-a)*(x-lo)
}

// blendPrior draws the answer to what is assumed while there is little of the site's own
// data, of days that are open or closed as that to come.
func (f *Forecaster) blendPrior(o *outlook) {
	left := max(0, 1-o.ownDays/28)
	if o.q != nil && left == 0 {
		return
	}
	p, d := f.opt.Kind.prior(), o.d
	var own [2]float64 // days known, open and closed
	at := func(shut bool) *float64 {
		if shut {
			return &own[1]
		}
		return &own[0]
	}
	// The level is what was used of what the shape says of those hours: of whole days where
	// there are some, in which a shape that is not this site's says no more than others.
	end, begun := d.lastKnown(o.origin), -1
	for c := 0; c < end; c++ {
		if y := d.at(c, end); y == y {
			if begun < 0 {
				begun = c
			}
			*at(p.shut(d.kind(c / d.perDay))) += 1 / float64(d.perDay)
		}
	}
	from := max(0, begun)
	if whole := (end - from) / d.perDay; whole > 0 {
		from = end - min(whole, 7)*d.perDay
	}
	used, shape := 0.0, 0.0
	for c := from; c < end; c++ {
		if y := d.at(c, end); y == y {
			used, shape = used+y, shape+p.slot(d.kind(c/d.perDay), c%d.perDay, d.perDay)
		}
	}
	const doubt = 0.1 // days: a few hours already tell a hut from a villa
	level, known := p.perDay/float64(d.perDay), (d.daysKnown(end) - d.daysKnown(end-7*d.perDay))
	guessed := doubt / (known*known + doubt)
	if shape > 0 {
		level = guessed*level + (1-guessed)*used/shape*p.share
	}
	bare := o.q == nil
	if bare {
		o.q = make([]quad, longDays*d.perDay)
	}
	down, up := p.tails(guessed)
	for i := range o.q {
		kind := d.kind((o.origin + i) / d.perDay)
		days := *at(p.shut(kind))
		w := p.days / (p.days + days) * left
		if bare {
			w = 1
		}
		m := p.slot(kind, (o.origin+i)%d.perDay, d.perDay) * level
		q := &o.q[i]
		q.mean += float32(w * (m - float64(q.mean)))
		q.q10 += float32(w * (m*p.q50*down - float64(q.q10)))
		q.q50 += float32(w * (m*p.q50 - float64(q.q50)))
		q.q90 += float32(w * (m*p.q50*up - float64(q.q90)))
	}
}
