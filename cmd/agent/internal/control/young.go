package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/clock"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
)

// reclock is the State of a young site whose clock was set: counts and credit
// are as they were, and everything that hangs on the calendar begins at now.
func (s *Site) reclock(st State, now time.Time) (State, []credit.Entry) {
	now = now.UTC().Truncate(time.Millisecond)
	by := now.Sub(st.Now)
	next := State{
		Version: stateVersion, Now: now, AccountState: AccountState{Elapsed: now, Prices: st.Prices, Rates: st.Rates}, LoadsAt: now,
		Meter:    st.Meter.Reclocked(now, by, s.Interval),
		Beside:   st.Beside.Shifted(by),
		Decision: st.Decision, SupplySeen: st.SupplySeen,
		Supply: st.Supply, Clock: st.Clock, Plant: st.Plant, Health: st.Health, WantPlan: true, EventSeq: st.EventSeq,
		OpeningTaken: st.OpeningTaken, Hold: st.Hold, HoldTokens: st.HoldTokens, Policy: st.Policy, VTN: st.VTN, Limits: st.Limits,
	}
	if st.Policy.Limit.Heard.IsZero() { // it is waited for from now on
		next.Policy.Limit = policy.LimitState{}
	}
	if st.VTN.Limit.Heard.IsZero() {
		next.VTN.Limit = policy.LimitState{}
	}
	next.Decision.Since, next.Supply.Bypassed = now, time.Time{}
	var entries []credit.Entry
	next.Credit, entries = s.Credit.Reclock(st.Credit, now)
	s.fit(&next)
	next.Meter = next.Meter.Measure(watch.DemandWindow(s.Documents(&next)))
	return next, entries
}

// leapt takes note of how the time moved from the step before, which was at was.
func (p *step) leapt(was time.Time) {
	var out clock.Out
	p.st.Clock, out = p.st.Clock.Step(clock.In{
		Was: was, Now: p.now, Synced: p.in.Synced, Tariff: p.TariffOf(&p.st),
		Accounts: clock.Accounts{Tariff: p.st.Tariff, Elapsed: p.st.Elapsed}, Zone: p.Zone,
	})
	p.st.Tariff, p.st.Elapsed = out.Accounts.Tariff, out.Accounts.Elapsed
	var entries []credit.Entry
	p.st.AccountState, entries = p.accounting().PutRight(p.st.AccountState, p.now, out.Take, out.Back, out.Reason)
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.write(out.Notes)
	p.heard(was)
}

// heard keeps a meter that spoke just before a leap from being called silent by it.
func (p *step) heard(was time.Time) {
	if by := p.now.Sub(was); p.Wall && (by > clock.Leap || by < -clock.Leap) {
		p.st.Meter = p.st.Meter.Leapt(was, p.now)
	}
}
