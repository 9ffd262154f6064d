package ocpp

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

// billing is a backend that keeps what it is told, with numbers of its own, and knows nothing of the
// agent: what it reads and writes is written here anew.
type billing struct {
	t      *testing.T
	server *httptest.Server
	url    string

	mu      sync.Mutex
	away    bool   // it takes nobody
	mute    bool   // it answers nothing
	boot    string // what it answers to an introduction
	refuses int    // so many more beginnings with an error
	conns   []*websocket.Conn
	got     []string // actions, in their order
	bills   []bill
	numbers int
	asked   map[string]chan []json.RawMessage
}

type bill struct {
	ID, Start, Stop int
	Ended           bool
	At              string
	Values          int
}

func newBilling(t *testing.T) *billing {
	b := &billing{t: t, numbers: 70000, boot: "Accepted", asked: map[string]chan []json.RawMessage{}}
	b.server = httptest.NewServer(http.HandlerFunc(b.call))
	b.url = "ws" + strings.TrimPrefix(b.server.URL, "http") + "/steve/"
	t.Cleanup(func() { b.leave(true); b.server.Close() })
	return b
}

func (b *billing) call(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	b.mu.Lock()
	away := b.away
	b.mu.Unlock()
	switch {
	case away:
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	case r.URL.Path != "/steve/CP1", user != "CP1", password != "theirs":
		http.Error(w, "who are you", http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{"ocpp1.6"}}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer conn.Close() //nolint:errcheck // it is over
	b.mu.Lock()
	b.conns = append(b.conns, conn)
	b.mu.Unlock()
	for {
		var m []json.RawMessage
		if conn.ReadJSON(&m) != nil {
			return
		}
		b.hears(conn, m)
	}
}

func (b *billing) hears(conn *websocket.Conn, m []json.RawMessage) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var id, action string
	_ = json.Unmarshal(m[1], &id)
	if string(m[0]) != "2" {
		if c := b.asked[id]; c != nil {
			c <- m
		}
		return
	}
	_ = json.Unmarshal(m[2], &action)
	var q struct {
		TransactionID         int
		MeterStart, MeterStop int
		Timestamp             string
	}
	_ = json.Unmarshal(m[3], &q)
	if b.mute {
		return
	}
	b.got = append(b.got, action)
	answer := map[string]any{}
	at := func() *bill {
		for i := range b.bills {
			if b.bills[i].ID == q.TransactionID {
				return &b.bills[i]
			}
		}
		b.t.Errorf("%s of transaction %d, of which it does not know", action, q.TransactionID)
		return &bill{}
	}
	switch action {
	case "BootNotification":
		answer = map[string]any{"status": b.boot, "currentTime": "2026-12-01T00:00:00Z", "interval": 60}
	case "StartTransaction":
		if b.refuses > 0 {
			b.refuses--
			_ = conn.WriteJSON([]any{4, id, "InternalError", "later", map[string]any{}})
			return
		}
		b.numbers++
		b.bills = append(b.bills, bill{ID: b.numbers, Start: q.MeterStart, At: q.Timestamp})
		answer = map[string]any{"transactionId": b.numbers, "idTagInfo": map[string]any{"status": "Blocked"}}
	case "StopTransaction":
		x := at()
		x.Stop, x.Ended = q.MeterStop, true
	case "MeterValues":
		at().Values++
	}
	_ = conn.WriteJSON([]any{3, id, answer})
}

func (b *billing) leave(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
	if away {
		for _, c := range b.conns {
			_ = c.Close()
		}
		b.conns = nil
	}
}

func (b *billing) with(what func()) { b.mu.Lock(); defer b.mu.Unlock(); what() }

func (b *billing) billed() []bill {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.bills)
}

// asks is what the station answers it: its payload, or the code of an error.
func (b *billing) asks(action, payload string) string {
	b.t.Helper()
	c := make(chan []json.RawMessage, 1)
	id := "b" + action + payload
	b.mu.Lock()
	b.asked[id] = c
	_ = b.conns[len(b.conns)-1].WriteJSON([]any{2, id, action, json.RawMessage(payload)})
	b.mu.Unlock()
	select {
	case m := <-c:
		return string(m[2])
	case <-time.After(10 * time.Second):
		b.t.Fatalf("%s is not answered", action)
	}
	return ""
}

// books keeps in memory what is to outlive an agent.
type books struct {
	mu   sync.Mutex
	data map[string][]byte
}

func (k *books) Load(s string) ([]byte, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.data[s], nil
}

func (k *books) Save(s string, d []byte) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.data[s] = slices.Clone(d)
	return nil
}

// forwarded is a station, an agent, and a backend.
func forwarded(t *testing.T, at loads.Connector, remote bool, trap ocpptest.Traps) (*connector, *ocpptest.Station, *billing) {
	t.Helper()
	b := newBilling(t)
	at.Forward = &loads.Forward{URL: b.url, Password: "theirs", Remote: remote}
	at.Stale = time.Minute
	sw, station := pair(t, at, 0, trap)
	return sw, station, b
}

// same waits until the backend has of every transaction what the station has of it.
func same(t *testing.T, station *ocpptest.Station, b *billing) {
	t.Helper()
	wait(t, "the backend knows every transaction", func() bool {
		own, theirs := station.Transactions(), b.billed()
		if len(own) != len(theirs) {
			return false
		}
		for i := range own {
			if own[i].Start != theirs[i].Start || own[i].Stop != theirs[i].Stop || own[i].Ended != theirs[i].Ended {
				return false
			}
		}
		return true
	})
}

// The backend hears all, by numbers of its own; that it would not have the card charge holds for nothing.
func TestABackendIsToldWhatTheStationSays(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{}, false, ocpptest.Traps{})
	told(t, sw, amperes(16))
	wait(t, "values come", func() bool { x := b.billed(); return len(x) == 1 && x[0].Values > 2 })
	if _, tx, _ := station.State(); tx == 0 || tx == b.billed()[0].ID {
		t.Errorf("the station has the transaction %d, the backend %d", tx, b.billed()[0].ID)
	}
	station.Plug(false, false)
	same(t, station, b)
	b.with(func() {
		for _, want := range []string{"BootNotification", "StatusNotification", "Heartbeat"} {
			if !slices.Contains(b.got, want) {
				t.Errorf("no %s: %v", want, b.got)
			}
		}
		if b.got[0] != "BootNotification" {
			t.Errorf("it begins with %v", b.got[:3])
		}
	})
}

// While the backend is away cars charge as ever; what is said of transactions comes later and in order,
// meter values are dropped and counted.
func TestTransactionsWaitForABackendThatIsAway(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{}, false, ocpptest.Traps{StopsPaused: true})
	b.leave(true)
	for range 4 {
		told(t, sw, amperes(16))
		wait(t, "it charges", func() bool { s, tx, _ := station.State(); return s == charging && tx != 0 })
		time.Sleep(150 * time.Millisecond)
		told(t, sw, loads.Setpoint{})
		wait(t, "it has ended", func() bool { _, tx, _ := station.State(); return tx == 0 })
	}
	wait(t, "its end is told", func() bool {
		f := sw.st.forward
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.queue) == 8 && f.dropped > 0
	})
	b.with(func() { b.refuses = 2 }) // and it stumbles
	b.leave(false)
	same(t, station, b)
	if n := len(station.Transactions()); n != 4 {
		t.Errorf("%d transactions", n)
	}
}

// What a backend was yet to be told outlives the agent, with the numbers of what runs.
func TestWhatABackendIsYetToBeToldOutlivesTheAgent(t *testing.T) {
	t.Parallel()
	b, kept := newBilling(t), &books{data: map[string][]byte{}}
	to := loads.Forward{URL: b.url, Password: "theirs"}
	agent := func() (*Central, *connector) {
		c := central(t)
		c.Forwards(&to, kept)
		sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
		if err != nil {
			t.Fatal(err)
		}
		return c, sw.(*connector)
	}
	c, sw := agent()
	l := listener(t)
	end := serves(t, c, l)
	station := ocpptest.New(t, "ws://"+l.Addr().String()+"/CP1", "", ocpptest.Traps{})
	told(t, sw, amperes(16))
	wait(t, "it is told", func() bool { return len(b.billed()) == 1 })
	end()
	c, sw = agent()
	c.address = l.Addr().String()
	end = serves(t, c, nil)
	told(t, sw, amperes(10))
	b.leave(true)
	station.Plug(false, false)
	wait(t, "its end waits", func() bool { f := sw.st.forward; f.mu.Lock(); defer f.mu.Unlock(); return f.waiting() == 1 })
	end()
	b.leave(false)
	c, _ = agent()
	c.address = l.Addr().String()
	end = serves(t, c, nil)
	defer end()
	same(t, station, b)
}

// How much and when a car draws is not the backend's to say, nor how the station is set.
func TestABackendDoesNotSayHowMuchACarDraws(t *testing.T) {
	t.Parallel()
	for _, remote := range []bool{false, true} {
		sw, station, b := forwarded(t, loads.Connector{}, remote, ocpptest.Traps{})
		told(t, sw, amperes(6))
		wait(t, "it is told", func() bool { return len(b.billed()) == 1 })
		before := len(station.Was())
		for _, action := range []string{"SetChargingProfile", "ClearChargingProfile", "ChangeConfiguration", "Reset", "ChangeAvailability", "UpdateFirmware", "SendLocalList", "NoSuchThing", "DataTransfer"} {
			if a := b.asks(action, `{"connectorId":1,"csChargingProfiles":{}}`); strings.Contains(a, "Accepted") {
				t.Errorf("%s: %s", action, a)
			}
		}
		if !remote {
			for _, action := range []string{"RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector", "GetConfiguration"} {
				if a := b.asks(action, fmt.Sprintf(`{"connectorId":1,"idTag":"x","transactionId":%d}`, b.billed()[0].ID)); strings.Contains(a, "Accepted") {
					t.Errorf("%s: %s", action, a)
				}
			}
		}
		if asked := station.Was()[before:]; slices.ContainsFunc(asked, func(a string) bool { return a != "TriggerMessage" && a != "GetCompositeSchedule" }) || station.Follows() != amperes(6) {
			t.Errorf("the station was asked %v, and follows %v", asked, station.Follows())
		}
	}
}

// Where it may, a backend begins and ends transactions: a car that is paused stays so, and what it has
// ended the agent does not begin again.
func TestABackendBeginsAndEndsTransactions(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{Tag: "theirs"}, true, ocpptest.Traps{Tag: "theirs"})
	told(t, sw, loads.Setpoint{})
	wait(t, "it is connected", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.got) > 0 })
	if a := b.asks("RemoteStartTransaction", `{"connectorId":1,"idTag":"theirs","chargingProfile":{"chargingProfileId":9}}`); !strings.Contains(a, "Accepted") {
		t.Fatalf("%s", a)
	}
	wait(t, "it has begun", func() bool { _, tx, _ := station.State(); return tx != 0 && len(b.billed()) == 1 })
	if station.Follows().On {
		t.Error("it charges in a pause")
	}
	told(t, sw, amperes(16))
	wait(t, "it charges", func() bool { s, _, _ := station.State(); return s == charging })
	if a := b.asks("RemoteStopTransaction", `{"transactionId":4711}`); !strings.Contains(a, "Rejected") {
		t.Errorf("of a transaction that is none: %s", a)
	}
	if a := b.asks("RemoteStopTransaction", fmt.Sprintf(`{"transactionId":%d}`, b.billed()[0].ID)); !strings.Contains(a, "Accepted") {
		t.Fatalf("%s", a)
	}
	same(t, station, b)
	time.Sleep(7 * quick().Retry)
	if n := len(station.Transactions()); n != 1 {
		t.Errorf("%d transactions", n)
	}
}

// A backend that does not take the station, or refuses its password, is told nothing, and is not asked
// all the time.
func TestABackendThatRefuses(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{}, false, ocpptest.Traps{})
	b.with(func() { b.boot = "Pending" })
	told(t, sw, amperes(16))
	wait(t, "it charges all the same", func() bool { s, _, _ := station.State(); return s == charging })
	time.Sleep(300 * time.Millisecond)
	if n := len(b.billed()); n != 0 {
		t.Errorf("%d bills", n)
	}
	b.with(func() { b.boot = "Accepted" })
	wait(t, "it is told later", func() bool { return len(b.billed()) == 1 })
	wrong := &loads.Forward{URL: b.url, Password: "wrong"}
	other, _ := pair(t, loads.Connector{Stale: time.Minute, Forward: wrong}, 0, ocpptest.Traps{})
	told(t, other, amperes(16))
	if got := other.st.forward.session(t.Context()); got == nil || !strings.Contains(got.Error(), "password") {
		t.Errorf("refused: %v", got)
	}
}

// A backend that hears and answers nothing, and one that says anything, hold nobody up.
func TestABackendThatIsSilentHoldsNobodyUp(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{}, false, ocpptest.Traps{})
	wait(t, "it is connected", func() bool { b.mu.Lock(); defer b.mu.Unlock(); return len(b.got) > 2 })
	b.with(func() { b.mute = true })
	for _, n := range []int{16, 6, 20} {
		told(t, sw, amperes(n))
	}
	station.Plug(false, false)
	wait(t, "it has gone", func() bool { o, _ := sw.Observed(t.Context()); return o.HasPower && o.Power == 0 })
	b.with(func() {
		b.mute = false
		if len(b.conns) > 0 {
			for _, junk := range []string{`[3,"f1"]`, `[3,"f1",[1]]`, `{}`, `[2,"x","Reset",[]]`, `[2,"y","",{}]`, `[4,"f9","a","b",{}]`} {
				_ = b.conns[len(b.conns)-1].WriteMessage(websocket.TextMessage, []byte(junk))
			}
		}
	})
	same(t, station, b)
}

func TestForwardsAddress(t *testing.T) {
	for address, right := range map[string]bool{
		"wss://backend.example/ocpp": true, "ws://10.0.0.5:9000": true, "ws://10.0.0.5:9000/x/": true,
		"": false, "https://backend.example": false, "wss://": false, "wss://u:p@backend.example": false, "wss://backend.example/?a=b": false, "ws://%zz": false,
	} {
		if l := (loads.Forward{URL: address}).Check(); (len(l) == 0) != right {
			t.Errorf("%q: %v", address, l)
		}
	}
}

// A station that tells of connectors without end takes no memory by it, and one that refuses to end a transaction
// goes on with it as if nobody had asked.
func TestWhatAStationAndABackendMayNotLeaveBehind(t *testing.T) {
	t.Parallel()
	sw, station, b := forwarded(t, loads.Connector{Tag: "theirs"}, true, ocpptest.Traps{})
	told(t, sw, amperes(16))
	wait(t, "it charges", func() bool { s, _, _ := station.State(); return s == charging && len(b.billed()) == 1 })
	st := sw.st
	for n := range 10000 {
		st.forward.take("StatusNotification", json.RawMessage(fmt.Sprintf(`{"connectorId":%d,"status":"Available"}`, n-100)), struct{}{})
	}
	st.forward.mu.Lock()
	if n := len(st.forward.statuses); n > mostStatuses {
		t.Errorf("%d states are kept", n)
	}
	st.forward.mu.Unlock()
	station.Fail(loadstest.Refuses)
	if a := b.asks("RemoteStopTransaction", fmt.Sprintf(`{"transactionId":%d}`, b.billed()[0].ID)); strings.Contains(a, "Accepted") {
		t.Fatalf("%s", a)
	}
	wait(t, "it goes on", func() bool { st.mu.Lock(); defer st.mu.Unlock(); return !st.connectors[0].ended })
}
