package talk

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// head is the last entry that is stored; nil where there is none.  The loop's
// own state may be ahead of it for a moment, and what a power cut takes back
// must not have been told as kept.
func (a *Agent) head(ctx context.Context) (*api.Head, error) {
	entries, err := a.records.LedgerPage(ctx, 0, 1)
	if err != nil || len(entries) == 0 {
		return nil, err
	}
	first, err := a.records.LedgerPage(ctx, 2, 1)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	head := api.HeadOf(first[0], entries[0])
	return &head, nil
}

// anchorWait is how long the broker may take to tell the head that it keeps,
// before the agent's own takes its place.  A broker behind a slow line takes
// seconds.
const anchorWait = 10 * time.Second

// How far the head that the broker keeps has been compared with the ledger.
const (
	unheard  int32 = iota // it has not come
	hearing               // it is being compared, or could not be: the records did not answer
	compared              // it was right, or the warning stands
)

// mayPublishHead tells whether the head that the broker keeps may be replaced:
// it has been compared and was right, or it seems that there is none.  The
// comparison stood at anchor when st was taken; where it stands elsewhere by now,
// st does not know what was found.
func (a *Agent) mayPublishHead(anchor int32, st *control.State, publishing time.Duration) bool {
	if anchor == hearing || anchor != a.anchor.Load() || st.Old() {
		return false
	}
	return anchor == compared || publishing >= anchorWait
}

// heardHead compares the head that the broker keeps with the ledger.
func (a *Agent) heardHead(ctx context.Context, m broker.Message, retained bool) error {
	if !retained || len(m.Payload) == 0 {
		return nil // the agent's own, as it was said
	}
	var kept api.Head
	if err := json.Unmarshal(m.Payload, &kept); err != nil || kept.Seq == 0 || len(kept.Hash) != 64 {
		return a.bad(ctx, m.Topic, "the head that the broker keeps is none")
	}
	a.anchor.Store(hearing)
	entries, err := a.records.LedgerPage(ctx, kept.Seq+1, 1)
	if err != nil {
		return err
	}
	last, cause, anew := uint64(0), "", false
	if len(entries) > 0 {
		last = entries[0].Seq
	}
	switch {
	case last < kept.Seq:
		cause = fmt.Sprintf("it ends at entry %d; entry %d was published", last, kept.Seq)
	case entries[0].Hash != kept.Hash:
		cause = fmt.Sprintf("entry %d is not the one that was published", kept.Seq)
	}
	if cause != "" && kept.First != "" {
		first, err := a.records.LedgerPage(ctx, 2, 1)
		if err != nil {
			return err
		}
		anew = len(first) > 0 && first[0].Hash != kept.First
	}
	if cause != "" {
		if _, err := a.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.LedgerOld, Cause: said.Words(cause), Anew: anew}}); err != nil {
			return err
		}
	}
	a.anchor.Store(compared)
	return nil
}
