package broker

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/keeplit/keeplit/internal/localbroker"
	"github.com/keeplit/keeplit/internal/store"
)

// wire is a network between a session and its broker that can be cut.
type wire struct {
	l      net.Listener
	target string
	mu     sync.Mutex
	conns  []net.Conn
	down   bool
	mute   bool // what the broker says is not passed on
}

func newWire(t testing.TB, target string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, target: strings.TrimPrefix(target, "mqtt://")}
	var pipes sync.WaitGroup
	pipes.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			up, err := net.Dial("tcp", w.target)
			w.mu.Lock()
			if err != nil || w.down {
				_ = c.Close()
				if up != nil {
					_ = up.Close()
				}
				w.mu.Unlock()
				continue
			}
			w.conns = append(w.conns, c, up)
			w.mu.Unlock()
			pipes.Go(func() { _, _ = io.Copy(up, c); _ = up.Close() })
			pipes.Go(func() { w.back(c, up) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		w.cut()
		pipes.Wait()
	})
	return w
}

func (w *wire) back(c, up net.Conn) {
	defer c.Close()
	b := make([]byte, 4096)
	for {
		n, err := up.Read(b)
		if err != nil {
			return
		}
		w.mu.Lock()
		mute := w.mute
		w.mu.Unlock()
		if mute {
			continue
		}
		if _, err := c.Write(b[:n]); err != nil {
			return
		}
	}
}

func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

func (w *wire) set(down, mute bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.down, w.mute = down, mute
}

func (w *wire) url() string { return "mqtt://" + w.l.Addr().String() }

func publish(t testing.TB, s *Session, topic string, retained bool, text string) {
	t.Helper()
	if err := s.Publish(context.Background(), topic, 1, retained, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func TestSubscriptionsSurviveALostConnection(t *testing.T) {
	e := embedded(t)
	w := newWire(t, e.URL())
	s, other := session(t, Config{URL: w.url()}), session(t, Config{URL: e.URL(), ClientID: "other"})
	var in inbox
	if _, err := s.SubscribeAck("cmd/#", in.command); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	run(t, other.Run)
	connected(t, other)
	connected(t, s)
	eventually(t, "the subscription", func() bool {
		publish(t, other, "cmd/a", false, "before")
		return len(in.all()) > 0
	})
	w.set(true, false)
	w.cut()
	eventually(t, "the loss", func() bool { return !s.State().Connected })
	if st := s.State(); st.LastError == "" || st.Since.IsZero() {
		t.Errorf("%+v", st)
	}
	publish(t, other, "cmd/b", false, "meanwhile") // the broker keeps it for us
	w.set(false, false)
	eventually(t, "what came meanwhile", func() bool { return slices.Contains(in.all(), "cmd/b=meanwhile") })
	publish(t, other, "cmd/c", false, "after")
	eventually(t, "what came after", func() bool { return slices.Contains(in.all(), "cmd/c=after") })
	if st := s.State(); !st.Connected || st.Connects < 2 {
		t.Errorf("%+v", st)
	}
}

func TestRetainedMessages(t *testing.T) {
	e := embedded(t)
	other := session(t, Config{URL: e.URL(), ClientID: "other"})
	var sent inbox
	if _, err := other.Subscribe("+/a", sent.state); err != nil {
		t.Fatal(err)
	}
	run(t, other.Run)
	connected(t, other)
	subscribed(t, e, "state/a")
	publish(t, other, "state/a", true, "1")
	publish(t, other, "cmd/a", true, "close")
	// The broker acknowledges before it hands out: who comes in between gets
	// the message twice, and once as news.
	eventually(t, "their distribution", func() bool { return len(sent.all()) >= 2 })

	s := session(t, Config{URL: e.URL()})
	var states, late, commands inbox
	_, err1 := s.Subscribe("state/+", states.state)
	_, err2 := s.SubscribeAck("cmd/+", commands.command)
	if err := errors.Join(err1, err2); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	eventually(t, "the retained state", func() bool { return slices.Contains(states.all(), "state/a=1 true") })
	eventually(t, "the ignored command", func() bool { return s.State().Retained == 1 })
	publish(t, other, "state/a", true, "2") // to a subscriber who is there it is news
	eventually(t, "the live state", func() bool { return slices.Contains(states.all(), "state/a=2 false") })
	leave, err := s.Subscribe("state/+", late.state) // a second reader of the same filter
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "the state for who came late", func() bool { return slices.Contains(late.all(), "state/a=2 true") })
	leave()
	leave()
	publish(t, other, "state/a", false, "3")
	eventually(t, "the first reader still reads", func() bool { return slices.Contains(states.all(), "state/a=3 false") })
	if slices.Contains(late.all(), "state/a=3 false") {
		t.Error("who left still gets messages")
	}
	publish(t, other, "cmd/a", false, "live")
	eventually(t, "a live command", func() bool { return len(commands.all()) > 0 })
	if got := commands.all(); !slices.Equal(got, []string{"cmd/a=live"}) {
		t.Errorf("commands %q", got)
	}
}

// TestCommandIsAcknowledgedOnlyOnceTaken ends the session while a handler
// cannot store its message: it comes again to the next one.
func TestCommandIsAcknowledgedOnlyOnceTaken(t *testing.T) {
	e := embedded(t)
	other := session(t, Config{URL: e.URL(), ClientID: "other"})
	run(t, other.Run)
	connected(t, other)

	first := inbox{fail: errors.New("the disk is full")}
	s := session(t, Config{URL: e.URL()})
	if _, err := s.SubscribeAck("keeplit/test/token", first.command); err != nil {
		t.Fatal(err)
	}
	stop := run(t, s.Run)
	subscribed(t, e, "keeplit/test/token")
	publish(t, other, "keeplit/test/token", false, "1234")
	eventually(t, "the failing handler", func() bool { return strings.Contains(s.State().Failing, "disk is full") })
	stop()

	var second inbox
	s = session(t, Config{URL: e.URL()})
	run(t, s.Run)
	connected(t, s)
	time.Sleep(100 * time.Millisecond) // the message comes before anybody has subscribed
	if _, err := s.SubscribeAck("keeplit/test/token", second.command); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the token", func() bool { return slices.Contains(second.all(), "keeplit/test/token=1234") })
}

func TestHandlerThatRecoversGoesOnInOrder(t *testing.T) {
	e := embedded(t)
	s, other := session(t, Config{URL: e.URL()}), session(t, Config{URL: e.URL(), ClientID: "other"})
	var mu sync.Mutex
	var got []string
	tries := map[string]int{}
	if _, err := s.SubscribeAck("t", func(_ context.Context, m Message) error {
		mu.Lock()
		defer mu.Unlock()
		text := string(m.Payload)
		if tries[text]++; tries[text] < 3 && text == "1" {
			return errors.New("not now")
		}
		got = append(got, text)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	run(t, other.Run)
	connected(t, s)
	connected(t, other)
	subscribed(t, e, "t")
	for i := range 4 {
		publish(t, other, "t", false, fmt.Sprint(i))
	}
	eventually(t, "all four", func() bool { mu.Lock(); defer mu.Unlock(); return len(got) == 4 })
	if !slices.Equal(got, []string{"0", "1", "2", "3"}) || s.State().Failing != "" {
		t.Errorf("%q %+v", got, s.State())
	}
}

// TestPublishFromAHandler is where a naive use of the client library deadlocks.
func TestPublishFromAHandler(t *testing.T) {
	e := embedded(t)
	s := session(t, Config{URL: e.URL()})
	var in inbox
	if _, err := s.SubscribeAck("ask", func(ctx context.Context, m Message) error {
		return s.Publish(ctx, "answer", 1, false, m.Payload)
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Subscribe("answer", in.state); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	connected(t, s)
	subscribed(t, e, "ask")
	subscribed(t, e, "answer")
	for i := range 50 {
		publish(t, s, "ask", false, fmt.Sprint(i))
	}
	eventually(t, "50 answers", func() bool { return len(in.all()) == 50 })
}

// TestNothingIsSentLate publishes into a connection whose answers do not come
// back, loses it, and sees that the message is not sent again afterwards.
func TestNothingIsSentLate(t *testing.T) {
	e := embedded(t)
	w := newWire(t, e.URL())
	s, other := session(t, Config{URL: w.url()}), session(t, Config{URL: e.URL(), ClientID: "other"})
	var in inbox
	if _, err := other.Subscribe("plug/power", in.state); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	run(t, other.Run)
	connected(t, s)
	connected(t, other)
	subscribed(t, e, "plug/power")
	w.set(true, true)
	errs := make(chan error, 1)
	go func() { errs <- s.Publish(context.Background(), "plug/power", 1, false, []byte("ON")) }()
	eventually(t, "its arrival", func() bool { return len(in.all()) == 1 })
	w.cut()
	if err := <-errs; !errors.Is(err, ErrNotConnected) {
		t.Errorf("%v", err)
	}
	w.set(false, false)
	eventually(t, "the next connection", func() bool { return s.State().Connects >= 2 && s.State().Connected })
	publish(t, s, "plug/power", false, "OFF")
	eventually(t, "OFF", func() bool { return slices.Contains(in.all(), "plug/power=OFF false") })
	if got := in.all(); len(got) != 2 {
		t.Errorf("%q", got)
	}
}

func TestLastWillAndFarewell(t *testing.T) {
	e := embedded(t)
	w := newWire(t, e.URL())
	other := session(t, Config{URL: e.URL(), ClientID: "other", Site: "other"})
	var in inbox
	if _, err := other.Subscribe("keeplit/test/status", in.state); err != nil {
		t.Fatal(err)
	}
	run(t, other.Run)
	connected(t, other)
	last := func(text string) func() bool {
		return func() bool {
			got := in.all()
			return len(got) > 0 && strings.HasPrefix(got[len(got)-1], "keeplit/test/status="+text)
		}
	}
	s := session(t, Config{URL: w.url()})
	stop := run(t, s.Run)
	eventually(t, "online", last("online"))
	w.set(true, false)
	w.cut()
	eventually(t, "the will", last("offline"))
	w.set(false, false)
	eventually(t, "online again", last("online"))
	stop()
	eventually(t, "the farewell", last("offline"))
}

func TestSlowReaderOfStatesLosesTheOldest(t *testing.T) {
	e := embedded(t)
	s := session(t, Config{URL: e.URL()})
	gate := make(chan struct{})
	var in inbox
	if _, err := s.Subscribe("t", func(topic string, payload []byte, retained bool) {
		<-gate
		in.state(topic, payload, retained)
	}); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	connected(t, s)
	subscribed(t, e, "t")
	const n = queueLimit + 200
	for i := range n {
		publish(t, s, "t", false, fmt.Sprint(i))
	}
	eventually(t, "all to come in", func() bool { return s.State().Received == n })
	close(gate)
	eventually(t, "the newest", func() bool { return slices.Contains(in.all(), fmt.Sprintf("t=%d false", n-1)) })
	if d := s.State().Dropped; d == 0 || int(d)+len(in.all()) != n {
		t.Errorf("%d dropped, %d read", d, len(in.all()))
	}
}

func TestNoGoroutineIsLeftBehind(t *testing.T) {
	e := embedded(t)
	w := newWire(t, e.URL())
	settle := func() int { time.Sleep(300 * time.Millisecond); return runtime.NumGoroutine() }
	before := settle()
	s := session(t, Config{URL: w.url()})
	if _, err := s.SubscribeAck("a", (&inbox{}).command); err != nil {
		t.Fatal(err)
	}
	stop := run(t, s.Run)
	for i := int64(1); i <= 5; i++ {
		eventually(t, "a connection", func() bool { return s.State().Connects >= i && s.State().Connected })
		w.cut()
	}
	stop()
	var after int
	for range 20 {
		if after = settle(); after <= before {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines, before %d\n%s", after, before, buf[:runtime.Stack(buf, true)])
}

// guard lets nobody subscribe below secret/.
type guard struct{ localbroker.OpenDoor }

func (*guard) OnACLCheck(_ *mochi.Client, topic string, write bool) bool {
	return write || !strings.HasPrefix(topic, "secret/")
}

func TestRefusedSubscriptionIsReported(t *testing.T) {
	e, err := newEmbedded(0, slog.New(slog.DiscardHandler), new(guard))
	if err != nil {
		t.Fatal(err)
	}
	run(t, e.Run)
	s := session(t, Config{URL: e.URL()})
	var in inbox
	for _, f := range []string{"secret/#", "keeplit/test/x"} {
		if _, err := s.SubscribeAck(f, in.command); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s.Run)
	eventually(t, "the refusal", func() bool { return len(s.State().Refused) > 0 })
	if st := s.State(); !slices.Equal(st.Refused, []string{"secret/#"}) || !st.Connected || !strings.Contains(st.LastError, "access list") {
		t.Errorf("%+v", st)
	}
	publish(t, s, "keeplit/test/x", false, "1")
	eventually(t, "what is allowed", func() bool { return len(in.all()) == 1 })
}

func TestForwarderSendsInOrderOverLosses(t *testing.T) {
	e := embedded(t)
	w := newWire(t, e.URL())
	forwardOver(t, e.URL(), w.url(), Config{}, func(i int, _ func()) {
		if i%20 == 19 {
			w.cut()
		}
	})
}

// forwardOver commits 200 ledger messages while disturb is called, and checks
// that a subscriber gets each, in order, when doubles are dropped by number.  disturb may wait
// until the subscriber has all that were committed.
func forwardOver(t *testing.T, direct, through string, cfg Config, disturb func(i int, read func())) {
	t.Helper()
	ctx := context.Background()
	db, err := store.Open(ctx, t.TempDir(), store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	cfg.URL = direct
	cfg.ClientID = "reader"
	reader := session(t, cfg)
	var mu sync.Mutex
	last, doubled, jumps := -1, 0, 0
	seen := map[int]bool{}
	if _, err := reader.SubscribeAck("keeplit/test/ledger", func(_ context.Context, m Message) error {
		var n int
		if _, err := fmt.Sscan(string(m.Payload), &n); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		if seen[n] {
			doubled++
		}
		seen[n] = true
		switch {
		case n <= last:
		case n == last+1:
			last = n
		default:
			jumps++
			last = n
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	run(t, reader.Run)
	connected(t, reader)
	time.Sleep(200 * time.Millisecond)

	cfg.URL, cfg.ClientID = through, "agent"
	s := session(t, cfg)
	stopSession := run(t, s.Run)
	f := NewForwarder(s, db.Outbox(store.MQTT), 10*time.Second, nil)
	stop := run(t, f.Run)
	const n = 200
	for i := range n {
		disturb(i, func() {
			eventually(t, "all that was sent", func() bool { mu.Lock(); defer mu.Unlock(); return last == i-1 })
		})
		if err := db.Commit(ctx, store.Batch{Outbox: []store.Message{{
			Channel: store.MQTT, Key: fmt.Sprintf("ledger-%d", i), Dest: s.Topics().Ledger(), Payload: fmt.Append(nil, i), At: time.Now(), Ledger: true,
		}}}); err != nil {
			t.Fatal(err)
		}
	}
	pending := func() int64 {
		c, err := db.Outbox(store.MQTT).Counts(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return c.Pending
	}
	eventually(t, "an empty outbox", func() bool { return pending() == 0 })
	eventually(t, "the last message", func() bool { mu.Lock(); defer mu.Unlock(); return last == n-1 })
	stop()
	stopSession()
	mu.Lock()
	defer mu.Unlock()
	if len(seen) != n {
		t.Errorf("%d of %d messages came", len(seen), n)
	}
	if jumps > 0 {
		t.Errorf("%d gaps", jumps)
	}
	t.Logf("%d doubled, %d connections", doubled, s.State().Connects)
}

func TestForwarderSetsAsideWhatCannotBeSent(t *testing.T) {
	ctx := context.Background()
	e := embedded(t)
	db, err := store.Open(ctx, t.TempDir(), store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	s := session(t, Config{URL: e.URL()})
	run(t, s.Run)
	var told strings.Builder
	f := NewForwarder(s, db.Outbox(store.MQTT), time.Second, slog.New(slog.NewTextHandler(&told, nil)))
	stop := run(t, f.Run)
	if err := db.Commit(ctx, store.Batch{Outbox: []store.Message{
		{Channel: store.MQTT, Key: "1", Dest: "a/+", At: time.Now()},
		{Channel: store.MQTT, Key: "2", Dest: "a/b", At: time.Now()},
	}}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an empty outbox", func() bool {
		c, err := db.Outbox(store.MQTT).Counts(ctx)
		return err == nil && c.Pending == 0 && c.Sent == 1 && c.Quarantined == 1
	})
	stop()
	if strings.Contains(told.String(), "publishing the outbox") {
		t.Errorf("what cannot be sent stopped the rest: %s", told.String())
	}
}

func TestBrokerThatSaysNothing(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := session(t, Config{URL: "mqtt://" + l.Addr().String()})
	stop := run(t, s.Run)
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("it took %s to stop", took)
	}
}
