package talk

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
)

func TestOrdersAreForNow(t *testing.T) {
	now := time.Date(2026, 11, 3, 10, 0, 0, 0, time.UTC)
	timed := func(at time.Time, longest float64) string {
		text, err := json.Marshal(api.Order{Order: "open", At: at, MaxAge: longest})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, c := range []struct {
		situation, payload string
		early              bool
		waited             time.Duration // with us
		refused            string        // "" obeyed
	}{
		{"a word that came while we were there", " open\n", false, 0, ""},
		{"a word that may have waited at the broker", "open", true, 0, "may have waited"},
		{"a word that could not be recorded in time", "open", false, 2 * time.Minute, "could not be recorded"},
		{"an order of now", timed(now, 0), false, 0, ""},
		{"an order of now that came early", timed(now.Add(-10*time.Second), 0), true, 0, ""},
		{"an order of yesterday", timed(now.Add(-24*time.Hour), 0), true, 0, "24h0m0s old"},
		{"an order older than a minute", timed(now.Add(-61*time.Second), 0), false, 0, "1m1s old"},
		{"an order that says it holds ten minutes", timed(now.Add(-9*time.Minute), 600), true, 0, ""},
		{"an order that would hold for a day", timed(now, 86400), false, 0, "max_age_s"},
		{"an order of tomorrow", timed(now.Add(time.Hour), 0), false, 0, "ahead"},
		{"no JSON", `{"order":`, false, 0, "not JSON"},
	} {
		m := broker.Message{Topic: "t", Payload: []byte(c.payload), Early: c.early}
		if c.waited > 0 {
			m.Came = time.Now().Add(-c.waited)
		}
		word, err := order(m, now)
		switch {
		case c.refused == "" && (err != nil || word != "open"):
			t.Errorf("%s: %q, %v", c.situation, word, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %q, %v", c.situation, word, err)
		}
	}
}

// TestOrderThatWaitedAtTheBrokerIsNotObeyed: an order sent while the agent was
// stopped switched the supply off at the next start.
func TestOrderThatWaitedAtTheBrokerIsNotObeyed(t *testing.T) {
	url, sender := aBroker(t)
	topics := sender.Topics()
	send := func(topic, text string, retained bool) {
		t.Helper()
		if err := sender.Publish(t.Context(), topic, 1, retained, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	order := func(word string) string {
		return fmt.Sprintf(`{"order":%q,"at":%q}`, word, time.Now().UTC().Format(time.RFC3339Nano))
	}

	h := newHouse(t, url, nil)
	eventually(t, "an order of now", func() bool {
		send(topics.Reconnect(), order("open"), false)
		return h.loop.Snapshot().State.Supply.Off
	})
	send(topics.Reconnect(), order("close"), false)
	eventually(t, "the order back", func() bool { return !h.loop.Snapshot().State.Supply.Off })
	st := h.loop.Snapshot().State
	h.stop()

	send(topics.Reconnect(), "open", false)
	send(topics.LoadSet("geyser"), "skip", false)
	send(topics.Reconnect(), "open", true)
	send(topics.Reconnect(), fmt.Sprintf(`{"order":"open","at":%q}`, time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)), false)

	h = newHouse(t, url, &st)
	eventually(t, "an order of now", func() bool {
		send(topics.LoadSet("geyser"), order("run"), false)
		o := h.loop.Snapshot().State.Loads[0].Progress.Override
		return o != nil && o.Run
	})
	if h.loop.Snapshot().State.Supply.Off {
		t.Error("an order that waited switched the supply off")
	}
}

// TestNamesMadeUpByOthersAreOneWarning: each load that nobody has was a warning
// of its own, kept in the checkpoint and told to everybody each second.
func TestNamesMadeUpByOthersAreOneWarning(t *testing.T) {
	h := newHouse(t, "mqtt://127.0.0.1:1", nil)
	topics := broker.NewTopics("test")
	for i := range 2000 {
		m := broker.Message{Topic: topics.LoadSet(fmt.Sprintf("none%d", i)), Payload: []byte("run")}
		if i%2 == 1 {
			m.Payload = []byte(strings.Repeat("x", 900))
		}
		if err := h.heardLoad(t.Context(), topics, m); err != nil {
			t.Fatal(err)
		}
	}
	st := h.loop.Snapshot().State
	n := 0
	for _, w := range st.Health.Active {
		if w.Code == health.BadMessage {
			n++
			if len(w.Cause) > 300 {
				t.Errorf("a cause of %d bytes", len(w.Cause))
			}
		}
	}
	text, err := json.Marshal(st)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d warnings, a checkpoint of %d bytes", n, len(text))
	if n != 1 || len(text) > 20_000 {
		t.Errorf("%d warnings, a checkpoint of %d bytes", n, len(text))
	}
}

// How long the credit is to last is asked by MQTT as by any other way.
func TestHowLongTheCreditIsToLastIsAnOrder(t *testing.T) {
	h := newHouse(t, "mqtt://127.0.0.1:1", nil)
	topic := broker.NewTopics("test").Until()
	say := func(text string) {
		t.Helper()
		if err := h.heardUntil(t.Context(), broker.Message{Topic: topic, Payload: []byte(text)}); err != nil {
			t.Fatal(err)
		}
	}
	why := func() string {
		for _, w := range h.loop.Snapshot().State.Health.Active {
			if w.Code == health.BadMessage && w.Subject == topic {
				return h.plain.Say(w.Cause)
			}
		}
		return ""
	}
	say("tomorrow 18:00")
	u := h.loop.Snapshot().State.Until
	if u == nil || u.By != "mqtt" || why() != "" {
		t.Fatalf("%+v, %q", u, why())
	}
	if s := api.StateOf(api.ViewOf(h.words.For(h.maker.Unit(), time.UTC, time.Now()), ptr(h.view()))); s.Until == nil || !s.Until.At.Equal(u.At) {
		t.Errorf("the retained state says %+v", s.Until)
	}
	say(fmt.Sprintf(`{"order":"tomorrow 19:00","at":%q}`, time.Now().UTC().Add(-time.Hour).Format(time.RFC3339)))
	if !strings.Contains(why(), "old") || !h.loop.Snapshot().State.Until.At.Equal(u.At) {
		t.Errorf("an order of an hour ago: %q", why())
	}
	say("some day")
	if !strings.Contains(why(), "some day is not a time: write it like Fri 18:00") {
		t.Errorf("what cannot be read: %q", why())
	}
	say(fmt.Sprintf(`{"order":"off","at":%q}`, time.Now().UTC().Format(time.RFC3339)))
	if h.loop.Snapshot().State.Until != nil {
		t.Error("it is not taken back")
	}
}

func ptr[T any](v T) *T { return &v }
