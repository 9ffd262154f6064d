package control

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// disk is a journal on a disk that may take its time.
type disk struct {
	memory
	mu     sync.Mutex
	delay  time.Duration
	closed chan struct{} // while it is not nil, nothing is answered before it is closed
}

func (d *disk) set(delay time.Duration, silent bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.delay = delay
	if d.closed != nil {
		close(d.closed)
		d.closed = nil
	}
	if silent {
		d.closed = make(chan struct{})
	}
}

func (d *disk) Commit(ctx context.Context, b Batch) error {
	d.mu.Lock()
	delay, closed := d.delay, d.closed
	d.mu.Unlock()
	time.Sleep(delay)
	if closed != nil {
		<-closed
	}
	return d.memory.Commit(ctx, b)
}

// slowHouse is a running loop whose disk can be made slow.
type slowHouse struct {
	*running
	disk  *disk
	e     units.Energy
	every time.Duration // of the readings
}

func newSlowHouse(t *testing.T, change func(*Site)) *slowHouse {
	t.Helper()
	h := &slowHouse{disk: &disk{}, every: time.Second}
	h.running = runLoopWith(t, h.disk, change, quiet())
	t.Cleanup(func() { // before the loop is stopped
		h.disk.set(0, false)
		h.disk.failWith(nil)
		time.Sleep(time.Minute)
	})
	return h
}

// draw has power drawn for a time, with a reading every so often.
func (h *slowHouse) draw(t *testing.T, power units.Power, d time.Duration) {
	t.Helper()
	for range int(d / h.every) {
		time.Sleep(h.every)
		h.e += power.Over(h.every)
		h.tell(t, power)
	}
}

func (h *slowHouse) tell(t *testing.T, power units.Power) {
	t.Helper()
	done := make(chan error, 1)
	go func() { // a loop that waits for the disk does not answer; time goes on
		_, err := h.Feed(t.Context(), Input{What: Reading{Sample: metering.Sample{
			At: time.Now(), Has: metering.HasImport | metering.HasPower, Import: h.e, Power: power, Step: 1,
		}}})
		done <- err
	}()
	select {
	case err := <-done:
		must(t, err)
	case <-time.After(900 * time.Millisecond):
	}
}

// until is how long it takes until ok, looked at every 10 ms; at most a while.
func until(ok func() bool, most time.Duration) time.Duration {
	begin := time.Now()
	for !ok() && time.Since(begin) < most {
		time.Sleep(10 * time.Millisecond)
	}
	return time.Since(begin)
}

func TestWhatProtectsDoesNotWaitForTheDisk(t *testing.T) {
	const most = 5 * time.Minute
	for name, bad := range map[string]func(*disk){
		"a healthy disk":                 func(*disk) {},
		"a sync of 20 s":                 func(d *disk) { d.set(20*time.Second, false) },
		"a disk that never answers":      func(d *disk) { d.set(0, true) },
		"a disk that fails":              func(d *disk) { d.failWith(errTest) },
		"a disk that fails after 20 s":   func(d *disk) { d.set(20*time.Second, false); d.failWith(errTest) },
		"a disk without space, 20 s off": func(d *disk) { d.set(20*time.Second, false); d.failWith(ErrJournalFull) },
	} {
		t.Run("a load over the site's limit/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, func(s *Site) { s.Power = 4 * units.Kilowatt })
				h.draw(t, 500*units.Watt, 10*time.Second)
				_, err := h.Feed(t.Context(), Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
				must(t, err)
				h.draw(t, 3500*units.Watt, 30*time.Second)
				if !h.geyser.closed() {
					t.Fatal("the geyser does not run")
				}
				bad(h.disk)
				// Whatever is due is being stored when the overload comes.
				h.draw(t, 3500*units.Watt, 70*time.Second)
				if !h.geyser.closed() {
					t.Fatal("the geyser was switched off for no reason")
				}
				begin := time.Now()
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { h.tell(t, 6*units.Kilowatt) })
				took := until(func() bool { return !h.geyser.closed() }, most)
				t.Logf("off %s after %s", took.Round(time.Millisecond), begin.Format("15:04:05"))
				if took >= time.Second {
					t.Errorf("the geyser was switched off after %s", took)
				}
			})
		})
		t.Run("the supply over its limit/"+name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, func(s *Site) {
					s.Supply.Limit = credit.LimitDefaults()
					s.Supply.Limit.Limit = 5 * units.Kilowatt
				})
				h.draw(t, 500*units.Watt, 10*time.Second)
				bad(h.disk)
				h.draw(t, 500*units.Watt, 70*time.Second)
				h.draw(t, 9*units.Kilowatt, 30*time.Second)
				if !h.supply.closed() {
					t.Fatal("it was cut off before its time")
				}
				begin := time.Now() // the allowance of 30 s is over within a second
				var wg sync.WaitGroup
				defer wg.Wait()
				wg.Go(func() { h.draw(t, 9*units.Kilowatt, 3*time.Second) })
				took := until(func() bool { return !h.supply.closed() }, most)
				t.Logf("off %s after the allowance, at %s", (took - time.Second).Round(time.Millisecond), begin.Format("15:04:05"))
				if took >= 2*time.Second {
					t.Errorf("the supply was cut %s after the allowance", took-time.Second)
				}
			})
		})
	}
}

// No credit is cut off by a disk, no reading is lost by it, and what was entered
// counts once.
func TestADiskThatHangsLosesNothingAndCutsNobody(t *testing.T) {
	for name, hang := range map[string]struct {
		delay  time.Duration
		silent bool
	}{"a sync of 20 s": {20 * time.Second, false}, "an hour without an answer": {0, true}} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newSlowHouse(t, nil)
				h.draw(t, units.Kilowatt, time.Minute)
				h.disk.set(hang.delay, hang.silent)
				began := time.Now()
				for range 60 {
					h.draw(t, units.Kilowatt, time.Minute)
					if age := time.Since(h.Snapshot().State.Now); age > 2*time.Second {
						t.Fatalf("after %s the loop stands still for %s", time.Since(began), age)
					}
				}
				h.disk.set(0, false)
				h.draw(t, units.Kilowatt, 2*time.Minute)
				st := h.Snapshot().State
				if want := units.Kilowatt.Over(62*time.Minute + 59*time.Second); st.Meter.Registers.Import < want {
					t.Errorf("%s were counted of %s", st.Meter.Registers.Import, want)
				}
				h.stop()
				if err := credit.Verify(h.disk.ledger()); err != nil {
					t.Error(err)
				}
				if n := len(h.disk.batches); h.disk.batches[n-1].State.Meter.Registers.Import != h.Snapshot().State.Meter.Registers.Import {
					t.Error("what is stored is not what was counted")
				}
			})
		})
	}
}
