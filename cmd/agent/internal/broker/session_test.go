package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"
)

// run runs f until the test ends, and fails the test by its error.
func run(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			select {
			case err := <-done:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Error("Run does not return")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func embedded(t testing.TB) *Embedded {
	t.Helper()
	e, err := NewEmbedded(0, nil)
	if err != nil {
		t.Fatal(err)
	}
	run(t, e.Run)
	return e
}

func session(t testing.TB, cfg Config) *Session {
	t.Helper()
	if cfg.Site == "" {
		cfg.Site = "test"
	}
	cfg.MinBackoff, cfg.MaxBackoff = 20*time.Millisecond, 200*time.Millisecond
	if cfg.MinRefused == 0 {
		cfg.MinRefused, cfg.MaxRefused = cfg.MinBackoff, cfg.MaxBackoff
	}
	s, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// eventually waits until ok, for at most a minute.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for: %s", what)
		}
	}
}

func connected(t testing.TB, s *Session) {
	t.Helper()
	eventually(t, "the connection", func() bool { return s.State().Connected })
}

// subscribed waits until the broker hands out the messages of a topic.
func subscribed(t testing.TB, e *Embedded, topic string) {
	t.Helper()
	eventually(t, "the subscription to "+topic, func() bool { return len(e.server.Topics.Subscribers(topic).Subscriptions) > 0 })
}

// inbox collects messages.
type inbox struct {
	mu   sync.Mutex
	got  []string
	fail error
}

func (i *inbox) add(text string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.got = append(i.got, text)
}

func (i *inbox) all() []string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return append([]string(nil), i.got...)
}

func (i *inbox) state(topic string, payload []byte, retained bool) {
	i.add(fmt.Sprintf("%s=%s %t", topic, payload, retained))
}

func (i *inbox) command(_ context.Context, m Message) error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.fail != nil {
		return i.fail
	}
	i.got = append(i.got, fmt.Sprintf("%s=%s", m.Topic, m.Payload))
	return nil
}

func TestMessagesComeInOrder(t *testing.T) {
	e := embedded(t)
	s, other := session(t, Config{URL: e.URL()}), session(t, Config{URL: e.URL(), ClientID: "other"})
	var states, commands inbox
	if _, err := s.Subscribe("meter/+", states.state); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubscribeAck("meter/#", commands.command); err != nil {
		t.Fatal(err)
	}
	run(t, s.Run)
	run(t, other.Run)
	connected(t, other)
	eventually(t, "the greeting", func() bool { return s.State().Connected })
	subscribed(t, e, "meter/1")
	const n = 500
	for i := range n {
		if err := other.Publish(context.Background(), "meter/1", 1, false, fmt.Append(nil, i)); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all messages", func() bool { return len(states.all()) >= n && len(commands.all()) >= n })
	for i := range n {
		if want := fmt.Sprintf("meter/1=%d", i); states.all()[i] != want+" false" || commands.all()[i] != want {
			t.Fatalf("message %d: %q and %q", i, states.all()[i], commands.all()[i])
		}
	}
}

func TestPublishWithoutConnectionFailsAtOnce(t *testing.T) {
	s := session(t, Config{URL: "mqtt://127.0.0.1:1"})
	run(t, s.Run)
	eventually(t, "the first failure", func() bool { return s.State().LastError != "" })
	err := s.Publish(context.Background(), "a", 1, false, nil)
	if !errors.Is(err, ErrNotConnected) {
		t.Fatal(err)
	}
}
