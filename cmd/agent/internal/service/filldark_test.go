package service

import (
	"log/slog"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Records of a program that did not know it: what the ledger says of the supply is
// told to the intervals and to the days of the state, once.
func TestOldRecordsAreToldFromTheLedgerWhenTheSupplyWasOff(t *testing.T) {
	ctx := t.Context()
	st, err := store.Open(ctx, t.TempDir(), store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	midnight := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	at := func(hour float64) time.Time { return midnight.Add(time.Duration(hour * float64(time.Hour))) }
	var ledger []credit.Entry
	supply := func(at time.Time, p credit.Position, why credit.Cause) {
		e := credit.Entry{Seq: uint64(len(ledger) + 1), At: at, Kind: credit.Supply, Name: string(p), Ref: string(why), Cause: "test"}
		if n := len(ledger); n > 0 {
			e.Prev = ledger[n-1].Hash
		}
		e.Hash = e.Sum()
		ledger = append(ledger, e)
	}
	supply(at(0), credit.Connected, credit.NoCause)
	supply(at(10.25), credit.Disconnected, credit.ForNoCredit)
	supply(at(12), credit.Ready, credit.ForNoCredit) // is off as well
	supply(at(14.75), credit.Connected, credit.NoCause)
	supply(at(20), credit.Disconnected, credit.ByCustomer) // to this day
	var intervals []store.Interval
	for i := range 48 {
		for _, series := range []string{planning.SiteSeries, "geyser"} {
			slot := units.Slot{Start: at(float64(i) / 2), Len: 30 * time.Minute}
			intervals = append(intervals, store.Interval{Series: series, Interval: metering.Interval{Slot: slot, Covered: slot.Len}})
		}
	}
	if err := st.Commit(ctx, store.Batch{At: at(24), Checkpoint: []byte("{}"), Ledger: ledger, Intervals: intervals}); err != nil {
		t.Fatal(err)
	}
	s := &Service{store: st, log: slog.New(slog.DiscardHandler), site: &control.Site{Contactor: true, Zone: time.UTC}}
	state := control.State{Now: at(24), Days: []control.DayTotal{{Start: at(-24)}, {Start: midnight}}}
	for range 2 { // the second time it is done already
		filled, err := s.fillDark(ctx, state)
		if err != nil {
			t.Fatal(err)
		}
		state = filled
	}
	if got := []time.Duration{state.Days[0].Unseen, state.Days[1].Unseen}; got[0] != 0 || got[1] != 8*time.Hour+30*time.Minute {
		t.Errorf("unseen of the days: %v", got)
	}
	for _, series := range []string{planning.SiteSeries, "geyser"} {
		n := 0
		for iv, err := range st.Intervals(ctx, series, midnight, at(24)) {
			if err != nil {
				t.Fatal(err)
			}
			h, want := iv.Slot.Start.Sub(midnight).Hours(), metering.Quality(0)
			if h >= 10 && h < 15 || h >= 20 {
				want = metering.SupplyOff
			}
			if n++; iv.Quality != want {
				t.Errorf("%s at %s: %s, want %s", series, iv.Slot.Start.Format("15:04"), iv.Quality, want)
			}
		}
		if n != 48 {
			t.Errorf("%d intervals of %s", n, series)
		}
	}
}
