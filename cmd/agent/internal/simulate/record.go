package simulate

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

// record keeps what the report draws: the balance of each day, and the slots of one week.
type record struct {
	weekFrom, weekTo time.Time
	day              time.Time
	days             []dayRecord
	week             []slotRecord
}

// dayRecord is one day.
type dayRecord struct {
	day       civil.Date
	low, high units.Money
	off       time.Duration
}

// slotRecord is one slot of the week.
type slotRecord struct {
	slot    units.Slot
	base    units.Energy
	loads   []units.Energy
	price   units.Price
	balance units.Money
	off     time.Duration
	deficit units.Energy // of the first geyser's tank
	geyser  bool
}

// closely is the week that is looked at closely: from a Monday in the middle.
func closely(w *World, zone *time.Location) (from, to time.Time) {
	at := w.Start.in(zone).In(zone).AddDate(0, 0, w.Days/2)
	for back := 0; back < 7 && at.Weekday() != time.Monday; back++ {
		at = at.AddDate(0, 0, -1)
	}
	if at.Before(w.Start.in(zone)) {
		at = w.Start.in(zone).In(zone)
	}
	return at, at.AddDate(0, 0, 7)
}

// add takes in a stretch between two steps, with the plant before and after it.
func (r *record) add(l *life, from, to time.Time, before, plant house.State) {
	zone := l.site.Zone
	left := l.st.Credit.Available()
	if from.Sub(r.day) >= 23*time.Hour {
		if today := units.LocalMidnight(from, zone); !today.Equal(r.day) {
			r.day = today
			r.days = append(r.days, dayRecord{day: civil.DateIn(from, zone), low: left, high: left})
		}
	}
	d := &r.days[len(r.days)-1]
	d.low, d.high = min(d.low, left), max(d.high, left)
	off := !l.st.Decision.Close || l.dark
	if off {
		d.off += to.Sub(from)
	}
	if from.Before(r.weekFrom) || !from.Before(r.weekTo) {
		return
	}
	slot := units.SlotAt(from, l.site.PlanSlot)
	if n := len(r.week); n == 0 || !r.week[n-1].slot.Start.Equal(slot.Start) {
		price, _ := l.site.Tariff.PriceAt(l.st.Tariff, slot.Start)
		if p := l.st.Plan; p != nil {
			if k, ok := p.At(from); ok {
				price = p.Prices[k]
			}
		}
		r.week = append(r.week, slotRecord{slot: slot, loads: make([]units.Energy, len(l.w.Loads)), price: price})
	}
	s := &r.week[len(r.week)-1]
	s.base += plant.Base - before.Base
	s.geyser = false
	for k, x := range plant.Loads {
		for i := range l.w.Loads {
			if l.w.Loads[i].ID != x.ID {
				continue
			}
			s.loads[i] += x.Used
			if k < len(before.Loads) {
				s.loads[i] -= before.Loads[k].Used
			}
			if l.w.Loads[i].Plant.Kind == house.Geyser && !s.geyser {
				s.deficit, s.geyser = x.Deficit, true
			}
		}
	}
	s.balance = left
	if off {
		s.off += to.Sub(from)
	}
}

// result is the record as it is told.
func (r *record) result() (days []DayBalance, week []Slot) {
	for _, d := range r.days {
		days = append(days, DayBalance{
			Day: d.day.String(), Low: round(d.low.Float(), 2), High: round(d.high.Float(), 2), Off: round(d.off.Hours(), 2),
		})
	}
	for _, s := range r.week {
		out := Slot{
			Start: s.slot.Start, Base: round(s.base.KWh(), 3), Price: round(s.price.Float(), 5), Balance: round(s.balance.Float(), 2),
			Off: round(float64(s.off)/float64(s.slot.Len), 3),
		}
		for _, e := range s.loads {
			out.Loads = append(out.Loads, round(e.KWh(), 3))
		}
		if s.geyser {
			out.Hot = ptr(round(60-s.deficit.KWh()/tank.KWh()*tankKelvin, 1))
		}
		week = append(week, out)
	}
	return days, week
}
