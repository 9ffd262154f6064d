package shelly

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
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
	s, err := New(bus, Config{Topic: "shelly/plug", Channel: channel, DeadMan: deadMan, Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	return s, bus
}

func TestMessages(t *testing.T) {
	on := loads.Observation{On: true, Known: true, At: now}
	off := loads.Observation{Known: true, At: now}
	onDrawing := loads.Observation{On: true, Known: true, At: now, Power: 812500, HasPower: true}
	type say func(s *Switch)
	event := func(p string) say { return func(s *Switch) { s.event("", []byte(p), false) } }
	answer := func(p string) say { return func(s *Switch) { s.answer("", []byte(p), false) } }
	whole := func(p string) say { return func(s *Switch) { s.whole("", []byte(p), false) } }
	online := func(p string) say { return func(s *Switch) { s.announce("", []byte(p), true) } }
	for _, tc := range []struct {
		name    string
		channel int
		say     []say
		want    loads.Observation
	}{
		{"a change", 0, []say{event(`{"method":"NotifyStatus","params":{"ts":1.5,"switch:0":{"id":0,"output":true}}}`)}, on},
		{"of another relay", 1, []say{event(`{"method":"NotifyStatus","params":{"ts":1.5,"switch:0":{"id":0,"output":true}}}`)}, loads.Observation{}},
		{"a change of power lies over the state", 0, []say{
			event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":true}}}`),
			event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"apower":812.5}}}`),
		}, onDrawing},
		{"a change of power says nothing of the state", 0, []say{event(`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"apower":812.5}}}`)}, loads.Observation{}},
		{"an event that is no status", 0, []say{event(`{"method":"NotifyEvent","params":{"switch:0":{"id":0,"output":true}}}`)}, loads.Observation{}},
		{"an answer", 0, []say{answer(`{"id":1,"result":{"id":0,"output":true,"apower":812.5,"aenergy":{"total":1}}}`)}, onDrawing},
		{"that a command was taken is no state", 0, []say{answer(`{"id":1,"result":{"was_on":true}}`)}, loads.Observation{}},
		{"refused", 0, []say{answer(`{"id":1,"error":{"code":-103,"message":"no"}}`)}, loads.Observation{}},
		{"a whole state", 0, []say{whole(`{"id":0,"source":"init","output":false}`)}, off},
		{"gone", 0, []say{whole(`{"id":0,"output":true}`), online("false")}, loads.Observation{}},
		{"back", 0, []say{whole(`{"id":0,"output":true}`), online("false"), online("true")}, loads.Observation{}},
		{"nonsense", 0, []say{whole(`{"output":"yes"}`), event(`{"method":"NotifyStatus"}`), answer(`{`), online("")}, loads.Observation{}},
		{"more than a relay can carry", 0, []say{whole(`{"id":0,"output":true,"apower":1e9}`)}, on},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, _ := dev(t, tc.channel, 0)
			for _, m := range tc.say {
				m(s)
			}
			got, err := s.Observed(context.Background())
			if d := cmp.Diff(tc.want, got); d != "" || err != nil {
				t.Errorf("%v %s", err, d)
			}
		})
	}
}

// toggle_after must go with On only: with Off the device would switch on.
func TestOnlyOnCarriesTheDeadMan(t *testing.T) {
	s, bus := dev(t, 0, 10*time.Minute)
	for _, on := range []bool{true, false} {
		if err := s.Set(context.Background(), loads.Setpoint{On: on}); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []map[string]any{
		{"id": 0.0, "on": true, "toggle_after": 600.0},
		{"id": 0.0, "on": false},
	} {
		topic, payload, _ := strings.Cut(bus.Sent[i], " ")
		var frame struct {
			Src, Method string
			Params      map[string]any
		}
		if err := json.Unmarshal([]byte(payload), &frame); err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, frame.Params); d != "" || topic != "shelly/plug/rpc" || frame.Method != "Switch.Set" || frame.Src == "" {
			t.Errorf("%s %s: %s", topic, payload, d)
		}
	}
}

func FuzzMessages(f *testing.F) {
	for _, s := range []string{
		`{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":true,"apower":8.9}}}`,
		`{"id":1,"result":{"id":0,"output":true,"apower":812.5}}`, `{"id":1,"result":{"was_on":true}}`,
		`{"id":1,"error":{"code":-103,"message":"x"}}`, `{"id":0,"output":false}`, `true`, `false`, `null`, `{`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		s, _ := dev(t, 0, 0)
		for _, hear := range []func(string, []byte, bool){s.event, s.answer, s.whole, s.announce} {
			hear("", []byte(payload), false)
			o, err := s.Observed(context.Background())
			if err != nil || o.HasPower && (!o.Known || o.Power > 100*units.Kilowatt) || o.Known && o.At != now {
				t.Errorf("%+v %v", o, err)
			}
		}
	})
}
