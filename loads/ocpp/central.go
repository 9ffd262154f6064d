package ocpp

import (
	"cmp"
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/loads"
)

// Central listens to stations.  It is a loads.Stations; its stations are named before Run.
type Central struct {
	address string
	log     *slog.Logger
	now     func() time.Time
	pace    Pace
	to      *loads.Forward // nil: nobody else is told
	keep    Keep           // nil: what a backend is yet to be told is lost with the agent

	mu       sync.Mutex
	stations map[string]*station
	strange  map[string]time.Time // names that are no station's, and when that was said last

	transactions atomic.Int32
	over         bool // nobody is let in any more
	sessions     sync.WaitGroup
}

// Pace is how long things take.
type Pace struct {
	Boot   time.Duration // until a station that has connected is asked to introduce itself
	Call   time.Duration // an answer is waited for
	Settle time.Duration // from a limit that was accepted until the station's state must fit it
	Retry  time.Duration // between two tries of what was not answered
	Ping   time.Duration
	Sample time.Duration // between two meter values, and two heartbeats
}

// UsualPace is that of real stations.
func UsualPace() Pace {
	return Pace{Boot: 5 * time.Second, Call: 30 * time.Second, Settle: 15 * time.Second, Retry: 10 * time.Second, Ping: 20 * time.Second, Sample: 30 * time.Second}
}

const (
	protocol   = "ocpp1.6"
	mostFrame  = 256 << 10 // bytes of a message
	mostNames  = 64        // of strange stations that are remembered
	strangeFor = 10 * time.Minute
)

// NewCentral builds a central system that will listen at an address, host:port.
func NewCentral(address string, pace Pace, now func() time.Time, log *slog.Logger) *Central {
	c := &Central{address: address, log: log, now: now, pace: pace, stations: map[string]*station{}, strange: map[string]time.Time{}}
	// A station tells its transaction's number again after a restart of either side: none is
	// given twice.  It has 31 bits, also where the clock was not set yet.
	c.transactions.Store(int32((now().Unix() - 1_700_000_000) & (1<<31 - 1))) //nolint:gosec // 31 bits
	return c
}

// Keep holds what a backend is yet to be told of a station's transactions.
type Keep interface {
	Load(station string) ([]byte, error) // nothing where none was saved
	Save(station string, data []byte) error
}

// Forwards has the stations that are named from now on call a backend too, each as if by itself; nil: none
// but those that name one.
func (c *Central) Forwards(to *loads.Forward, keep Keep) { c.to, c.keep = to, keep }

// given keeps a number that a transaction has from being given again.
func (c *Central) given(id int) {
	for {
		last := c.transactions.Load()
		if id <= int(last) || id >= 1<<31-1 || c.transactions.CompareAndSwap(last, int32(id)) { //nolint:gosec // it is less
			return
		}
	}
}

// number is one that no transaction has.  It goes round where a station's own was the last.
func (c *Central) number() int {
	for {
		last := c.transactions.Load()
		next := last%(1<<31-1) + 1
		if c.transactions.CompareAndSwap(last, next) {
			return int(next)
		}
	}
}

// Connector implements loads.Stations.
func (c *Central) Connector(at loads.Connector, e loads.Env) (loads.Switch, error) {
	if e.PerAmpere <= 0 || len(e.Powers) == 0 {
		return nil, errors.New("ocpp: what the car may draw is not known of a load that is not of kind power")
	}
	if least := 6 * e.PerAmpere; e.Powers[0].From < least {
		return nil, fmt.Errorf("ocpp: the least power, %v, is less than the %v of 6 A, below which no car charges; write min: 6 A", e.Powers[0].From, least)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	st := c.stations[at.Station]
	if st == nil {
		st = newStation(c, at.Station, at.Password)
		c.stations[at.Station] = st
		if to := cmp.Or(at.Forward, c.to); to != nil {
			st.forward = newForward(st, *to)
		}
	}
	if at.Forward != nil && st.forward.to != *at.Forward {
		return nil, fmt.Errorf("ocpp: station %s has two backends; write forward at the first of its connectors", at.Station)
	}
	if st.password != at.Password {
		return nil, fmt.Errorf("ocpp: station %s has two passwords", at.Station)
	}
	return st.add(at, e)
}

// Run listens until ctx is done, and returns when every session has ended.
func (c *Central) Run(ctx context.Context) error {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.address)
	if err != nil {
		return fmt.Errorf("ocpp: %w; see that ocpp.listen is free and this machine's own", err)
	}
	return c.Serve(ctx, l)
}

// Serve is Run on a listener, which it closes.
func (c *Central) Serve(ctx context.Context, l net.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	server := &http.Server{
		Handler: http.HandlerFunc(c.call), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(c.log.Handler(), slog.LevelDebug),
	}
	var forwards sync.WaitGroup
	defer forwards.Wait()
	defer cancel()
	c.mu.Lock()
	for _, st := range c.stations {
		if st.forward != nil {
			forwards.Go(func() { st.forward.run(ctx) })
		}
	}
	c.mu.Unlock()
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	var err error
	select {
	case <-ctx.Done():
		_ = server.Close()
		err = <-ended
	case err = <-ended:
	}
	cancel()
	c.mu.Lock()
	c.over = true
	c.mu.Unlock()
	c.sessions.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// call is a station that calls.
func (c *Central) call(w http.ResponseWriter, r *http.Request) {
	name := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]
	c.mu.Lock()
	st := c.stations[name]
	if c.over {
		c.mu.Unlock()
		return
	}
	c.sessions.Add(1) // here: what waits for the last of them must not miss one
	c.mu.Unlock()
	defer c.sessions.Done()
	if st == nil {
		c.stranger(name, r.RemoteAddr)
		http.Error(w, "no load has this station", http.StatusNotFound)
		return
	}
	if st.password != "" {
		user, password, _ := r.BasicAuth()
		if subtle.ConstantTimeCompare([]byte(password), []byte(st.password)) != 1 || user != st.name {
			c.log.Warn("a station called with another password; see its password and that of the switch", "station", st.name, "from", r.RemoteAddr)
			w.Header().Set("WWW-Authenticate", `Basic realm="ocpp"`)
			http.Error(w, "another password", http.StatusUnauthorized)
			return
		}
	}
	if offered := websocket.Subprotocols(r); len(offered) > 0 && !slices.Contains(offered, protocol) {
		c.log.Warn("a station speaks another version; set it to OCPP 1.6 (JSON)", "station", st.name, "speaks", strings.Join(offered, ", "))
		http.Error(w, "only "+protocol+" is spoken here", http.StatusBadRequest)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{protocol}, HandshakeTimeout: 10 * time.Second, CheckOrigin: func(r *http.Request) bool {
		return r.Header.Get("Origin") == "" // a browser is no station
	}}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		c.log.Debug("a station's call failed", "station", st.name, "error", err)
		return
	}
	c.log.Info("a station is connected", "station", st.name, "from", r.RemoteAddr)
	err = newSession(st, conn).run(r.Context())
	c.log.Info("a station is gone", "station", st.name, "why", err)
}

// stranger tells, now and then, that a station calls which no load has.
func (c *Central) stranger(name, from string) {
	if !stationForm.MatchString(name) {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	last, known := c.strange[name]
	if known && now.Sub(last) < strangeFor || !known && len(c.strange) >= mostNames {
		return
	}
	c.strange[name] = now
	c.log.Warn("a station calls that no load has; give a load the switch {driver: ocpp, station: "+name+"}", "station", name, "from", from)
}
