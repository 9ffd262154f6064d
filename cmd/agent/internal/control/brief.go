package control

import (
	"context"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Rules are what the site's plans follow.
func (s *Site) Rules() planning.Rules {
	return planning.Rules{
		ID: s.ID, Zone: s.Zone, Tariff: s.Tariff, ReadTariff: s.ReadTariff, InKWh: s.InKWh, Loads: s.Loads, Circuits: s.Circuits, Power: s.Power,
		Interval: s.Interval, Slot: s.PlanSlot, Ahead: s.PlanAhead, RunOutOver: s.RunOutOver, Shift: s.Shift, ByLot: s.ByLot, Seed: s.Seed,
		Friendly: s.Credit.Friendly, Vendor: s.Vendor,
	}
}

// atHand is the credit that there is light with: what is left, and what is lent without
// anybody's word when that is used up.
func atHand(e *credit.Engine, a credit.Account) units.Money { return a.Left() + e.Lends(a) }

// purchases are what was seen of how credit is bought, where it was in the account's unit.
func (s *Site) purchases(st *State) planning.Purchases {
	if s.InKWh {
		return st.Purchases.In("kWh")
	}
	return st.Purchases.In(s.Currency)
}

// Brief is what a plan for the State is made from.
func (s *Site) Brief(st *State) planning.Brief {
	b := planning.Brief{Now: st.Now, Account: st.Tariff, Left: st.Credit.Left(), Unlocked: st.Credit.Unlocked, Last: st.Plan}
	for _, d := range s.Credit.Instalments(st.Credit, st.Now, st.Now.Add(max(s.RunOutOver, s.PlanAhead))) {
		b.Dues = append(b.Dues, planning.Due(d))
	}
	bought := s.purchases(st)
	b.Lends, b.Purchases = s.Credit.Lends(st.Credit), &bought
	if st.Prices != nil {
		b.Prices = &st.Prices.Overlay
	}
	b.Rates = s.ratesAhead(st)
	b.Unshifted = s.MayOptOut() && st.Policy.Opted.Local() // else nobody could opt in again
	if st.Until != nil {
		b.Until = st.Until.At
	}
	b.Expected = s.expected(st)
	b.Limits = s.LimitsAhead(st, st.Now.Add(s.PlanAhead))
	for i, l := range s.Loads {
		progress, unit := st.Loads[i].Progress, st.Guard.Unit(l.ID)
		owed := planning.Owed{ID: l.ID, Committed: l.Committed(progress, unit, st.Now), Requests: l.Requests(progress, unit, st.Now, s.PlanAhead)}
		if l.Kind == loads.Varies && !owed.Committed.IsZero() {
			owed.Power = l.CommittedPower(progress, st.Now)
		}
		if seen := st.Loads[i].Seen; l.Kind == loads.Battery && seen.Known && seen.HasCharge {
			owed.Stored = &planning.Stored{Energy: l.Store.Holds(seen.Charge)}
		}
		if further := b.Until.Sub(st.Now); further > s.PlanAhead && l.Below == nil {
			owed.Later = l.Requests(progress, unit, st.Now, further)[len(owed.Requests):]
		}
		owed.Requests, owed.Later = outOf(b.Expected, owed.Requests, b.Now), outOf(b.Expected, owed.Later, b.Now)
		b.Loads = append(b.Loads, owed)
	}
	return b
}

// makePlan has a plan made for the State; what panics on the way is contained.
func (l *Loop) makePlan(ctx context.Context, st State, within time.Duration) (plan planning.Plan, err error) {
	var b planning.Brief
	if err := contain.Do(func() { b = l.cfg.Site.Brief(&st) }); err != nil {
		return planning.Plan{}, err
	}
	return l.cfg.Planner.Make(ctx, b, within)
}
