package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/account"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/dark"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// charge costs one piece of consumption that lies within one interval, and
// settles the intervals that it ends.
func (p *step) charge(c metering.Consumption) {
	// A young site's clock may yet be set: charges by time wait until it is sure.
	var elapse account.Elapse
	if !p.st.Clock.Young {
		elapse = func(t *tariffs.Tariff, acc tariffs.Account, from, to time.Time) (tariffs.Account, time.Time, []tariffs.Item) {
			on, due := clock.Accounts{Tariff: acc, Elapsed: from}, []tariffs.Item(nil)
			p.st.Clock, on, due = p.st.Clock.Charge(t, on, p.now, to)
			return on.Tariff, on.Elapsed, due
		}
	}
	before := p.st.Credit.Available()
	next, entries, period := p.accounting().Consume(p.st.AccountState, c, elapse)
	p.st.AccountState = next
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.st.Meter.Registers = p.st.Meter.Registers.Book(period, c)
	p.st.Days = p.st.Days.Use(c.From, p.Zone, c.Import, before-p.st.Credit.Available())
	if c.Quality&(metering.Gap|metering.MainsOff) != 0 {
		p.st.Days = p.st.Days.Miss(c.From, c.To, p.Zone)
	}
	var closed []metering.Interval
	p.st.Meter, closed = p.watching().Count(p.st.Meter, c)
	for _, iv := range closed {
		p.close(iv)
	}
}

// close settles a finished interval and hands its readings on.
func (p *step) close(iv metering.Interval) {
	var entries []credit.Entry
	p.st.AccountState, entries = p.accounting().Settle(p.st.AccountState, iv.Slot)
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Durable = true
	held, left := dark.In(p.st.Meter.Held, iv.Slot)
	p.st.Meter.Held = left
	if p.st.Clock.Dateless() {
		// It was charged; when it was is not known, and a forecast that learned
		// from 1970 would look for half a century of it.
		for i := range p.st.Loads {
			ls := &p.st.Loads[i]
			ls.usedIn(iv.Slot)
			_, ls.Held = dark.In(ls.Held, iv.Slot)
		}
		return
	}
	p.st.Purchases = p.purchases(&p.st).Watch(p.Zone, p.Vendor, p.now, atHand(p.Site.Credit, p.st.Credit))
	iv.Quality |= held | p.st.unusual(iv.Slot)
	p.eff.Intervals = append(p.eff.Intervals, planning.Interval{Series: planning.SiteSeries, Interval: iv})
	for i := range p.st.Loads {
		ls := &p.st.Loads[i]
		used := metering.Interval{Slot: iv.Slot, Import: ls.usedIn(iv.Slot), Covered: iv.Slot.Len}
		used.Quality, ls.Held = dark.In(ls.Held, iv.Slot)
		switch p.Loads[i].Kind {
		case loads.Sun:
			used.Import, used.Export = 0, used.Import
		case loads.Battery:
			used.Import, used.Export = flowed(used.Import)
		case loads.Cycle, loads.OnOff, loads.Varies, loads.Heat, loads.Measured:
		}
		p.eff.Intervals = append(p.eff.Intervals, planning.Interval{Series: ls.ID, Interval: used})
	}
}
