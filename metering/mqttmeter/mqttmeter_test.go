package mqttmeter

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/device/shelly"
	"github.com/keeplit/keeplit/internal/device/tasmota"
	"github.com/keeplit/keeplit/internal/device/zigbee2mqtt"
	"github.com/keeplit/keeplit/internal/localbroker"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// broker is a real MQTT broker, in this process or Mosquitto, and a paho session
// on it.
type broker struct {
	publish func(topic, payload string)
	hangUp  func() // breaks the session's connection
	queues  bool   // messages of before a fault may come after it began: all are whole then
	client  paho.Client
	mu      sync.Mutex
	subs    map[string]func(string, []byte, bool)
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	srv, at, err := localbroker.New("127.0.0.1:0", mochi.Options{InlineClient: true, Logger: slog.New(slog.DiscardHandler)}, new(localbroker.OpenDoor))
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Serve(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = srv.Close() })
	b := &broker{
		publish: func(topic, payload string) { _ = srv.Publish(topic, []byte(payload), false, 0) },
		hangUp: func() {
			if cl, ok := srv.Clients.Get("meter"); ok {
				cl.Stop(errors.New("cut by the test"))
			}
		},
	}
	b.connect(t, paho.NewClientOptions().AddBroker("tcp://"+at))
	return b
}

// newMosquitto is the broker that most sites have; without it the test is
// skipped.
func newMosquitto(t *testing.T) *broker {
	t.Helper()
	m := testservers.StartMosquitto(t)
	options := func() *paho.ClientOptions {
		return paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", m.Port)).SetUsername(m.User).SetPassword(m.Password)
	}
	device := paho.NewClient(options().SetClientID("device").SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond))
	if tok := device.Connect(); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("connect: %v", tok.Error())
	}
	t.Cleanup(func() { device.Disconnect(50) })
	b := &broker{
		publish: func(topic, payload string) {
			if device.IsConnectionOpen() {
				device.Publish(topic, 0, false, payload)
			}
		},
		hangUp: func() {
			m.Kill()
			m.Start()
		},
		queues: true,
	}
	b.connect(t, options())
	return b
}

// connect opens the session.
func (b *broker) connect(t *testing.T, opts *paho.ClientOptions) {
	t.Helper()
	b.subs = map[string]func(string, []byte, bool){}
	opts.SetClientID("meter").SetOrderMatters(false).
		SetCleanSession(false). // see localbroker.New
		SetWriteTimeout(time.Second).
		SetConnectRetry(true).SetConnectRetryInterval(20 * time.Millisecond).SetMaxReconnectInterval(50 * time.Millisecond).
		SetOnConnectHandler(func(c paho.Client) {
			b.mu.Lock()
			defer b.mu.Unlock()
			for filter, h := range b.subs {
				c.Subscribe(filter, 0, on(h))
			}
		})
	b.client = paho.NewClient(opts)
	if tok := b.client.Connect(); !tok.WaitTimeout(5*time.Second) || tok.Error() != nil {
		t.Fatalf("connect: %v", tok.Error())
	}
	t.Cleanup(func() { b.client.Disconnect(50) })
}

func on(h func(string, []byte, bool)) paho.MessageHandler {
	return func(_ paho.Client, m paho.Message) { h(m.Topic(), m.Payload(), m.Retained()) }
}

// Publish implements device.Bus: a meter says nothing.
func (b *broker) Publish(_ context.Context, topic string, _ byte, _ bool, _ []byte) error {
	return fmt.Errorf("%s: a meter only listens", topic)
}

// Subscribe implements device.Bus.
func (b *broker) Subscribe(filter string, h func(string, []byte, bool)) (func(), error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.subs[filter] = h
	tok := b.client.Subscribe(filter, 0, on(h))
	if !tok.WaitTimeout(5 * time.Second) {
		return nil, errors.New("no answer to the subscription")
	}
	return func() {
		b.mu.Lock()
		delete(b.subs, filter)
		b.mu.Unlock()
		b.client.Unsubscribe(filter).WaitTimeout(time.Second)
	}, tok.Error()
}

// plug publishes what it shows every 20 ms.
type plug struct {
	b     *broker
	kind  string
	mu    sync.Mutex
	truth meteringtest.Truth
	fault meteringtest.Fault
	n     int
}

func (d *plug) Show(t meteringtest.Truth) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.truth = t
}

func (d *plug) Break(f meteringtest.Fault) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.fault = f
	if f == meteringtest.HangUp {
		d.b.hangUp()
	}
}

func (d *plug) run(stop <-chan struct{}) {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return
		case <-tick.C:
			d.publish()
		}
	}
}

func (d *plug) publish() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.n++
	topic, payload := d.message()
	switch d.fault {
	case meteringtest.Silence:
		return
	case meteringtest.Cut:
		payload = payload[:len(payload)/2]
	case meteringtest.Garbage:
		payload = "\x00\xffwhat is this"
	case meteringtest.Refusal:
		topic, payload = map[string]string{"tasmota": "tele/dev/LWT", "shelly": "dev/online", "zigbee2mqtt": "zigbee2mqtt/dev/availability"}[d.kind],
			map[string]string{"tasmota": "Offline", "shelly": "false", "zigbee2mqtt": `{"state":"offline"}`}[d.kind]
	}
	d.b.publish(topic, payload)
}

func (d *plug) message() (topic, payload string) {
	t := d.truth
	kwh, ret := t.Import.KWh(), t.Export.KWh()
	if d.fault == meteringtest.Absurd {
		kwh, t.Voltage = -5, 99_999_999
	}
	v, i, f := float64(t.Voltage)/1000, float64(t.Current)/1000, float64(t.Frequency)/1000
	switch d.kind {
	case "tasmota":
		return "tele/dev/SENSOR", fmt.Sprintf(`{"Time":"2024-03-01T10:00:00","ENERGY":{"TotalStartTime":"2023-01-01T00:00:00","Total":%.3f,"Yesterday":1.2,"Today":0.4,"Power":%.0f,"ApparentPower":%.0f,"ReactivePower":0,"Factor":1.00,"Frequency":%.0f,"Voltage":%.0f,"Current":%.3f,"ExportActive":%.3f}}`,
			kwh, t.Power.W(), t.Power.W(), f, v, i, ret)
	case "shelly":
		if d.n%3 == 0 && !d.b.queues { // a partial notification that tells power only
			return "dev/events/rpc", fmt.Sprintf(`{"src":"shellyplus1pm-aabbcc","dst":"dev/events","method":"NotifyStatus","params":{"ts":1709287200.5,"switch:0":{"id":0,"apower":%.1f}}}`, t.Power.W())
		}
		return "dev/status/switch:0", fmt.Sprintf(`{"id":0,"source":"init","output":true,"apower":%.1f,"voltage":%.1f,"freq":%.1f,"current":%.3f,"pf":1.0,"aenergy":{"total":%.3f,"by_minute":[1,2,3],"minute_ts":1709287200},"ret_aenergy":{"total":%.3f},"temperature":{"tC":40.1}}`,
			t.Power.W(), v, f, i, kwh*1000, ret*1000)
	}
	return "zigbee2mqtt/dev", fmt.Sprintf(`{"state":"ON","power":%.1f,"energy":%.2f,"produced_energy":%.2f,"voltage":%.0f,"current":%.2f,"linkquality":120,"last_seen":"2024-03-01T10:00:00+01:00"}`,
		t.Power.W(), kwh, ret, v, i)
}

func TestConformance(t *testing.T) { conform(t, newBroker) }

func TestConformanceOnMosquitto(t *testing.T) { conform(t, newMosquitto) }

func conform(t *testing.T, start func(*testing.T) *broker) {
	for _, kind := range []string{"tasmota", "shelly", "zigbee2mqtt"} {
		t.Run(kind, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
				Energy: units.WattHour, Power: 200,
				Cases: []meteringtest.Case{
					{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
					{Fault: meteringtest.Cut, Codes: []metering.Code{metering.UnknownReply}},
					{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
					{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
					{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Offline}},
					{Fault: meteringtest.HangUp, Codes: nil},
				},
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
					b := start(t)
					pool := devicetest.Pool(b, time.Now)
					m, err := New(pool, Config{Document: Document{Kind: kind, Topic: "dev"}, Every: 60 * time.Millisecond})
					if err != nil {
						t.Fatal(err)
					}
					devicetest.Run(t, pool)
					d := &plug{b: b, kind: kind}
					stop := make(chan struct{})
					var wg sync.WaitGroup
					wg.Go(func() { d.run(stop) })
					t.Cleanup(func() { close(stop); wg.Wait() })
					return m, d
				},
			})
		})
	}
}

// noBroker refuses every subscription.
type noBroker struct{ devicetest.Bus }

func (*noBroker) Subscribe(string, func(string, []byte, bool)) (func(), error) {
	return nil, errors.New("not authorised")
}

func TestSubscriptionRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pool := devicetest.Pool(new(noBroker), time.Now)
		m, err := New(pool, Config{Document: Document{Kind: "tasmota", Topic: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		devicetest.Run(t, pool)
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
		defer cancel()
		n := 0
		err = m.Run(ctx, func(r metering.Reading) {
			n++
			if metering.CodeOf(r.Err) != metering.Offline {
				t.Errorf("reading %+v", r)
			}
		})
		if err != nil || n < 3 {
			t.Errorf("told %d times: %v", n, err)
		}
	})
}

func TestRetainedIsNoMeasurement(t *testing.T) {
	for _, row := range []struct {
		name, topic, payload string
		code                 metering.Code // of what comes; empty: nothing
	}{
		{"a state", "zigbee2mqtt/plug", `{"power":5,"energy":1}`, ""},
		{"gone", "zigbee2mqtt/plug/availability", `{"state":"offline"}`, metering.Offline},
		{"there", "zigbee2mqtt/plug/availability", `online`, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				bus := new(devicetest.Bus)
				pool := devicetest.Pool(bus, time.Now)
				m, err := New(pool, Config{Document: Document{Kind: "zigbee2mqtt", Topic: "plug"}})
				if err != nil {
					t.Fatal(err)
				}
				devicetest.Run(t, pool)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				synctest.Wait()
				bus.Say(row.topic, row.payload, true)
				var got []metering.Reading
				if err := m.Run(ctx, func(r metering.Reading) { got = append(got, r) }); err != nil {
					t.Fatal(err)
				}
				if n := len(got); (row.code == "") != (n == 0) || n > 0 && (n > 1 || metering.CodeOf(got[0].Err) != row.code) {
					t.Errorf("became %+v", got)
				}
			})
		})
	}
}

// decodeTasmota reads one meter of a message, as the driver does.
func decodeTasmota(payload []byte, channel int) (t metering.Telegram, ok bool, err error) {
	meters, err := tasmota.Sensor(payload)
	for _, m := range meters {
		if m.Channel == channel {
			t, err = telegram("test", m)
			return t, true, err
		}
	}
	return t, false, coded(err)
}

// coded is an error of a device as the driver reports it.
func coded(err error) error {
	if unread := (*device.Unread)(nil); errors.As(err, &unread) {
		return unknown("test", unread)
	}
	return err
}

// decodeShelly reads all meters of a message.
func decodeShelly(component string, payload []byte) (parts []device.Meter, samples []metering.Sample, err error) {
	parts, err = shelly.Status(component, payload)
	for _, p := range parts {
		t, err := telegram("test", p)
		if err != nil {
			return nil, nil, err
		}
		samples = append(samples, t.Sample)
	}
	return parts, samples, coded(err)
}

func TestTasmotaMessages(t *testing.T) {
	for _, row := range []struct {
		name, in string
		channel  int
		want     metering.Sample
	}{
		{
			"one channel", `{"Time":"2024-01-01T00:00:00","ENERGY":{"Total":3.185,"Power":16,"Voltage":226,"Current":0.072}}`, 0,
			metering.Sample{
				Has:    metering.HasImport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasPhases,
				Import: 3185 * units.WattHour, Step: units.WattHour, Power: 16_000, Voltage: 226_000, Current: 72,
				Phases: []metering.Phase{{Has: metering.HasPower | metering.HasVoltage | metering.HasCurrent, Power: 16_000, Voltage: 226_000, Current: 72}},
			},
		},
		{"answer to a status request", `{"StatusSNS":{"ENERGY":{"Total":1}}}`, 0, metering.Sample{Has: metering.HasImport, Import: units.KilowattHour, Step: units.WattHour}},
		{"second of two channels", `{"ENERGY":{"Total":[1.5,2.5],"Power":[10,20]}}`, 2, metering.Sample{Has: metering.HasImport | metering.HasPower, Import: 2500 * units.WattHour, Step: units.WattHour, Power: 20_000}},
		{"the total of both is not the second's", `{"ENERGY":{"Total":4.0,"Power":[10,20]}}`, 2, metering.Sample{Has: metering.HasPower, Power: 20_000}},
		{
			"three phases with export", `{"ENERGY":{"Total":[1,2,3],"ExportActive":[0.1,0,0],"Power":[10,20,-5],"Voltage":[230,231,229]}}`, 0,
			metering.Sample{
				Has:    metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasPhases,
				Import: 6 * units.KilowattHour, Export: 100 * units.WattHour, Step: units.WattHour, Power: 25_000, Voltage: 230_000,
				Phases: []metering.Phase{
					{Has: metering.HasPower | metering.HasVoltage, Power: 10_000, Voltage: 230_000},
					{Has: metering.HasPower | metering.HasVoltage, Power: 20_000, Voltage: 231_000},
					{Has: metering.HasPower | metering.HasVoltage, Power: -5_000, Voltage: 229_000},
				},
			},
		},
		{"null is no value", `{"ENERGY":{"Total":1,"Power":null}}`, 0, metering.Sample{Has: metering.HasImport, Import: units.KilowattHour, Step: units.WattHour}},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok, err := decodeTasmota([]byte(row.in), row.channel)
			if err != nil || !ok {
				t.Fatalf("%v, %v", ok, err)
			}
			if g, w := fmt.Sprintf("%+v", got.Sample), fmt.Sprintf("%+v", row.want); g != w {
				t.Errorf("got  %s\nwant %s", g, w)
			}
		})
	}
}

func TestShellyMessages(t *testing.T) {
	for _, row := range []struct {
		name, component, in string
		want                []string // component, import, export, power, phases
	}{
		{"status topic", "switch:1", `{"id":1,"output":true,"apower":8.9,"voltage":237.5,"current":0.1,"aenergy":{"total":6.532}}`, []string{"switch:1 0.006532 0 8900 1"}},
		{"partial notification", "", `{"src":"shellypro4pm-x","method":"NotifyStatus","params":{"ts":1631186545.04,"switch:0":{"id":0,"apower":100},"switch:3":{"id":3,"apower":5}}}`, []string{"switch:0 0 0 100000 0", "switch:3 0 0 5000 0"}},
		{"full notification of a three-phase meter, data beside it", "", `{"src":"shellypro3em-x","method":"NotifyFullStatus","params":{"em:0":{"id":0,"a_voltage":230,"a_current":1,"a_act_power":230,"b_voltage":231,"b_current":0,"b_act_power":0,"c_voltage":229,"c_current":2,"c_act_power":-458,"total_act_power":-228},"emdata:0":{"total_act":1234567.89,"total_act_ret":1000}}}`, []string{"em:0 1234.567890 1.000000 -228000 3"}},
		{"answer to Switch.GetStatus", "", `{"id":1,"src":"shellyplus1pm-x","result":{"id":0,"output":false,"apower":0,"aenergy":{"total":1000}}}`, []string{"switch:0 1.000000 0 0 0"}},
		{"an event is no measurement", "", `{"src":"s","method":"NotifyEvent","params":{"events":[{"component":"input:0","event":"btn_down"}]}}`, nil},
		{"network status is no measurement", "", `{"sta_ip":"10.0.0.1","rssi":-60}`, nil},
	} {
		t.Run(row.name, func(t *testing.T) {
			parts, samples, err := decodeShelly(row.component, []byte(row.in))
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			kwh := func(e units.Energy) string {
				if e == 0 {
					return "0"
				}
				return fmt.Sprintf("%.6f", e.KWh())
			}
			for i, s := range samples {
				got = append(got, fmt.Sprintf("%s %s %s %d %d", parts[i].Part, kwh(s.Import), kwh(s.Export), s.Power, len(s.Phases)))
			}
			if strings.Join(got, "; ") != strings.Join(row.want, "; ") {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}

func TestMessagesRefused(t *testing.T) {
	for _, row := range []struct {
		name, in string
		code     metering.Code
	}{
		{"not JSON", `power=5`, metering.UnknownReply},
		{"cut short", `{"ENERGY":{"Total":1`, metering.UnknownReply},
		{"two objects", `{"ENERGY":{}}{}`, metering.UnknownReply},
		{"text for a number", `{"ENERGY":{"Total":"1 kWh"}}`, metering.UnknownReply},
		{"a number beyond floats", `{"ENERGY":{"Total":1e999}}`, metering.UnknownReply},
		{"negative register", `{"ENERGY":{"Total":-1}}`, metering.Range},
		{"impossible power", `{"ENERGY":{"Power":1e12}}`, metering.Range},
	} {
		if _, ok, err := decodeTasmota([]byte(row.in), 0); metering.CodeOf(err) != row.code {
			t.Errorf("%s: %v, %v; want code %s", row.name, ok, err, row.code)
		}
	}
}

func fuzz(f *testing.F, seeds []string, decode func([]byte) ([]metering.Sample, error)) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var samples []metering.Sample
		var err error
		meteringtest.Modest(t, b, func() { samples, err = decode(b) })
		if err != nil && metering.CodeOf(err) == "" {
			t.Fatalf("error without a code: %v", err)
		}
		if err != nil {
			return
		}
		for _, s := range samples {
			if err := s.Sane("fuzz"); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzTasmota(f *testing.F) {
	_, msg := (&plug{kind: "tasmota", truth: meteringtest.Truth{Import: 5 * units.KilowattHour, Power: 5000}}).message()
	fuzz(f, []string{msg, `{"StatusSNS":{"ENERGY":{"Total":[1,2,3],"Power":[1,2,3],"Voltage":230}}}`}, func(b []byte) ([]metering.Sample, error) {
		t, _, err := decodeTasmota(b, 0)
		return []metering.Sample{t.Sample}, err
	})
}

func FuzzShelly(f *testing.F) {
	_, msg := (&plug{kind: "shelly", n: 1, truth: meteringtest.Truth{Import: 5 * units.KilowattHour, Power: 5000}}).message()
	fuzz(f, []string{msg, `{"src":"x","method":"NotifyStatus","params":{"ts":1631186545.04,"em:0":{"a_voltage":230,"a_current":1,"a_act_power":230},"emdata:0":{"total_act":1}}}`}, func(b []byte) ([]metering.Sample, error) {
		_, samples, err := decodeShelly("", b)
		return samples, err
	})
}

func FuzzZigbee2MQTT(f *testing.F) {
	_, msg := (&plug{kind: "zigbee2mqtt", truth: meteringtest.Truth{Import: 5 * units.KilowattHour, Power: 5000}}).message()
	fuzz(f, []string{msg, `{"power":1,"power_phase_b":2,"power_phase_c":3,"voltage":230,"voltage_phase_b":231,"energy":1.5}`}, func(b []byte) ([]metering.Sample, error) {
		meters, err := zigbee2mqtt.State(b)
		if len(meters) == 0 {
			return nil, coded(err)
		}
		t, err := telegram("test", meters[0])
		return []metering.Sample{t.Sample}, err
	})
}
