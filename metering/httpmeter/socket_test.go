package httpmeter

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// pusher is a device that sends on a websocket by itself, energy and power in messages
// of their own.
type pusher struct {
	mu    sync.Mutex
	truth meteringtest.Truth
	fault meteringtest.Fault
	conns map[*websocket.Conn]bool
	told  []string
	end   chan struct{}
}

func (p *pusher) Show(t meteringtest.Truth) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.truth = t
}

func (p *pusher) Break(f meteringtest.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
	if f == meteringtest.HangUp || f == meteringtest.Refusal {
		for c := range p.conns {
			_ = c.Close()
		}
	}
}

func (p *pusher) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	refused := p.fault == meteringtest.Refusal
	p.mu.Unlock()
	if refused {
		http.Error(w, "no", http.StatusServiceUnavailable)
		return
	}
	var up websocket.Upgrader
	c, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	p.mu.Lock()
	p.conns[c] = true
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		delete(p.conns, c)
		p.mu.Unlock()
		_ = c.Close()
	}()
	_, hello, err := c.ReadMessage()
	if err != nil {
		return
	}
	p.mu.Lock()
	p.told = append(p.told, string(hello))
	p.mu.Unlock()
	for {
		select {
		case <-p.end:
			return
		case <-time.After(20 * time.Millisecond):
		}
		for _, text := range p.messages() {
			if err := c.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
				return
			}
		}
	}
}

func (p *pusher) messages() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := p.truth
	switch p.fault {
	case meteringtest.Silence:
		return nil
	case meteringtest.Garbage:
		return []string{"what is this"}
	case meteringtest.Cut:
		return []string{`{"em": {"act_power": 12`}
	case meteringtest.Absurd:
		t.Import = -t.Import
	}
	return []string{
		fmt.Sprintf(`{"em": {"total": %.3f, "returned": %.3f}}`, t.Import.KWh()*1000, t.Export.KWh()*1000),
		`{"wifi": {"rssi": -60}}`, // of something else
		fmt.Sprintf(`{"em": {"act_power": %.1f, "voltage": %.1f, "current": %.3f}}`, t.Power.W(), float64(t.Voltage)/1000, float64(t.Current)/1000),
	}
}

// pushed is a meter that hears a pusher.
func pushed(t *testing.T) (*Meter, *pusher) {
	t.Helper()
	p := &pusher{conns: map[*websocket.Conn]bool{}, end: make(chan struct{})}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	t.Cleanup(func() { close(p.end) })
	d := Document{
		URL: "ws" + strings.TrimPrefix(s.URL, "http") + "/rpc", Timeout: patience, Send: []string{`{"id": 1, "method": "GetStatus"}`},
		Description: Description{
			Import: &Value{Path: "em.total", Unit: "Wh"}, Export: &Value{Path: "em.returned", Unit: "Wh"}, Power: &Value{Path: "em.act_power"},
			Voltage: &Value{Path: "em.voltage"}, Current: &Value{Path: "em.current"},
		},
	}
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	m, err := New(Config{Document: d, Every: 200 * time.Millisecond, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	return m, p
}

func TestConformanceOfAWebsocket(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) { return pushed(t) },
		Has: metering.HasImport | metering.HasExport | metering.HasPower | metering.HasVoltage | metering.HasCurrent,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
			{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Exception}},
			{Fault: meteringtest.HangUp, Codes: []metering.Code{metering.Offline}, Reads: true},
			{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		},
		Energy: units.WattHour, Power: units.Watt,
	})
}

func TestAWebsocketIsToldWhatIsWrittenAndSaysWhatIsWrong(t *testing.T) {
	first := func(d Document) error {
		m, err := New(Config{Document: d, Every: 100 * time.Millisecond, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		var got error
		_ = m.Run(ctx, func(r metering.Reading) {
			if got == nil {
				got = r.Err
			}
			cancel()
		})
		return got
	}
	m, p := pushed(t)
	ctx, cancel := context.WithCancel(t.Context())
	if err := m.Run(ctx, func(metering.Reading) { cancel() }); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	told := strings.Join(p.told, ", ")
	p.mu.Unlock()
	if told != `{"id": 1, "method": "GetStatus"}` {
		t.Errorf("told %q", told)
	}
	page := "ws" + strings.TrimPrefix(serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })).URL, "http")
	huge := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var up websocket.Upgrader
		if c, err := up.Upgrade(w, r, nil); err == nil {
			_ = c.WriteMessage(websocket.TextMessage, make([]byte, maxAnswer+1))
			_ = c.Close()
		}
	}))
	defer huge.Close()
	locked := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusUnauthorized) })).URL
	for _, row := range []struct {
		name, url string
		code      metering.Code
		says      string
	}{
		{"a page", page, metering.UnknownReply, "no websocket"},
		{"nobody", "ws://127.0.0.1:1", metering.Offline, "127.0.0.1"},
		{"a message without end", "ws" + strings.TrimPrefix(huge.URL, "http"), metering.UnknownReply, "longer than"},
		{"a lock", "ws" + strings.TrimPrefix(locked, "http"), metering.Exception, "token"},
	} {
		err := first(Document{URL: row.url, Timeout: time.Second, Description: Description{Power: &Value{Path: "p"}}})
		if metering.CodeOf(err) != row.code || !strings.Contains(fmt.Sprint(err), row.says) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
}
