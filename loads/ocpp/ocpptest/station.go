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

// Volts is what the station's amperes are reckoned at; its car has one phase.
const Volts = 230

// Traps are what stations do otherwise.
type Traps struct {
	NoBoot        bool   // it connects again without introducing itself, and never does unasked
	NoProtocol    bool   // it offers no subprotocol
	AsksFirst     bool   // it asks something itself before it answers, and waits for that
	OldStatuses   bool   // a state comes once more, late, with the time it had
	StopsPaused   bool   // it ends the transaction when it is paused
	Unit          string // what it says of the units that it takes; "" says nothing
	OnlyAmperes   bool   // a limit in W is refused
	OnlyWatts     bool   // a limit in A is refused
	NoAbsolute    bool
	NoRelative    bool
	OneStack      bool // it refuses levels above 0, whatever it says
	OnePeriod     bool // it refuses more than one, and says so
	Measurands    int  // it takes so many at most; 0: any number
	FixedValues   bool // what it measures cannot be told
	Quotes        bool // its values have quotes and blanks
	NoReadBack    bool // it knows no composite schedule
	NoTrigger     bool
	NoKeys        bool // it knows no GetConfiguration
	LowerCaseKeys bool
	Cable         float64 // A that the cable carries; 0: 32
	Mute          bool    // it sends no meter values after the car is unplugged, nor a last one
	LosesNumber   bool    // it tells the number of its transaction with its meter values alone
	Tag           string  // it begins no transaction but with this, from afar
}

// Station is the station; it has one connector, with a car plugged in that takes 32 A.
type Station struct {
	t    testing.TB
	url  string
	head http.Header
	trap Traps

	mu        sync.Mutex
	conn      *websocket.Conn
	fault     loadstest.Fault
	writes    sync.Mutex
	wait      map[string]chan json.RawMessage
	n         int
	plugged   bool
	tx        int // 0: none
	starting  bool
	status    string
	periods   []period // of the profile that holds
	began     time.Time
	hand      *bool // what a person has set at the station; nil: nothing
	full      bool
	interval  int
	measures  string
	Asked     []string // the actions that it was asked, in their order
	Statuses  []string
	Authorise string // what the last card was answered
	took      float64
	since     time.Time
	gone      bool
}

type period struct {
	from  time.Duration
	limit float64 // A
}

// New has a station call a central system at ws://host:port/path/name.  It stops by t.Cleanup.
func New(t testing.TB, url, password string, trap Traps) *Station {
	t.Helper()
	s := &Station{t: t, url: url, head: http.Header{}, trap: trap, wait: map[string]chan json.RawMessage{}, plugged: true, periods: []period{{0, 0}}, measures: "Energy.Active.Import.Register"}
	if password != "" {
		r := &http.Request{Header: s.head}
		r.SetBasicAuth(url[strings.LastIndexByte(url, '/')+1:], password)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	parts.Go(func() { s.calls(ctx) })
	parts.Go(func() { s.lives(ctx) })
	t.Cleanup(func() {
		cancel()
		s.hangUp()
		parts.Wait()
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
		case <-time.After(20 * time.Millisecond):
		}
	}
}

func (s *Station) session(ctx context.Context, first bool) {
	d := websocket.Dialer{HandshakeTimeout: 5 * time.Second}
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
	conn.SetPingHandler(func(data string) error {
		if s.has(loadstest.Silent) {
			return nil
		}
		return conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(time.Second))
	})
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	var parts sync.WaitGroup
	defer parts.Wait()
	defer conn.Close() //nolint:errcheck // ends what waits
	parts.Go(func() {
		if first && !s.trap.NoBoot {
			s.boot()
		}
		s.say()
	})
	for {
		_, data, err := conn.ReadMessage()
		if err != nil {
			s.mu.Lock()
			for id, c := range s.wait {
				close(c)
				delete(s.wait, id)
			}
			s.mu.Unlock()
			return
		}
		if s.has(loadstest.Silent) {
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
		parts.Go(func() { s.asked(id, action, m[3]) })
	}
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
	if conn == nil || fault == loadstest.Silent || fault == loadstest.Offline {
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
	s.n++
	id := fmt.Sprintf("s%d", s.n)
	s.wait[id] = c
	s.mu.Unlock()
	s.send(2, id, action, payload)
	select {
	case answer := <-c:
		return answer
	case <-time.After(300 * time.Millisecond):
		return nil
	}
}

func (s *Station) boot() {
	var a struct{ Interval int }
	_ = json.Unmarshal(s.ask("BootNotification", map[string]any{"chargePointVendor": "none", "chargePointModel": "emulated"}), &a)
	s.mu.Lock()
	s.interval = a.Interval
	s.mu.Unlock()
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
	case s.tx == 0:
		return "Preparing"
	case s.limit() == 0:
		return "SuspendedEVSE"
	case s.full:
		return "SuspendedEV"
	}
	return "Charging"
}

// lives begins and ends transactions, and says what changes.
func (s *Station) lives(ctx context.Context) {
	each := time.NewTicker(10 * time.Millisecond)
	defer each.Stop()
	beat := 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		s.mu.Lock()
		if s.status == "Charging" {
			s.took += s.limit() * Volts / 1000 * time.Since(s.since).Hours()
		}
		s.since = time.Now()
		starts := s.plugged && s.tx == 0 && !s.starting && s.trap.Tag == "" && s.conn != nil && (!s.trap.StopsPaused || s.limit() > 0)
		stops := s.tx != 0 && s.status == "SuspendedEVSE" && s.trap.StopsPaused
		next := s.now()
		changed := next != s.status
		if changed {
			s.status = next
		}
		s.mu.Unlock()
		switch {
		case stops:
			s.stop("Other")
		case starts:
			s.begin("local")
		}
		if changed {
			s.say()
		}
		if beat++; beat%5 == 0 {
			s.ask("Heartbeat", struct{}{})
		}
		if beat%10 == 0 {
			s.meter()
		}
	}
}

func (s *Station) begin(tag string) {
	s.mu.Lock()
	s.starting = true
	s.mu.Unlock()
	var a struct {
		TransactionID int `json:"transactionId"`
		IDTagInfo     struct{ Status string }
	}
	ok := json.Unmarshal(s.ask("StartTransaction", map[string]any{"connectorId": 1, "idTag": tag, "meterStart": 1000, "timestamp": stamp(time.Now())}), &a) == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	s.starting = false
	s.Authorise = a.IDTagInfo.Status
	if ok && a.IDTagInfo.Status == "Accepted" {
		s.tx = a.TransactionID
	}
}

func (s *Station) stop(why string) {
	s.mu.Lock()
	tx := s.tx
	s.tx = 0
	s.mu.Unlock()
	s.ask("StopTransaction", map[string]any{"transactionId": tx, "meterStop": 2000, "timestamp": stamp(time.Now()), "reason": why})
}

// say says the state.
func (s *Station) say() {
	s.mu.Lock()
	status := s.now()
	s.status = status
	s.Statuses = append(s.Statuses, status)
	before := "Charging"
	if status == "Charging" {
		before = "SuspendedEVSE"
	}
	s.mu.Unlock()
	tell := func(status string, at time.Time) {
		s.ask("StatusNotification", map[string]any{"connectorId": 1, "errorCode": "NoError", "status": status, "timestamp": stamp(at)})
	}
	at := time.Now()
	tell(status, at)
	if s.trap.OldStatuses {
		tell(before, at.Add(-time.Second))
	}
}

// meter sends meter values.
func (s *Station) meter() {
	s.mu.Lock()
	a := 0.0
	if s.status == "Charging" {
		a = s.limit()
	}
	if s.trap.Mute && s.status == "Available" || s.tx == 0 {
		s.mu.Unlock()
		return
	}
	tx, measures := s.tx, s.measures
	s.mu.Unlock()
	num := func(v float64) string {
		text := strconv.FormatFloat(v, 'f', 1, 64)
		if s.trap.Quotes {
			text = ` "` + text + `" `
		}
		return text
	}
	var values []any
	for _, m := range strings.Split(measures, ",") {
		switch m {
		case "Power.Active.Import":
			values = append(values, map[string]any{"value": num(a * Volts / 1000), "measurand": m, "unit": "kW"})
		case "Current.Import":
			values = append(values, map[string]any{"value": num(a), "measurand": m, "phase": "L1", "unit": "A"})
		case "Voltage":
			values = append(values, map[string]any{"value": num(Volts), "measurand": m, "phase": "L1-N", "unit": "V"})
		default:
			values = append(values, map[string]any{"value": num(1000)})
		}
	}
	s.ask("MeterValues", map[string]any{"connectorId": 1, "transactionId": tx, "meterValue": []any{map[string]any{"timestamp": stamp(time.Now()), "sampledValue": values}}})
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
		go s.say()
	}
}

// Plug plugs a car in, which is full or not, or takes it away.
func (s *Station) Plug(in, full bool) {
	s.mu.Lock()
	tx := s.tx
	s.plugged, s.full = in, full
	s.mu.Unlock()
	if !in && tx != 0 {
		s.stop("EVDisconnected")
	}
}

// Lose breaks the connection, which the station makes again by itself; with again, it starts
// again and has forgotten what it was told.
func (s *Station) Lose(again bool) {
	s.mu.Lock()
	if again {
		s.periods, s.hand = []period{{0, 32}}, nil // without a profile it gives all
	}
	s.mu.Unlock()
	s.hangUp()
	if again {
		go s.boot()
	}
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
	return slices.Clone(s.Statuses)
}

// Was are the actions that it was asked.
func (s *Station) Was() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.Asked)
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
