package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// house is what truly happens: energy flows through a meter, by way of the supply's
// contactor and the loads' relays.
type house struct {
	mu       sync.Mutex
	began    time.Time // when the household began to use anything
	last     time.Time
	nwh      int64 // what the meter has counted, in billionths of a kWh
	base     int64 // W that the household uses
	relays   map[string]*relay
	face     func(register string, w int64, out http.ResponseWriter) bool // nil, or what is wrong with the meter; false: the usual answer
	asked    int                                                          // how often the meter was
	url      string
	server   *http.Server
	listener net.Listener
}

// relay is a contactor or a load's switch.
type relay struct {
	watts   int64 // what hangs on it
	on      bool
	told    int           // how often it was told
	changed time.Time     // when it last changed
	deaf    bool          // hears, and does nothing
	lies    bool          // says what it was told and does nothing
	mute    bool          // does it, and says nothing
	late    time.Duration // says it so much later
	welded  bool          // cannot open, and says so
	bridged bool          // opens, and what flows goes by beside it
	dead    bool          // cannot close, and says so
}

const supply = "supply"

// newHouse has a meter that answers HTTP.
func newHouse(host string, watts map[string]int64) (*house, error) {
	h := &house{last: time.Now(), nwh: 1_000 * 1_000_000_000, relays: map[string]*relay{}}
	for name, w := range watts {
		h.relays[name] = &relay{watts: w, changed: time.Now()}
	}
	var err error
	if h.listener, err = net.Listen("tcp", net.JoinHostPort(host, "0")); err != nil {
		return nil, err
	}
	h.url = "http://" + h.listener.Addr().String() + "/"
	h.server = &http.Server{Handler: http.HandlerFunc(h.answer), ReadHeaderTimeout: time.Minute}
	go func() { _ = h.server.Serve(h.listener) }()
	return h, nil
}

func (h *house) close() { _ = h.server.Close() }

// pass lets time go on.  mu is held.
func (h *house) pass() {
	now := time.Now()
	h.nwh += h.watts() * now.Sub(h.last).Microseconds() / 3_600 // W µs / 3600 = 1e-9 kWh
	h.last = now
}

// watts is what flows now.  mu is held.
func (h *house) watts() int64 {
	if s, ok := h.relays[supply]; ok && !s.on && !s.bridged {
		return 0
	}
	w := h.base
	for name, r := range h.relays {
		if name != supply && r.on {
			w += r.watts
		}
	}
	return w
}

// with changes the house.
func (h *house) with(f func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pass()
	f()
}

// use has the household use so many watts from now on.
func (h *house) use(w int64) {
	h.with(func() {
		if h.base = w; h.began.IsZero() {
			h.began = time.Now()
		}
	})
}

// shows is the meter's register, in thousandths of a Wh.
func (h *house) shows() (mwh int64) {
	h.with(func() { mwh = h.nwh / 1000 })
	return mwh
}

func (h *house) answer(out http.ResponseWriter, _ *http.Request) {
	var register string
	var w int64
	var face func(string, int64, http.ResponseWriter) bool
	h.with(func() {
		h.asked++
		mwh := h.nwh / 1000
		register, w, face = fmt.Sprintf("%d.%06d", mwh/1_000_000, mwh%1_000_000), h.watts(), h.face
	})
	if face != nil && face(register, w, out) {
		return
	}
	_ = json.NewEncoder(out).Encode(map[string]any{"kwh": json.Number(register), "w": w, "v": 230})
}

// is tells whether a relay is on, and when that was last changed.
func (h *house) is(name string) (on bool, since time.Time) {
	h.with(func() { on, since = h.relays[name].on, h.relays[name].changed })
	return on, since
}

// tell is what a switch is told; it answers what it says then, and whether it says anything.
func (h *house) tell(name string, on bool) (says, speaks bool) {
	h.with(func() {
		r, ok := h.relays[name]
		if !ok {
			return
		}
		r.told++
		says, speaks = on, !r.mute && !r.deaf
		if r.deaf || r.lies {
			return
		}
		if r.welded && !on || r.dead && on {
			says = r.on
			return
		}
		if r.on != on {
			r.on, r.changed = on, time.Now()
		}
	})
	return says, speaks
}

// rest has every load draw nothing.
func (h *house) rest() {
	h.with(func() {
		for name, r := range h.relays {
			if name != supply {
				r.on = false
			}
		}
	})
}

// flows is what flows now, in W.
func (h *house) flows() (w int64) {
	h.with(func() { w = h.watts() })
	return w
}
