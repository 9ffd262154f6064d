package drivers

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/localbroker"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/shelly"
	"github.com/keeplit/keeplit/loads/tasmota"
	"github.com/keeplit/keeplit/loads/zigbee2mqtt"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/mqttmeter"
)

// A plug with two relays that is the site's meter too is one device: each topic is
// subscribed once, and what it says reaches meter and switches together.
func TestADeviceThatIsMeterAndTwoSwitchesIsOne(t *testing.T) {
	for _, row := range []struct {
		kind          string
		first, second int // its relays
		filters       []string
		says          [][2]string // both relays on, and 1.5 kWh
		gone          [2]string
	}{
		{
			"tasmota", 0, 1,
			[]string{"stat/plug/+", "tele/plug/+"},
			[][2]string{{"tele/plug/STATE", `{"POWER1":"ON","POWER2":"ON"}`}, {"tele/plug/SENSOR", `{"ENERGY":{"Total":1.5,"Power":[40,2]}}`}},
			[2]string{"tele/plug/LWT", "Offline"},
		},
		{
			"shelly", 0, 1,
			[]string{"keeplit/shelly/plug/0/rpc", "keeplit/shelly/plug/1/rpc", "plug/events/rpc", "plug/online", "plug/status/+"},
			[][2]string{
				{"plug/status/switch:1", `{"id":1,"output":true,"apower":2}`},
				{"plug/events/rpc", `{"method":"NotifyStatus","params":{"switch:0":{"id":0,"output":true,"aenergy":{"total":1500}}}}`},
			},
			[2]string{"plug/online", "false"},
		},
		{
			"zigbee2mqtt", 1, 2,
			[]string{"zigbee2mqtt/plug", "zigbee2mqtt/plug/availability"},
			[][2]string{{"zigbee2mqtt/plug", `{"state_l1":"ON","state_l2":"ON","energy":1.5}`}},
			[2]string{"zigbee2mqtt/plug/availability", `{"state":"offline"}`},
		},
	} {
		t.Run(row.kind, func(t *testing.T) {
			b := startBroker(t)
			pool := device.NewPool(b.session, time.Now, slog.New(slog.DiscardHandler))
			meter := openMeter(t, pool, row.kind)
			first := openSwitch(t, pool, plug{row.kind, "plug", "", row.first})
			second := openSwitch(t, pool, plug{row.kind, "plug", "", row.second})
			if n := len(pool.Devices()); n != 1 {
				t.Fatalf("%d devices", n)
			}
			readings := make(chan metering.Reading, 100)
			b.run(t, pool.Devices()[0].Run)
			b.run(t, func(ctx context.Context) error { return meter.Run(ctx, func(r metering.Reading) { readings <- r }) })

			until(t, "its topics are subscribed", func() bool { return len(b.subscribed(t)) == len(row.filters) })
			if d := cmp.Diff(row.filters, b.subscribed(t)); d != "" {
				t.Errorf("subscribed: %s", d)
			}
			register := false
			var said time.Time
			until(t, "both are known to be on, and the register", func() bool {
				if time.Since(said) > time.Second { // again: the meter may not have followed yet when it was said first
					said = time.Now()
					for _, m := range row.says {
						b.publish(m[0], m[1])
					}
				}
				register = register || drained(readings, func(r metering.Reading) bool {
					return r.Err == nil && r.Sample.Gives(metering.HasImport) && r.Sample.Import.KWh() == 1.5
				})
				return register && on(t, first) && on(t, second)
			})
			b.publish(row.gone[0], row.gone[1])
			until(t, "the meter says that it is gone", func() bool {
				return drained(readings, func(r metering.Reading) bool { return metering.CodeOf(r.Err) == metering.Offline })
			})
			for _, sw := range []loads.Switch{first, second} {
				if o, err := sw.Observed(context.Background()); err != nil || o.Known {
					t.Errorf("the meter knows that it is gone, a switch says %+v, %v", o, err)
				}
			}
		})
	}
}

func TestDevicesOfOtherTopicsOrKindsAreOthers(t *testing.T) {
	pool := device.NewPool(startBroker(t).session, time.Now, slog.New(slog.DiscardHandler))
	for _, p := range []plug{
		{"tasmota", "a", "", 0},
		{"tasmota", "b", "", 0},
		{"shelly", "a", "", 0},
		{"zigbee2mqtt", "a", "", 0},
		{"zigbee2mqtt", "a", "zigbee2mqtt", 0},
		{"zigbee2mqtt", "a", "upstairs", 0},
	} {
		openSwitch(t, pool, p)
	}
	var names []string
	for _, d := range pool.Devices() {
		names = append(names, d.Name())
	}
	want := []string{"tasmota a", "tasmota b", "shelly a", "zigbee2mqtt zigbee2mqtt/a", "zigbee2mqtt upstairs/a"}
	if d := cmp.Diff(want, names); d != "" {
		t.Error(d)
	}
}

func openMeter(t *testing.T, pool *device.Pool, kind string) metering.Meter {
	t.Helper()
	m, err := (&mqttmeter.Document{Kind: kind, Topic: "plug"}).Open(metering.Env{MQTT: pool, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// plug is a relay of a device.
type plug struct {
	kind, topic, base string
	channel           int
}

func openSwitch(t *testing.T, pool *device.Pool, p plug) loads.Switch {
	t.Helper()
	var settings loads.Settings
	switch p.kind {
	case "tasmota":
		d := new(tasmota.Document)
		d.Topic, d.Channel = p.topic, p.channel
		settings = d
	case "shelly":
		d := new(shelly.Document)
		d.Topic, d.Channel = p.topic, p.channel
		settings = d
	default:
		d := new(zigbee2mqtt.Document)
		d.Topic, d.Channel, d.Base = p.topic, p.channel, p.base
		settings = d
	}
	sw, err := settings.Open(loads.Env{ID: "load", MQTT: pool})
	if err != nil {
		t.Fatal(err)
	}
	return sw
}

func on(t *testing.T, sw loads.Switch) bool {
	t.Helper()
	o, err := sw.Observed(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return o.Known && o.On
}

// drained takes all readings that wait and tells whether want is content with any.
func drained(readings <-chan metering.Reading, want func(metering.Reading) bool) (found bool) {
	for {
		select {
		case r := <-readings:
			found = found || want(r)
		default:
			return found
		}
	}
}

func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// testBroker is a real broker in this process and the agent's session on it.
type testBroker struct {
	server  *mochi.Server
	session *broker.Session
}

func startBroker(t *testing.T) *testBroker {
	t.Helper()
	server, at, err := localbroker.New("127.0.0.1:0", mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}, new(localbroker.OpenDoor))
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	session, err := broker.New(broker.Config{URL: "mqtt://" + at, Site: "test", MinBackoff: 10 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b := &testBroker{server, session}
	b.run(t, session.Run)
	// A server that is closed while somebody is about to come in races with itself.
	until(t, "the session is connected", func() bool { _, ok := server.Clients.Get("keeplit-test"); return ok })
	return b
}

// run runs a part until the test ends.
func (b *testBroker) run(t *testing.T, part func(context.Context) error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := part(ctx); err != nil && !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
	})
}

func (b *testBroker) publish(topic, payload string) {
	_ = b.server.Publish(topic, []byte(payload), false, 0) // it has an inline client
}

// subscribed is what the broker has subscriptions of the session for.
func (b *testBroker) subscribed(t *testing.T) []string {
	t.Helper()
	client, ok := b.server.Clients.Get("keeplit-test")
	if !ok {
		return nil
	}
	return slices.Sorted(maps.Keys(client.State.Subscriptions.GetAll()))
}
