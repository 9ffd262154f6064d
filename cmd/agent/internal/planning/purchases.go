package planning

import (
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Purchases is how credit is bought here, as far as it was seen: what was bought
// and when, and how long the credit stood how low without anybody buying.  It is a
// value that is told of each finished interval and of each purchase, and goes
// through JSON and back unchanged.
type Purchases struct {
	At     time.Time   `json:"at,omitzero"`
	Left   units.Money `json:"left"`    // credit at At, in the account's unit
	PerDay float64     `json:"per_day"` // spent in a day with light, in the account's unit
	Over   float64     `json:"over"`    // days that PerDay is the mean of

	Bands  [bands]Band `json:"bands"`
	Bought []Purchase  `json:"bought,omitempty"` // the last ones, the oldest first
}

// Purchase is credit that was bought: what the account had more afterwards.
type Purchase struct {
	At     time.Time   `json:"at"`
	Amount units.Money `json:"amount"`
}

// Band is what was seen while the credit would have lasted about so long.
type Band struct {
	Days  float64 `json:"days"`  // that the credit stood so
	Times float64 `json:"times"` // that something was bought then
}

const (
	bands = 8
	// mostBought is how many purchases are kept: two years of monthly ones.
	mostBought = 24
	// spendDays is how many days PerDay is the mean of, once there are as many.
	spendDays = 7
	// forgetDays is after how many days what the Bands saw counts for 1/e.
	forgetDays = 60
	// mostUnwatched is up to how long nobody need have looked for the credit to be
	// taken to have stood between what it was before and after.
	mostUnwatched = 2 * time.Hour
	// oneVisit is within what time two purchases are one: two tokens were bought.
	oneVisit = time.Hour
)

// band is the Band of a credit that would last so many days.
func band(days float64) int {
	for i := range bands - 1 {
		if days <= bandUpTo(i) {
			return i
		}
	}
	return bands - 1
}

// bandUpTo is where a Band ends that is not the last, in days.
func bandUpTo(i int) float64 { return [bands - 1]float64{0, 0.25, 0.5, 1, 2, 4, 8}[i] }

// usual is what is taken to be so before anything was seen: in a Band, how many
// purchases come a day, and for how many days seen that counts.  Homes that prepay
// buy when they are low, most of them before the light goes out.
func usual(band int) (perDay, days float64) {
	perDay = [bands]float64{2.5, 2, 1.5, 0.8, 0.3, 0.1, 0.05, 0.02}[band]
	days = [bands]float64{0.5, 0.5, 0.5, 1, 2, 4, 8, 10}[band]
	return perDay, days
}

// days is how long the credit lasts at what is spent a day.
func (p *Purchases) days(left units.Money) float64 {
	if left <= 0 {
		return 0
	}
	return left.Float() / p.PerDay
}

// known tells whether what is spent a day is known well enough to tell the Bands apart.
func (p *Purchases) known() bool { return p.Over >= 0.5 && p.PerDay > 0 }

// Watch is p after an interval has ended at now with so much credit left.
func (p Purchases) Watch(now time.Time, left units.Money) Purchases {
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
	for i := range p.Bands {
		p.Bands[i].Days *= keep
		p.Bands[i].Times *= keep
	}
	p.Bands[band(p.days(left))].Days += day
	return p
}

// Buy is p after a purchase at now, with so much credit left before and after it.
func (p Purchases) Buy(now time.Time, before, after units.Money) Purchases {
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
		p.Bands[band(p.days(before))].Times++
	}
	p.Bought = append(slices.Clone(p.Bought[max(0, n-mostBought+1):]), Purchase{now.UTC(), after - before})
	return p
}

// habit is what Purchases say of the times to come.
type habit struct {
	zone     *time.Location
	hours    [24]float64 // factors on the purchases a day, about 1 on the mean
	weekdays [7]float64
	days     [32]float64 // of the month, from 1
	bands    [bands]float64
	perDay   float64 // by which the Bands were told apart; 0: not known
	bought   []Purchase
	sums     [32][]float64 // of likely, by day of the month
	amount   float64       // of a purchase where there was none yet
}

// By how many purchases spread evenly each share is held: a few are no habit yet.
const (
	evenHours    = 3
	evenWeekdays = 4
	evenDays     = 2
)

// habit reads the habit; day is what a day costs without loads, in the account's
// unit.
func (p *Purchases) habit(zone *time.Location, day float64) habit {
	h := habit{zone: zone, amount: 2 * day, perDay: day}
	var seen Purchases
	if p != nil {
		seen = *p
		h.bought = p.Bought
	}
	if seen.known() {
		h.perDay = seen.PerDay
	}
	for i, b := range seen.Bands {
		perDay, days := usual(i)
		h.bands[i] = (b.Times + perDay*days) / (b.Days + days)
	}
	for i := range h.hours {
		h.hours[i] = 0.04 * evenHours
		if i >= 6 && i < 22 { // awake
			h.hours[i] = (24 - 0.04*8) / 16 * evenHours
		}
	}
	for _, b := range h.bought {
		h.hours[b.At.In(zone).Hour()] += 24
	}
	n := float64(len(h.bought))
	for i := range h.hours {
		h.hours[i] /= n + evenHours
	}
	h.calendar(seen.At)
	return h
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

// factor is by how much more than usual is bought at an instant, whatever is left.
func (h *habit) factor(at time.Time) float64 {
	at = at.In(h.zone)
	return h.hours[at.Hour()] * h.weekdays[at.Weekday()] * h.days[at.Day()]
}

// likely draws what is bought on a day, as one of those bought before: of the same
// days of the month before others, and lately before long ago.  u is from 0 to 1.
func (h *habit) likely(at time.Time, u float64) float64 {
	if len(h.bought) == 0 {
		return h.amount
	}
	day := at.In(h.zone).Day()
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
