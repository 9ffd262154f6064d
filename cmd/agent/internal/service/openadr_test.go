package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/openadr/vtn"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/localbroker"
	"github.com/keeplit/keeplit/internal/units"
)

// served is an agent in front of a simulated house, at an OpenADR server.
func atServer(t *testing.T, url, data string) (s *Service, stop func()) {
	t.Helper()
	text := `
site: {id: home-12, meter: "1", zone: Africa/Johannesburg}
meter: {driver: house}
simulation: {step: 1s, speed: 1, seed: 3, per_day: 8 kWh}
tariff: {document: {name: flat, currency: ZAR, zone: Africa/Johannesburg, versions: [{energy: [{name: energy, price: 2.50}]}]}}
tokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money}}
credit: {opening: 100}
loads: [{id: geyser, power: 3 kW, need: {for: 3h}, switch: {driver: house}}]
web: {listen: "127.0.0.1:0"}
openadr: {url: "` + url + `/openadr3/3.1.1", client_id: home-12, client_secret: {env: S}, program: residential, streams: [tariff, message, event], poll: 10s}
`
	cfg, faults := config.Parse([]byte(text), ".", config.Secrets{Getenv: func(name string) string { return map[string]string{"K": trialKey, "S": "s3cret"}[name] }, ReadFile: os.ReadFile}, drivers.All())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	cfg.Data = data
	cfg.OpenADR.Poll = 50 * time.Millisecond
	s, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, end := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return s, func() {
		end()
		if err := <-done; err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

func listing(kind string, value any) vtn.Object {
	return vtn.Object{
		"intervalPeriod": vtn.Object{"start": "0001-01-01T00:00:00", "duration": "PT1H"},
		"intervals":      []any{vtn.Object{"id": 0, "payloads": []any{vtn.Object{"type": kind, "values": []any{value}}}}},
	}
}

// TestAServerDrivesAnAgent is an agent, as it is run, at an OpenADR server over HTTP and its
// MQTT broker: every type of event of 3.1.1, changed, deleted, while the server is down, and
// after a restart.
func TestAServerDrivesAnAgent(t *testing.T) {
	mqtt, at, err := localbroker.New("127.0.0.1:0", mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}, &localbroker.OpenDoor{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = mqtt.Serve() }()
	defer func() { _ = mqtt.Close() }()
	server := vtn.New()
	server.Broker = "mqtt://" + at
	server.Notify = func(topic string, payload []byte) { _ = mqtt.Publish(topic, payload, false, 1) }
	web := httptest.NewServer(server)
	defer web.Close()
	data := t.TempDir()
	s, stop := atServer(t, web.URL, data)
	defer func() { stop() }()
	eventually := func(what string, is func() bool) {
		t.Helper()
		for deadline := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(deadline) {
				st := s.Loop().Snapshot().State
				t.Fatalf("%s: never; %+v; limits %+v; the link is %+v", what, st.VTN.Served, s.Site().LimitsInForce(&st), s.ven.State())
			}
		}
	}
	listed := func(id string) (x policy.Listed, ok bool) {
		if of := s.Loop().Snapshot().State.VTN.Served; of != nil {
			i := slices.IndexFunc(of.Listed, func(x policy.Listed) bool { return x.ID == id })
			if i >= 0 {
				return of.Listed[i], true
			}
		}
		return x, false
	}
	limits := func() string {
		st := s.Loop().Snapshot().State
		out := ""
		for _, f := range s.Site().LimitsInForce(&st) {
			out += fmt.Sprint(f.Source, " ", f.Limit, " ", f.Loads, ";")
		}
		return out
	}
	warned := func(code health.Code) bool {
		return slices.ContainsFunc(s.Loop().Snapshot().State.Health.Active, func(w health.Warning) bool { return w.Code == code })
	}
	price := func() units.Price {
		v := s.Desk().View()
		return v.Tariff.Price
	}
	usual := price()

	// Each type: what it does, or the code with which it does nothing.
	does := map[string]struct {
		value any
		is    func() bool
	}{
		"SIMPLE":                {2, func() bool { return limits() == "openadr_event 1 W [geyser];" && warned(health.UtilityEvent) }},
		"IMPORT_CAPACITY_LIMIT": {5.5, func() bool { return limits() == "openadr_event 5500 W [];" }},
		"PRICE":                 {9.5, func() bool { return price() > usual }},
	}
	for _, name := range []string{"GRID_EMERGENCY", "BLACK_START", "POSSIBLE_OUTAGE", "FLEX_ALERT", "FIRE", "FREEZING", "WIND", "TSUNAMI", "AIR_QUALITY", "OTHER"} {
		does["ALERT_"+name] = struct {
			value any
			is    func() bool
		}{"words", func() bool { return warned(health.UtilityAlert) }}
	}
	for kind, c := range does {
		id := server.Put(listing(kind, c.value))
		eventually(kind, c.is)
		if x, _ := listed(id); x.Code != policy.Taken {
			t.Errorf("%s: %+v", kind, x)
		}
		server.Delete(id)
		eventually(kind+", deleted", func() bool {
			_, there := listed(id)
			return !there && limits() == "" && !warned(health.UtilityAlert) && !warned(health.UtilityEvent) && price() == usual
		})
	}
	for kind, value := range map[string]any{
		"PRICE_ALTERNATE": 1, "EXPORT_PRICE": 1, "CHARGE_STATE_SETPOINT": 1, "DISPATCH_SETPOINT": 1, "DISPATCH_SETPOINT_RELATIVE": 1, "DISPATCH_INSTRUCTION": "x", "CONTROL_SETPOINT": 1,
		"CONTROL_LEVEL_OFFSET": 1, "CONTROL_LEVEL_OFFSET_PERCENT": 1, "GHG": 1, "CURVE": vtn.Object{"x": 1, "y": 2}, "OLS": 1, "IMPORT_CAPACITY_SUBSCRIPTION": 1, "IMPORT_CAPACITY_RESERVATION": 1,
		"IMPORT_CAPACITY_RESERVATION_FEE": 1, "IMPORT_CAPACITY_AVAILABLE": 1, "IMPORT_CAPACITY_AVAILABLE_PRICE": 1, "EXPORT_CAPACITY_SUBSCRIPTION": 1, "EXPORT_CAPACITY_RESERVATION": 1,
		"EXPORT_CAPACITY_RESERVATION_FEE": 1, "EXPORT_CAPACITY_AVAILABLE": 1, "EXPORT_CAPACITY_AVAILABLE_PRICE": 1, "EXPORT_CAPACITY_LIMIT": 1, "CTA2045_REBOOT": 1, "CTA2045_SET_OVERRIDE_STATUS": 1,
		"X_PREPAY_TOKEN": "12345678901234567890", "X_SUPPLY_OFF": 1,
	} {
		id := server.Put(listing(kind, value))
		eventually(kind, func() bool { x, there := listed(id); return there && x.Code != policy.Taken })
		if limits() != "" || price() != usual || warned(health.UtilityAlert) || warned(health.UtilityEvent) {
			t.Errorf("%s does something: %s", kind, limits())
		}
		server.Delete(id)
	}

	// Changed, an older version, and taken back by no length.
	id := server.Put(listing("IMPORT_CAPACITY_LIMIT", 6))
	eventually("a limit", func() bool { return limits() == "openadr_event 6000 W [];" })
	change := listing("IMPORT_CAPACITY_LIMIT", 5)
	change["id"] = id
	server.Put(change)
	eventually("changed", func() bool { return limits() == "openadr_event 5000 W [];" })
	old := listing("IMPORT_CAPACITY_LIMIT", 7)
	old["id"], old["modificationDateTime"] = id, "2020-01-01T00:00:00Z"
	polls := server.Calls("GET /openadr3/3.1.1/events")
	server.Put(old)
	eventually("more polls", func() bool { return server.Calls("GET /openadr3/3.1.1/events") > polls+3 })
	if got := limits(); got != "openadr_event 5000 W [];" {
		t.Errorf("an older version: %s", got)
	}

	// The server is down: what was said goes on, the agent too; and so after a restart.
	server.Before(func(w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusServiceUnavailable)
		return true
	})
	eventually("down", func() bool { return !s.ven.State().OK })
	stop()
	s, stop = atServer(t, web.URL, data)
	eventually("down after a restart", func() bool { return s.ven.State().Error != "" })
	if got := limits(); got != "openadr_event 5000 W [];" {
		t.Errorf("after a restart without the server: %s", got)
	}
	stop() // it would ask again after seconds
	server.Before(nil)
	none := listing("IMPORT_CAPACITY_LIMIT", 5)
	none["id"], none["intervalPeriod"] = id, vtn.Object{"start": "0001-01-01", "duration": "PT0S"}
	server.Put(none)
	s, stop = atServer(t, web.URL, data)
	eventually("taken back", func() bool { return limits() == "" })

	// Nothing has credited or disconnected anybody, and one ven was made.
	entries, err := s.Desk().LastTokens(t.Context(), 5)
	if err != nil || len(entries) != 0 || len(server.VENs()) != 1 {
		t.Errorf("%d tokens were entered, %d vens, %v", len(entries), len(server.VENs()), err)
	}
	if v := s.Desk().View(); strings.Contains(fmt.Sprint(v.Supply), "utility") {
		t.Errorf("%+v", v.Supply)
	}

	// It says what it expects to draw, and how sure that is.
	ask := vtn.Object{
		"intervalPeriod": vtn.Object{"start": time.Now().UTC().Add(time.Hour).Format(time.RFC3339), "duration": "PT1H"}, "intervals": []any{vtn.Object{"id": 7, "payloads": []any{}}},
		"reportDescriptors": []any{vtn.Object{"payloadType": "USAGE_FORECAST", "historical": false}, vtn.Object{"payloadType": "LOAD_SHED_DELTA_AVAILABLE", "historical": false}},
	}
	server.Put(ask)
	eventually("reports", func() bool { return len(server.Reports()) >= 4 })
	confidences := []string{}
	for _, r := range server.Reports() {
		d := r["payloadDescriptors"].([]any)[0].(map[string]any)
		confidences = append(confidences, fmt.Sprint(d["payloadType"], " ", d["confidence"]))
	}
	slices.Sort(confidences)
	if got := strings.Join(confidences, ", "); got != "LOAD_SHED_DELTA_AVAILABLE <nil>, USAGE_FORECAST 10, USAGE_FORECAST 50, USAGE_FORECAST 90" {
		t.Errorf("%s", got)
	}
}
