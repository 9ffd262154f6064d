package simulate

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/internal/units"
)

// record keeps what the report draws: the balance of each day, and the slots of one week.
type record struct {
	weekFrom, weekTo time.Time
	day              time.Time
	days             []DayBalance
	week             []Slot
	used             map[string]units.Energy
	base             units.Energy
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

// add takes in a stretch between two steps.
func (r *record) add(l *life, from, to time.Time, plant house.State) {
	zone := l.site.Zone
	left := l.st.Credit.Available()
	if from.Sub(r.day) >= 23*time.Hour {
		if today := units.LocalMidnight(from, zone); !today.Equal(r.day) {
			r.day = today
			r.days = append(r.days, DayBalance{Day: today, Low: left, High: left})
		}
	}
	d := &r.days[len(r.days)-1]
	d.Low, d.High = min(d.Low, left), max(d.High, left)
	off := !l.st.Decision.Close || l.dark
	if off {
		d.Off += to.Sub(from).Hours()
	}
	if from.Before(r.weekFrom) || !from.Before(r.weekTo) {
		r.base, r.used = plant.Base, nil
		return
	}
	if r.used == nil {
		r.used = map[string]units.Energy{}
		for _, s := range plant.Loads {
			r.used[s.ID] = s.Used
		}
	}
	slot := units.SlotAt(from, l.site.PlanSlot)
	if n := len(r.week); n == 0 || !r.week[n-1].Start.Equal(slot.Start) {
		price, _ := l.site.Tariff.PriceAt(l.st.Tariff, slot.Start)
		if p := l.st.Plan; p != nil {
			if k, ok := p.At(from); ok {
				price = p.Prices[k]
			}
		}
		r.week = append(r.week, Slot{Start: slot.Start, Loads: make([]units.Energy, len(l.w.Loads)), Price: price})
	}
	s := &r.week[len(r.week)-1]
	s.Base += plant.Base - r.base
	r.base = plant.Base
	for _, x := range plant.Loads {
		for i := range l.w.Loads {
			if l.w.Loads[i].ID != x.ID {
				continue
			}
			s.Loads[i] += x.Used - r.used[x.ID]
			r.used[x.ID] = x.Used
			if l.w.Loads[i].Plant.Kind == house.Geyser {
				s.Hot = 60 - x.Deficit.KWh()/tank.KWh()*tankKelvin
			}
		}
	}
	s.Balance = left
	if off {
		s.Off += to.Sub(from)
	}
}
