package web

import (
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// timeline is what runs when, an appliance a row, on the colours of the price.  It is
// in minutes from Start on, which is a full hour.
type timeline struct {
	Minutes int      // its length
	Now     int      // where now is
	Hours   []tlHour // clock times, as far from each other, from the beginning to the end
	Bands   []tlBar
	Rows    []tlRow
	Keys    []tlKey
	LeftOut bool   // a run that is left out is drawn
	On      string // what is on without being planned; "" nothing
}

// tlHour is a full hour: "16", and ":00", for which a phone has no room.
type tlHour struct{ Hour, Rest string }

// tlBar is a stretch of the timeline.
type tlBar struct {
	X, W  int
	Class string // of its colour
}

// tlRow is an appliance.
type tlRow struct {
	Name string
	Says string // the same in words
	Runs []tlBar
}

// tlKey is what a colour of the price means.
type tlKey struct{ Class, Word, Price string }

const (
	tlHours = 24
	tlStep  = 6 // hours between two that are named
)

// Timeline is the plan of the next 24 hours as a picture.
func (m *model) Timeline() timeline {
	from, to := m.planWindow()
	slots := m.V.Plan.Slots
	out := timeline{}
	if to <= from {
		return out
	}
	_, off := m.V.At.In(m.Zone).Zone()
	east := time.Duration(off) * time.Second
	start := m.V.At.Add(east).Truncate(time.Hour).Add(-east)
	end := start.Add(tlHours * time.Hour)
	at := func(t time.Time) int { return int(min(max(0, t.Sub(start)), end.Sub(start)) / time.Minute) }
	out.Minutes, out.Now = at(end), at(m.V.At)
	for h := 0; h <= tlHours; h += tlStep {
		hour, rest, _ := strings.Cut(m.Clock(start.Add(time.Duration(h)*time.Hour)), ":")
		out.Hours = append(out.Hours, tlHour{hour, ":" + rest})
	}
	level := m.priceLevels(from, to, &out)
	for i := from; i < to; i++ {
		out.Bands = join(out.Bands, at(slots[i].Slot.Start), at(slots[i].Slot.End()), level(slots[i].Price))
	}
	left := map[string][]tlBar{}
	for _, f := range m.V.Plan.Shortfalls {
		if x, end := at(f.At), at(f.At.Add(f.Len)); f.Load != "" && end > x {
			left[f.Load] = append(left[f.Load], tlBar{x, end - x, "left"})
			out.LeftOut = true
		}
	}
	var beside []string
	for _, l := range m.V.Plan.Loads {
		row := tlRow{Name: l.Name}
		var begins, ends []time.Time
		for i := from; i < to; i++ {
			if i >= len(l.Power) || l.Power[i] == 0 {
				continue
			}
			s := slots[i].Slot
			row.Runs = join(row.Runs, at(s.Start), at(s.End()), "run")
			if n := len(ends); n > 0 && ends[n-1].Equal(s.Start) {
				ends[n-1] = s.End()
				continue
			}
			begins, ends = append(begins, s.Start), append(ends, s.End())
		}
		for i, b := range begins {
			if row.Says != "" {
				row.Says += ", "
			}
			row.Says += m.When(b) + present.Dash + m.Clock(ends[i])
		}
		if on, is := m.onBeside(l.ID); is && (len(begins) == 0 || begins[0].After(m.V.At)) {
			beside = append(beside, l.Name)
			if end := at(on.until()); end > out.Now {
				row.Runs = append([]tlBar{{out.Now, end - out.Now, "run"}}, row.Runs...)
				row.Says = strings.TrimSuffix(m.Words.T("plan.now", "when", m.When(on.until()))+", "+row.Says, ", ")
			}
		}
		row.Runs = append(row.Runs, left[l.ID]...)
		if len(row.Runs) == 0 {
			continue
		}
		if row.Says == "" {
			row.Says = m.Words.T("plan.left_out")
		}
		out.Rows = append(out.Rows, row)
	}
	out.On = strings.Join(beside, ", ")
	return out
}

// onBeside is an appliance of the plan that is on now, be it planned or not.
func (m *model) onBeside(id string) (onLoad, bool) {
	i := slices.IndexFunc(m.V.Loads, func(l picture.Load) bool {
		return l.ID == id && l.CanRun && l.State == present.LoadRunning
	})
	if i < 0 {
		return onLoad{}, false
	}
	return onLoad(m.V.Loads[i]), true
}

// onLoad is one that is on.
type onLoad picture.Load

// until is when it will be off; zero: nobody knows.
func (l onLoad) until() time.Time {
	if l.Override == picture.OverrideRun {
		return l.OverrideUntil
	}
	return l.NextEnd
}

// join adds a stretch, as one with the last where that is alike and next to it.
func join(bars []tlBar, from, to int, class string) []tlBar {
	if n := len(bars); n > 0 && bars[n-1].Class == class && bars[n-1].X+bars[n-1].W == from {
		bars[n-1].W = to - bars[n-1].X
		return bars
	}
	if to <= from {
		return bars
	}
	return append(bars, tlBar{from, to - from, class})
}

// priceLevels tells cheap, normal and dear hours apart by thirds of the range of the
// prices there are, and names them in the timeline's key.
func (m *model) priceLevels(from, to int, out *timeline) func(units.Price) string {
	least, most := m.V.Plan.Slots[from].Price, m.V.Plan.Slots[from].Price
	for _, s := range m.V.Plan.Slots[from:to] {
		least, most = min(least, s.Price), max(most, s.Price)
	}
	level := func(p units.Price) string {
		switch {
		case most == least:
			return "even"
		case 3*(p-least) <= most-least:
			return "cheap"
		case 3*(p-least) < 2*(most-least):
			return "normal"
		}
		return "dear"
	}
	named := periodsOf(m.V.Plan.Slots[from:to], level)
	for _, class := range []string{"even", "cheap", "normal", "dear"} {
		var prices []units.Price
		for _, s := range m.V.Plan.Slots[from:to] {
			if level(s.Price) == class {
				prices = append(prices, s.Price)
			}
		}
		if len(prices) == 0 {
			continue
		}
		k := tlKey{Class: class, Word: m.Words.T("plan." + class), Price: m.PriceParts(slices.Min(prices))[0]}
		if period := named[class]; period != "" {
			k.Word = m.PeriodName(period)
		}
		if hi := m.PriceParts(slices.Max(prices))[0]; hi != k.Price {
			k.Price += "\u2013" + hi
		}
		out.Keys = append(out.Keys, k)
	}
	return level
}

// periodsOf are the tariff's own names of the levels of the price, where each level is one of its periods and
// nothing besides: who reads "off-peak" elsewhere need not find out that it is what is cheap here.  Else there are none.
func periodsOf(slots []picture.PlanSlot, level func(units.Price) string) map[string]string {
	name, class := map[string]string{}, map[string]string{}
	for _, s := range slots {
		l := level(s.Price)
		if s.Period == "" || name[l] != "" && name[l] != s.Period || class[s.Period] != "" && class[s.Period] != l {
			return nil
		}
		name[l], class[s.Period] = s.Period, l
	}
	return name
}

// leftOut is a shortfall with what is done about it.
type leftOut struct {
	Text, Load, Name string
	Price            string // of running it now; "" not known
	Ends             string // when the credit ends with it; "" not known
	CanRun           bool
}

// LeftOut is what the plan does without; an appliance can be run all the same.
func (m *model) LeftOut() []leftOut {
	var out []leftOut
	for _, f := range m.V.Plan.Shortfalls {
		x := leftOut{Text: f.Text, Load: f.Load}
		for _, l := range m.V.Loads {
			if l.ID != f.Load || slices.ContainsFunc(out, func(o leftOut) bool { return o.Load == l.ID }) {
				continue
			}
			at := load{m, l}
			x.Name, x.CanRun, x.Price = l.Name, l.CanRun && l.Override != "run", at.RunPrice()
			if ro, light := m.V.RunOut, at.light(); ro.Known && !ro.Beyond && light > 0 {
				x.Ends = m.When(ro.At.Add(-light))
			}
		}
		out = append(out, x)
	}
	slices.SortStableFunc(out, func(a, b leftOut) int { return m.weight(a.Load) - m.weight(b.Load) })
	return out
}

// weight orders what is left out: what is of the whole home first, then the appliances as they matter.
func (m *model) weight(id string) int {
	for _, l := range m.V.Loads {
		if l.ID == id {
			return 1 + l.Class.Rank(l.Order)
		}
	}
	return 0
}

// leftShown is how much of what is left out is said at once: the rest is behind one tap.
const leftShown = 2

// LeftFirst is the most important of what the plan does without, and LeftRest the others.
func (m *model) LeftFirst() []leftOut { all := m.LeftOut(); return all[:min(len(all), leftShown)] }

// LeftRest are the others.
func (m *model) LeftRest() []leftOut { all := m.LeftOut(); return all[min(len(all), leftShown):] }
