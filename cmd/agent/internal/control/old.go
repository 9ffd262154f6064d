package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// While the ledger is not the one that was published, or was brought back from a
// backup, a token may be one that a later ledger has credited: none is looked at
// until a person has acknowledged the warning.  Metering, charging and protection go on.

// Old tells whether the records are known to be old ones, and nobody has decided yet.
func (st *State) Old() bool {
	for _, w := range st.Health.Active {
		if (w.Code == health.LedgerOld || w.Code == health.RecordsRestored) && !w.Acknowledged {
			return true
		}
	}
	return false
}

// BeginOld is Begin for a site whose records are gone though its ledger was
// published: it gets no opening credit, and no token counts until a person has
// acknowledged the warning.
func (s *Site) BeginOld(begin func(*Site) (State, Effects), cause string) (State, Effects) {
	bare := *s
	bare.Credit = s.Credit.WithoutOpening()
	st, eff := begin(&bare)
	st.Health, _ = st.Health.Raise(st.Now, health.LedgerOld, "", said.Words(cause))
	st.OpeningTaken = true
	return st, eff
}

// MarkOld notes in a stored State that its ledger is an old one: what else it remembers is
// as old.
func (st *State) MarkOld(now time.Time, cause string) {
	st.Policy = st.Policy.Old(now)
	st.Health, _ = st.Health.Raise(st.Now, health.LedgerOld, "", said.Words(cause))
}

// takeBack takes the opening credit back from records that were begun anew while
// others of this site were published: it was given once already.
func (p *step) takeBack() {
	opening := p.Credit.Opening()
	if p.st.OpeningTaken || opening <= 0 {
		return
	}
	a, entries, err := p.Credit.Adjust(p.st.Credit, p.now, credit.Adjustment, -units.Money(opening),
		"the opening credit is taken back: this site's ledger was begun before, as its published head shows")
	if err != nil {
		return
	}
	p.st.Credit, p.st.OpeningTaken = a, true
	p.eff.Entries = append(p.eff.Entries, entries...)
	p.eff.Durable = true
}
