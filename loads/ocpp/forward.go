package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/loads"
)

// forward tells a second central system what a station says, as if the station had called it.  What
// that answers is logged, and holds for nothing here.
type forward struct {
	st   *station
	to   loads.Forward
	wake chan struct{}

	mu       sync.Mutex
	boot     json.RawMessage         // that the station introduced itself with last
	statuses map[int]json.RawMessage // of each connector, told last
	queue    []passedOn              // in its order
	ids      map[int]int             // the backend's number of a transaction, by the station's
	dropped  int                     // meter values, since it was said last
	at       bool                    // a backend is connected
}

// passedOn is a call of the station that the backend has not answered yet.
type passedOn struct {
	Action  string          `json:"action"`
	Payload json.RawMessage `json:"payload"`
	ID      int             `json:"id,omitempty"` // of the transaction, as the station has it
	tries   int
}

const (
	mostTransactions = 1000 // calls of transactions that wait for a backend that is gone
	mostOthers       = 100  // other calls that wait for one that is slow
	mostStatuses     = 10   // connectors, and the station as a whole, whose states are told anew
	mostTries        = 3    // of a call that the backend refuses to read
	slowest          = 5 * time.Minute
	slowestRefused   = time.Hour
)

func newForward(st *station, to loads.Forward) *forward {
	f := &forward{st: st, to: to, wake: make(chan struct{}, 1), statuses: map[int]json.RawMessage{}, ids: map[int]int{}}
	f.restore()
	return f
}

// stored is what outlives the agent: calls of transactions, and their numbers.
type stored struct {
	Queue []passedOn  `json:"queue,omitempty"`
	IDs   map[int]int `json:"ids,omitempty"`
}

// restore reads what an agent before this one had yet to tell.
func (f *forward) restore() {
	keep := f.st.central.keep
	if keep == nil {
		return
	}
	data, err := keep.Load(f.st.name)
	var s stored
	if err == nil && len(data) > 0 {
		err = json.Unmarshal(data, &s)
	}
	if err != nil {
		f.st.central.log.Warn("what a backend was yet to be told cannot be read, and is lost", "station", f.st.name, "error", err)
		return
	}
	f.queue = s.Queue
	for own, theirs := range s.IDs {
		f.ids[own] = theirs
		f.st.central.given(own)
	}
	for _, c := range f.queue {
		f.st.central.given(c.ID)
	}
}

// store writes it; f.mu is held.
func (f *forward) store() {
	keep := f.st.central.keep
	if keep == nil {
		return
	}
	s := stored{IDs: f.ids}
	for _, c := range f.queue {
		if c.ofTransaction() {
			s.Queue = append(s.Queue, c)
		}
	}
	data, err := json.Marshal(s)
	if err == nil {
		err = keep.Save(f.st.name, data)
	}
	if err != nil {
		f.st.central.log.Warn("what a backend is yet to be told cannot be written down", "station", f.st.name, "error", err)
	}
}

// ofTransaction tells whether a call is one that bills are made of.
func (c passedOn) ofTransaction() bool {
	return c.Action == "StartTransaction" || c.Action == "StopTransaction"
}

// take is what the station has asked, and was answered.
func (f *forward) take(action string, payload json.RawMessage, answer any) {
	if f == nil {
		return
	}
	payload = slices.Clone(payload)
	f.mu.Lock()
	defer f.mu.Unlock()
	c := passedOn{Action: action, Payload: payload}
	switch action {
	case "BootNotification":
		f.boot = payload
	case "StatusNotification":
		var m statusNotification
		_ = json.Unmarshal(payload, &m)                           // it was read before
		if n := m.Connector.whole(); n >= 0 && n < mostStatuses { // else one that there is not: it is passed on, and not kept
			f.statuses[n] = payload
		}
	case "StartTransaction":
		if a, ok := answer.(map[string]any); ok {
			c.ID, _ = a["transactionId"].(int)
		}
	case "StopTransaction", "MeterValues":
		var m struct {
			Transaction word `json:"transactionId"`
		}
		_ = json.Unmarshal(payload, &m)
		c.ID = m.Transaction.whole()
	}
	_, begun := f.ids[c.ID]
	switch waiting := f.waiting(); {
	case c.ofTransaction() && f.waits(c), action == "StartTransaction" && begun:
		return // the station tells it again
	case c.ofTransaction() && waiting >= mostTransactions:
		f.st.central.log.Error("a backend is gone for too long: what it was to be told of a transaction is lost", "station", f.st.name, "transaction", c.ID, "call", action)
		return
	case !c.ofTransaction() && (!f.at || len(f.queue)-waiting >= mostOthers):
		if action == "MeterValues" { // a state is told anew when it is back
			f.dropped++
		}
		return
	}
	f.queue = append(f.queue, c)
	if c.ofTransaction() {
		f.store()
	}
	f.rouse()
}

// waits tells whether a call of a transaction waits already; f.mu is held.
func (f *forward) waits(c passedOn) bool {
	return slices.ContainsFunc(f.queue, func(x passedOn) bool { return x.Action == c.Action && x.ID == c.ID })
}

// waiting is how many calls of transactions wait; f.mu is held.
func (f *forward) waiting() (n int) {
	for _, c := range f.queue {
		if c.ofTransaction() {
			n++
		}
	}
	return n
}

func (f *forward) rouse() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// wanted tells whether the backend is to be called: the station is there, or left something to tell.
func (f *forward) wanted() bool {
	f.st.mu.Lock()
	there := f.st.session != nil
	f.st.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	return there || len(f.queue) > 0
}

// run calls the backend while it is wanted, until ctx is done.
func (f *forward) run(ctx context.Context) {
	pace, log := f.st.central.pace, f.st.central.log
	wait := backoff.Backoff{First: pace.Retry, Most: slowest}
	look := time.NewTicker(pace.Retry)
	defer look.Stop()
	said := ""
	for ctx.Err() == nil {
		if !f.wanted() {
			select {
			case <-ctx.Done():
			case <-f.wake:
			case <-look.C:
			}
			continue
		}
		begun := f.st.central.now()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		if f.st.central.now().Sub(begun) > 3*pace.Ping {
			wait.Reset()
			said = ""
		}
		wait.Most = slowest
		if errors.Is(err, errRefusedLogin) {
			wait.Most = slowestRefused // it may shut out who tries again and again
		}
		if err == nil {
			continue
		}
		if err.Error() != said {
			said = err.Error()
			log.Warn("a station's backend is gone; transactions are kept for it", "station", f.st.name, "backend", f.to.URL, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait.Next()):
		}
	}
}
