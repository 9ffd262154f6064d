package homeassistant

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

const (
	stale = 1200 * time.Millisecond
	token = "long-lived"
)

// home is an emulated Home Assistant with a plug, a number and a sensor.
type home struct {
	*loadstest.Custom
	url string

	mu      sync.Mutex
	conns   map[*line]bool
	amps    float64
	closed  bool
	there   bool
	assumed bool
	plugAs  string // the word of the plug for on
	tries   int    // connections that were opened
	old     bool   // it does not know subscribe_entities
	units   map[string]string
	said    []string
}

// line is one connection.
type line struct {
	mu   sync.Mutex
	conn *websocket.Conn
	sub  int      // of subscribe_entities
	of   []string // what it asked for
}

func (l *line) write(v any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.conn.WriteJSON(v)
}

func newHome(t *testing.T) *home {
	t.Helper()
	h := &home{conns: map[*line]bool{}, amps: 16, there: true, plugAs: "on"}
	h.Custom = loadstest.NewCustom(t, nil, nil, func(on bool) { h.change(func() { h.closed = on }) }, func(there bool) { h.change(func() { h.there = there }) })
	server := httptest.NewServer(http.HandlerFunc(h.serve))
	t.Cleanup(server.Close)
	t.Cleanup(h.hangUp)
	h.url = server.URL
	return h
}

func (h *home) hangUp() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for l := range h.conns {
		_ = l.conn.Close()
	}
}

// change changes something, and says so as Home Assistant does: what is new of each entity.
func (h *home) change(do func()) {
	h.mu.Lock()
	before := h.states()
	do()
	after, changed := h.states(), map[string]any{}
	for id, s := range after {
		if before[id] != s {
			changed[id] = map[string]any{"+": map[string]any{"s": s, "lc": 1.7e9, "c": "01H"}}
		}
	}
	var to []*line
	for l := range h.conns {
		if l.sub != 0 {
			to = append(to, l)
		}
	}
	h.mu.Unlock()
	for _, l := range to {
		if len(changed) > 0 {
			l.write(map[string]any{"id": l.sub, "type": "event", "event": map[string]any{"c": changed}})
		}
	}
}

// states are the entities as they are said; h.mu is held.
func (h *home) states() map[string]string {
	if !h.there {
		return map[string]string{"switch.plug": "unavailable", "number.amps": "unavailable", "sensor.power": "unavailable", "climate.heater": "unavailable"}
	}
	out := map[string]string{"switch.plug": "off", "number.amps": strconv.FormatFloat(h.amps, 'f', 1, 64), "sensor.power": "0.0", "climate.heater": "off"}
	if h.closed {
		out["switch.plug"], out["climate.heater"], out["sensor.power"] = h.plugAs, "heat", strconv.FormatFloat(h.amps*0.23, 'f', 3, 64)
	}
	return out
}

func (h *home) serve(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/api/websocket" || h.Has(loadstest.DropsOut) {
		http.Error(w, "502: Bad Gateway", http.StatusBadGateway)
		return
	}
	up := websocket.Upgrader{}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	l := &line{conn: conn}
	h.mu.Lock()
	h.conns[l] = true
	h.tries++
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		delete(h.conns, l)
		h.mu.Unlock()
		_ = conn.Close()
	}()
	l.write(map[string]any{"type": "auth_required", "ha_version": "2026.11.1"})
	in := false
	last := 0
	for {
		_, text, err := conn.ReadMessage()
		if err != nil {
			return
		}
		var m struct {
			ID      int
			Type    string
			Token   string `json:"access_token"`
			Domain  string
			Service string
			Data    struct{ Value float64 } `json:"service_data"`
			Target  struct {
				Entity string `json:"entity_id"`
			}
			IDs []string `json:"entity_ids"`
		}
		if json.Unmarshal(text, &m) != nil {
			return
		}
		if !in {
			if in = m.Type == "auth" && m.Token == token; !in {
				l.write(map[string]any{"type": "auth_invalid", "message": "Invalid access token or password"})
				return
			}
			l.write(map[string]any{"type": "auth_ok", "ha_version": "2026.11.1"})
			continue
		}
		if m.ID <= last {
			l.write(map[string]any{"id": m.ID, "type": "result", "success": false, "error": map[string]any{"code": "id_reuse", "message": "Identifier values have to increase."}})
			continue
		}
		last = m.ID
		switch {
		case h.Has(loadstest.Silent):
		case h.Has(loadstest.Garbled):
			_ = conn.WriteMessage(websocket.TextMessage, []byte(`{"id":2,"type":"ev`))
		case m.Type == "ping":
			l.write(map[string]any{"id": m.ID, "type": "pong"})
		case m.Type == "subscribe_entities" && !h.old:
			l.write(map[string]any{"id": m.ID, "type": "result", "success": true, "result": nil})
			h.mu.Lock()
			all, states := map[string]any{}, h.states()
			for _, id := range m.IDs {
				if s, there := states[id]; there {
					attributes := map[string]any{"friendly_name": "X"}
					if unit := h.units[id]; unit != "" {
						attributes["unit_of_measurement"] = unit
					}
					if h.assumed {
						attributes["assumed_state"] = true
					}
					all[id] = map[string]any{"s": s, "a": attributes, "c": "01H", "lc": 1.7e9}
				}
			}
			l.sub, l.of = m.ID, m.IDs
			h.mu.Unlock()
			l.write(map[string]any{"id": m.ID, "type": "event", "event": map[string]any{"a": all}})
		case m.Type == "call_service":
			h.command(l, m.ID, m.Domain+"."+m.Service+" "+m.Target.Entity, m.Service, m.Data.Value)
		default:
			l.write(map[string]any{"id": m.ID, "type": "result", "success": false, "error": map[string]any{"code": "unknown_command", "message": "Unknown command."}})
		}
	}
}

func (h *home) command(l *line, id int, text, service string, value float64) {
	if value != 0 {
		text += fmt.Sprint(" ", value)
	}
	h.mu.Lock()
	h.said = append(h.said, text)
	h.mu.Unlock()
	h.Heed(text, func(f loadstest.Fault, _ bool) {
		if f == loadstest.Refuses {
			l.write(map[string]any{"id": id, "type": "result", "success": false, "error": map[string]any{"code": "home_assistant_error", "message": "Device did not answer"}})
			return
		}
		l.write(map[string]any{"id": id, "type": "result", "success": true, "result": map[string]any{"context": map[string]any{"id": "01H"}}})
		switch {
		case f != loadstest.Sound: // it was taken, and nothing moves
		case service == "set_value":
			h.change(func() { h.amps = value })
		case strings.HasPrefix(service, "turn_"):
			h.Obeys(service == "turn_on")
		}
	})
}

func (h *home) Fail(f loadstest.Fault) {
	h.Custom.Fail(f)
	if f == loadstest.DropsOut {
		h.hangUp()
		for end := time.Now().Add(5 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
			h.mu.Lock()
			n := len(h.conns)
			h.mu.Unlock()
			if n == 0 {
				break
			}
		}
		time.Sleep(20 * time.Millisecond) // until the other side has seen it
	}
}

func (h *home) Follows() loads.Setpoint {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.closed {
		return loads.Setpoint{}
	}
	return loads.Setpoint{On: true, Power: units.FromW(h.amps * 230)}
}

func open(t *testing.T, d *Document, e loads.Env) *Switch {
	t.Helper()
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	e.Now = time.Now
	s, err := d.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	sw := s.(*Switch)
	sw.doc.Stale = stale
	sw.pace = pace{answer: time.Second, ping: stale / 4, silence: stale, first: 10 * time.Millisecond, most: 50 * time.Millisecond, refused: time.Hour, long: time.Hour}
	ended := make(chan error, 1)
	ctx := t.Context()
	go func() { ended <- sw.Run(ctx) }()
	t.Cleanup(func() {
		if err := <-ended; err != nil { // the test's context is done by now
			t.Error(err)
		}
	})
	return sw
}

func amps() loads.RangeDocument {
	return loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}}
}

func TestConformance(t *testing.T) {
	faults := []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Stuck, loadstest.Garbled, loadstest.Refuses, loadstest.DropsOut}
	r := amps()
	for _, row := range []struct {
		name string
		doc  Document
		env  loads.Env
	}{
		{"a plug", Document{Entity: "switch.plug", Measured: &MeasuredDocument{Entity: "sensor.power", Unit: "kW"}}, loads.Env{}},
		{"a heater whose states are modes", Document{Entity: "climate.heater"}, loads.Env{}},
		{"a charger", Document{Entity: "switch.plug", Setpoint: &SetpointDocument{Entity: "number.amps", Unit: "A"}}, loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				h := newHome(t)
				d := row.doc
				d.URL, d.Token = h.url, token
				target := loadstest.Target{Switch: open(t, &d, row.env), Device: h, Stale: stale, Faults: faults}
				if len(row.env.Powers) == 0 {
					target.Device = struct{ loadstest.Device }{h} // it follows no set-point
				}
				return target
			})
		})
	}
}
