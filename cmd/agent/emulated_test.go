package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/loads/loadstest"
)

// emulated is a device that another process switches, with what a test sees and does at it.
type emulated interface {
	Closed() bool
	Press(on bool)
	Left() (time.Duration, bool)
	Pass(d time.Duration)
}

func silent(bool) {}

// overHTTP is a device that is asked and told over HTTP: a Shelly of the second generation, whose
// toggle_after is optional.
func overHTTP(t *testing.T) (emulated, string) {
	d := loadstest.NewCustom(t, nil, nil, silent, silent)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		d.Heed(r.URL.RequestURI(), func(_ loadstest.Fault, closed bool) {
			switch r.URL.Path {
			case "/rpc/Switch.GetStatus":
				_ = json.NewEncoder(w).Encode(map[string]any{"id": 0, "output": closed, "apower": 0})
			case "/rpc/Switch.Set":
				after, _ := strconv.Atoi(q.Get("toggle_after"))
				d.ObeysFor(q.Get("on") == "true", time.Duration(after)*time.Second)
				_ = json.NewEncoder(w).Encode(map[string]any{"was_on": closed})
			default:
				http.NotFound(w, r)
			}
		})
	}))
	t.Cleanup(server.Close)
	return d, server.URL
}

// overModbus is a board with one coil, 3, of unit 7, over TCP; it opens by itself where nothing is
// written for so long, if that is not 0.
func overModbus(t *testing.T, after time.Duration) (emulated, string) {
	d := loadstest.NewCustom(t, nil, nil, silent, silent)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serve := func(c net.Conn) {
		var q [12]byte
		for {
			if _, err := io.ReadFull(c, q[:]); err != nil {
				return
			}
			a := append([]byte(nil), q[:8]...)
			d.Heed("asked", func(_ loadstest.Fault, closed bool) {
				switch coil := binary.BigEndian.Uint16(q[8:]); {
				case q[7] == 1 && coil == 3 && closed:
					a = append(a, 1, 1)
				case q[7] == 1 && coil == 3:
					a = append(a, 1, 0)
				case q[7] == 5 && coil == 3:
					d.ObeysFor(q[10] == 0xff, after)
					a = append(a, q[8:]...)
				default:
					a[7] |= 0x80
					a = append(a, 2)
				}
			})
			binary.BigEndian.PutUint16(a[4:], uint16(len(a)-6)) //nolint:gosec // a few bytes
			if _, err := c.Write(a); err != nil {
				return
			}
		}
	}
	var mu sync.Mutex
	var open []net.Conn
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			serving.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return d, l.Addr().String()
}

// overHomeAssistant is switch.plug of a Home Assistant.
func overHomeAssistant(t *testing.T) (emulated, string) {
	type line struct {
		conn *websocket.Conn
		sub  int
	}
	var mu sync.Mutex // the lines and what is written to them
	lines, word := map[*line]bool{}, "off"
	d := loadstest.NewCustom(t, nil, nil, func(on bool) {
		mu.Lock()
		defer mu.Unlock()
		word = map[bool]string{true: "on", false: "off"}[on]
		for l := range lines {
			if l.sub != 0 {
				_ = l.conn.WriteJSON(map[string]any{"id": l.sub, "type": "event", "event": map[string]any{"c": map[string]any{"switch.plug": map[string]any{"+": map[string]any{"s": word}}}}})
			}
		}
	}, silent)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		conn, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
		if err != nil {
			return
		}
		l := &line{conn: conn}
		says := func(v map[string]any) {
			mu.Lock()
			defer mu.Unlock()
			_ = conn.WriteJSON(v)
		}
		mu.Lock()
		lines[l] = true
		mu.Unlock()
		defer func() {
			mu.Lock()
			delete(lines, l)
			mu.Unlock()
			_ = conn.Close()
		}()
		says(map[string]any{"type": "auth_required", "ha_version": "2026.11.1"})
		for {
			var m struct {
				ID            int
				Type, Service string
			}
			if conn.ReadJSON(&m) != nil {
				return
			}
			done := map[string]any{"id": m.ID, "type": "result", "success": true, "result": nil}
			switch m.Type {
			case "auth":
				says(map[string]any{"type": "auth_ok", "ha_version": "2026.11.1"})
			case "ping":
				says(map[string]any{"id": m.ID, "type": "pong"})
			case "subscribe_entities":
				says(done)
				mu.Lock()
				l.sub = m.ID
				_ = conn.WriteJSON(map[string]any{"id": m.ID, "type": "event", "event": map[string]any{"a": map[string]any{"switch.plug": map[string]any{"s": word, "a": map[string]any{}}}}})
				mu.Unlock()
			case "call_service":
				says(done)
				d.Heed(m.Service, func(loadstest.Fault, bool) { d.Obeys(m.Service == "turn_on") })
			default:
				done["success"] = false
				says(done)
			}
		}
	}))
	t.Cleanup(server.Close)
	t.Cleanup(func() { // a connection that was taken over does not end with the server
		mu.Lock()
		defer mu.Unlock()
		for l := range lines {
			_ = l.conn.Close()
		}
	})
	return d, server.URL
}

// aNode is an ESPHome's switch "relay", whose node says something else each so often.
func aNode(t *testing.T, b *loadstest.Broker, prefix string) emulated {
	d := loadstest.NewCustom(t, b, nil,
		func(on bool) {
			b.Say(prefix+"/switch/relay/state", map[bool]string{true: "ON", false: "OFF"}[on], true)
		},
		func(online bool) {
			b.Say(prefix+"/status", map[bool]string{true: "online", false: "offline"}[online], true)
		})
	b.Say(prefix+"/switch/relay/state", "OFF", true)
	d.Hears(prefix+"/switch/relay/command", func(word string, _ loadstest.Fault) { d.Obeys(word == "ON") })
	ctx := t.Context()
	var speaking sync.WaitGroup
	speaking.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
				b.Say(prefix+"/sensor/uptime/state", "12345", false)
			}
		}
	})
	t.Cleanup(speaking.Wait)
	return d
}

// aTopic is a device on MQTT that opens by itself where it is told nothing for so long, if that is
// not 0; it says its state each so often.
func aTopic(t *testing.T, b *loadstest.Broker, topic string, after time.Duration) emulated {
	d := loadstest.NewCustom(t, b, nil, func(on bool) {
		b.Say(topic+"/state", map[bool]string{true: "ON", false: "OFF"}[on], false)
	}, silent)
	d.Hears(topic+"/set", func(word string, _ loadstest.Fault) { d.ObeysFor(word == "ON", after) })
	ctx := t.Context()
	var speaking sync.WaitGroup
	speaking.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-time.After(200 * time.Millisecond):
				b.Say(topic+"/state", map[bool]string{true: "ON", false: "OFF"}[d.Closed()], false)
			}
		}
	})
	t.Cleanup(speaking.Wait)
	return d
}
