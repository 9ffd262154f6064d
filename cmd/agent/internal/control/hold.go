package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/form"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Hold says that what the agent remembers and its ledger do not agree.  Until a
// person has said which is right nothing is switched, no token is taken and
// nothing is charged: see docs/adr/0004-held-records.md.
type Hold struct {
	Since time.Time `json:"since"`
	Why   string    `json:"why"` // with figures
}

// ErrHeld is the answer to what cannot be done while the records are held.
var ErrHeld = errors.New("the agent's records do not agree, so nothing is done until they are put right; a token stays good")

// Disagreement is how a stored State and the ledger's last entry do not belong
// together, in sentences; "" where they do.
func (s *Site) Disagreement(st State, last credit.Entry, tokens int64) string {
	why := st.Credit.Differs(last)
	if err := s.Credit.Readable(st.Credit); err != nil {
		why = append(why, err.Error())
	}
	if tokens > 0 && len(st.Credit.Schemes) == 0 && !st.HoldTokens {
		why = append(why, fmt.Sprintf("it remembers no used token, and %d are recorded", tokens))
	}
	return strings.Join(why, "; ")
}

// Held is st held for the reason why.
func (s *Site) Held(st State, now time.Time, why string) (State, Effects) {
	p := &step{Site: s, st: st.clone(), now: now.UTC().Truncate(time.Millisecond)}
	if p.st.Hold == nil {
		p.st.Hold = &Hold{p.now, why}
	}
	p.raise(health.RecordsHeld, "", said.Words(p.st.Hold.Why))
	for _, r := range health.Rows() {
		if r.OfCredit { // nobody knows what the credit is
			p.clear(r.Code, "")
		}
	}
	p.eff.Durable = true
	s.record(&p.eff)
	return p.st, p.eff
}

// SalvageState is what can still be read of a stored State that is not of its
// form, and the paths of what cannot.  For the rest it is like Begin's, without
// an account.
func (s *Site) SalvageState(data []byte, now time.Time) (st State, lost []string) {
	now = now.UTC().Truncate(time.Millisecond)
	st = State{Now: now, AccountState: AccountState{Elapsed: now}, LoadsAt: now, Meter: MeterState{StartedAt: now}}
	doc, err := stateForm().Migrate(data)
	if err != nil {
		lost = []string{"all of it"}
	} else {
		lost = form.Salvage(any(doc), &st)
	}
	if slices.ContainsFunc(lost, func(path string) bool { return strings.HasPrefix(path, "policy") }) {
		// What protects the home may be what was lost: nobody is, or stays, disconnected by what
		// is left, before the utility has signed its rules anew.
		st.Policy = st.Policy.Old(now)
		if r := st.Policy.Supply.Rules; r != nil {
			unsure := *r
			unsure.Until = time.Time{}
			st.Policy.Supply.Rules = &unsure
		}
	}
	st.Version, st.Plan, st.Asking, st.WantPlan = stateVersion, nil, false, true
	st.Credit.Meter = s.Meter
	if st.Meter.Intervals.Period != s.Interval {
		st.Meter.Intervals = metering.Intervals{Period: s.Interval}
	}
	return st, lost
}

// Adopt is st with the account that the ledger leaves: balance and debts are the
// ledger's, its last entry is the one that the next follows, and the entry that
// says so is the first that does.
func (s *Site) Adopt(st State, now time.Time, last credit.Entry, debts []credit.DebtState, reason string) (State, Effects, error) {
	if reason == "" {
		return st, Effects{}, errors.New("taking the ledger's word needs a reason; say who decided it and why")
	}
	if now.Before(st.Now) {
		now = st.Now
	}
	st = st.clone()
	if st.Credit.Schemes != nil && s.Credit.Readable(st.Credit) != nil {
		st.Credit.Schemes = nil // used tokens are known by the ledger all the same
	}
	a, entries := s.Credit.Adopt(st.Credit, now, last, debts, reason)
	st.Credit, st.Hold, st.WantPlan = a, nil, true
	st.HoldTokens = len(a.Schemes) == 0
	st.Health, _ = st.Health.Clear(health.RecordsHeld, "")
	eff := Effects{Entries: entries, Durable: true}
	s.record(&eff)
	return st, eff, nil
}

// held is a step while the records are held.  The meter is listened to, so that
// what is used meanwhile is charged after the decision: the registers stay where
// they were and make up for it.  Switches are only told again what they were
// told before, where they would move by themselves otherwise.
func (s *Site) held(st State, in Input) (State, Effects) {
	p := &step{Site: s, st: st.clone(), in: in, now: in.Now.UTC().Truncate(time.Millisecond)}
	for _, f := range in.Facts {
		if ls := p.st.load(f.ID); ls != nil {
			ls.Seen = f.Observation
		}
		if f.ID == loads.SupplyID {
			p.st.SupplySeen = f.Observation
		}
	}
	p.heard(st.Now)
	if in.What != nil {
		in.What.held(p)
	}
	p.st.Asking = false
	// Switches are only told again what they were told before; loads are told
	// nothing: their own dead man switches off what nobody renews.
	if again, ok := p.Supply.Keep(p.st.Supply, p.supplyIn(), p.st.Credit.Supply.Position == credit.Connected); ok {
		p.eff.Commands = append(p.eff.Commands, again)
	}
	p.raise(health.RecordsHeld, "", said.Words(p.st.Hold.Why))
	if !p.fresh() {
		p.raise(health.MeterSilent, "", said.Of("meter.quiet"))
	}
	p.st.Now = p.now
	s.record(&p.eff)
	return p.st, p.eff
}
