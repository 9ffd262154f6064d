package talk

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"
	_ "time/tzdata"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/units"
)

// during runs f until the test ends.
func during(t *testing.T, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
	t.Cleanup(stop)
	return stop
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain for: %s", what)
		}
	}
}

// house is a loop with a page and a session at a broker.
type house struct {
	*Agent
	journal *ledgerBook
	stop    func()
}

func newHouse(t *testing.T, url string, st *control.State) *house {
	t.Helper()
	return newHouseOf(t, testsite.New(t), url, st, nil)
}

// newHouseOf is newHouse of a site, which signs acknowledgements where it has a key.
func newHouseOf(t *testing.T, site *control.Site, url string, st *control.State, key ed25519.PrivateKey) *house {
	t.Helper()
	return newHouseOn(t, site, session(t, url, "agent"), st, key)
}

// newHouseOn is newHouseOf with a session of the test's own.
func newHouseOn(t *testing.T, site *control.Site, session *broker.Session, st *control.State, key ed25519.PrivateKey) *house {
	t.Helper()
	h := &house{journal: &ledgerBook{}}
	var first control.Effects
	if st == nil {
		var s control.State
		s, first = site.Begin(time.Now())
		st = &s
	}
	loop := control.NewLoop(control.LoopConfig{
		Site: site, State: *st, First: first, Planner: testsite.Planner(t, site), Journal: h.journal,
		Now: func() time.Time { return time.Now().UTC() }, PersistEvery: time.Hour, PlanTime: time.Second, Log: slog.New(slog.DiscardHandler),
	})
	h.Agent = New(site, loop, &testsite.Records{}, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Symbol: "R", Decimals: 2}}))
	if key != nil {
		h.Sign(key)
	}
	h.Readings(func(ctx context.Context, r api.MeterReading) error {
		reply, err := loop.Feed(ctx, control.Input{What: control.MeterReading{Shown: r.Shown, At: r.At, By: "mqtt"}})
		return errors.Join(err, reply.Err)
	})
	if err := h.Listen(session, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	stopLoop := during(t, loop.Run)
	stopSession := during(t, session.Run)
	h.stop = func() { stopSession(); stopLoop() }
	return h
}

func (h *house) view() picture.View {
	snap := h.loop.Snapshot()
	return h.maker.Of(&snap)
}

func (h *house) warned(code health.Code) bool {
	for _, w := range h.loop.Snapshot().State.Health.Active {
		if w.Code == code {
			return true
		}
	}
	return false
}

// aBroker is a broker and somebody else who is connected to it.
func aBroker(t *testing.T) (url string, sender *broker.Session) {
	t.Helper()
	e, err := broker.NewEmbedded(0, nil)
	must(t, err)
	during(t, e.Run)
	sender = session(t, e.URL(), "sender")
	during(t, sender.Run)
	eventually(t, "the sender's connection", func() bool { return sender.State().Connected })
	return e.URL(), sender
}

// session is a session that is quick to try again.
func session(t *testing.T, url, id string) *broker.Session {
	t.Helper()
	s, err := broker.New(broker.Config{URL: url, Site: "test", ClientID: id, MinBackoff: 20 * time.Millisecond, MaxBackoff: 100 * time.Millisecond})
	must(t, err)
	return s
}

func TestPricesOverMQTT(t *testing.T) {
	url, sender := aBroker(t)
	send := func(retained bool, payload []byte) {
		t.Helper()
		if err := sender.Publish(t.Context(), sender.Topics().Prices(), 1, retained, payload); err != nil {
			t.Fatal(err)
		}
	}
	hour := time.Now().UTC().Truncate(time.Hour)

	// Retained before the agent ever ran: it is taken at the start.
	send(true, testsite.Prices(hour, 48, 4))
	h := newHouse(t, url, nil)
	price := func() units.Price { return h.view().Tariff.Price }
	now := func() units.Price { // the hour may turn while the test runs
		return 4_000_000 + units.Price(time.Now().UTC().Sub(hour)/time.Hour%2)*1_000_000
	}
	eventually(t, "the retained prices", func() bool { return price() == now() })
	if stored := h.journal.last(); stored.Prices == nil {
		t.Error("the prices are in force and not stored")
	}
	if v := h.view().Tariff; v.Stale || v.PushedUntil.IsZero() {
		t.Errorf("the page says %+v", v)
	}

	// Malformed: a warning, and what is in force stays.
	send(false, []byte(`{"currency": "ZAR", "prices": [{"start": "tomorrow"}]}`))
	eventually(t, "the warning", func() bool { return h.warned(health.BadMessage) })
	if price() != now() {
		t.Errorf("after a malformed document a kWh costs %s", price())
	}

	// It cannot be stored: it is not acknowledged, and is taken when it can be.
	h.journal.fail(errors.New("no space left"))
	send(false, testsite.Prices(hour, 48, 6))
	eventually(t, "an attempt", func() bool { return h.journal.failures() > 0 })
	if price() != now() {
		t.Errorf("prices that are not stored are in force: %s", price())
	}
	h.journal.fail(nil)
	eventually(t, "the prices that waited", func() bool { return price() == now()+2_000_000 })

	// A restart keeps them; the retained document, which is older, comes again.
	h.stop()
	text, err := json.Marshal(h.journal.last())
	if err != nil {
		t.Fatal(err)
	}
	var st control.State
	if err := json.Unmarshal(text, &st); err != nil {
		t.Fatal(err)
	}
	h = newHouse(t, "mqtt://127.0.0.1:1", &st) // the broker is away
	if price() != now()+2_000_000 {
		t.Errorf("after a restart a kWh costs %s", price())
	}
}

// ledgerBook keeps the last State and fails on demand.
type ledgerBook struct {
	mu     sync.Mutex
	state  control.State
	err    error
	failed int
}

func (j *ledgerBook) Commit(_ context.Context, b control.Batch) error {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err != nil {
		j.failed++
		return fmt.Errorf("commit: %w", j.err)
	}
	j.state = b.State
	return nil
}

func (j *ledgerBook) last() control.State {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

func (j *ledgerBook) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.err, j.failed = err, 0
}

func (j *ledgerBook) failures() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.failed
}
