// Package ocpptest is an emulated charging station that speaks OCPP-J 1.6 over a real
// websocket, with what stations of the field do otherwise than the book as switches.
package ocpptest

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

// Volts is what the station's amperes are reckoned at; its car has one phase.
const Volts = 230

// Station is the station; it has one connector, with a car plugged in that takes 32 A.
type Station struct {
	t     testing.TB
	url   string
	head  http.Header
	trap  Traps
	pace  Pace
	aside sync.WaitGroup // what it does beside

	mu       sync.Mutex
	conn     *websocket.Conn
	since    time.Time // the connection was made
	pinged   time.Time
	fault    loadstest.Fault
	writes   sync.Mutex
	wait     map[string]chan json.RawMessage
	n        int
	again    bool // it has started again
	overlaps int
	gone     bool
	plugged  bool
	full     bool
	tx       int // 0: none
	begun    time.Time
	begins   *beginning // nil: it begins none
	parked   bool       // it has ended it by itself
	status   string
	periods  []period // of the profile that holds
	began    time.Time
	phases   float64 // on which it reckons a limit in W
	hand     *bool   // what a person has set at the station; nil: nothing
	every    int     // s between two values, as it was told
	measures string
	kept     []told // what it has yet to tell of transactions, in its order
	all      []Transaction
	asks     []string // the actions that it was asked, in their order
	statuses []string
	took     float64 // kWh
	lived    time.Time
}

// Transaction is one as the station keeps it, by its own register.
type Transaction struct {
	ID          int
	Start, Stop int // Wh
	Ended       bool
}

type period struct {
	from  time.Duration
	limit float64 // A
}

// beginning is a transaction of which the number is not known yet.
type beginning struct {
	tag   string
	at    time.Time
	wh    int
	heard int // answers
}

// told is a message that is told until it is answered.
type told struct {
	action  string
	payload map[string]any
}

// New has a station call a central system at ws://host:port/path/name.  It stops by t.Cleanup.
func New(t testing.TB, url, password string, trap Traps) *Station {
	t.Helper()
	return At(t, url, password, trap, Quick())
}

// At is New at a pace.
func At(t testing.TB, url, password string, trap Traps, pace Pace) *Station {
	t.Helper()
	s := &Station{
		t: t, url: url, head: http.Header{}, trap: trap, pace: pace, wait: map[string]chan json.RawMessage{}, plugged: true,
		periods: []period{{0, 0}}, phases: 1, measures: "Energy.Active.Import.Register", lived: time.Now(),
	}
	if password != "" {
		r := &http.Request{Header: s.head}
		r.SetBasicAuth(url[strings.LastIndexByte(url, '/')+1:], password)
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.aside.Go(func() { s.calls(ctx) })
	s.aside.Go(func() { s.lives(ctx) })
	t.Cleanup(func() {
		cancel()
		s.hangUp()
		s.aside.Wait()
	})
	return s
}

func (s *Station) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// calls connects, and again when the connection is over.
func (s *Station) calls(ctx context.Context) {
	for first := true; ctx.Err() == nil; first = false {
		s.mu.Lock()
		away := s.fault == loadstest.Offline || s.gone
		s.mu.Unlock()
		if !away {
			s.session(ctx, first)
		}
		select {
		case <-ctx.Done():
		case <-time.After(s.pace.Again):
		}
	}
}

func (s *Station) session(ctx context.Context, first bool) {
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second, NetDialContext: s.pace.Dial}
	if !s.trap.NoProtocol {
		d.Subprotocols = []string{"ocpp1.6"}
	}
	conn, resp, err := d.DialContext(ctx, s.url, s.head)
	if resp != nil && resp.Body != nil {
		defer resp.Body.Close() //nolint:errcheck // it was read
	}
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // it is over
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	conn.SetPingHandler(func(data string) error {
		if s.has(loadstest.Silent) || s.dead() {
			return nil
		}
		s.mu.Lock()
		s.pinged = time.Now()
		s.mu.Unlock()
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	s.mu.Lock()
	boots := (first || s.again) && !s.trap.NoBoot
	s.conn, s.since, s.pinged, s.again = conn, time.Now(), time.Now(), false
	s.mu.Unlock()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer s.ends(conn)
	parts.Go(func() {
		if boots {
			s.boot()
		}
		if first || !s.trap.OnlyValues {
			s.say()
		}
	})
	waits := 0 // questions that are not answered; under s.mu
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			return
		}
		if s.has(loadstest.Silent) || s.dead() {
			continue
		}
		var m []json.RawMessage
		if json.Unmarshal(data, &m) != nil || len(m) < 3 {
			s.t.Errorf("the central system says %s", data)
			return
		}
		var id, action string
		_ = json.Unmarshal(m[1], &id)
		if string(m[0]) != "2" {
			s.mu.Lock()
			if c := s.wait[id]; c != nil {
				c <- m[2]
				delete(s.wait, id)
			}
			s.mu.Unlock()
			continue
		}
		_ = json.Unmarshal(m[2], &action)
		s.mu.Lock()
		if waits++; waits > 1 {
			s.overlaps++
		}
		s.mu.Unlock()
		parts.Go(func() {
			s.asked(id, action, m[3], func() { s.mu.Lock(); waits--; s.mu.Unlock() })
		})
	}
}

// ends has what waits for an answer on a connection wait no longer.
func (s *Station) ends(conn *websocket.Conn) {
	_ = conn.Close()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == conn {
		s.conn = nil
	}
	for id, c := range s.wait {
		close(c)
		delete(s.wait, id)
	}
}

// dead tells whether the connection says and hears nothing any more.
func (s *Station) dead() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.trap.Dies > 0 && time.Since(s.since) >= s.trap.Dies
}

func (s *Station) has(f loadstest.Fault) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault == f
}

// send writes a message, as far as the fault lets it.
func (s *Station) send(parts ...any) {
	s.mu.Lock()
	conn, fault := s.conn, s.fault
	s.mu.Unlock()
	if conn == nil || fault == loadstest.Silent || fault == loadstest.Offline || s.dead() {
		return
	}
	data, err := json.Marshal(parts)
	if err != nil {
		s.t.Error(err)
	}
	if fault == loadstest.Garbled {
		data = data[:len(data)/2]
	}
	s.writes.Lock()
	defer s.writes.Unlock()
	_ = conn.WriteMessage(websocket.TextMessage, data) // the reading sees that it is broken
}

// ask asks the central system, and waits a while for the answer.
func (s *Station) ask(action string, payload any) json.RawMessage {
	c := make(chan json.RawMessage, 1)
	s.mu.Lock()
	if s.conn == nil {
		s.mu.Unlock()
		return nil
	}
	s.n++
	id := fmt.Sprintf("s%d", s.n)
	s.wait[id] = c
	s.mu.Unlock()
	s.send(2, id, action, payload)
	late := time.NewTimer(s.pace.Patience)
	defer late.Stop()
	select {
	case answer := <-c:
		return answer
	case <-late.C:
		s.mu.Lock()
		delete(s.wait, id)
		s.mu.Unlock()
		return nil
	}
}

func (s *Station) boot() {
	s.ask("BootNotification", map[string]any{"chargePointVendor": "none", "chargePointModel": "emulated"})
}

func stamp(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// limit is what the station gives now, in A; below 6 it gives nothing.
func (s *Station) limit() float64 {
	a := 0.0
	for _, p := range s.periods {
		if time.Since(s.began) >= p.from {
			a = p.limit
		}
	}
	if a = min(a, s.cable()); a < 6 {
		a = 0
	}
	if s.hand != nil && !*s.hand {
		a = 0
	} else if s.hand != nil && a == 0 {
		a = 16
	}
	return a
}

func (s *Station) cable() float64 {
	if s.trap.Cable > 0 {
		return s.trap.Cable
	}
	return 32
}

// now is the state of the connector.
func (s *Station) now() string {
	switch {
	case !s.plugged:
		return "Available"
	case s.tx == 0 && s.parked:
		return "Finishing"
	case s.tx == 0:
		return "Preparing"
	case s.limit() == 0:
		return "SuspendedEVSE"
	case s.full:
		return "SuspendedEV"
	}
	return "Charging"
}

// Closed implements loadstest.Device.
func (s *Station) Closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.limit() > 0
}

// Follows implements loadstest.Follower.
func (s *Station) Follows() loads.Setpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a := s.limit(); a > 0 {
		return loads.Setpoint{On: true, Power: units.FromW(math.Round(a * Volts))}
	}
	return loads.Setpoint{}
}

// Press implements loadstest.Device.
func (s *Station) Press(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hand = &on
}

// Fail implements loadstest.Device.
func (s *Station) Fail(f loadstest.Fault) {
	s.mu.Lock()
	s.fault = f
	s.mu.Unlock()
	if f == loadstest.Offline {
		s.hangUp()
	}
	if f == loadstest.Sound {
		s.aside.Go(s.say)
	}
}

// Plug plugs a car in, which is full or not, or takes it away.
func (s *Station) Plug(in, full bool) {
	s.mu.Lock()
	s.plugged, s.full = in, full
	s.mu.Unlock()
}

// Lose breaks the connection, which the station makes again by itself; with again, it starts
// again and has forgotten what it was told.
func (s *Station) Lose(again bool) {
	s.mu.Lock()
	if again {
		s.periods, s.hand, s.again, s.every = []period{{0, 32}}, nil, true, 0 // without a profile it gives all
	}
	s.mu.Unlock()
	s.hangUp()
}

// Leave has it stay away, or come back.
func (s *Station) Leave(away bool) {
	s.mu.Lock()
	s.gone = away
	s.mu.Unlock()
	if away {
		s.hangUp()
	}
}

// State is the connector's state, the number of the transaction and the kWh taken so far.
func (s *Station) State() (status string, transaction int, kwh float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.status, s.tx, s.took
}

// Said are the states that it has told.
func (s *Station) Said() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.statuses)
}

// Was are the actions that it was asked.
func (s *Station) Was() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.asks)
}

// Left is after what time the station pauses by itself, as its schedule says; false: it does not.
func (s *Station) Left() (time.Duration, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last := s.periods[len(s.periods)-1]
	left := time.Until(s.began.Add(last.from))
	return left, last.from > 0 && last.limit == 0 && left > 0
}

// Pass has so much time pass at once for the schedule that holds.
func (s *Station) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.began = s.began.Add(-d)
}

// Transactions are those that it has begun, by its own register.
func (s *Station) Transactions() []Transaction {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.all)
}

// Overlaps is how often it was asked something before it had answered what it was asked before.
func (s *Station) Overlaps() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.overlaps
}
