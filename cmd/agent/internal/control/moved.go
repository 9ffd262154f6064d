package control

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// How an account goes from one box to another, and comes back from a backup:
// docs/adr/0019-backup-and-restore.md.

// Backup is what a person is told of the backup that records were brought back from.
type Backup struct {
	Made     time.Time
	Seq      uint64 // the ledger's last entry in it
	Balance  units.Money
	Program  string // the version that made it
	Transfer bool   // the box that it is of was retired for it
	// Counted: the meter's own register says what was used since.
	Counted bool
}

// Restored is st as a backup brought it back.  The ledger says so, and no token is
// counted until a person has: one that is entered may have been credited by the
// ledger that the backup does not know.
func (s *Site) Restored(st State, now time.Time, b Backup, reason string) (State, Effects) {
	now = now.UTC().Truncate(time.Millisecond)
	if now.Before(st.Now) {
		now = st.Now // no clock has been set here yet
	}
	st = st.clone()
	a, entries := s.Credit.Restored(st.Credit, now, b.Made, b.Seq, reason)
	st.Credit = a
	st.Policy = st.Policy.Old(now)
	st.Plan, st.Asking, st.WantPlan = nil, false, true
	st.Pasted = nil // whoever pasted it did so at another box, or long ago
	says := said.Of("restored.from", said.Time("made", b.Made), said.Count("entry", int64(b.Seq)), said.Money("balance", b.Balance))
	if b.Counted {
		says = says.Then(said.Of("restored.counted"))
	} else {
		says = says.Then(said.Of("restored.uncounted"))
	}
	if b.Transfer {
		says = says.Then(said.Of("restored.transfer"))
	} else {
		says = says.Then(said.Of("restored.unknown"))
	}
	st.Health, _ = st.Health.Raise(st.Now, health.RecordsRestored, "", says)
	eff := Effects{Entries: entries, Durable: true}
	s.record(&eff)
	return st, eff
}

// HandOver notes in the ledger that another box goes on from here.
func HandOver(transfer string) Order {
	return func(e *credit.Engine, a credit.Account, at time.Time) (credit.Account, []credit.Entry, error) {
		a, entries := e.HandOver(a, at, transfer)
		return a, entries, nil
	}
}
