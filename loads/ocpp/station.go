package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/loads"
)

// station is what is known of one station.  Everything in it, and in its connectors, is
// under mu.
type station struct {
	central  *Central
	name     string
	password string

	mu         sync.Mutex
	connectors []*connector
	session    *session // nil: it is not connected
	end        context.CancelCauseFunc
	since      time.Time // the session began
	heard      time.Time // anything that could be read, in this session
	booted     bool      // it has introduced itself in this session, or cannot
	keys       keys
	variant    int // of those in which profiles are told: the one that it took last
	noReading  bool
	hastened   bool      // it was not asked for its keys to the end, because an order went before
	started    []started // transactions, the latest last
	forward    *forward  // nil: nobody else is told what it says
	passages   []*passage
	silent     int // questions in a row that were not answered
}

// started is a transaction: a station that got no answer tells it again.
type started struct {
	id, connector int
	meter, at     word
}

func newStation(c *Central, name, password string) *station {
	return &station{central: c, name: name, password: password}
}

// add is a connector of it.
func (st *station) add(at loads.Connector, e loads.Env) (*connector, error) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.connector(at.Number) != nil {
		return nil, fmt.Errorf("ocpp: connector %d of %s is named twice", at.Number, at.Station)
	}
	c := &connector{st: st, n: at.Number, at: at, powers: e.Powers, perAmpere: e.PerAmpere, phases: e.Phases, deadMan: e.DeadMan}
	st.connectors = append(st.connectors, c)
	return c, nil
}

func (st *station) connector(n int) *connector {
	i := slices.IndexFunc(st.connectors, func(c *connector) bool { return c.n == n })
	if i < 0 {
		return nil
	}
	return st.connectors[i]
}

var errReplaced = errors.New("it has called again")

// connected begins a session; one before it is a connection of which the end was not seen.
func (st *station) connected(s *session, end context.CancelCauseFunc) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.end != nil {
		st.end(errReplaced)
	}
	st.session, st.end, st.since = s, end, st.central.now()
	st.heard, st.booted, st.silent, st.noReading = time.Time{}, false, 0, false
	for _, c := range st.connectors {
		c.forget()
	}
}

func (st *station) disconnected(s *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.session != s {
		return
	}
	st.session, st.end = nil, nil
	for _, p := range st.passages {
		p.done <- errors.New("the station is gone")
	}
	st.passages = nil
	for _, c := range st.connectors {
		c.drop(errors.New("the station is gone"))
	}
}

func (st *station) heardNow(s *session) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.session != s {
		return
	}
	st.heard, st.silent = st.central.now(), 0
}

// hastens tells whether an order to draw less is due, which a question does not hold up for
// long; w is the order that the question is about, where it is about one.
func (st *station) hastens(w *order) bool {
	st.mu.Lock()
	defer st.mu.Unlock()
	if w != nil && !w.set.On {
		return false
	}
	now := st.central.now()
	return slices.ContainsFunc(st.connectors, func(c *connector) bool { return c.order != w && c.urgent(c.order, now) })
}

// hear takes what the station asks or says, and answers.  What is left in a connection that
// another has replaced is of before, and counts for nothing.
func (st *station) hear(s *session, action string, payload json.RawMessage) (answer any, err error) {
	read := func(into any) {
		if e := json.Unmarshal(payload, into); e != nil && err == nil {
			err = &refusedError{"FormationViolation", "it cannot be read: " + e.Error()}
		}
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.session != s {
		return nil, errReplaced
	}
	now := st.central.now()
	switch action {
	case "BootNotification":
		st.rebooted()
		answer = map[string]any{"currentTime": written(now), "interval": max(1, int(st.central.pace.Sample/time.Second)), "status": "Accepted"}
	case "Heartbeat":
		answer = map[string]any{"currentTime": written(now)}
	case "StatusNotification":
		var m statusNotification
		if read(&m); err == nil {
			st.status(m, now)
		}
		answer = struct{}{}
	case "Authorize":
		var m authorize
		read(&m)
		answer = map[string]any{"idTagInfo": st.tag(string(m.Tag), st.connectors)}
	case "StartTransaction":
		var m startTransaction
		if read(&m); err == nil {
			answer = st.start(m)
		}
	case "StopTransaction":
		var m stopTransaction
		if read(&m); err == nil {
			for _, c := range st.connectors {
				if c.transaction != 0 && c.transaction == m.Transaction.whole() {
					c.transaction = 0
					c.ended = c.ended || c.proved != nil && c.proved.limit > 0 && byHand(string(m.Reason))
				}
			}
		}
		answer = struct{}{}
	case "MeterValues":
		var m meterValues
		if read(&m); err == nil {
			st.measured(m, now)
		}
		answer = struct{}{}
	case "DataTransfer":
		answer = map[string]any{"status": "UnknownVendorId"}
	case "FirmwareStatusNotification", "DiagnosticsStatusNotification", "LogStatusNotification", "SecurityEventNotification":
		answer = struct{}{}
	default:
		err = &refusedError{"NotImplemented", "nothing is done about " + action}
	}
	if err == nil {
		st.heard, st.silent = now, 0
		st.forward.take(action, payload, answer)
	}
	return answer, err
}

func written(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// rebooted: what a station was told it may have forgotten, and its clock may be another.
func (st *station) rebooted() {
	st.booted = true
	st.keys, st.noReading = keys{}, false
	for _, c := range st.connectors {
		c.forget()
		c.statusAt = time.Time{}
	}
}

// mostAhead is how much a station's clock may be ahead: of a time beyond it what comes later is
// no older.
const mostAhead = 10 * time.Minute

// status takes the state of a connector.  One that was held up on the way is older than what
// was heard already, and is passed over.
func (st *station) status(m statusNotification, now time.Time) {
	c := st.connector(m.Connector.whole())
	if c == nil || !slices.Contains(states(), string(m.Status)) {
		return
	}
	at := stamped(m.Time)
	if !at.IsZero() && at.Before(c.statusAt) {
		return
	}
	if !at.IsZero() && at.Before(now.Add(mostAhead)) {
		c.statusAt = at
	}
	before := c.status
	c.status, c.statusHeard = string(m.Status), now
	if c.status == faulted && before != faulted {
		st.central.log.Warn("a station has a fault", "station", st.name, "connector", c.n, "error", string(m.Error), "info", string(m.Info))
	}
	if c.status == available { // nothing is plugged in: whatever ran is over, and it sends no more values
		c.transaction, c.ended = 0, false
		c.power, c.powerHeard, c.most = 0, now, 0
	}
}

// tag is what is said of a card.
func (st *station) tag(tag string, at []*connector) map[string]any {
	for _, c := range at {
		if c.at.Tag != "" && tag == c.at.Tag || len(c.at.Tags) == 0 || slices.Contains(c.at.Tags, tag) {
			return map[string]any{"status": "Accepted"}
		}
	}
	return map[string]any{"status": "Invalid"}
}

// start gives a transaction its number.
func (st *station) start(m startTransaction) any {
	n := m.Connector.whole()
	i := slices.IndexFunc(st.started, func(t started) bool {
		return t.connector == n && t.meter == m.Meter && t.at == m.Time && m.Time != ""
	})
	id := 0
	if i >= 0 { // it is told again, because the answer was lost
		id = st.started[i].id
	} else {
		id = st.central.number()
		st.started = append(st.started, started{id, n, m.Meter, m.Time})
		if len(st.started) > 16 {
			st.started = slices.Delete(st.started, 0, 1)
		}
	}
	at := st.connectors
	c := st.connector(n)
	if c != nil {
		at = []*connector{c}
	}
	tag := st.tag(string(m.Tag), at)
	if c != nil && tag["status"] == "Accepted" {
		c.transaction, c.ended = id, false
	}
	return map[string]any{"transactionId": id, "idTagInfo": tag}
}

// measured takes meter values, and the number of a transaction that was not known any more.
func (st *station) measured(m meterValues, now time.Time) {
	c := st.connector(m.Connector.whole())
	if c == nil {
		return
	}
	if id := m.Transaction.whole(); id > 0 && active(c.status) {
		c.transaction = id
		st.central.given(id)
	}
	var at time.Time
	for _, v := range m.Values { // the latest of them
		t := stamped(v.Time)
		if t.Before(at) || !t.IsZero() && t.Before(c.statusAt) { // it was held up: another state holds
			continue
		}
		if p, ok := power(v.Sampled); ok {
			at = t
			c.power, c.powerHeard, c.drawsHeard = p, now, now
		}
	}
}
