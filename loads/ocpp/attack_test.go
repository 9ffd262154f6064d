package ocpp

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// hand is a station that answers by hand: what is nil is not answered.
type hand struct {
	t       *testing.T
	conn    *websocket.Conn
	mu      sync.Mutex
	limits  []float64 // of the profiles that it was told
	actions []string
}

// answers are what a station answers to an action; nil: nothing.
type answers func(action string, limit float64) any

// byBook answers everything as accepted.
func byBook(action string, _ float64) any {
	switch action {
	case "GetConfiguration":
		return map[string]any{"configurationKey": []any{}}
	case "GetCompositeSchedule":
		return status("Rejected")
	}
	return status("Accepted")
}

func status(word string) any { return map[string]any{"status": word} }

// dial calls as CP1.
func dial(t *testing.T, url string, answer answers) *hand {
	t.Helper()
	d := websocket.Dialer{Subprotocols: []string{"ocpp1.6"}}
	conn, resp, err := d.DialContext(t.Context(), url+"CP1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	h := &hand{t: t, conn: conn}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for {
			_, data, err := conn.ReadMessage()
			if err != nil {
				return
			}
			h.asked(data, answer)
		}
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return h
}

func (h *hand) asked(data []byte, answer answers) {
	var m []json.RawMessage
	if json.Unmarshal(data, &m) != nil || len(m) < 4 {
		return
	}
	var action string
	_ = json.Unmarshal(m[2], &action)
	limit := -1.0
	if action == "SetChargingProfile" {
		var q struct {
			P profile `json:"csChargingProfiles"`
		}
		_ = json.Unmarshal(m[3], &q)
		limit = q.P.Schedule.Periods[0].Limit
	}
	h.mu.Lock()
	h.actions = append(h.actions, action)
	if limit >= 0 {
		h.limits = append(h.limits, limit)
	}
	h.mu.Unlock()
	if a := answer(action, limit); a != nil {
		h.write([]any{3, m[1], a})
	}
}

func (h *hand) write(m any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.conn.WriteJSON(m) // where it is broken the test sees it
}

func (h *hand) says(action string, payload any) { h.write([]any{2, "h", action, payload}) }

// last is the limit that it was told last, -1 where none.
func (h *hand) last() float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.limits) == 0 {
		return -1
	}
	return h.limits[len(h.limits)-1]
}

// byHandAt is a switch and a station that answers by hand.
func byHandAt(t *testing.T, pace Pace, answer answers) (*connector, *hand) {
	t.Helper()
	c := NewCentral("", pace, time.Now, quiet())
	sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	url := listen(t, c)
	h := dial(t, url, answer)
	h.says("Heartbeat", struct{}{})
	d := sw.(*connector)
	wait(t, "it is connected", func() bool {
		d.st.mu.Lock()
		defer d.st.mu.Unlock()
		return d.st.session != nil
	})
	return d, h
}

// slow is a pace in which an answer is waited for longer than an order to pause may take.
func slow() Pace {
	p := quick()
	p.Call, p.Ping = 6*time.Second, 20*time.Second
	return p
}

// A question that is not answered holds no pause up: not that for the configuration, not a
// change of it, and not a limit.
func TestAPauseDoesNotWaitForASlowAnswer(t *testing.T) {
	for _, mute := range []string{"GetConfiguration", "ChangeConfiguration", "SetChargingProfile", "GetCompositeSchedule"} {
		t.Run(mute, func(t *testing.T) {
			t.Parallel()
			asked := make(chan struct{})
			var once sync.Once
			sw, h := byHandAt(t, slow(), func(action string, limit float64) any {
				if action == mute && limit != 0 {
					once.Do(func() { close(asked) })
					return nil
				}
				return byBook(action, limit)
			})
			if mute == "SetChargingProfile" || mute == "GetCompositeSchedule" {
				if err := sw.Set(t.Context(), amperes(16)); err != nil {
					t.Fatal(err)
				}
			}
			<-asked
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := sw.Set(ctx, loads.Setpoint{}); err != nil {
				t.Error(err)
			}
			wait(t, "the pause is told", func() bool { return h.last() == 0 })
		})
	}
}

// Where a station refuses a limit in one form and a pause comes meanwhile, the limit is not
// told in the other forms before it.
func TestASupersededLimitIsNotTriedInOtherForms(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	sw, h := byHandAt(t, quick(), func(action string, limit float64) any {
		if limit > 0 {
			once.Do(func() { close(asked); <-goOn })
			return status("Rejected")
		}
		return byBook(action, limit)
	})
	if err := sw.Set(t.Context(), amperes(16)); err != nil {
		t.Fatal(err)
	}
	<-asked
	time.AfterFunc(20*time.Millisecond, func() { close(goOn) })
	if err := sw.Set(t.Context(), loads.Setpoint{}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the pause is told", func() bool { return h.last() == 0 })
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.limits) != 2 {
		t.Errorf("it was told %v", h.limits)
	}
}

// A limit that was not answered may hold: a pause after it is told, although a pause was the
// last that was confirmed.
func TestAPauseIsToldAfterALimitThatWasNotAnswered(t *testing.T) {
	t.Parallel()
	sw, h := byHandAt(t, quick(), func(action string, limit float64) any {
		if limit > 0 {
			return nil
		}
		return byBook(action, limit)
	})
	told(t, sw, loads.Setpoint{})
	if err := sw.Set(t.Context(), amperes(16)); err != nil {
		t.Fatal(err)
	}
	wait(t, "the limit is told", func() bool { return h.last() == 16 })
	short, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	_ = sw.Set(short, amperes(10)) // it does not get out, and is not told later
	if err := sw.Set(t.Context(), loads.Setpoint{}); err != nil {
		t.Fatal(err)
	}
	wait(t, "the pause is told", func() bool { return h.last() == 0 })
}

// What a station accepts in one life proves nothing of the next.
func TestAnAcceptedLimitProvesNothingAfterARestart(t *testing.T) {
	t.Parallel()
	asked, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	sw, h := byHandAt(t, quick(), func(action string, limit float64) any {
		if action == "GetCompositeSchedule" {
			once.Do(func() { close(asked); <-goOn })
			return status("Rejected")
		}
		return byBook(action, limit)
	})
	if err := sw.Set(t.Context(), loads.Setpoint{}); err != nil {
		t.Fatal(err)
	}
	<-asked
	h.mu.Lock()
	before := len(h.limits)
	h.mu.Unlock()
	h.says("BootNotification", struct{}{})
	wait(t, "it has started again", func() bool {
		sw.st.mu.Lock()
		defer sw.st.mu.Unlock()
		return sw.order.tried.IsZero()
	})
	close(goOn)
	wait(t, "it is told again", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		n := len(h.limits)
		sw.st.mu.Lock()
		defer sw.st.mu.Unlock()
		if sw.proved != nil && n == before {
			t.Fatal("it is proven by what was accepted before")
		}
		return n > before
	})
}

// What is left in a connection that has been replaced is not heard.
func TestAReplacedConnectionIsNotHeard(t *testing.T) {
	c := NewCentral("", quick(), time.Now, quiet())
	sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	st := c.stations["CP1"]
	old, next := newSession(st, nil), newSession(st, nil)
	st.connected(old, func(error) {})
	st.connected(next, func(error) {})
	if _, err := st.hear(old, "StatusNotification", json.RawMessage(`{"connectorId":1,"status":"Charging"}`)); err == nil {
		t.Error("it is answered")
	}
	if o, _ := sw.Observed(t.Context()); o.Known {
		t.Errorf("it says %+v", o)
	}
}

// desk is a connector with a clock by hand and no connection.
type desk struct {
	t   *testing.T
	c   *Central
	sw  *connector
	now time.Time
}

func atDesk(t *testing.T, at loads.Connector) *desk {
	d := &desk{t: t, now: time.Date(2026, 11, 29, 10, 0, 0, 0, time.UTC)}
	d.c = NewCentral("", UsualPace(), func() time.Time { return d.now }, quiet())
	at.Station, at.Number, at.Stale = "CP1", 1, 15*time.Minute
	sw, err := d.c.Connector(at, env(0))
	if err != nil {
		t.Fatal(err)
	}
	d.sw = sw.(*connector)
	d.sw.st.connected(newSession(d.sw.st, nil), func(error) {})
	return d
}

func (d *desk) hears(action, payload string) any {
	d.t.Helper()
	a, err := d.sw.st.hear(d.sw.st.session, action, json.RawMessage(payload))
	if err != nil {
		d.t.Fatal(err)
	}
	return a
}

func (d *desk) status(word string) {
	d.hears("StatusNotification", fmt.Sprintf(`{"connectorId":1,"status":%q,"timestamp":%q}`, word, written(d.now)))
}

func (d *desk) draws(w int, at time.Time) {
	d.hears("MeterValues", fmt.Sprintf(`{"connectorId":1,"meterValue":[{"timestamp":%q,"sampledValue":[{"value":"%d","measurand":"Power.Active.Import"}]}]}`, written(at), w))
}

func (d *desk) proves(p loads.Setpoint) {
	d.sw.prove(&proof{set: p, limit: d.sw.limit(p), at: d.now}, 0, false)
}

func (d *desk) is(what string, on bool, power units.Power) {
	d.t.Helper()
	o, err := d.sw.Observed(d.t.Context())
	if err != nil || !o.Known || o.On != on || !o.HasPower || o.Power != power {
		d.t.Errorf("%s: %+v, %v", what, o, err)
	}
}

// What is drawn tells more than what is said, where it is measured later; what was measured
// before the state is over, however late it comes.
func TestWhatIsDrawnTellsWhetherItIsOn(t *testing.T) {
	d := atDesk(t, loads.Connector{})
	d.status(charging)
	d.draws(7000, d.now)
	d.proves(loads.Setpoint{})
	d.now = d.now.Add(20 * time.Second)
	d.status(suspendedEVSE)
	d.is("paused, with what was measured before", false, 0)
	d.now = d.now.Add(20 * time.Second)
	d.draws(7000, d.now.Add(-30*time.Second))
	d.is("a value that was held up", false, 0)
	d.draws(7000, d.now)
	d.is("it says that it is paused, and draws", true, 7*units.Kilowatt)
	d.now = d.now.Add(2 * time.Minute)
	d.is("that was long ago", false, 0)
	d.status(available)
	d.draws(7000, d.now)
	d.now = d.now.Add(2 * time.Minute)
	d.is("a value after the car has gone", false, 0)
}

// A clock that jumps far ahead does not make all that comes later old.
func TestAClockFarAheadDoesNotMakeLaterStatesOld(t *testing.T) {
	d := atDesk(t, loads.Connector{})
	d.hears("StatusNotification", `{"connectorId":1,"status":"Charging","timestamp":"2099-01-01T00:00:00Z"}`)
	d.now = d.now.Add(time.Minute)
	d.status(suspendedEVSE)
	d.is("paused", false, 0)
}

// The transaction of one who ends it at the station is not begun again for a car that is still
// plugged in; one that the station ends in a pause is.
func TestTheAgentDoesNotBeginWhatAPersonHasEnded(t *testing.T) {
	for _, row := range []struct {
		reason, status string
		paused, begins bool
	}{
		{"Local", finishing, false, false},
		{"Local", available, false, true},
		{"Local", finishing, true, true},
		{"Other", finishing, false, true},
		{"PowerLoss", preparing, false, true},
	} {
		d := atDesk(t, loads.Connector{Tag: "keeplit"})
		d.proves(amperes(16))
		d.status(preparing)
		d.hears("StartTransaction", `{"connectorId":1,"idTag":"keeplit","meterStart":1}`)
		d.status(charging)
		if row.paused {
			d.proves(loads.Setpoint{})
		}
		d.hears("StopTransaction", fmt.Sprintf(`{"transactionId":%d,"reason":%q}`, d.sw.transaction, row.reason))
		d.status(row.status)
		if row.status == available {
			d.status(preparing)
		}
		d.proves(amperes(16))
		d.sw.st.keys.asked, d.sw.st.booted = true, true
		if begins := d.sw.st.session.next() != nil; begins != row.begins {
			t.Errorf("%+v: begins %v", row, begins)
		}
	}
}

// Numbers of transactions stay those that a station can tell again.
func TestNumbersOfTransactionsAreNeverNegative(t *testing.T) {
	d := atDesk(t, loads.Connector{})
	d.status(charging)
	d.hears("MeterValues", `{"connectorId":1,"transactionId":-1}`)
	if d.sw.transaction != 0 {
		t.Errorf("transaction %d", d.sw.transaction)
	}
	d.hears("MeterValues", `{"connectorId":1,"transactionId":2147483646}`)
	for range 3 {
		if id := d.hears("StartTransaction", `{"connectorId":1}`).(map[string]any)["transactionId"].(int); id <= 0 || id > 1<<31-1 {
			t.Errorf("transaction %d", id)
		}
	}
}

// A machine without a clock of its own begins at 1970, or at 2000.
func TestNumbersOfTransactionsAreNotNegativeBeforeTheClockIsSet(t *testing.T) {
	for _, year := range []int{1970, 2000, 2026, 2100} {
		c := NewCentral("", quick(), func() time.Time { return time.Date(year, 1, 1, 0, 0, 5, 0, time.UTC) }, quiet())
		if id := c.number(); id <= 0 || id > 1<<31-1 {
			t.Errorf("%d: transaction %d", year, id)
		}
	}
}

// A station that gives less for a while is told more again later.
func TestAStationThatGivesLessIsToldMoreLater(t *testing.T) {
	d := atDesk(t, loads.Connector{})
	d.sw.prove(&proof{set: amperes(32), limit: amperes(32).Power, at: d.now}, amperes(10).Power, true)
	if r := d.sw.Takes().Powers; len(r) != 1 || r[0].To != amperes(10).Power {
		t.Errorf("it takes %v", r)
	}
	d.now = d.now.Add(mostFor)
	if r := d.sw.Takes().Powers; len(r) != 1 || r[0].To != amperes(32).Power {
		t.Errorf("later it takes %v", r)
	}
}

// No car charges below 6 A: a load that would be told less is a fault of its configuration.
func TestAPowerBelowSixAmperesIsAFault(t *testing.T) {
	c := NewCentral("", quick(), time.Now, quiet())
	e := env(0)
	e.Powers = []loads.PowerRange{{From: 1000 * units.Watt, To: 3000 * units.Watt}}
	if _, err := c.Connector(loads.Connector{Station: "CP1", Number: 1}, e); err == nil {
		t.Error("1000 W are taken")
	}
}

// An order that could not be written is not told in the next session.
func TestAnOrderThatCouldNotBeWrittenIsForgotten(t *testing.T) {
	t.Parallel()
	sw, h := byHandAt(t, quick(), byBook)
	st := sw.st
	st.mu.Lock()
	s := st.session
	st.mu.Unlock()
	_ = h.conn.Close()
	wait(t, "the session is over", func() bool {
		st.mu.Lock()
		defer st.mu.Unlock()
		return st.session == nil
	})
	w := &order{set: amperes(16), out: make(chan error, 1)}
	st.mu.Lock()
	st.session, sw.order = s, w
	st.mu.Unlock()
	if err := s.tell(t.Context(), sw, w); err == nil || <-w.out == nil {
		t.Error("it was written")
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if sw.order != nil {
		t.Errorf("%v waits", sw.order.set)
	}
}
