package zigbee2mqtt

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/remote"
	"github.com/keeplit/keeplit/loads/internal/remote/remotetest"
)

var start = time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)

func dev(t testing.TB, channel int, deadMan time.Duration, now func() time.Time) (*Switch, *remotetest.Deaf) {
	t.Helper()
	bus := &remotetest.Deaf{}
	s, err := New(bus, Config{Config: remote.Config{Topic: "plug", Channel: channel, DeadMan: deadMan, Now: now, Log: slog.New(slog.DiscardHandler)}})
	if err != nil {
		t.Fatal(err)
	}
	return s, bus
}

func fixed() time.Time { return start }

func TestMessages(t *testing.T) {
	on := loads.Observation{On: true, Known: true, At: start}
	drawing := loads.Observation{On: true, Known: true, At: start, Power: 9500, HasPower: true}
	for _, tc := range []struct {
		name    string
		channel int
		say     []string // "!" before: availability; "*" before: retained
		want    loads.Observation
	}{
		{"on and drawing", 0, []string{`{"state":"ON","power":9.5,"linkquality":100}`}, drawing},
		{"the second endpoint", 2, []string{`{"state_l1":"OFF","state_l2":"ON","power_l1":1,"power_l2":9.5}`}, drawing},
		{"an endpoint it does not have", 2, []string{`{"state":"ON"}`}, loads.Observation{}},
		{"only power", 0, []string{`{"state":"ON"}`, `{"power":9.5}`}, drawing},
		{"no power known", 0, []string{`{"state":"ON","power":null}`}, on},
		{"a retained state is of an unknown age", 0, []string{`*{"state":"ON"}`}, loads.Observation{}},
		{"gone", 0, []string{`{"state":"ON"}`, `!{"state":"offline"}`}, loads.Observation{}},
		{"gone, in the old way", 0, []string{`{"state":"ON"}`, `!offline`}, loads.Observation{}},
		{"nonsense", 0, []string{`{"state":true}`, `{"state":"TOGGLE"}`, `[]`, ``, `!{`}, loads.Observation{}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := dev(t, tc.channel, 0, fixed)
			for _, m := range tc.say {
				if rest, ok := strings.CutPrefix(m, "!"); ok {
					s.announce("", []byte(rest), true)
					continue
				}
				rest, retained := strings.CutPrefix(m, "*")
				s.state("", []byte(rest), retained)
			}
			got, err := s.Observed(context.Background())
			if d := cmp.Diff(tc.want, got); d != "" || err != nil {
				t.Errorf("%v %s", err, d)
			}
		})
	}
}

// A device that cannot do on_time ignores the command; the next one goes without.
func TestADeviceWithoutOnTimeIsToldPlainly(t *testing.T) {
	now := start
	s, bus := dev(t, 0, 10*time.Minute, func() time.Time { return now })
	ctx := context.Background()
	say := func(state string) {
		now = now.Add(time.Second)
		s.state("", []byte(`{"state":"`+state+`"}`), false)
	}
	say("OFF")
	for range 3 {
		now = now.Add(time.Second)
		if err := s.Set(ctx, loads.Setpoint{On: true}); err != nil {
			t.Fatal(err)
		}
		say("OFF")
	}
	want := []string{`zigbee2mqtt/plug/set {"on_time":600,"state":"ON"}`, `zigbee2mqtt/plug/set {"state":"ON"}`, `zigbee2mqtt/plug/set {"state":"ON"}`}
	if d := cmp.Diff(want, bus.Sent); d != "" {
		t.Error(d)
	}

	// One that obeys goes on with it, also after someone switched it off.
	s, bus = dev(t, 0, 10*time.Minute, func() time.Time { return now })
	for range 2 {
		now = now.Add(time.Second)
		if err := s.Set(ctx, loads.Setpoint{On: true}); err != nil {
			t.Fatal(err)
		}
		say("ON")
		say("OFF")
	}
	if bus.Sent[0] != want[0] || bus.Sent[1] != want[0] {
		t.Errorf("%q", bus.Sent)
	}
	if err := s.Set(ctx, loads.Setpoint{}); err != nil || bus.Sent[2] != `zigbee2mqtt/plug/set {"state":"OFF"}` {
		t.Errorf("%q %v", bus.Sent, err)
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{`{"state":"ON","power":9.5}`, `{"state":"offline"}`, `online`, `{"power":null}`, `{"state":`, `[]`, `null`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		s, _ := dev(t, 0, time.Minute, fixed)
		for _, hear := range []func(string, []byte, bool){s.state, s.announce} {
			hear("", []byte(payload), false)
			o, err := s.Observed(context.Background())
			if err != nil || o.HasPower && (!o.Known || o.Power > 100*units.Kilowatt) || o.Known && o.At != start {
				t.Errorf("%+v %v", o, err)
			}
		}
	})
}
