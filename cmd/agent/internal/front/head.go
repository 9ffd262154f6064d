package front

import "context"

// headMessage is the end of the ledger, for somebody outside to keep: a cut
// tail, an old copy put back and a rewritten ledger do not match it.
type headMessage struct {
	Seq     uint64 `json:"seq"`
	Hash    string `json:"hash"`
	Balance string `json:"balance"` // posted
}

// head is the last entry that is stored; nil where there is none.  The loop's
// own state may be ahead of it for a moment, and what a power cut takes back
// must not have been told as kept.
func (a *Agent) head(ctx context.Context) (*headMessage, error) {
	entries, err := a.records.LedgerPage(ctx, 0, 1)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	last := entries[0]
	return &headMessage{last.Seq, last.Hash, last.Balance.String()}, nil
}
