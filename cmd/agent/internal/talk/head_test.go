package talk

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
)

// meanwhile are records during whose reading something else happens once.
type meanwhile struct {
	testsite.Records
	happens atomic.Pointer[func()]
}

func (m *meanwhile) LedgerPage(ctx context.Context, before uint64, n int) ([]credit.Entry, error) {
	if f := m.happens.Swap(nil); f != nil {
		(*f)()
	}
	return m.Records.LedgerPage(ctx, before, n)
}

func (m *meanwhile) Intervals(ctx context.Context, s string, from, to time.Time) iter.Seq2[store.Interval, error] {
	return m.Records.Intervals(ctx, s, from, to)
}

// The head that the broker keeps proves that the records are an old copy.  It
// comes while the agent is making its own messages from a state of just before:
// they must not take its place.
func TestAHeadThatComesWhileMessagesAreMadeIsNotReplaced(t *testing.T) {
	for _, c := range []struct {
		name       string
		publishing time.Duration
		kept       string // the hash of the kept head's entry 3, or "right"
		wants      [2]bool
	}{
		{"a later head, at once", 0, "later", [2]bool{false, false}},
		{"a later head, after the wait for one", time.Minute, "later", [2]bool{false, false}},
		{"the right head, at once", 0, "right", [2]bool{false, true}},
		{"none, after the wait", time.Minute, "none", [2]bool{true, true}},
		{"none, before", time.Second, "none", [2]bool{false, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			site := testsite.New(t)
			st, first := site.Begin(time.Now())
			r := &meanwhile{Records: testsite.Records{Entries: first.Entries}}
			loop := control.NewLoop(control.LoopConfig{
				Site: site, State: st, First: first, Planner: testsite.Planner(t, site), Journal: &ledgerBook{},
				Now: func() time.Time { return time.Now().UTC() }, PersistEvery: time.Hour, PlanTime: time.Second, Log: slog.New(slog.DiscardHandler),
			})
			a := New(site, loop, r, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Decimals: 2}}))
			during(t, loop.Run)
			last := first.Entries[len(first.Entries)-1]
			kept := api.Head{Seq: last.Seq, Hash: last.Hash}
			if c.kept == "later" {
				kept.Seq, kept.Hash = last.Seq+1, strings.Repeat("0", 64)
			}
			payload, err := json.Marshal(kept)
			must(t, err)
			hears := func() {
				if c.kept == "none" {
					return
				}
				must(t, a.heardHead(t.Context(), broker.Message{Topic: "keeplit/test/ledger/head", Payload: payload}, true))
			}
			r.happens.Store(&hears)
			for i, want := range c.wants {
				messages, err := a.retained(broker.NewTopics("test"), c.publishing)
				must(t, err)
				said := false
				for _, m := range messages {
					said = said || strings.HasSuffix(m.Topic, "/ledger/head")
				}
				if said != want {
					t.Errorf("messages %d have a head of their own: %v", i+1, said)
				}
			}
			old := false
			for _, w := range loop.Snapshot().State.Health.Active {
				old = old || w.Code == health.LedgerOld
			}
			if old != (c.kept == "later") {
				t.Errorf("the ledger is said to be old: %v", old)
			}
		})
	}
}

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}
