package desk

import (
	"context"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// What is said of four weeks is said only where most of them were measured.
const (
	tipDays  = 28
	mostSlot = 4 * tipDays / 5 // of the days' intervals, this many days' worth at the least
)

// used is what one interval took, and what it was charged.
type used struct {
	slot   units.Slot
	energy units.Energy
	cost   units.Money // for its energy; what falls due by time is apart
	loads  []used1     // as the site's loads stand
	sound  bool        // all of it was measured, in its place, and nothing was held off
	gap    bool        // a part of it was not measured
	price  units.Price // by the calendar
	period string      // of the calendar; "" it has none
}

// used1 is what one load took of it.
type used1 struct {
	energy units.Energy
	known  bool
}

// Use is where the energy of the last days went.
func (d *Desk) Use(ctx context.Context, days int) (web.Use, error) {
	st := d.loop.Snapshot().State
	now := st.Now
	out := web.Use{To: now, Days: days, Costed: !d.site.InKWh}
	if now.IsZero() {
		return out, nil
	}
	y, m, day := now.In(d.site.Zone).Date()
	out.From = units.DayStart(y, m, day-days+1, d.site.Zone)
	if days == 1 {
		out.From = now.Add(-24 * time.Hour)
	}
	tipsFrom := units.DayStart(y, m, day-tipDays, d.site.Zone)
	tipsTo := units.LocalMidnight(now, d.site.Zone)
	all, err := d.used(ctx, &st, minTime(out.From, tipsFrom), now)
	if err != nil {
		return out, err
	}
	counted := slots(all, out.From, now)
	if n := len(counted); n > 0 {
		out.To = counted[n-1].slot.End() // what is under way is recorded when it is over
	}
	d.sift(&out, &st, counted)
	four := slots(all, tipsFrom, tipsTo)
	if len(four) == 0 || units.Energy(len(four))*units.Energy(d.site.Interval) < units.Energy(mostSlot)*units.Energy(24*time.Hour) {
		return out, nil
	}
	out.Standby = standby(four, tipDays)
	if out.Costed {
		out.Tips, err = d.tips(ctx, &st, four, out.Standby)
	}
	return out, err
}

func minTime(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// slots are those that begin within [from, to).
func slots(all []used, from, to time.Time) []used {
	return slices.DeleteFunc(slices.Clone(all), func(u used) bool { return u.slot.Start.Before(from) || !u.slot.Start.Before(to) })
}

// used reads what the intervals from one instant to another took and were charged.
func (d *Desk) used(ctx context.Context, st *control.State, from, to time.Time) ([]used, error) {
	tariff := d.site.TariffOf(st)
	var out []used
	at := map[string]int{}
	for iv, err := range d.records.Intervals(ctx, planning.SiteSeries, from, to) {
		if err != nil {
			return nil, err
		}
		u := used{slot: iv.Slot, energy: iv.Import, loads: make([]used1, len(d.site.Loads)), sound: iv.Quality&^metering.Unusual == 0, gap: iv.Quality&metering.Gap != 0}
		u.price, u.period = tariff.PriceAt(st.Tariff, iv.Slot.Start)
		at[iv.Slot.Start.UTC().Format(time.RFC3339)] = len(out)
		out = append(out, u)
	}
	for i := range d.site.Loads {
		for iv, err := range d.records.Intervals(ctx, d.site.Loads[i].ID, from, to) {
			if err != nil {
				return nil, err
			}
			if n, ok := at[iv.Slot.Start.UTC().Format(time.RFC3339)]; ok {
				out[n].loads[i] = used1{iv.Import, true}
			}
		}
	}
	if d.site.InKWh {
		return out, nil // the ledger counts kWh
	}
	for e, err := range d.records.LedgerBetween(ctx, from, to.Add(d.site.Interval)) {
		if err != nil {
			return nil, err
		}
		if n, ok := at[e.Ref]; ok && (e.Kind == credit.Consumption || e.Kind == credit.Levy || e.Kind == credit.Tax) {
			out[n].cost -= e.Amount
		}
	}
	return out, nil
}

// sift puts intervals together by appliance and by the tariff's periods.
func (d *Desk) sift(out *web.Use, st *control.State, all []used) {
	parts := make([]web.UsePart, len(d.site.Loads))
	seen := make([]int, len(parts))
	var periods []web.UsePart
	for _, u := range all {
		out.Energy += u.energy
		out.Cost += u.cost
		out.Gaps = out.Gaps || u.gap
		for i, l := range u.loads {
			if l.known {
				seen[i]++
				parts[i].Energy += l.energy
				parts[i].Cost += u.share(l.energy)
			}
		}
		if u.period == "" {
			continue
		}
		i := slices.IndexFunc(periods, func(p web.UsePart) bool { return p.Name == u.period })
		if i < 0 {
			i = len(periods)
			periods = append(periods, web.UsePart{Name: u.period})
		}
		periods[i].Energy += u.energy
		periods[i].Cost += u.cost
	}
	rest := web.UsePart{Energy: out.Energy, Cost: out.Cost}
	for i, l := range d.site.Loads {
		if seen[i] == 0 {
			continue
		}
		p := parts[i]
		p.ID, p.Name = l.ID, l.Name
		p.Rated = !(st.Loads[i].Seen.Known && st.Loads[i].Seen.HasPower)
		p.Partly = seen[i] < len(all)
		rest.Energy -= p.Energy
		rest.Cost -= p.Cost
		rest.Partly = rest.Partly || p.Partly
		out.Loads = append(out.Loads, p)
	}
	slices.SortStableFunc(out.Loads, func(a, b web.UsePart) int { return int(max(-1, min(1, b.Energy-a.Energy))) })
	if len(out.Loads) > 0 && rest.Energy >= 0 {
		out.Rest = &rest
	}
	if len(periods) > 1 {
		// The dearest first, by what was charged for a kWh; where that is not known, as they came.
		slices.SortStableFunc(periods, func(a, b web.UsePart) int { return int(max(-1, min(1, b.PerKWh()-a.PerKWh()))) })
		out.Periods = periods
	}
}

// share is what a part of an interval's energy cost, at what all of it cost on average.
func (u used) share(part units.Energy) units.Money {
	if u.energy <= 0 {
		return 0
	}
	return u.cost.Part(int64(min(part, u.energy)), int64(u.energy))
}

// standby is what is drawn nine tenths of the time or more, and what lies below that line; nil
// where that is nothing.
func standby(all []used, days int) *web.Standby {
	sound := slices.DeleteFunc(slices.Clone(all), func(u used) bool { return !u.sound })
	if len(sound)*2 < len(all) {
		return nil // what was not measured, or held off, would be taken for little
	}
	powers := make([]units.Power, len(sound))
	for i, u := range sound {
		powers[i] = u.energy.Mean(u.slot.Len)
	}
	slices.Sort(powers)
	out := &web.Standby{Power: powers[len(powers)/10], Days: days}
	if out.Power <= 0 {
		return nil
	}
	for _, u := range all {
		under := min(u.energy, out.Power.Over(u.slot.Len))
		out.Energy += under
		out.Of += u.energy
		out.Cost += u.share(under)
	}
	return out
}

// Of what a tip proposes.
const (
	tenth    = 10
	tipPower = 10 * units.Watt
)

// tips are what would have cost less in the same days, by the tariff itself: the same use with
// one thing changed, charged again.  None where the ledger does not say what the tariff says.
func (d *Desk) tips(ctx context.Context, st *control.State, four []used, idle *web.Standby) ([]web.Tip, error) {
	tariff := d.site.Tariff
	from, _ := tariff.MonthOf(four[0].slot.Start) // blocks and classes count from there
	all, err := d.used(ctx, st, from, four[len(four)-1].slot.End())
	if err != nil || len(all) == 0 {
		return nil, err
	}
	y, m, day := from.In(tariff.Location()).Date()
	account := st.Tariff.AsOf(tariffs.DateOf(y, m, day))
	line, was := make([]units.Slot, len(all)), make([]units.Energy, len(all))
	charged := units.Money(0)
	for i, u := range all {
		if i > 0 && !u.slot.Start.Equal(line[i-1].End()) {
			return nil, nil // a hole: what it was charged is not known
		}
		line[i], was[i] = u.slot, u.energy
	}
	spans, err := d.cut(ctx, []time.Time{line[0].Start, line[len(line)-1].End()})
	if err != nil {
		return nil, err
	}
	charged = spans[0].Charged
	cost := tariff.Cost(account, line, was)
	if off := charged - cost; max(off, -off) > max(cost.Part(2, 100), units.Money(tipDays)*d.site.Coin()) {
		return nil, nil
	}
	less := func(change func(u used, e units.Energy) units.Energy) (saves units.Money, moved units.Energy) {
		then := slices.Clone(was)
		for i, u := range all {
			if !u.slot.Start.Before(four[0].slot.Start) {
				then[i] = max(0, change(u, was[i]))
				moved += was[i] - then[i]
			}
		}
		return cost - tariff.Cost(account, line, then), moved
	}
	var out []web.Tip
	add := func(t web.Tip) {
		if t.Days = tipDays; t.Saves >= d.site.Coin() && t.Saves >= cost.Part(1, 1000) {
			out = append(out, t)
		}
	}
	if t, ok := d.shift(all, four, was, func(then []units.Energy) units.Money { return cost - tariff.Cost(account, line, then) }); ok {
		add(t)
	}
	if idle != nil && idle.Power > tipPower {
		saves, moved := less(func(u used, e units.Energy) units.Energy { return e - tipPower.Over(u.slot.Len) })
		add(web.Tip{Kind: web.TipStandby, Power: tipPower, Energy: moved, Saves: saves})
	}
	if i := most(four); i >= 0 {
		saves, moved := less(func(u used, e units.Energy) units.Energy { return e - min(e, u.loads[i].energy)/tenth })
		add(web.Tip{Kind: web.TipLoad, Name: d.site.Loads[i].Name, Energy: moved, Saves: saves})
	}
	slices.SortStableFunc(out, func(a, b web.Tip) int { return int(max(-1, min(1, b.Saves-a.Saves))) })
	return out, nil
}

// shift is a tenth of what was used in the dearest period, used on the same day in the cheapest
// instead.
func (d *Desk) shift(all, four []used, was []units.Energy, less func([]units.Energy) units.Money) (web.Tip, bool) {
	price := map[string]units.Price{}
	dear, cheap := "", ""
	for _, u := range four {
		if u.period == "" {
			continue
		}
		price[u.period] = u.price
		if dear == "" || u.price > price[dear] {
			dear = u.period
		}
		if cheap == "" || u.price < price[cheap] {
			cheap = u.period
		}
	}
	if dear == "" || dear == cheap || price[dear] <= price[cheap] {
		return web.Tip{}, false
	}
	then, moved := slices.Clone(was), units.Energy(0)
	for i := 0; i < len(all); {
		j, out := i, units.Energy(0)
		day := units.LocalMidnight(all[i].slot.Start, d.site.Zone)
		var into []int
		for ; j < len(all) && units.LocalMidnight(all[j].slot.Start, d.site.Zone).Equal(day); j++ {
			if all[j].slot.Start.Before(four[0].slot.Start) {
				continue
			}
			switch all[j].period {
			case dear:
				out += was[j] / tenth
			case cheap:
				into = append(into, j)
			}
		}
		if len(into) > 0 {
			for k := i; k < j; k++ {
				if all[k].period == dear && !all[k].slot.Start.Before(four[0].slot.Start) {
					then[k] -= was[k] / tenth
				}
			}
			for n, k := range into {
				part := out.Part(1, int64(len(into)-n))
				then[k] += part
				out -= part
				moved += part
			}
		}
		i = j
	}
	return web.Tip{Kind: web.TipShift, Name: dear, Other: cheap, Energy: moved, Saves: less(then)}, moved > 0
}

// most is the load that took the most, measured all the time; -1: none.
func most(four []used) int {
	best, top := -1, units.Energy(0)
	for i := range four[0].loads {
		sum, known := units.Energy(0), true
		for _, u := range four {
			sum += u.loads[i].energy
			known = known && u.loads[i].known
		}
		if known && sum > top {
			best, top = i, sum
		}
	}
	return best
}
