package simulate

import (
	"maps"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/tariffs"
)

// A geyser of 150 litres: 7 kWh heat it by 40 K, to 60 degrees.  The hot water is above
// the cold: as long as there is enough for a shower, there is hot water.
const (
	tank       = 7 * units.KilowattHour
	tankKelvin = 40.0
	shower     = units.KilowattHour
	coolBelow  = 20.0 // K below full that the whole of it is called cool: 40 degrees
)

// counter counts what came of a life since the first day that counts.
type counter struct {
	w    *World
	site *control.Site
	from time.Time // counting begins

	counting bool
	atBegin  snapshot
	before   house.State // the plant's, at the end of the stretch before
	out      Result

	charged, topped units.Money // by the ledger, from its first entry
	toppedAt        units.Money // when counting began
	demand          units.Money

	peak     units.Power
	closed   bool
	on       map[string]bool
	missedAt map[string]time.Time // by load: the end of the need-day whose shortfall is counted
	plan     *planning.Plan
	made     time.Time       // when it was
	prices   tariffs.Overlay // that had been sent then
	forced   bool            // since the plan: what makes another one without being asked why
	announce []announced
	shortDay map[time.Time]bool
	endings  endings
	record   record
	hot      time.Duration // with hot water, all geysers together
	tanked   time.Duration
	cold     float64 // K h, of its mean
}

// snapshot is where counting began.
type snapshot struct {
	register units.Energy
	export   units.Energy
	left     units.Money
	loads    map[string]units.Energy
	unmet    units.Energy
}

func newCounter(w *World, site *control.Site, from time.Time) *counter {
	weekFrom, weekTo := closely(w, site.Zone)
	return &counter{
		w: w, site: site, from: from, on: map[string]bool{}, missedAt: map[string]time.Time{}, shortDay: map[time.Time]bool{},
		closed: true, endings: endings{over: site.RunOutOver}, record: record{weekFrom: weekFrom, weekTo: weekTo},
		out: Result{Cuts: map[string]Cut{}, Loads: map[string]LoadResult{}},
	}
}

// entries takes in what the ledger says.
func (c *counter) entries(entries []credit.Entry) {
	for _, e := range entries {
		switch {
		case e.Kind == credit.Opening, e.Kind == credit.Topup && e.Amount > 0:
			c.topped += e.Amount
			c.forced = true
		default:
			c.charged -= e.Amount
		}
		if c.counting && e.Kind == credit.Demand {
			c.demand -= e.Amount
		}
	}
}

// begin is where counting begins.
func (c *counter) begin(st *control.State, plant house.State) {
	c.counting = true
	c.atBegin = snapshot{plant.Register, plant.Export, st.Credit.Available(), map[string]units.Energy{}, 0}
	for _, d := range plant.Loads {
		c.atBegin.loads[d.ID] = d.Used
		c.atBegin.unmet += d.Unmet
	}
	c.toppedAt = c.topped
}

// passed counts what holds between two steps.
func (c *counter) passed(l *life, from, to time.Time) {
	if !c.counting {
		if from.Before(c.from) {
			c.before = l.plant.State()
			return
		}
		c.begin(&l.st, c.before)
	}
	d := to.Sub(from)
	lit := l.st.Decision.Close
	c.forced = c.forced || l.dark || !lit
	switch {
	case l.dark:
		c.out.MainsHours += d.Hours()
	case !lit:
		cause := string(l.st.Decision.Cause)
		cut := c.out.Cuts[cause]
		cut.Hours += d.Hours()
		c.out.Cuts[cause] = cut
		c.out.HoursOff += d.Hours()
	}
	plant := l.plant.State()
	c.drawn(plant, d)
	c.left(plant)
	for _, s := range plant.Loads {
		if !slices.ContainsFunc(c.w.Loads, func(x Load) bool { return x.ID == s.ID && x.Plant.Kind == house.Geyser }) {
			continue
		}
		below := s.Deficit.KWh() / tank.KWh() * tankKelvin
		c.tanked += d
		if s.Deficit <= tank-shower {
			c.hot += d
		}
		c.cold += max(0, below-coolBelow) * d.Hours()
	}
	c.record.add(l, from, to, c.before, plant)
	c.before = plant
}

// leastDraw is more than a tank loses between two readings.
const leastDraw = 40 * units.WattHour

// drawn counts what was drawn of tanks, and how often that was cold at last.
func (c *counter) drawn(plant house.State, d time.Duration) {
	for i, s := range plant.Loads {
		at := slices.IndexFunc(c.w.Loads, func(x Load) bool { return x.ID == s.ID })
		if c.w.Loads[at].Plant.Kind != house.Tank || i >= len(c.before.Loads) {
			continue
		}
		was := c.before.Loads[i]
		water := c.w.Loads[at].Plant.Water.Filled()
		if takes := s.Deficit - was.Deficit + s.Used - was.Used - water.Loss.Over(d); takes >= leastDraw {
			c.out.Draws++
			if s.Deficit > water.Usable() {
				c.out.ColdDraws++
			}
		}
	}
}

// left counts what cars lack as they leave.
func (c *counter) left(plant house.State) {
	for i, s := range plant.Loads {
		at := slices.IndexFunc(c.w.Loads, func(x Load) bool { return x.ID == s.ID })
		if c.w.Loads[at].Plant.Kind != house.Charger || i >= len(c.before.Loads) {
			continue
		}
		lacked := 0.0
		if s.Away && !c.before.Loads[i].Away {
			lacked = max(0, s.Deficit.KWh())
		}
		if c.out.LateCar == nil {
			c.out.LateCar = new(float64)
		}
		*c.out.LateCar += lacked
	}
}

// stepped counts what a step led to.
func (c *counter) stepped(l *life, eff control.Effects) {
	c.entries(eff.Entries)
	for _, iv := range eff.Intervals {
		if iv.Series == planning.SiteSeries && c.counting && !iv.Slot.Start.Before(c.from) {
			c.peak = max(c.peak, iv.Import.Mean(iv.Slot.Len))
		}
	}
	if lit := l.st.Decision.Close; lit != c.closed {
		c.closed = lit
		if !lit && c.counting {
			cause := string(l.st.Decision.Cause)
			cut := c.out.Cuts[cause]
			cut.Times++
			c.out.Cuts[cause] = cut
			c.out.Cutoffs++
		}
	}
	for i, ld := range c.site.Loads {
		on := l.st.Guard.Unit(ld.ID).Set.On
		if on && !c.on[ld.ID] && c.counting {
			r := c.out.Loads[ld.ID]
			r.Starts++
			c.out.Loads[ld.ID] = r
			c.out.Starts++
		}
		c.on[ld.ID] = on
		c.rolled(ld, &l.st.Loads[i].Progress, l.st.Now)
	}
	c.resolve(l)
	c.endings.see(l.st.Now, c.topped-l.st.Credit.Available())
}

// rolled counts what a need-day that is over fell short by.
func (c *counter) rolled(ld loads.Load, p *loads.Progress, now time.Time) {
	last := c.missedAt[ld.ID]
	if p.From.Equal(last) {
		return
	}
	c.missedAt[ld.ID] = p.From
	if last.IsZero() {
		return
	}
	c.ended(ld.ID, p.From, p.Missed)
	if !c.counting || p.Missed == 0 || !last.Before(now) {
		return
	}
	r := c.out.Loads[ld.ID]
	r.UnmetDays++
	r.UnmetKWh += ld.Power.Over(p.Missed).KWh()
	c.out.Loads[ld.ID] = r
	c.out.UnmetKWh += ld.Power.Over(p.Missed).KWh()
	c.shortDay[units.LocalMidnight(last, c.site.Zone)] = true
}

// kind is what sort of load it is.
func (c *counter) kind(id string) loads.Kind {
	if i := slices.IndexFunc(c.w.Loads, func(x Load) bool { return x.ID == id }); i >= 0 {
		return c.w.Loads[i].Kind
	}
	return ""
}

// end closes the account.
func (c *counter) end(st *control.State, plant house.State) {
	o := &c.out
	o.Energy = (plant.Register - c.atBegin.register).KWh()
	paid := c.topped - c.toppedAt
	o.Cost = (paid + c.atBegin.left - st.Credit.Available()).Float()
	o.ToppedUp = paid.Float()
	o.Demand = c.demand.Float()
	o.CostAYear = o.Cost / float64(c.w.Days) * 365
	if o.Cost > 0 {
		o.DaysPer100 = 100 / (o.Cost / float64(c.w.Days))
	}
	o.UnmetDays = len(c.shortDay)
	o.Comfort = c.cold
	o.PeakKW = c.peak.KW()
	if c.tanked > 0 {
		o.HotHours = ptr(24 * float64(c.hot) / float64(c.tanked))
	}
	o.FedIn = (plant.Export - c.atBegin.export).KWh()
	stored := 0.0 // more taken by batteries than given, their losses among it
	for _, d := range plant.Loads {
		if c.kind(d.ID) == loads.Sun {
			o.Sun -= (d.Used - c.atBegin.loads[d.ID]).KWh()
			continue
		}
		if c.kind(d.ID) == loads.Battery {
			stored += (d.Used - c.atBegin.loads[d.ID]).KWh()
		}
		r := o.Loads[d.ID]
		r.KWh = (d.Used - c.atBegin.loads[d.ID]).KWh()
		o.Loads[d.ID] = r
		o.LoadsKWh += r.KWh
		o.Dry += d.Unmet.KWh()
	}
	o.Dry -= c.atBegin.unmet.KWh()
	if used := o.Energy + o.Sun - o.FedIn - stored; used > 0 {
		o.CostPerKWh = o.Cost / used
	}
	o.RunOut = c.endings.result()
	o.Balance, o.Week = c.record.result()
	for _, id := range slices.Sorted(maps.Keys(o.Loads)) {
		o.Moves += o.Loads[id].Moves
		o.MovesNear += o.Loads[id].MovesNear
		o.Gone += o.Loads[id].Gone
	}
	o.tidy()
}

func ptr[T any](v T) *T { return &v }
