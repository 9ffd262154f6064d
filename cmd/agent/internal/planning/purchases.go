package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// Purchases is how credit is bought here, as far as it was seen: what was bought
// and when, and how long the credit stood how low without anybody buying.  It is a
// value that is told of each finished interval and of each purchase, and goes
// through JSON and back unchanged.
type Purchases struct {
	Unit   string      `json:"unit,omitempty"` // the account's, in which all of it is counted
	At     time.Time   `json:"at,omitzero"`
	Left   units.Money `json:"left"`    // credit at At, in the account's unit
	PerDay float64     `json:"per_day"` // spent in a day with light, in the account's unit
	Over   float64     `json:"over"`    // days that PerDay is the mean of

	Levels [levels]Level `json:"levels"`
	Hours  [24]Level     `json:"hours"`            // of the local day
	Bought []Purchase    `json:"bought,omitempty"` // the last ones, the oldest first
}

// Purchase is credit that was bought: what the account had more afterwards.
type Purchase struct {
	At     time.Time   `json:"at"`
	Amount units.Money `json:"amount"`
}

// Level is what was seen while the credit would have lasted about so long, or in an hour of
// the day.  That nothing is bought at night says nothing of how low the credit is when
// people buy, and that nothing is bought while there is plenty says nothing of the hour.
type Level struct {
	Days  float64 `json:"days"`  // of a Level: each counted by its hour; of an hour: purchases expected by what was left
	Times float64 `json:"times"` // that something was bought then
}

const (
	levels = 24
	// mostBought is how many purchases are kept: two years of monthly ones.
	mostBought = 24
	// spendDays is how many days PerDay is the mean of, once there are as many.
	spendDays = 7
	// forgetDays is after how many days what the Levels saw counts for 1/e.
	forgetDays = 60
	// mostUnwatched is up to how long nobody need have looked for the credit to be
	// taken to have stood between what it was before and after.
	mostUnwatched = 2 * time.Hour
	// oneVisit is within what time two purchases are one: two tokens were bought.
	oneVisit = time.Hour
)

// levelUpTo is where each Level ends that is not the last, in days.  They are narrow
// where people buy who buy little and often: a little more or less decides whether
// anything is bought.
func levelUpTo() [levels - 1]float64 {
	return [levels - 1]float64{0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.2, 1.4, 1.7, 2, 3, 4, 8}
}

// level is the Level of a credit that would last so many days.
func level(days float64) int {
	for i, upTo := range levelUpTo() {
		if days <= upTo {
			return i
		}
	}
	return levels - 1
}

// usual is what is taken to be so before anything was seen: in a Level, how many
// purchases come a day, and for how many days seen that counts.  Homes that prepay
// buy when they are low, most of them before the light goes out.
func usual(level int) (perDay, days float64) {
	if level == levels-1 {
		return 0.02, 10
	}
	switch upTo := levelUpTo()[level]; {
	case upTo == 0:
		return 6, 0.25
	case upTo <= 0.25:
		return 3, 0.1
	case upTo <= 0.5:
		return 2, 0.1
	case upTo <= 1:
		return 0.8, 0.2
	case upTo <= 2:
		return 0.3, 0.5
	case upTo <= 4:
		return 0.1, 2
	}
	return 0.05, 8
}

// In is p where it was counted in a unit, and nothing where it was in another.
func (p Purchases) In(unit string) Purchases {
	if p.Unit != unit && p.Unit != "" {
		p = Purchases{}
	}
	p.Unit = unit
	return p
}

// days is how long the credit lasts at what is spent a day.
func (p *Purchases) days(left units.Money) float64 {
	if left <= 0 {
		return 0
	}
	return left.Float() / p.PerDay
}

// known tells whether what is spent a day is known well enough to tell the Levels apart.
func (p *Purchases) known() bool { return p.Over >= 0.5 && p.PerDay > 0 }

// Watch is p after an interval has ended at now with so much credit left.  That nothing is
// bought while the vendor is closed says nothing of people.
func (p Purchases) Watch(zone *time.Location, vendor civil.Week, now time.Time, left units.Money) Purchases {
	from, was := p.At, p.Left
	p.At, p.Left = now.UTC(), left
	gone := now.Sub(from)
	if from.IsZero() || gone <= 0 || gone > mostUnwatched {
		return p
	}
	day := gone.Hours() / 24
	if was > 0 && left <= was {
		p.Over = min(spendDays, p.Over+day)
		p.PerDay += ((was-left).Float()/day - p.PerDay) * min(1, day/p.Over)
	}
	if !p.known() {
		return p
	}
	keep := math.Exp(-day / forgetDays)
	for i := range p.Levels {
		p.Levels[i].Days *= keep
		p.Levels[i].Times *= keep
	}
	for i := range p.Hours {
		p.Hours[i].Days *= keep
		p.Hours[i].Times *= keep
	}
	mid := from.Add(gone / 2).In(zone)
	if !open(vendor, mid) {
		return p
	}
	at, hour := level(p.days(left)), mid.Hour()
	perDay, factor := p.levels()[at], p.hour(hour)
	p.Levels[at].Days += day * factor
	p.Hours[hour].Days += day * perDay
	return p
}

// open tells whether credit can be bought at an instant, which is in the site's zone.
func open(vendor civil.Week, at time.Time) bool {
	return vendor.Open(at.Weekday(), units.TimeOfDay(at.Hour()*60+at.Minute()))
}

// Buy is p after a purchase at now, with so much credit left before and after it.
func (p Purchases) Buy(zone *time.Location, now time.Time, before, after units.Money) Purchases {
	p.At, p.Left = now.UTC(), after
	if after <= before {
		return p
	}
	n := len(p.Bought)
	if again := n > 0 && now.Sub(p.Bought[n-1].At).Abs() < oneVisit; again {
		p.Bought = slices.Clone(p.Bought)
		p.Bought[n-1].Amount += after - before
		return p
	}
	if p.known() {
		p.Levels[level(p.days(before))].Times++
		p.Hours[now.In(zone).Hour()].Times++
	}
	p.Bought = append(slices.Clone(p.Bought[max(0, n-mostBought+1):]), Purchase{now.UTC(), after - before})
	return p
}

// habit is what Purchases say of the times to come.
type habit struct {
	zone     *time.Location
	vendor   civil.Week  // when credit can be bought
	hours    [24]float64 // factors on the purchases a day, about 1 on the mean
	weekdays [7]float64
	days     [32]float64     // of the month, from 1
	levels   [levels]float64 // purchases a day; not more where more is left
	perDay   float64         // by which the Levels were told apart
	bought   []Purchase
	sums     [32][]float64 // of likely, by day of the month
	amount   float64       // of a purchase where there was none yet
}

// By how many purchases spread evenly each share is held: a few are no habit yet.
const (
	evenHours    = 0.5 // of each hour
	evenWeekdays = 4
	evenDays     = 2
)

// habit reads the habit; day is what a day costs without loads, in the account's
// unit.
func (p *Purchases) habit(zone *time.Location, vendor civil.Week, day float64) habit {
	h := habit{zone: zone, vendor: vendor, amount: 2 * day, perDay: day}
	var seen Purchases
	if p != nil {
		seen = *p
		h.bought = p.Bought
	}
	if seen.known() {
		h.perDay = seen.PerDay
	}
	h.levels = seen.levels()
	for i := range h.hours {
		h.hours[i] = seen.hour(i)
	}
	h.calendar(seen.At)
	return h
}

// falling makes values not rise, by the mean of those next to each other that do.
func falling(values, weights []float64) {
	for i := range values {
		sum, weight, from := values[i]*weights[i], weights[i], i
		for from > 0 && values[from-1] < sum/weight {
			// All up to the same value before it have been made one.
			same := values[from-1]
			for ; from > 0 && values[from-1] == same; from-- {
				sum += same * weights[from-1]
				weight += weights[from-1]
			}
		}
		for k := from; k <= i; k++ {
			values[k] = sum / weight
		}
	}
}

// levels are the purchases a day in each Level: not more where more is left.
func (p *Purchases) levels() (out [levels]float64) {
	var weights [levels]float64
	for i, b := range p.Levels {
		perDay, days := usual(i)
		weights[i] = b.Days + days
		out[i] = (b.Times + perDay*days) / weights[i]
	}
	falling(out[:], weights[:])
	return out
}

// hour is by how much more than else is bought in an hour of the day.  Of one in which the
// credit was never low nothing is known: people are taken to look in the morning and in
// the evening.
func (p *Purchases) hour(i int) float64 {
	usual := 0.04
	switch {
	case i >= 6 && i < 9 || i >= 17 && i < 21:
		usual = 2.2
	case i >= 9 && i < 22:
		usual = 1
	}
	return (p.Hours[i].Times + usual*evenHours) / (p.Hours[i].Days + evenHours)
}

// calendar reads the factors of the days: how often was bought on them against how
// often would have been, had it been the same on all days since the first purchase.
func (h *habit) calendar(now time.Time) {
	var weekday, even7 [7]float64
	var day, even31 [32]float64
	count := func(at time.Time, weekdays *[7]float64, days *[32]float64) {
		at = at.In(h.zone)
		weekdays[at.Weekday()]++
		for i := 1; i < len(days); i++ {
			days[i] += near(i, at.Day())
		}
	}
	for _, b := range h.bought {
		count(b.At, &weekday, &day)
	}
	seen := 0.0
	if len(h.bought) > 0 {
		for at := h.bought[0].At; !at.After(now); at = at.Add(24 * time.Hour) {
			count(at, &even7, &even31)
			seen++
		}
	}
	perDay := float64(len(h.bought)) / max(1, seen)
	for i := range h.weekdays {
		h.weekdays[i] = (weekday[i] + evenWeekdays/7.0) / (even7[i]*perDay + evenWeekdays/7.0)
	}
	for i := range h.days {
		h.days[i] = (day[i] + evenDays/30.4) / (even31[i]*perDay + evenDays/30.4)
	}
}

// near is the share of what happens on one day of the month that is expected on
// another: pay comes a day or two sooner or later.
func near(a, b int) float64 {
	d := max(a, b) - min(a, b)
	switch min(d, 31-d) {
	case 0:
		return 3.0 / 9
	case 1:
		return 2.0 / 9
	case 2:
		return 1.0 / 9
	}
	return 0
}

// factor is by how much more than usual is bought in the hour of an instant, whatever is left.
func (h *habit) factor(at time.Time) float64 {
	at = at.In(h.zone)
	if !open(h.vendor, at.Add(time.Duration(30-at.Minute())*time.Minute)) {
		return 0
	}
	return h.hours[at.Hour()] * h.weekdays[at.Weekday()] * h.days[at.Day()]
}

// likely draws what is bought on a day of the month, as one of those bought before: of the
// same days before others, and lately before long ago.  u is from 0 to 1.
func (h *habit) likely(day int, u float64) float64 {
	if len(h.bought) == 0 {
		return h.amount
	}
	if h.sums[day] == nil {
		sum := 0.0
		h.sums[day] = make([]float64, len(h.bought))
		for i, b := range h.bought {
			late := math.Exp(-float64(len(h.bought)-1-i) / mostBought)
			sum += late * (0.2 + 3*near(day, b.At.In(h.zone).Day()))
			h.sums[day][i] = sum
		}
	}
	sums := h.sums[day]
	i, _ := slices.BinarySearch(sums, u*sums[len(sums)-1])
	return h.bought[min(i, len(sums)-1)].Amount.Float()
}
