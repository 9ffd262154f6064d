package service

import (
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// An agent that runs may charge while the doctor reads: what it remembers is held against the ledger's end
// of the same commit, and never against an entry that was made since.
func TestTheDoctorTakesAnEntryMadeMeanwhileForNoFault(t *testing.T) {
	entry := func(seq uint64, balance units.Money) credit.Entry {
		e := credit.Entry{Seq: seq, Balance: balance}
		e.Hash = e.Sum()
		return e
	}
	known, next := entry(161, 7), entry(162, 6)
	remembered := credit.Account{Balance: 7, Head: credit.Head{Seq: 161, Hash: known.Hash, Balance: 7}}
	for name, c := range map[string]struct {
		same, end credit.Entry
		want      Grade
	}{
		"nothing was made":         {known, known, Fine},
		"an entry was made":        {known, next, Fine},
		"the ledger went on alone": {next, next, Bad},
	} {
		d, found := &doctor{}, journal.Found{Last: c.same}
		found.State.Credit = remembered
		d.state(found, c.end)
		if d.out[0].Grade != c.want {
			t.Errorf("%s: %s: %s", name, d.out[0].Grade, d.out[0].Says)
		}
	}
}
