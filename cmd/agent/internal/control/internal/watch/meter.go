package control

import (
	"errors"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// failed is an attempt to read that gave nothing.  The supply stays as it is:
// a silent meter is never a reason to cut anybody off, and a register makes up
// for the silence when it speaks again.
func (p *step) failed(err error) {
	var fault *metering.Error
	if !errors.As(err, &fault) {
		fault = &metering.Error{Code: metering.Silent}
	}
	cause, answers := saidOf(fault.Code)
	cause = cause.Then(said.Words(fault.Remedy))
	switch {
	case answers:
		p.raise(health.MeterReply, "", cause)
	case !p.fresh(): // one missed answer is no silence yet
		p.clear(health.MeterReply, "")
		p.raise(health.MeterSilent, "", p.lastHeard().Then(cause))
	}
}

// saidOf is what a failed attempt to read says of the meter, and whether the
// meter answers at all.
func saidOf(code metering.Code) (cause said.Said, answers bool) {
	switch code {
	case metering.Offline:
		return said.Of("meter.offline"), false
	case metering.UnknownReply:
		return said.Of("meter.form"), true
	case metering.Checksum:
		return said.Of("meter.checksum"), true
	case metering.Short:
		return said.Of("meter.short"), true
	case metering.Exception:
		return said.Of("meter.exception"), true
	case metering.Range:
		return said.Of("meter.range"), true
	case metering.LostPulses:
		return said.Of("meter.pulses"), true
	case metering.Silent:
	}
	return said.Of("meter.silent"), false
}

// lastHeard is when the meter spoke last.
func (p *step) lastHeard() said.Said {
	if p.st.Meter.HeardAt.IsZero() {
		return said.Of("meter.never")
	}
	return said.Of("meter.heard", said.Time("at", p.st.Meter.HeardAt))
}

// fresh tells whether the meter spoke not long ago.
func (p *step) fresh() bool {
	since := p.st.Meter.HeardAt
	if since.IsZero() {
		since = p.st.Meter.StartedAt
	}
	return p.now.Sub(since) <= p.SilentAfter
}

// meterEvent turns what the registers did into warnings and a record.
func (p *step) meterEvent(e metering.Event) {
	cause, severity := said.Words(string(e.Kind)), health.Of(health.Code(e.Kind)).Severity
	switch e.Kind {
	case metering.RegisterBackwards:
		cause = said.Of("register.back", said.Energy("before", e.Before), said.Energy("after", e.After))
		p.raise(health.RegisterBack, "", cause)
	case metering.RegisterJump:
		cause = said.Of("register.jump", said.Energy("before", e.Before), said.Energy("after", e.After))
		p.raise(health.RegisterJump, "", cause)
	case metering.RegisterRebased:
		severity = health.Caution
		if cause = said.Of("register.lost", said.Energy("after", e.After)); e.After > e.Before {
			cause = said.Of("register.skipped", said.Energy("after", e.After), said.Energy("skipped", e.After-e.Before))
		}
	case metering.RegisterRecovered:
		cause = said.Of("register.recovered", said.Energy("after", e.After))
		severity = health.Info
		p.clear(health.RegisterJump, "")
		p.clear(health.RegisterBack, "")
	case metering.MeterReplaced:
		cause = said.Of("meter.replaced", said.Text("device", e.Device))
		p.raise(health.MeterReplaced, "", cause)
	case metering.ClockBack:
		cause = said.Of("meter.clock_back", said.Length("by", e.Duration))
		p.raise(health.ClockBack, "", cause)
	case metering.PowerAbsurd:
		p.raise(health.PowerDoubtful, "", said.Of("power.absurd", said.Power("told", e.Power), said.Power("most", p.Limits.MaxPower)))
		return
	case metering.MeterGap:
		cause = said.Of("meter.gap", said.Length("for", e.Duration), said.Time("from", e.Start))
		if !p.st.Meter.Registers.ImportCounter.Known {
			p.raise(health.MeterGap, "", cause) // with a register nothing is lost
		}
	default:
	}
	// A warning that is raised anew has told it already.
	if !slices.ContainsFunc(p.eff.Events, func(o Event) bool { return o.Code == string(e.Kind) && o.Subject == "" && o.Says.Equal(cause) }) {
		p.event(string(e.Kind), severity, cause)
	}
}

// split cuts consumption at the edges of the clock grid, in proportion to time;
// the parts add up to the whole to the microjoule.  When more than away has
// passed nobody knows when it was used: it is spread over the last of it.
func split(c metering.Consumption, period time.Duration) []metering.Consumption {
	if c.To.Sub(c.From) > away {
		c.From = c.To.Add(-away)
	}
	whole := c.To.Sub(c.From)
	if whole <= 0 || !units.SlotAt(c.From, period).End().Before(c.To) {
		return []metering.Consumption{c}
	}
	var out []metering.Consumption
	var in, exp, reactive units.Energy
	for from := c.From; from.Before(c.To); {
		to := units.SlotAt(from, period).End()
		if to.After(c.To) {
			to = c.To
		}
		upTo := int64(to.Sub(c.From))
		sumIn, sumExp, sumQ := c.Import.Part(upTo, int64(whole)), c.Export.Part(upTo, int64(whole)), c.Reactive.Part(upTo, int64(whole))
		out = append(out, metering.Consumption{From: from, To: to, Import: sumIn - in, Export: sumExp - exp, Reactive: sumQ - reactive, Quality: c.Quality})
		in, exp, reactive = sumIn, sumExp, sumQ
		from = to
	}
	return out
}

// charge costs one piece of consumption that lies within one interval, and
// settles the intervals that it ends.
func (p *step) charge(c metering.Consumption) {
	tariff := p.TariffOf(&p.st)
	acc, items := tariff.ConsumeReading(p.st.Tariff, tariffs.Reading{From: c.From, To: c.To, Energy: c.Import, Reactive: c.Reactive})
	if c.Export > 0 {
		var sold []tariffs.Item
		acc, sold = tariff.Consume(acc, c.From, c.To, -c.Export)
		items = append(items, sold...)
	}
	// A young site's clock may yet be set: charges by time wait until it is sure.
	if c.To.After(p.st.Elapsed) && !p.st.Clock.Young {
		var due []tariffs.Item
		acc, due = p.chargeTime(tariff, acc, c.To)
		items = append(items, due...)
	}
	p.st.Tariff = acc
	_, period := tariff.PriceAt(p.st.Tariff, c.From)
	p.st.Meter.Registers = p.st.Meter.Registers.Book(period, c)
	charges := chargesOf(items, c.Import)
	before := p.st.Credit.Available()
	a, entries := p.Credit.Accrue(p.st.Credit, c.To, charges...)
	p.st.Credit = a
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.total(c, before-a.Available())

	p.slide(c)
	intervals, closed := p.st.Meter.Intervals.Add(c)
	p.st.Meter.Intervals = intervals
	for _, iv := range closed {
		p.close(iv)
	}
}

// close settles a finished interval and hands its readings on.
func (p *step) close(iv metering.Interval) {
	a, entries := p.Credit.Settle(p.st.Credit, iv.Slot.End(), iv.Slot.Start.UTC().Format(time.RFC3339))
	p.st.Credit = a
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Durable = true
	held, left := heldIn(p.st.Meter.Held, iv.Slot)
	p.st.Meter.Held = left
	if p.st.Clock.Young && unset(p.st.Clock.Raw) {
		// It was charged; when it was is not known, and a forecast that learned
		// from 1970 would look for half a century of it.
		for i := range p.st.Loads {
			ls := &p.st.Loads[i]
			ls.usedIn(iv.Slot)
			_, ls.Held = heldIn(ls.Held, iv.Slot)
		}
		return
	}
	iv.Quality |= held
	p.eff.Intervals = append(p.eff.Intervals, Interval{Series: SiteSeries, Interval: iv})
	for i := range p.st.Loads {
		ls := &p.st.Loads[i]
		used := metering.Interval{Slot: iv.Slot, Import: ls.usedIn(iv.Slot), Covered: iv.Slot.Len}
		used.Quality, ls.Held = heldIn(ls.Held, iv.Slot)
		p.eff.Intervals = append(p.eff.Intervals, Interval{Series: ls.ID, Interval: used})
	}
}

// chargesOf are a tariff's items as the account takes them.  A kWh may be priced
// by several components; its energy is told once, with the first of them, so
// that the ledger's energy adds up to the meter's.
func chargesOf(items []tariffs.Item, used units.Energy) []credit.Charge {
	out := make([]credit.Charge, 0, len(items)+1)
	for _, it := range items {
		c := chargeOf(it)
		if c.Kind == credit.Consumption {
			c.Energy, used = used, 0
		}
		if c.Amount != 0 || c.Energy != 0 {
			out = append(out, c)
		}
	}
	if used != 0 {
		out = append(out, credit.Charge{Name: "energy", Kind: credit.Consumption, Energy: used})
	}
	return out
}

// chargeOf is a tariff's item as the account takes it.
func chargeOf(it tariffs.Item) credit.Charge {
	c := credit.Charge{Name: it.Name, Kind: credit.Standing, Amount: it.Gross(), Tax: it.Tax, Energy: it.Energy}
	switch it.Kind {
	case tariffs.KindEnergy:
		c.Kind = credit.Consumption
	case tariffs.KindExport:
		c.Kind = credit.Export
	case tariffs.KindDemand:
		c.Kind = credit.Demand
	case tariffs.KindReactive, tariffs.KindFactor, tariffs.KindMinimum, tariffs.KindRebate:
		c.Kind = credit.Levy
	case tariffs.KindDebt:
		c.Kind = credit.Debt
	case tariffs.KindFixed:
	}
	return c
}

// total adds to the day's totals for display.
func (p *step) total(c metering.Consumption, spent units.Money) {
	d := p.day(c.From)
	d.Energy += c.Import
	d.Spent += spent
	if c.Quality&(metering.Gap|metering.MainsOff) != 0 {
		p.unseen(c.From, c.To)
	}
}
