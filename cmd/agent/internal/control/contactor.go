package control

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/supply"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// supply decides about the contactor.
func (p *step) supply() {
	was := p.st.Credit.Supply
	a, entries, d := p.Credit.Supply(p.st.Credit, p.now, p.supplyFacts())
	if p.mustWait(d) {
		return
	}
	p.st.Credit, p.st.Decision = a, d
	p.eff.Entries = append(p.eff.Entries, entries...)
	if was.Position == a.Supply.Position && was.Cause == a.Supply.Cause {
		return
	}
	p.eff.Durable = true
	p.st.WantPlan = true
	severity, says := health.Info, p.switched(d.Why)
	if !d.Close {
		severity = health.Critical
	}
	if need := p.ForLight(&p.st); !d.Close && need.Amount > 0 {
		says = says.Then(said.Of("supply.pay", said.Money("amount", need.Amount)))
	}
	if !p.Contactor {
		says = says.Then(said.Of("supply.no_switch"))
	}
	p.event("supply_"+string(a.Supply.Position), severity, says)
}

// supplyFacts is what the credit rules must be told to decide.
func (p *step) supplyFacts() (facts credit.Facts) {
	p.st.Supply, facts = p.Supply.Draw(p.st.Supply, p.supplyIn(), p.st.Credit.Limit)
	facts.Confirm = p.confirm
	facts.Utility, facts.Closes = p.cutByUtility()
	if facts.Utility {
		facts.Order = p.st.Policy.Supply.Off.Record()
	}
	// The clock is not to be trusted where it stands before what was recorded.
	facts.Doubtful = p.now.Before(p.st.Elapsed.Add(-time.Minute))
	facts.Unrecorded = p.in.Record == RecordLater
	facts.Pending = p.in.Record == RecordPending
	return facts
}

// supplyIn is what the supply must know of this step.
func (p *step) supplyIn() supply.In {
	last, rules := p.st.Meter.Last, p.watching()
	return supply.In{
		Now: p.now, Was: p.st.Now, There: p.Contactor, Wanted: p.st.Decision, Seen: p.st.SupplySeen,
		Meter: supply.Meter{
			Fresh: rules.Fresh(p.st.Meter, p.now), At: last.At, Voltage: last.Voltage, HasVoltage: last.Gives(metering.HasVoltage),
			MainsDown: rules.MainsDown(p.st.Meter, p.now), Drawn: p.drawn(),
		},
		Pending: p.in.Record == RecordPending, Missed: slices.Contains(p.in.Failed, loads.SupplyID), Fresh: p.in.Fresh,
		Tampered: p.st.Credit.Tampered,
	}
}

// contactor moves the contactor to where the decision wants it.
func (p *step) contactor() supply.Out {
	var out supply.Out
	p.st.Supply, out = p.Supply.Step(p.st.Supply, p.supplyIn())
	if out.Tamper {
		a, entries := p.Credit.ReportTamper(p.st.Credit, p.now, supply.Bypass)
		p.st.Credit = a
		p.eff.Entries = append(p.eff.Entries, entries...)
	}
	p.write(out.Notes)
	return out
}

// allowed is the greatest power the site may draw before loads are shed; 0 is no
// limit.
func (p *step) allowed() units.Power {
	least := p.Supply.Allowed(p.Power, p.st.Credit.Limit)
	if l := policy.Least(p.curbs).Limit; l > 0 && (least == 0 || l < least) {
		return l
	}
	return least
}

// mayDraw is what the site may draw, and what it does.  What runs makes way for what is more
// important, but not where somebody else has set the limit: that is not passed for a second.
func (p *step) mayDraw() loads.Limit {
	d := p.drawn()
	allowed := p.allowed()
	return loads.Limit{
		Allowed: allowed, Strict: allowed > 0 && allowed == policy.Least(p.curbs).Limit,
		Drawn: loads.Drawn{Power: d.Power, From: d.From, At: d.At, Known: d.Known()},
	}
}

// left is what is left of the credit.
func (p *step) left() supply.Credit {
	return supply.Credit{Left: p.st.Credit.Left(), Unlocked: p.st.Credit.Unlocked}
}

// drawn is the power that is known to be drawn.
func (p *step) drawn() metering.Drawn { return p.Drawn(&p.st, p.now) }

// fresh tells whether the meter spoke not long ago.
func (p *step) fresh() bool { return p.watching().Fresh(p.st.Meter, p.now) }
