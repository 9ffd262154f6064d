package control

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// relay is a switch that obeys, or whose wire is cut.
type relay struct {
	mu     sync.Mutex
	on     bool
	broken bool
	sets   int
	asked  func() // called by the loop when it looks at the switch; nil: nothing
}

// ask has the loop call f when it looks at the switch next, and each time after.
func (r *relay) ask(f func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = f
}

func (r *relay) Set(_ context.Context, p loads.Setpoint) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sets++
	if r.broken {
		return errTest
	}
	r.on = p.On
	return nil
}

func (r *relay) Observed(context.Context) (loads.Observation, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked != nil {
		r.asked()
	}
	if r.broken {
		return loads.Observation{}, errTest
	}
	return loads.Observation{On: r.on, Known: true, At: time.Now()}, nil
}

func (r *relay) closed() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.on
}

// running is a Loop under test with its journal and switches.
type running struct {
	*Loop
	journal *memory
	supply  *relay
	geyser  *relay
	washer  *relay
	stop    func()
}

// runLoop runs a real-time loop in a synctest bubble.
func runLoop(t *testing.T) *running {
	t.Helper()
	journal := &memory{}
	r := runLoopWith(t, journal, nil, quiet())
	r.journal = journal
	return r
}

// runLogged is runLoop and what it logs.
func runLogged(t *testing.T) (*running, *logged) {
	t.Helper()
	log, journal := &logged{}, &memory{}
	r := runLoopWith(t, journal, nil, slog.New(slog.NewTextHandler(log, nil)))
	r.journal = journal
	return r, log
}

// logged is a log that can be read while it is written.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// runLoopWith runs it with a journal and a site of one's own.
func runLoopWith(t *testing.T, journal Journal, change func(*Site), log *slog.Logger) *running {
	t.Helper()
	site := testSite(t)
	if change != nil {
		change(site)
	}
	r := &running{supply: &relay{on: true}, geyser: &relay{}, washer: &relay{}}
	f, err := forecast.New(forecast.Options{Zone: site.Zone, Step: site.Interval})
	must(t, err)
	st, first := site.Begin(time.Now())
	r.Loop = NewLoop(LoopConfig{
		Site: site, State: st, First: first, Planner: &failing{Plans: planning.New(site.Rules(), f, nil)}, Journal: journal,
		Switches: map[string]loads.Switch{loads.SupplyID: r.supply, "geyser": r.geyser, "washer": r.washer},
		Now:      func() time.Time { return time.Now().UTC() }, PersistEvery: time.Minute, PlanTime: time.Second, Log: log,
	})
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // which ends before Cleanup
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	return r
}

func (r *running) read(t *testing.T, e units.Energy) {
	t.Helper()
	_, err := r.Feed(t.Context(), Input{What: Reading{Sample: metering.Sample{
		At: time.Now(), Has: metering.HasImport, Import: e, Step: 1,
	}}})
	must(t, err)
}

func TestLoopSpendsCutsAndRestores(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		e := units.Energy(0)
		r.read(t, e)
		for range 24 * 60 {
			time.Sleep(time.Minute)
			if r.supply.closed() {
				e += (6 * units.Kilowatt).Over(time.Minute)
			}
			r.read(t, e)
		}
		synctest.Wait()
		if r.supply.closed() {
			t.Fatal("the supply is on although the credit is long spent")
		}
		reply, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 50), Source: "page"}})
		must(t, err)
		if !reply.TopUp.Accepted() {
			t.Fatal(reply.TopUp.Says)
		}
		synctest.Wait() // no time passes here: it is closed by the token's own step
		if !r.supply.closed() {
			t.Fatal("the token does not bring the supply back")
		}
		r.stop()
		if err := credit.Verify(r.journal.ledger()); err != nil {
			t.Error(err)
		}
		if _, err := r.Feed(t.Context(), Input{}); !errors.Is(err, ErrStopped) {
			t.Errorf("a stopped loop answers %v", err)
		}
	})
}

func TestFullDiskNothingIsLostAndATokenStaysGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		e := units.Energy(0)
		r.read(t, e)
		r.journal.failWith(fmt.Errorf("no space left on device: %w", ErrJournalFull))
		for range 3 * 60 {
			time.Sleep(time.Minute)
			e += units.Kilowatt.Over(time.Minute)
			r.read(t, e)
		}
		st := r.Snapshot().State
		if !st.Health.Has(health.StoreFull, "") {
			t.Fatal("no warning of the full disk")
		}
		if got := st.Meter.Registers.Import; got != 3*units.KilowattHour {
			t.Fatalf("with a full disk %s were counted of 3 kWh", got)
		}
		before := st.Credit.Available()
		if _, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}}); !errors.Is(err, ErrNotRecorded) {
			t.Fatalf("a token that cannot be recorded is answered %v", err)
		}
		if got := r.Snapshot().State.Credit.Available(); got > before {
			t.Fatalf("it was credited all the same: %s", got)
		}
		r.journal.failWith(nil)
		time.Sleep(10 * time.Second)
		reply, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: "page"}})
		must(t, err)
		if !reply.TopUp.Accepted() {
			t.Fatalf("the token is spent: %s", reply.TopUp.Says)
		}
		time.Sleep(time.Minute)
		if r.Snapshot().State.Health.Has(health.StoreFull, "") {
			t.Error("the warning stays although there is space again")
		}
		r.stop()
		ledger := r.journal.ledger()
		if err := credit.Verify(ledger); err != nil {
			t.Fatal(err)
		}
		used := units.Energy(0)
		for _, entry := range ledger {
			used += entry.Energy
		}
		if pending := r.Snapshot().State.Credit.Pending; len(pending) > 0 {
			for _, p := range pending {
				used += p.Charge.Energy
			}
		}
		if used != 3*units.KilowattHour {
			t.Errorf("the ledger holds %s of 3 kWh", used)
		}
	})
}

func TestASilentSwitchIsSaidAndNotHammered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		r.read(t, 0)
		r.geyser.mu.Lock()
		r.geyser.broken = true
		r.geyser.mu.Unlock()
		_, err := r.Feed(t.Context(), Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
		must(t, err)
		time.Sleep(30 * time.Minute)
		if !r.Snapshot().State.Health.Has(health.SwitchSilent, "geyser") {
			t.Fatal("no warning of a switch that does not obey")
		}
		r.geyser.mu.Lock()
		sets := r.geyser.sets
		r.geyser.mu.Unlock()
		if sets < 3 || sets > 40 {
			t.Errorf("it was told %d times in half an hour", sets)
		}
		r.geyser.mu.Lock()
		r.geyser.broken = false
		r.geyser.mu.Unlock()
		time.Sleep(10 * time.Minute)
		if !r.geyser.closed() || r.Snapshot().State.Health.Has(health.SwitchSilent, "geyser") {
			st := r.Snapshot().State
			t.Errorf("the switch is well again, but closed is %v; %+v held %+v", r.geyser.closed(), st.Guard.Unit("geyser"), st.Held)
		}
	})
}

func TestTheSameTokenFromEverywhereAtOnceCreditsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		r.read(t, 0)
		var wg sync.WaitGroup
		var mu sync.Mutex
		accepted, used := 0, 0
		for i := range 40 {
			wg.Go(func() {
				source := []string{"page", "cli", "mqtt", "keypad"}[i%4]
				reply, err := r.Feed(t.Context(), Input{What: Token{Text: tokenFor(t, 1, 25), Source: source}})
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case reply.TopUp.Accepted():
					accepted++
				case reply.TopUp.Token.Code == credit.Used:
					used++
				}
			})
		}
		wg.Wait()
		if accepted != 1 || used != 39 {
			t.Fatalf("accepted %d times, used %d times", accepted, used)
		}
	})
}

func TestWatchersGetASignalAndAnEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context())) // which ends before Cleanup
		mine, other := r.Changes(ctx), r.Changes(t.Context())
		r.read(t, 0)
		<-mine
		cancel()
		for range mine { //nolint:revive // drained until it is closed
		}
		r.stop()
		for range other { //nolint:revive // drained until it is closed
		}
	})
}
