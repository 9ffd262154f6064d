package simulate

import (
	"fmt"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// TopUp is one habit of buying: one of On, Monthly, Below, Dark and Chance.
type TopUp struct {
	Amount units.Money       `yaml:"amount"`
	At     []units.TimeOfDay `yaml:"at"` // the times of day that it is thought of; 07:00 and 18:00 where empty
	// On are days of the week on which it is bought, whatever is left.
	On []string `yaml:"on"`
	// Monthly is a day of the month: payday.  31 is the last of each.
	Monthly int `yaml:"monthly"`
	// Below: it is bought where less is left when the display is looked at.
	Below units.Money `yaml:"below"`
	// Dark: it is bought where the supply has been off for want of credit for so long.
	Dark time.Duration `yaml:"dark"`
	// Chance is that of a purchase each time that it is thought of.
	Chance float64 `yaml:"chance"`
	// Takes is how long it is until the token is entered: the way to the shop.
	Takes time.Duration `yaml:"takes"`
}

// Vendor is where tokens are bought.
type Vendor struct {
	Closed []Closed    `yaml:"closed"`
	MostA  units.Money `yaml:"most_a_day"` // no more is bought on a day; 0: any
}

// Closed is a stretch of each week.
type Closed struct {
	From WeekTime `yaml:"from"`
	To   WeekTime `yaml:"to"`
}

// WeekTime is a time of the week, from Sunday's midnight.
type WeekTime time.Duration

// SetText reads a time of the week such as fri 18:00.
func (w *WeekTime) SetText(s string) error {
	name, clock, ok := strings.Cut(s, " ")
	d, known := weekday(name)
	at, err := units.ParseTimeOfDay(strings.TrimSpace(clock))
	if !ok || !known || err != nil {
		return fmt.Errorf("%q is not a time of the week such as fri 18:00", s)
	}
	*w = WeekTime(time.Duration(d)*day + time.Duration(at)*time.Minute)
	return nil
}

func weekday(name string) (time.Weekday, bool) {
	for d := time.Sunday; d <= time.Saturday; d++ {
		if strings.EqualFold(d.String()[:3], name) {
			return d, true
		}
	}
	return 0, false
}

// Check names everything wrong with the habit.
func (t TopUp) Check() fault.List {
	var l fault.List
	kinds := 0
	for _, is := range []bool{len(t.On) > 0, t.Monthly != 0, t.Below != 0, t.Dark != 0, t.Chance != 0} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		l.Add("", "write one of on, monthly, below, dark and chance", "it is not said when is bought")
	}
	if t.Amount < units.One || t.Amount > 9999*units.One {
		l.Add("amount", "write 1 to 9999", "%s cannot be bought", t.Amount)
	}
	for i, d := range t.On {
		if _, ok := weekday(d); !ok {
			l.Add(fmt.Sprintf("on[%d]", i), "write mon, tue, wed, thu, fri, sat or sun", "%q is not a day of the week", d)
		}
	}
	if t.Monthly < 0 || t.Monthly > 31 {
		l.Add("monthly", "write 1 to 31", "%d is not a day of the month", t.Monthly)
	}
	if t.Below < 0 {
		l.Add("below", "write an amount that is left", "%s is less than nothing", t.Below)
	}
	if t.Dark < 0 || t.Takes < 0 || t.Takes > day {
		l.Add("takes", "write 0s to 24h", "a time of this habit is out of range")
	}
	if t.Chance < 0 || t.Chance > 1 {
		l.Add("chance", "write 0 to 1", "%v is not a chance", t.Chance)
	}
	return l
}

// Check names everything wrong with the vendor.
func (v Vendor) Check() fault.List {
	var l fault.List
	if v.MostA < 0 {
		l.Add("most_a_day", "write an amount, or leave it out", "%s is less than nothing", v.MostA)
	}
	for i, c := range v.Closed {
		if c.From == c.To {
			l.Add(fmt.Sprintf("closed[%d]", i), "write when it opens again", "it is closed for nothing, or for ever")
		}
	}
	return l
}

// times are the times of day that a purchase is thought of.
func (t TopUp) times() []units.TimeOfDay {
	if len(t.At) == 0 {
		return []units.TimeOfDay{7 * 60, 18 * 60}
	}
	return t.At
}

// hours are when the vendor sells, as people would tell their agent; nil: at any time.
func (v Vendor) hours() (out civil.Week) {
	if len(v.Closed) == 0 {
		return nil
	}
	const aDay = 24 * 60
	for d := range 7 {
		open := -1 // since then
		for m := 0; m <= aDay; m++ {
			_, closed := v.closed(WeekTime(time.Duration(d)*day + time.Duration(m)*time.Minute))
			switch closed = closed || m == aDay; {
			case !closed && open < 0:
				open = m
			case closed && open >= 0:
				h := civil.Hours{From: units.TimeOfDay(open), To: units.TimeOfDay(m % aDay)}
				h.On[d] = true
				out, open = append(out, h), -1
			}
		}
	}
	return out
}

// closed tells whether the vendor does not sell at a time of the week, and for how long still.
func (v Vendor) closed(at WeekTime) (wait WeekTime, closed bool) {
	for _, c := range v.Closed {
		gone, length := at-c.From, c.To-c.From
		if gone < 0 {
			gone += WeekTime(week)
		}
		if length < 0 {
			length += WeekTime(week)
		}
		if gone < length {
			return length - gone, true
		}
	}
	return 0, false
}

// opens is the first instant from t on at which the vendor sells.
func (v Vendor) opens(t time.Time, zone *time.Location) time.Time {
	for range 2 * len(v.Closed) {
		local := t.In(zone)
		at := WeekTime(time.Duration(local.Weekday())*day + time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute)
		wait, closed := v.closed(at)
		if !closed {
			break
		}
		// By the clock on the wall, which may be set on the way.
		t = wall(local, wait).UTC()
	}
	return t
}

// wall is when clocks on the wall have gone on by d.
func wall(t time.Time, d WeekTime) time.Time {
	y, m, dd := t.Date()
	return time.Date(y, m, dd, t.Hour(), t.Minute()+int(time.Duration(d)/time.Minute), 0, 0, t.Location())
}

// buyer is the people of the world as they buy.
type buyer struct {
	w      *World
	zone   *time.Location
	due    []purchase // on the way to the shop, in order
	today  time.Time
	bought units.Money // today
	dark   time.Time   // since when the supply is off for want of credit
	cared  []bool      // by habit: it was answered for this time of darkness
}

// purchase is a token that will be entered.
type purchase struct {
	at     time.Time
	habit  int
	amount units.Money
}

func newBuyer(w *World) *buyer {
	return &buyer{w: w, zone: w.zone(), cared: make([]bool, len(w.TopUps))}
}

// think lets the people think of buying in (from, to], with so much left; dark tells
// whether the supply is off for want of credit.  What they then decide is due later.
func (b *buyer) think(from, to time.Time, left units.Money, dark bool) {
	if !dark {
		b.dark = time.Time{}
		clear(b.cared)
	} else if b.dark.IsZero() {
		b.dark = to
	}
	for i, t := range b.w.TopUps {
		if t.Dark > 0 {
			if dark && !b.cared[i] && to.Sub(b.dark) >= t.Dark {
				b.cared[i] = true
				b.decide(i, to)
			}
			continue
		}
		for _, at := range b.thoughts(t, from, to) {
			if b.wants(i, t, at, left) {
				b.decide(i, at)
			}
		}
	}
}

// thoughts are the habit's times in (from, to].
func (b *buyer) thoughts(t TopUp, from, to time.Time) []time.Time {
	var out []time.Time
	y, m, d := to.In(b.zone).Date()
	for _, of := range t.times() {
		at := time.Date(y, m, d, 0, int(of), 0, 0, b.zone).UTC()
		if at.After(from) && !at.After(to) {
			out = append(out, at)
		}
	}
	return out
}

// wants tells whether the habit buys at a time that it is thought of.
func (b *buyer) wants(i int, t TopUp, at time.Time, left units.Money) bool {
	local := at.In(b.zone)
	switch {
	case len(t.On) > 0:
		if local.Hour()*60+local.Minute() != int(t.times()[0]) {
			return false
		}
		for _, name := range t.On {
			if d, _ := weekday(name); d == local.Weekday() {
				return true
			}
		}
	case t.Monthly > 0:
		last := time.Date(local.Year(), local.Month()+1, 0, 0, 0, 0, 0, time.UTC).Day()
		return local.Hour()*60+local.Minute() == int(t.times()[0]) && local.Day() == min(t.Monthly, last)
	case t.Below > 0:
		return left < t.Below && !b.onTheWay(i)
	case t.Chance > 0:
		return draw(b.w.Seed, fmt.Sprintf("buys %d %s", i, local.Format("15:04")), at, b.zone).Float64() < t.Chance
	}
	return false
}

func (b *buyer) onTheWay(habit int) bool {
	for _, p := range b.due {
		if p.habit == habit {
			return true
		}
	}
	return false
}

// decide sends somebody to the shop.
func (b *buyer) decide(habit int, at time.Time) {
	t := b.w.TopUps[habit]
	due := b.w.Vendor.opens(at.Add(t.Takes), b.zone)
	p := purchase{due, habit, t.Amount}
	i := len(b.due)
	for i > 0 && b.due[i-1].at.After(due) {
		i--
	}
	b.due = append(b.due[:i], append([]purchase{p}, b.due[i:]...)...)
}

// buys takes out what is entered by now.
func (b *buyer) buys(now time.Time) (amount units.Money, ok bool) {
	if today := units.LocalMidnight(now, b.zone); !today.Equal(b.today) {
		b.today, b.bought = today, 0
	}
	for len(b.due) > 0 && !b.due[0].at.After(now) {
		p := b.due[0]
		b.due = b.due[1:]
		amount = p.amount
		if most := b.w.Vendor.MostA; most > 0 {
			amount = min(amount, most-b.bought)
		}
		if amount >= units.One {
			b.bought += amount
			return amount, true
		}
	}
	return 0, false
}
