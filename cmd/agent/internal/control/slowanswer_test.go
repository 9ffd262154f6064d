package control

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

func (h *slowHouse) enter(t *testing.T, n, value int) (Reply, error, time.Duration) {
	t.Helper()
	begin := time.Now()
	reply, err := h.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, n, value), Source: "page"}})
	return reply, err, time.Since(begin)
}

func (h *slowHouse) credits() (n int) {
	for _, e := range h.disk.ledger() {
		if e.Kind == credit.Topup {
			n++
		}
	}
	return n
}

func TestATokenWhoseRecordHangsIsAnsweredNotKnownAndCountsOnce(t *testing.T) {
	for name, fails := range map[string]bool{"the record succeeds at last": false, "the record fails at last": true} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, nil)
				h.draw(t, units.Kilowatt, 10*time.Second)
				synctest.Wait()
				h.disk.set(0, true)
				before := h.Snapshot().State.Credit.Available()
				_, err, took := h.enter(t, 1, 25)
				if !errors.Is(err, ErrNotKnown) || took > answerWithin+2*time.Second {
					t.Fatalf("answered %v after %s", err, took)
				}
				h.draw(t, units.Kilowatt, time.Hour)
				if is := h.Snapshot().State.Credit.Available(); is > before {
					t.Errorf("the balance shows %s although nothing is recorded", is)
				}
				// One who comes behind is told that nothing was done, and it is so.
				if _, err, took = h.enter(t, 2, 10); !errors.Is(err, ErrNotRecorded) || took > answerWithin+2*time.Second {
					t.Fatalf("the second is answered %v after %s", err, took)
				}
				if fails {
					h.disk.failWith(errTest)
				}
				h.disk.set(0, false)
				h.draw(t, units.Kilowatt, 10*time.Second)
				h.disk.failWith(nil)
				h.draw(t, units.Kilowatt, time.Minute)
				reply, err, _ := h.enter(t, 1, 25)
				must(t, err)
				if reply.TopUp.Accepted() != fails {
					t.Errorf("entered again it is answered %q", reply.TopUp.Says)
				}
				reply, err, _ = h.enter(t, 2, 10)
				must(t, err)
				if !reply.TopUp.Accepted() {
					t.Errorf("the second token is spent: %s", reply.TopUp.Says)
				}
				if n := h.credits(); n != 2 {
					t.Errorf("two tokens made %d credits", n)
				}
				must(t, credit.Verify(h.disk.ledger()))
			})
		})
	}
}

func TestNobodyIsCutForCreditWhileNothingCanBeRecorded(t *testing.T) {
	for name, bad := range map[string]func(*disk){
		"a disk that never answers": func(d *disk) { d.set(0, true) },
		"a disk that fails":         func(d *disk) { d.failWith(errTest) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, nil)
				h.draw(t, units.Kilowatt, 10*time.Second)
				bad(h.disk)
				h.every = 10 * time.Second
				for range 200 {
					h.draw(t, 15*units.Kilowatt, time.Minute)
					if !h.supply.closed() {
						t.Fatal("cut off for credit although no top-up can be recorded")
					}
				}
				st := h.Snapshot().State
				if st.Credit.Available() > 0 {
					t.Fatalf("there is %s left: the test proves nothing", st.Credit.Available())
				}
				h.disk.set(0, false)
				h.disk.failWith(nil)
				h.draw(t, units.Kilowatt, 30*time.Second)
				if h.supply.closed() {
					t.Errorf("the disk is well again and the supply stays on: %s", h.Snapshot().State.Decision.Why)
				}
			})
		})
	}
}

func TestASilentDiskIsSaidAndTheSnapshotKnowsSinceWhen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newSlowHouse(t, nil)
		h.draw(t, units.Kilowatt, 2*time.Minute)
		synctest.Wait()
		if s := h.Snapshot(); !s.Behind.IsZero() || s.State.Health.Has(health.StoreStuck, "") {
			t.Fatalf("all is well, and it is behind since %s", s.Behind)
		}
		h.disk.set(0, true)
		h.draw(t, units.Kilowatt, 3*time.Minute)
		s := h.Snapshot()
		if age := time.Since(s.Behind); age < 110*time.Second || age > 3*time.Minute {
			t.Errorf("behind since %s", s.Behind)
		}
		if !s.State.Health.Has(health.StoreStuck, "") {
			t.Error("no warning of a silent disk")
		}
		h.disk.set(0, false)
		h.draw(t, units.Kilowatt, 10*time.Second)
		if s := h.Snapshot(); !s.Behind.IsZero() || s.State.Health.Has(health.StoreStuck, "") {
			t.Errorf("the disk answers again, and it is behind since %s, warned %v", s.Behind, s.State.Health.Has(health.StoreStuck, ""))
		}
	})
}

func TestAStartIsRecordedFirstAndGoesOnInMemoryWhereTheDiskIsSilentForLong(t *testing.T) {
	for _, c := range []struct {
		name   string
		delay  time.Duration
		silent bool
		least  time.Duration
		most   time.Duration
	}{
		{"a healthy disk", 0, false, 0, 2 * time.Second},
		{"a sync of 5 s", 5 * time.Second, false, 5 * time.Second, 12 * time.Second},
		{"a silent disk", 0, true, pendingMost, pendingMost + 2*time.Minute},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, func(s *Site) { s.Power = 4 * units.Kilowatt })
				h.draw(t, 500*units.Watt, 10*time.Second)
				_, err := h.Feed(t.Context(), Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
				must(t, err)
				h.draw(t, 3500*units.Watt, 10*time.Second)
				h.draw(t, 6*units.Kilowatt, 2*time.Second)
				if h.geyser.closed() {
					t.Fatal("the geyser was not shed")
				}
				h.draw(t, 500*units.Watt, shedFor-30*time.Second)
				synctest.Wait()
				h.disk.set(c.delay, c.silent)
				back := time.Now().Add(28 * time.Second) // from here on it may run again
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { h.draw(t, 500*units.Watt, 4*time.Minute) })
				until(h.geyser.closed, 4*time.Minute)
				after := time.Since(back)
				t.Logf("it runs %s after it may", after.Round(10*time.Millisecond))
				if after < c.least-2*time.Second || after > c.most {
					t.Errorf("it runs after %s", after)
				}
				if h.Snapshot().State.Health.Has(health.SwitchSilent, "geyser") {
					t.Error("the switch is called silent for a command that was never sent")
				}
			})
		})
	}
}

// Whatever the disk does, what was acknowledged is there once, what was answered
// "not recorded" can be entered again, and the energy adds up.
func TestRandomDisksNeverLoseOrDoubleCredit(t *testing.T) {
	seeds := uint64(2)
	if unraced.Detector {
		seeds = 1
	}
	if os.Getenv("KEEPLIT_LONG") != "" {
		seeds = 30
	}
	for seed := range seeds {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				random := rand.New(rand.NewPCG(seed, 15))
				h := newSlowHouse(t, func(s *Site) { s.Power = 4 * units.Kilowatt })
				h.draw(t, units.Kilowatt, 10*time.Second)
				accepted, unknown := map[int]bool{}, map[int]bool{}
				for n := 1; n <= 25; n++ {
					switch random.IntN(5) {
					case 0:
						h.disk.set(time.Duration(random.IntN(25))*time.Second, false)
					case 1:
						h.disk.set(0, true)
					case 2:
						h.disk.failWith(errTest)
					default:
						h.disk.set(time.Duration(random.IntN(300))*time.Millisecond, false)
						h.disk.failWith(nil)
					}
					power := units.Power(random.IntN(7000)) * units.Watt
					h.draw(t, power, time.Duration(random.IntN(40))*time.Second)
					if random.IntN(3) == 0 {
						kind := []RequestKind{RunLoad, SkipLoad, AutoLoad}[random.IntN(3)]
						_, _ = h.Feed(t.Context(), Input{What: Request{Kind: kind, Load: "geyser", By: "page"}})
					}
					reply, err, took := h.enter(t, n, 5)
					switch {
					case took > answerWithin+2*time.Second:
						t.Fatalf("answered after %s", took)
					case errors.Is(err, ErrNotKnown):
						unknown[n] = true
					case err == nil && reply.TopUp.Accepted():
						accepted[n] = true
					case !errors.Is(err, ErrNotRecorded):
						t.Fatalf("token %d: %v %+v", n, err, reply.TopUp)
					}
				}
				h.disk.set(0, false)
				h.disk.failWith(nil)
				h.draw(t, units.Kilowatt, time.Minute)
				h.stop()
				st := h.Snapshot().State
				must(t, credit.Verify(h.disk.ledger()))
				if got, want := h.credits(), len(accepted); got < want || got > want+len(unknown) {
					t.Errorf("%d credits for %d accepted and %d unknown", got, want, len(unknown))
				}
				fed := h.e - units.Kilowatt.Over(time.Second)
				if st.Meter.Registers.Import < fed || st.Meter.Registers.Import > h.e {
					t.Errorf("%s counted of %s", st.Meter.Registers.Import, h.e)
				}
				for id, r := range map[string]*relay{loads.SupplyID: h.supply, "geyser": h.geyser} {
					if u := st.Guard.Unit(id); u.Set.On != r.closed() {
						t.Errorf("%s is on: %v, and is reckoned to be %v", id, r.closed(), u.Set.On)
					}
				}
				t.Logf("%d accepted, %d not known, %d credits, %d records", len(accepted), len(unknown), h.credits(), len(h.disk.batches))
			})
		})
	}
}
