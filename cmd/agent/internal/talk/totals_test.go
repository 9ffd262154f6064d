package talk

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// diary is a journal and the records of it; what comes after its end is lost, as in a power cut.
type diary struct {
	mu      sync.Mutex
	dead    bool
	state   []byte
	entries []credit.Entry
}

func (d *diary) Commit(_ context.Context, b control.Batch) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dead {
		return errors.New("no power")
	}
	d.entries = append(d.entries, b.Effects.Entries...)
	var err error
	d.state, err = json.Marshal(b.State)
	return err
}

func (d *diary) die(dead bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = dead
}

func (d *diary) records() *testsite.Records {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &testsite.Records{Entries: slices.Clone(d.entries)}
}

func (d *diary) LedgerPage(ctx context.Context, before uint64, n int) ([]credit.Entry, error) {
	return d.records().LedgerPage(ctx, before, n)
}

func (d *diary) Ledger(ctx context.Context, from uint64) iter.Seq2[credit.Entry, error] {
	return d.records().Ledger(ctx, from)
}

// The totals that Home Assistant adds up never go back: not after a power cut, not after an
// exchange of the meter.  Nothing that was charged is missing in the cost, whatever it is for.
func TestTotalsNeverGoBack(t *testing.T) {
	site := testsite.New(t)
	site.Contactor = false
	rng := rand.New(rand.NewPCG(7, 1))
	book := &diary{}
	at := time.Date(2026, 10, 31, 15, 0, 0, 0, time.UTC) // 17:00; the month ends in seven hours
	st, first := site.Begin(at)
	register, device := 40*units.KilowattHour, "old meter"
	var said api.Totals
	read := func(text *string) float64 {
		v, err := strconv.ParseFloat(*text, 64)
		must(t, err)
		return v
	}
	lost := 0
	for life := range 12 {
		clock := at
		var mu sync.Mutex
		loop := control.NewLoop(control.LoopConfig{
			Site: site, State: st, First: first, Planner: testsite.Planner(t, site), Journal: book,
			Now: func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }, PersistEvery: 7 * time.Minute, PlanTime: 50 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		})
		ctx, cut := context.WithCancel(t.Context())
		over := make(chan error, 1)
		go func() { over <- loop.Run(ctx) }()
		var sums picture.Totals
		snap := loop.Snapshot()
		if again := totalsOf(t.Context(), &sums, book, site, &snap); said.ImportKWh != nil && (again == nil || *again.ImportKWh < *said.ImportKWh || read(again.Cost) < read(said.Cost)) {
			t.Fatalf("life %d begins with %+v after %+v", life, again, said)
		}
		if life == 5 { // somebody exchanges the meter while the agent is off
			register, device = 3*units.KilowattHour, "new meter"
		}
		for range 40 + rng.IntN(40) {
			at = at.Add(time.Minute)
			mu.Lock()
			clock = at
			mu.Unlock()
			register += (2 * units.Kilowatt).Over(time.Minute)
			_, err := loop.Feed(t.Context(), control.Input{Now: at, What: control.Reading{Sample: metering.Sample{
				At: at, Device: device, Has: metering.HasImport | metering.HasPower, Import: register, Power: 2 * units.Kilowatt, Step: 1,
			}}})
			must(t, err)
			snap := loop.Snapshot()
			if snap.Kept.Import < snap.State.Meter.Registers.Import {
				lost++
			}
			now := totalsOf(t.Context(), &sums, book, site, &snap)
			if now == nil || now.ImportKWh == nil {
				continue
			}
			if said.ImportKWh != nil && (*now.ImportKWh < *said.ImportKWh || read(now.Cost) < read(said.Cost) || read(now.Fixed) < read(said.Fixed) || !now.Since.Equal(said.Since)) {
				t.Fatalf("life %d, %s: from %v kWh, %s, %s since %s back to %v kWh, %s, %s since %s", life, at, *said.ImportKWh, *said.Cost, *said.Fixed, said.Since, *now.ImportKWh, *now.Cost, *now.Fixed, now.Since)
			}
			said = *now
		}
		book.die(true)
		cut()
		<-over
		book.die(false)
		var err error
		st, err = control.ReadState(book.state)
		must(t, err)
		first = control.Effects{}
	}
	if lost < 100 {
		t.Fatalf("in %d steps only was there anything that a power cut takes", lost)
	}
	charged := st.Credit.Accrued()
	for _, e := range book.entries {
		switch e.Kind {
		case credit.Consumption, credit.Standing, credit.Levy, credit.Tax, credit.Demand:
			charged -= e.Amount
		default:
		}
	}
	snap := control.NewLoop(control.LoopConfig{Site: site, State: st}).Snapshot()
	said = *totalsOf(t.Context(), &picture.Totals{}, book, site, &snap)
	if *said.Cost != charged.String() {
		t.Errorf("the cost is %s, the ledger has charged %s", *said.Cost, charged)
	}
	if got := read(said.Fixed); got != 32 && got != 34 { // the day's and the month's
		t.Errorf("fixed charges come to %v", got)
	}
	if k := *said.ImportKWh; k < 15 || k > 30 {
		t.Errorf("%v kWh", k)
	}
}
