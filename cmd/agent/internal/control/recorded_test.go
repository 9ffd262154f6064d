package control

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

func TestWhatAFailedCommitIsAnsweredAndWarnedOf(t *testing.T) {
	for _, row := range []struct {
		name   string
		err    error
		answer error
		code   health.Code
	}{
		{"no room", fmt.Errorf("disk: %w", ErrJournalFull), ErrNotRecorded, health.StoreFull},
		{"a fault", errTest, ErrNotRecorded, health.StoreFailed},
		{"the records are gone", fmt.Errorf("store: %w", ErrJournalReplaced), ErrNotRecorded, health.RecordsReplaced},
		{"in the middle", fmt.Errorf("sync: %w", ErrUnknownOutcome), ErrNotKnown, health.StoreFailed},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := runLoop(t)
				r.read(t, 0)
				time.Sleep(time.Second)
				before := r.Snapshot().State.Credit.Available()
				r.journal.failWith(row.err)
				_, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}})
				if !errors.Is(err, row.answer) || !errors.Is(err, row.err) {
					t.Errorf("answered %v", err)
				}
				st := r.Snapshot().State
				if !st.Health.Has(row.code, "") {
					t.Errorf("no warning of it stays: %+v", st.Health.Active)
				}
				if st.Credit.Available() != before {
					t.Errorf("it is credited all the same")
				}
				r.journal.failWith(nil)
				time.Sleep(10 * time.Second)
				reply, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}})
				must(t, err)
				if st := r.Snapshot().State; !reply.TopUp.Accepted() || st.Health.Has(row.code, "") {
					t.Errorf("when it is well again: %s, %+v", reply.TopUp.Says, st.Health.Active)
				}
			})
		})
	}
}

// An event is told of when it is recorded, not before: a token that could not
// be stored was not accepted.
func TestNothingIsLoggedOfATokenThatWasNotRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, log := runLogged(t)
		r.read(t, 0)
		r.journal.failWith(errTest)
		_, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}})
		if !errors.Is(err, ErrNotRecorded) {
			t.Fatal(err)
		}
		if text := log.String(); strings.Contains(text, "token_accepted") {
			t.Errorf("the log says\n%s", text)
		}
		r.journal.failWith(nil)
		_, err = r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}})
		must(t, err)
		if text := log.String(); !strings.Contains(text, "token_accepted") {
			t.Errorf("of the token that was accepted the log says\n%s", text)
		}
	})
}

func TestACutForCreditWaitsWhileNothingCanBeRecorded(t *testing.T) {
	for _, row := range []struct {
		name  string
		fails func(r *running)
	}{
		{"for long", func(r *running) { r.journal.failWith(fmt.Errorf("disk: %w", ErrJournalFull)) }},
		{"from the cut on", func(r *running) {
			full := false
			r.journal.failAt(func(b Batch) bool {
				full = full || b.State.Decision.Cause == credit.ForNoCredit
				return full
			})
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				journal := &memory{}
				r := runLoopWith(t, journal, func(s *Site) {
					doc := credit.Defaults()
					doc.Opening = units.One
					var err error
					s.Credit, err = credit.New(doc, s.Zone)
					must(t, err)
				}, quiet())
				r.journal = journal
				e := units.Energy(0)
				r.read(t, e)
				time.Sleep(time.Minute)
				row.fails(r)
				spend := func(d time.Duration) {
					for range int(d / time.Minute) {
						time.Sleep(time.Minute)
						if r.supply.closed() {
							e += (6 * units.Kilowatt).Over(time.Minute)
						}
						r.read(t, e)
					}
					synctest.Wait()
				}
				spend(10 * time.Minute)
				st := r.Snapshot().State
				if st.Credit.Available() > 0 {
					t.Fatalf("%s is left: the test shows nothing", st.Credit.Available())
				}
				if !r.supply.closed() || !st.Health.Has(health.CutWaits, "") {
					t.Fatalf("cut for a credit that there is no way to buy: %s, %+v", st.Decision.Why, st.Health.Active)
				}
				r.journal.failWith(nil)
				r.journal.failAt(nil)
				time.Sleep(10 * time.Second)
				spend(2 * time.Minute)
				if st := r.Snapshot().State; r.supply.closed() || st.Health.Has(health.CutWaits, "") {
					t.Errorf("when a top-up can be recorded again: %s", st.Decision.Why)
				}
				ledger := r.journal.ledger()
				if err := credit.Verify(ledger); err != nil {
					t.Fatal(err)
				}
				told := 0
				for _, entry := range ledger {
					if entry.Kind == credit.Notice && entry.Name == "supply" {
						told++
					}
				}
				if told != 1 {
					t.Errorf("written down %d times", told)
				}
			})
		})
	}
}

// A month in which nothing can be stored: the batch stays small, what was given
// up is counted, and the ledger comes to the same.
func TestABatchThatCannotBeStoredStaysSmall(t *testing.T) {
	unraced.Only(t)
	site := testSite(t)
	st, first := site.Begin(begin())
	b := Batch{State: st, Effects: first, Unstored: 1}
	a, points, intervals, events := st.Credit, len(first.Points), 0, 0
	var all []credit.Entry
	all = append(all, first.Entries...)
	for i := range 30 * 48 {
		at := begin().Add(time.Duration(i) * 30 * time.Minute)
		eff := Effects{Points: make([]Point, 360), Events: []Event{{At: at, Code: "x"}}} // two series, every 10 s
		for range 12 {
			eff.Intervals = append(eff.Intervals, planning.Interval{Series: planning.SiteSeries, Interval: metering.Interval{Slot: units.Slot{Start: at, Len: time.Minute}}})
		}
		var entries []credit.Entry
		a, entries = site.Credit.Accrue(a, at, credit.Charge{Name: "energy", Kind: credit.Consumption, Amount: 1000, Energy: units.KilowattHour})
		eff.Entries = append(eff.Entries, entries...)
		a, entries = site.Credit.Settle(a, at, at.Format(time.RFC3339))
		eff.Entries = append(eff.Entries, entries...)
		eff.Points = append(eff.Points, site.ledgerPoints(eff.Entries)...)
		points, intervals, events = points+len(eff.Points), intervals+len(eff.Intervals), events+len(eff.Events)
		all = append(all, eff.Entries...)
		b.State.Credit = a
		b.add(b.State, eff)
		if b.condense(site) {
			a = b.State.Credit // as the loop goes on from there
		}
	}
	e := b.Effects
	t.Logf("of %d points %d are kept, of %d intervals %d, of %d events %d, of %d entries %d", points, len(e.Points), intervals, len(e.Intervals), events, len(e.Events), len(all), len(e.Entries))
	if len(e.Points) > mostPoints+mostEntries || len(e.Intervals) > mostIntervals || len(e.Events) > mostEvents || len(e.Entries) > mostEntries {
		t.Error("it grows without bound")
	}
	if got := b.Thinned; got.Intervals != int64(intervals-len(e.Intervals)) || got.Events != int64(events-len(e.Events)) || got.Points == 0 {
		t.Errorf("given up and counted: %+v", got)
	}
	if err := credit.Verify(e.Entries, b.State.Credit.Head); err != nil {
		t.Fatal(err)
	}
	sum := func(entries []credit.Entry) (m units.Money, energy units.Energy) {
		for _, e := range entries {
			m, energy = m+e.Amount, energy+e.Energy
		}
		return m, energy
	}
	m1, e1 := sum(all)
	if m2, e2 := sum(e.Entries); m1 != m2 || e1 != e2 || m1 != b.State.Credit.Balance {
		t.Errorf("%s and %s became %s and %s; the balance is %s", m1, e1, m2, e2, b.State.Credit.Balance)
	}
	ledgerPoints := 0
	for _, p := range e.Points {
		if p.Measurement == LedgerPoint {
			ledgerPoints++
		}
	}
	if ledgerPoints != len(e.Entries) {
		t.Errorf("%d points of %d entries", ledgerPoints, len(e.Entries))
	}
}
