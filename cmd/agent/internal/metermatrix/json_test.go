package metermatrix

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// jsonMessage is what a device with one message tells.
func jsonMessage(f face) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"clock":%q`, f.shown().Format(time.RFC3339))
	if f.lacks&metering.HasImport == 0 {
		fmt.Fprintf(&b, `,"import":%d`, f.imported/units.WattHour)
	}
	if f.lacks&metering.HasPower == 0 {
		fmt.Fprintf(&b, `,"power":%.1f`, f.power.W())
	}
	if f.lacks&metering.HasVoltage == 0 {
		fmt.Fprintf(&b, `,"volts":%d,"amps":%.3f`, volts, f.amps())
	}
	return []byte(b.String() + "}")
}

// described is how jsonMessage is read.  Voltage and current may be missing.
const described = `import: {path: import, unit: Wh}, power: {path: power}, voltage: {path: volts, optional: true}, current: {path: amps, optional: true}, step: 1 Wh`

func overHTTP(t *testing.T, w *world) rig {
	s := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, q *http.Request) {
		f, how := w.shows()
		body, ok := how.framed(jsonMessage(f))
		wait := 2200 * time.Millisecond
		if how != late && ok {
			wait = 0
		}
		select {
		case <-q.Context().Done():
			return
		case <-time.After(wait):
		}
		if how == short {
			out.Header().Set("Content-Length", "4000")
		}
		_, _ = out.Write(body)
	}))
	t.Cleanup(s.Close)
	return rig{meter: fmt.Sprintf("driver: http, every: 100ms, rollover: 10000 kWh, http: {url: %q, timeout: 2s, time: clock, stale: 2m, %s}", s.URL, described)}
}

// pusher sends on a websocket by itself.
type pusher struct {
	speaker
	conn *websocket.Conn
}

func (p *pusher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var up websocket.Upgrader
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.conn, p.far = c, socketWriter{c}
	p.mu.Unlock()
	for {
		if _, _, err := c.ReadMessage(); err != nil {
			return
		}
	}
}

type socketWriter struct{ c *websocket.Conn }

func (s socketWriter) Write(b []byte) (int, error) {
	_ = s.c.SetWriteDeadline(time.Now().Add(time.Second))
	return len(b), s.c.WriteMessage(websocket.TextMessage, b)
}

func (socketWriter) Read([]byte) (int, error) { return 0, nil }

func overWebsocket(t *testing.T, w *world) rig {
	p := &pusher{speaker: speaker{w: w, telegram: jsonMessage, twice: true}}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	t.Cleanup(func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.conn != nil {
			_ = p.conn.Close()
		}
	})
	return rig{
		meter: fmt.Sprintf("driver: http, every: 1s, rollover: 10000 kWh, http: {url: %q, timeout: 3s, %s}", "ws"+strings.TrimPrefix(s.URL, "http"), described),
		push:  p.push, slow: true, gathers: true,
	}
}

// publisher is the device on the broker.
type publisher struct {
	speaker
	client paho.Client
	topic  string
}

// Write publishes; a broker takes whole messages.
func (p *publisher) Write(b []byte) (int, error) {
	p.client.Publish(p.topic, 1, false, b).WaitTimeout(5 * time.Second)
	return len(b), nil
}

func (*publisher) Read([]byte) (int, error) { return 0, nil }

// mosquitto is one broker for all cells, started when it is first needed.
type mosquitto struct {
	once   sync.Once
	broker *testservers.Mosquitto
}

func (m *mosquitto) start(t testing.TB) *testservers.Mosquitto {
	m.once.Do(func() { m.broker = testservers.StartMosquitto(t) })
	if m.broker == nil {
		t.Skip("no Mosquitto")
	}
	return m.broker
}

// on publishes to a topic of its own.
func (m *mosquitto) on(topic, meter string, telegram func(face) []byte) func(*testing.T, *world) rig {
	return func(t *testing.T, w *world) rig {
		b := m.broker
		id := strings.NewReplacer("/", "-", "_", "-", "'", "-").Replace(t.Name())
		id = id[max(0, len(id)-60):]
		name := strings.ReplaceAll(topic, "DEVICE", id)
		p := &publisher{speaker: speaker{w: w, telegram: telegram, twice: true}, topic: name}
		p.client = paho.NewClient(paho.NewClientOptions().AddBroker(fmt.Sprintf("tcp://127.0.0.1:%d", b.Port)).SetUsername(b.User).SetPassword(b.Password).SetClientID("device-" + id))
		if tok := p.client.Connect(); !tok.WaitTimeout(10*time.Second) || tok.Error() != nil {
			t.Fatalf("connect: %v", tok.Error())
		}
		t.Cleanup(func() { p.client.Disconnect(50) })
		p.far = p
		return rig{meter: strings.ReplaceAll(meter, "DEVICE", id), push: p.push, slow: true, gathers: strings.Contains(meter, "values"), broker: b, client: "agent-" + id}
	}
}

const valuesYAML = "driver: mqtt, every: 1s, rollover: 10000 kWh, mqtt: {kind: values, topic: \"DEVICE/state\", " + described + "}"

const tasmotaYAML = "driver: mqtt, every: 1s, rollover: 10000 kWh, mqtt: {kind: tasmota, topic: \"DEVICE\"}"

// tasmotaMessage is that of a plug.
func tasmotaMessage(f face) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"Time":%q,"ENERGY":{"TotalStartTime":"2025-01-01T00:00:00"`, f.shown().Format("2006-01-02T15:04:05"))
	if f.lacks&metering.HasImport == 0 {
		fmt.Fprintf(&b, `,"Total":%.3f`, down(f.imported))
	}
	if f.lacks&metering.HasPower == 0 {
		fmt.Fprintf(&b, `,"Power":%.0f`, f.power.W())
	}
	if f.lacks&metering.HasVoltage == 0 {
		fmt.Fprintf(&b, `,"Voltage":%d,"Current":%.3f`, volts, f.amps())
	}
	return []byte(b.String() + "}}")
}
