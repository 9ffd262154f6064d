package fleet

import (
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
)

func TestWhatAPushCameToIsCounted(t *testing.T) {
	p := newPush("limit", "all", 4)
	for i := range p.sites {
		p.sites[i].id = "limit-1"
	}
	p.begin()
	at := p.sites[0].sent
	ack := func(i int, id string, s policy.AckState, c policy.Code, after time.Duration) {
		p.acknowledged(i, policy.Ack{Of: policy.Ref{ID: id}, State: s, Code: c}, at.Add(after))
	}
	ack(0, "limit-1", policy.Received, "", time.Millisecond)
	ack(0, "limit-1", policy.Applied, "", 20*time.Millisecond)
	ack(1, "limit-1", policy.Applied, "", 40*time.Millisecond)
	ack(1, "limit-1", policy.Applied, "", 50*time.Millisecond)
	ack(2, "limit-1", policy.Rejected, policy.Unsafe, 30*time.Millisecond)
	ack(3, "limit-2", policy.Applied, "", 30*time.Millisecond)
	r := p.report()
	if r.Once != 1 || r.MoreThanOnce != 1 || r.Refused != 1 || r.Missing != 1 || r.P50 < 20 || r.Most < 39 || !slices.Equal(p.missing(), []int{2, 3}) {
		t.Errorf("%+v", r)
	}
	faults := Report{Pushes: []Push{r}, Ledger: Ledger{Vouchers: 3, Credited: 4, Unsound: 1}, Acks: Acks{Unsound: 1}, Reconnecting: Reconnecting{Away: 2}}.Faults()
	if len(faults) != 6 {
		t.Errorf("%q", faults)
	}
	if faults := (Report{Pushes: []Push{{Once: 4}}, Ledger: Ledger{Vouchers: 4, Credited: 4}}).Faults(); len(faults) != 0 {
		t.Errorf("%q of a fleet without a fault", faults)
	}
}

func TestQuantilesAreOfTheSortedTimes(t *testing.T) {
	var took []time.Duration
	for i := range 100 {
		took = append(took, time.Duration(100-i)*time.Millisecond)
	}
	if p50, p99, most := quantiles(took); p50 != 50 || p99 != 99 || most != 100 {
		t.Error(p50, p99, most)
	}
	if p50, p99, most := quantiles(nil); p50 != 0 || p99 != 0 || most != 0 {
		t.Error("times of nothing")
	}
}

func TestABookTellsEachAcknowledgementOnceAndPagesAsTheStoreDoes(t *testing.T) {
	var told []uint64
	b := &book{told: func(a policy.Ack, _ time.Time) { told = append(told, a.N) }}
	commit := func(seq uint64, acks ...uint64) {
		batch := control.Batch{Effects: control.Effects{Entries: []credit.Entry{{Seq: seq}}}}
		for _, n := range acks {
			batch.State.Policy.Acks = append(batch.State.Policy.Acks, policy.Ack{N: n})
			batch.State.Policy.AckSeq = n
		}
		must(t, b.Commit(t.Context(), batch))
	}
	commit(1)
	commit(2, 1, 2)
	commit(3, 2, 3)
	if !slices.Equal(told, []uint64{1, 2, 3}) {
		t.Errorf("told are %v", told)
	}
	for _, c := range []struct {
		before uint64
		n      int
		want   []uint64
	}{{0, 2, []uint64{3, 2}}, {3, 5, []uint64{2, 1}}, {1, 5, nil}, {9, 1, []uint64{3}}} {
		page, err := b.LedgerPage(t.Context(), c.before, c.n)
		must(t, err)
		var seqs []uint64
		for _, e := range page {
			seqs = append(seqs, e.Seq)
		}
		if !slices.Equal(seqs, c.want) {
			t.Errorf("before %d: %v, want %v", c.before, seqs, c.want)
		}
	}
	n := 0
	for e, err := range b.Ledger(t.Context(), 2) {
		must(t, err)
		n += int(e.Seq) //nolint:gosec // small
	}
	if n != 5 {
		t.Errorf("the entries from 2 on are %d together", n)
	}
}
