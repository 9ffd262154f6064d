package talk

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

func TestWhatAMessageSaysOfTheUtilitysMeter(t *testing.T) {
	url, _ := aBroker(t)
	h := newHouse(t, url, nil)
	for _, c := range []struct {
		situation, payload string
		early              bool
		shown, at, refused string
	}{
		{"a number", " 412.3\n", false, "412.3", "", ""},
		{"a number that may have waited at the broker", "412.3", true, "", "", "may have waited"},
		{"JSON of now", `{"shown": "412.3"}`, false, "412.3", "", ""},
		{"JSON of now that may have waited", `{"shown": "412.3"}`, true, "", "", "may have waited"},
		{"JSON of yesterday, which may wait", `{"shown": "412.3", "at": " yesterday 21:00"}`, true, "412.3", "yesterday 21:00", ""},
		{"a key that nobody knows", `{"shown": "412.3", "value": 7}`, false, "", "", "unknown field"},
		{"a number that is none", `{"shown": 412.3}`, false, "", "", "not the JSON of a reading"},
		{"more after it", `{"shown": "412.3"} {"left": true}`, false, "", "", "stands"},
		{"half of it", `{"shown": "412`, false, "", "", "not the JSON of a reading"},
	} {
		r, err := h.reading(broker.Message{Payload: []byte(c.payload), Early: c.early})
		switch {
		case c.refused == "" && (err != nil || r.Shown != c.shown || r.At != c.at):
			t.Errorf("%s: %+v, %v", c.situation, r, err)
		case c.refused != "" && (err == nil || !strings.Contains(err.Error(), c.refused)):
			t.Errorf("%s: %+v, %v", c.situation, r, err)
		}
	}
}

// What comes over the broker is taken beside what was counted, and what cannot be is told.
func TestTheUtilitysMeterIsToldOverMQTT(t *testing.T) {
	url, sender := aBroker(t)
	h := newHouse(t, url, nil)
	read := metering.Sample{At: time.Now().UTC(), Has: metering.HasImport, Import: 10 * units.KilowattHour, Step: units.WattHour}
	if _, err := h.loop.Feed(t.Context(), control.Input{What: control.Reading{Sample: read}}); err != nil {
		t.Fatal(err)
	}
	say := func(payload string) {
		t.Helper()
		if err := sender.Publish(t.Context(), sender.Topics().MeterReading(), 1, false, []byte(payload)); err != nil {
			t.Fatal(err)
		}
	}
	later := read.At.Truncate(time.Second)
	now := func() string { // nothing is known of what was before; and no two are of one instant
		later = later.Add(time.Second)
		return later.Add(time.Second).Format(time.RFC3339)
	}
	eventually(t, "a reading", func() bool {
		say(`{"shown": "412.3", "at": "` + now() + `"}`)
		told := h.loop.Snapshot().State.Beside.Readings
		return len(told) > 0 && told[0].Shown == 412_300*units.WattHour
	})
	if h.warned(health.BadMessage) {
		t.Error("it was called a bad message")
	}
	eventually(t, "one that cannot be", func() bool {
		say(`{"shown": "a lot", "at": "` + now() + `"}`)
		return h.warned(health.BadMessage)
	})
}
