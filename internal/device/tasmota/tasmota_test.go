package tasmota

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote/remotetest"
)

var now = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func dev(t testing.TB, channel int, deadMan time.Duration) (*Switch, *remotetest.Deaf) {
	t.Helper()
	bus := &remotetest.Deaf{}
	s, err := New(bus, Config{Topic: "plug", Channel: channel, DeadMan: deadMan, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s, bus
}

func TestPulseTime(t *testing.T) {
	for d, want := range map[time.Duration]int{
		0: 0, 50 * time.Millisecond: 1, 500 * time.Millisecond: 5, 11 * time.Second: 110,
		12 * time.Second: 112, 10 * time.Minute: 700, 24 * time.Hour: 64900,
	} {
		if got := pulseTime(d); got != want {
			t.Errorf("%v: %d, want %d", d, got, want)
		}
	}
}

func TestMessages(t *testing.T) {
	on := loads.Observation{On: true, Known: true, At: now}
	off := loads.Observation{Known: true, At: now}
	measured := func(o loads.Observation, p units.Power) loads.Observation {
		o.Power, o.HasPower = p, true
		return o
	}
	type message struct {
		topic, payload string
		retained       bool
	}
	for _, tc := range []struct {
		name    string
		channel int
		say     []message
		want    loads.Observation
	}{
		{"one relay", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}}, on},
		{"the first of two", 0, []message{{"stat/plug/RESULT", `{"POWER1":"OFF"}`, false}, {"stat/plug/RESULT", `{"POWER2":"ON"}`, false}}, off},
		{"the second of two", 1, []message{{"stat/plug/RESULT", `{"POWER1":"OFF"}`, false}, {"stat/plug/RESULT", `{"POWER2":"ON"}`, false}}, on},
		{"a second relay is not the unnumbered one", 1, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}}, loads.Observation{}},
		{"periodic state", 0, []message{{"tele/plug/STATE", `{"Time":"x","UptimeSec":12,"POWER":"ON","Wifi":{"RSSI":70}}`, false}}, on},
		{"full status", 0, []message{{"stat/plug/STATUS11", `{"StatusSTS":{"POWER":"ON"}}`, false}}, on},
		{"a retained state is of an unknown age", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, true}}, loads.Observation{}},
		{"retained, but gone", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/LWT", "Offline", true}}, loads.Observation{}},
		{"power", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":812}}`, false}}, measured(on, 812*units.Watt)},
		{"power of two channels", 1, []message{{"stat/plug/RESULT", `{"POWER2":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":[10,20.5]}}`, false}}, measured(on, 20500)},
		{"power of another number of channels", 2, []message{{"stat/plug/RESULT", `{"POWER3":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":[10,20]}}`, false}}, on},
		{"asked for power", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"stat/plug/STATUS10", `{"StatusSNS":{"ENERGY":{"Power":7}}}`, false}}, measured(on, 7*units.Watt)},
		{"a temperature", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"DS18B20":{"Temperature":20}}`, false}}, on},
		{"more than a plug can carry", 0, []message{{"stat/plug/RESULT", `{"POWER":"ON"}`, false}, {"tele/plug/SENSOR", `{"ENERGY":{"Power":1e30}}`, false}}, on},
		{"not a state", 0, []message{{"stat/plug/RESULT", `{"POWER":"HOLD"}`, false}, {"stat/plug/RESULT", `{"POWER":1}`, false}, {"stat/plug/RESULT", `[`, false}}, loads.Observation{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := dev(t, tc.channel, 0)
			for _, m := range tc.say {
				s.hear(m.topic, []byte(m.payload), m.retained)
			}
			got, err := s.Observed(context.Background())
			if d := cmp.Diff(tc.want, got); d != "" || err != nil {
				t.Errorf("%v %s", err, d)
			}
		})
	}
}

func TestTheDeadManIsSetOncePerStartOfTheDevice(t *testing.T) {
	ctx := context.Background()
	s, bus := dev(t, 1, 10*time.Minute)
	for range 2 {
		if err := s.ask(ctx); err != nil {
			t.Fatal(err)
		}
	}
	s.hear("tele/plug/LWT", []byte("Online"), true) // our own reconnection
	if err := s.ask(ctx); err != nil {
		t.Fatal(err)
	}
	s.hear("tele/plug/LWT", []byte("Online"), false) // it restarted
	if err := s.ask(ctx); err != nil {
		t.Fatal(err)
	}
	want := []string{
		"cmnd/plug/PulseTime2 700", "cmnd/plug/POWER2 ", "cmnd/plug/POWER2 ", "cmnd/plug/POWER2 ",
		"cmnd/plug/PulseTime2 700", "cmnd/plug/POWER2 ",
	}
	if d := cmp.Diff(want, bus.Sent); d != "" {
		t.Error(d)
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"POWER":"ON"}`, `{"POWER1":"OFF"}`, `{"StatusSTS":{"POWER":"ON"}}`, `{"ENERGY":{"Power":[1,2]}}`, `{"ENERGY":{"Power":12.5}}`,
		`{"StatusSNS":{"ENERGY":{"Power":3}}}`, `{"POWER":`, `null`, `[]`, "Online", "Offline", `{"ENERGY":{"Power":null}}`,
	} {
		for _, topic := range []string{"RESULT", "SENSOR", "LWT"} {
			f.Add(topic, s)
		}
	}
	f.Fuzz(func(t *testing.T, topic, payload string) {
		s, _ := dev(t, 0, 0)
		s.hear("tele/plug/"+topic, []byte(payload), false)
		o, err := s.Observed(context.Background())
		if err != nil || o.HasPower && !o.Known || o.Known && o.At != now {
			t.Errorf("%+v %v", o, err)
		}
	})
}
