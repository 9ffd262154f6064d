package ocpp

import (
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

func amperes(n int) loads.Setpoint {
	return loads.Setpoint{On: true, Power: units.Power(n) * ocpptest.Volts * units.Watt}
}

func wait(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// told tells a set-point until it gets out, as the guard does, and waits for the read-back.
func told(t *testing.T, sw loads.Switch, s loads.Setpoint) {
	t.Helper()
	last := time.Time{}
	wait(t, "told "+s.String(), func() bool {
		if time.Since(last) > 500*time.Millisecond {
			last = time.Now()
			_ = sw.Set(t.Context(), s)
		}
		o, _ := sw.Observed(t.Context())
		return o.Known && o.HasSet && o.Set == s && o.On == s.On
	})
}

// A car is charged, told less, paused and charged on, at each station of the field; its
// transaction is one all the while.
func TestACarIsChargedAtStationsThatDoOtherwiseThanTheBook(t *testing.T) {
	for _, x := range fieldTraps() {
		trap := x.trap
		if trap.Cable > 0 || trap.StopsItself > 0 || trap.Dies > 0 || trap.NeedsPing > 0 {
			continue // what takes minutes is in the hour; of the cable there is a test below
		}
		t.Run(x.name, func(t *testing.T) {
			t.Parallel()
			at := loads.Connector{Stale: time.Minute}
			if x.tag {
				at.Tag = "keeplit"
			}
			sw, station := pair(t, at, 0, trap)
			draws := func(amps float64) {
				t.Helper()
				wait(t, fmt.Sprintf("it charges at %v A", amps), func() bool {
					status, tx, _ := station.State()
					o, _ := sw.Observed(t.Context())
					w := units.FromW(amps * ocpptest.Volts)
					return status == charging && tx != 0 && station.Follows() == loads.Setpoint{On: true, Power: w} &&
						(!o.HasPower || o.Power > w-w/20 && o.Power < w+w/20)
				})
			}
			told(t, sw, amperes(16))
			draws(16)
			if !trap.FixedValues {
				wait(t, "its power is known", func() bool { o, _ := sw.Observed(t.Context()); return o.HasPower && o.Power > 0 })
			}
			_, tx, _ := station.State()
			told(t, sw, amperes(6))
			draws(6)
			told(t, sw, loads.Setpoint{})
			wait(t, "paused", func() bool { return station.Follows() == loads.Setpoint{} })
			time.Sleep(200 * time.Millisecond) // a pause, in which late states come
			if o, _ := sw.Observed(t.Context()); !o.Known || o.On {
				t.Errorf("paused, it says %+v", o)
			}
			told(t, sw, amperes(32))
			draws(32)
			if _, now, _ := station.State(); now != tx && !trap.StopsPaused {
				t.Errorf("transaction %d has become %d", tx, now)
			}
			station.Plug(false, false)
			wait(t, "nothing is drawn without a car", func() bool {
				o, _ := sw.Observed(t.Context())
				return o.Known && o.HasPower && o.Power == 0
			})
			sw.st.mu.Lock()
			defer sw.st.mu.Unlock()
			if sw.transaction != 0 {
				t.Errorf("transaction %d runs on without a car", sw.transaction)
			}
		})
	}
}

// What was told holds on: over a lost connection, and where the station has forgotten it.
func TestAStationIsToldAgainWhatItMayHaveForgotten(t *testing.T) {
	t.Parallel()
	for _, again := range []bool{false, true} {
		sw, station := pair(t, loads.Connector{Stale: time.Minute}, 0, ocpptest.Traps{})
		told(t, sw, amperes(10))
		_, tx, _ := station.State()
		station.Lose(again)
		wait(t, "told again", func() bool {
			o, _ := sw.Observed(t.Context())
			return o.Known && o.Set == amperes(10) && station.Follows() == amperes(10)
		})
		if _, now, _ := station.State(); now != tx {
			t.Errorf("transaction %d has become %d", tx, now)
		}
	}
}

// What could not be told is not told later: by then something else may be right.
func TestAnOrderThatDidNotGetOutIsNotTold(t *testing.T) {
	t.Parallel()
	sw, station := pair(t, loads.Connector{Stale: time.Minute}, 0, ocpptest.Traps{})
	told(t, sw, amperes(10))
	station.Leave(true)
	wait(t, "it is gone", func() bool { o, _ := sw.Observed(t.Context()); return !o.Known })
	if err := sw.Set(t.Context(), loads.Setpoint{}); err == nil {
		t.Error("told to a station that is not there")
	}
	if err := sw.Set(t.Context(), amperes(32)); err == nil {
		t.Error("told to a station that is not there")
	}
	station.Leave(false)
	wait(t, "it is back", func() bool { o, _ := sw.Observed(t.Context()); return o.Known })
	time.Sleep(300 * time.Millisecond)
	if station.Follows() != amperes(10) {
		t.Errorf("it was told %v", station.Follows())
	}
	told(t, sw, loads.Setpoint{})
}

// The number of a transaction that began before the agent did comes with the meter values.
func TestATransactionIsFoundAgainAfterARestartOfTheAgent(t *testing.T) {
	t.Parallel()
	c := central(t)
	sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	l := listener(t)
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, l) }()
	station := ocpptest.New(t, "ws://"+l.Addr().String()+"/CP1", "", ocpptest.Traps{NoBoot: true})
	told(t, sw, amperes(16))
	wait(t, "it charges", func() bool { s, _, _ := station.State(); return s == charging })
	_, tx, _ := station.State()
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	next := central(t)
	again, err := next.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	serveOn(t, next, l.Addr().String())
	told(t, again, amperes(8))
	wait(t, "its transaction is known", func() bool {
		d := again.(*connector)
		d.st.mu.Lock()
		defer d.st.mu.Unlock()
		return d.transaction == tx
	})
	if n := next.transactions.Add(1); int(n) == tx {
		t.Error("a number is given twice")
	}
}

// Where cards begin transactions, others are refused, and the agent's own tag begins one.
func TestCardsAndTheAgentsOwnTagBeginTransactions(t *testing.T) {
	t.Parallel()
	sw, station := pair(t, loads.Connector{Stale: time.Minute, Tag: "keeplit", Tags: []string{"04AABB"}}, 0, ocpptest.Traps{Tag: "keeplit"})
	told(t, sw, amperes(16))
	wait(t, "it charges", func() bool { s, _, _ := station.State(); return s == charging })
	other, card := pair(t, loads.Connector{Stale: time.Minute, Tags: []string{"04AABB"}}, 0, ocpptest.Traps{})
	told(t, other, amperes(16))
	wait(t, "another card is refused", func() bool {
		_, tx, _ := card.State()
		return tx == 0 && slices.Contains(card.Said(), preparing)
	})
}

// A station that gives less than it is told says so, and is not told more.
func TestACableThatCarriesLessIsWhatTheLoadTakes(t *testing.T) {
	t.Parallel()
	sw, _ := pair(t, loads.Connector{Stale: time.Minute}, 0, ocpptest.Traps{Cable: 20})
	wait(t, "told", func() bool { return sw.Set(t.Context(), amperes(32)) == nil })
	wait(t, "it takes less", func() bool { r := sw.Takes().Powers; return len(r) == 1 && r[0].To == amperes(20).Power })
	told(t, sw, amperes(20))
	if err := sw.Set(t.Context(), amperes(32)); err == nil {
		t.Error("told more than it takes")
	}
}

// Profiles are kept in flash: what a station follows is not told again and again.
func TestWhatAStationFollowsIsNotToldAgain(t *testing.T) {
	t.Parallel()
	sw, station := pair(t, loads.Connector{Stale: time.Minute}, 0, ocpptest.Traps{})
	told(t, sw, amperes(16))
	count := func() (n int) {
		for _, a := range station.Was() {
			if a == "SetChargingProfile" {
				n++
			}
		}
		return n
	}
	before := count()
	for range 20 {
		if err := sw.Set(t.Context(), amperes(16)); err != nil {
			t.Error(err)
		}
	}
	if after := count(); after != before {
		t.Errorf("%d writes of the same", after-before)
	}
}

// Ten stations at once, each with traps of its own: every car is charged and paused.
func TestTenStationsAtOnce(t *testing.T) {
	t.Parallel()
	c := central(t)
	var switches []loads.Switch
	for i := range 10 {
		sw, err := c.Connector(loads.Connector{Station: fmt.Sprintf("CP%d", i), Number: 1, Stale: time.Minute}, env(0))
		if err != nil {
			t.Fatal(err)
		}
		switches = append(switches, sw)
	}
	url := listen(t, c)
	var stations []*ocpptest.Station
	for i := range 10 {
		stations = append(stations, ocpptest.New(t, fmt.Sprintf("%sCP%d", url, i), "", ocpptest.Traps{
			NoBoot: i%2 == 0, AsksFirst: i%3 == 0, OldStatuses: i%4 == 0, NoAbsolute: i == 5, NoKeys: i == 6, StopsPaused: i == 7,
		}))
	}
	var all sync.WaitGroup
	for i, sw := range switches {
		all.Go(func() {
			for n := range 8 {
				told(t, sw, amperes(6+(i+n)%27))
				told(t, sw, loads.Setpoint{})
				if n%3 == 1 {
					stations[i].Lose(n%2 == 0)
				}
			}
			told(t, sw, amperes(16))
			wait(t, "it charges", func() bool { s, tx, _ := stations[i].State(); return s == charging && tx != 0 })
		})
	}
	all.Wait()
	seen := map[int]bool{}
	for _, s := range stations {
		_, tx, _ := s.State()
		if seen[tx] {
			t.Errorf("transaction %d is two", tx)
		}
		seen[tx] = true
	}
}

// Who calls that is no station of ours is sent away, and one of ours that calls wrongly.
func TestOthersAreSentAway(t *testing.T) {
	t.Parallel()
	var said strings.Builder
	var mu sync.Mutex
	c := NewCentral("", quick(), time.Now, slog.New(slog.NewTextHandler(writer(func(p []byte) {
		mu.Lock()
		defer mu.Unlock()
		said.Write(p)
	}), nil)))
	_, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Password: "secret", Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []loads.Connector{{Station: "CP1", Number: 2, Password: "other"}, {Station: "CP1", Number: 1, Password: "secret"}} {
		if _, err := c.Connector(bad, env(0)); err == nil {
			t.Errorf("%+v is taken", bad)
		}
	}
	url := listen(t, c)
	basic := func(user, password string) string {
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))
	}
	for _, row := range []struct {
		name, path string
		protocols  []string
		header     http.Header
		want       int
	}{
		{"a stranger", "CP2", []string{"ocpp1.6"}, nil, 404},
		{"without a name", "", []string{"ocpp1.6"}, nil, 404},
		{"without a password", "CP1", []string{"ocpp1.6"}, nil, 401},
		{"with another", "CP1", []string{"ocpp1.6"}, http.Header{"Authorization": {basic("CP1", "wrong")}}, 401},
		{"with another's name", "CP1", []string{"ocpp1.6"}, http.Header{"Authorization": {basic("CP2", "secret")}}, 401},
		{"in another version", "CP1", []string{"ocpp2.0.1"}, http.Header{"Authorization": {basic("CP1", "secret")}}, 400},
		{"a browser", "CP1", []string{"ocpp1.6"}, http.Header{"Authorization": {basic("CP1", "secret")}, "Origin": {"http://elsewhere.example"}}, 403},
		{"ours", "CP1", []string{"ocpp1.5", "ocpp1.6"}, http.Header{"Authorization": {basic("CP1", "secret")}}, 101},
	} {
		d := websocket.Dialer{Subprotocols: row.protocols}
		conn, resp, err := d.DialContext(t.Context(), url+row.path, row.header)
		if resp == nil {
			t.Fatalf("%s: %v", row.name, err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != row.want {
			t.Errorf("%s: %d, want %d", row.name, resp.StatusCode, row.want)
		}
		if conn != nil {
			_ = conn.Close()
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"ocpp, station: CP2", "another password", "OCPP 1.6"} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("nothing is said of %q:\n%s", want, said.String())
		}
	}
}

// A connection of which the end was not seen gives way to the next one of its station.
func TestAStationThatCallsTwiceIsHeardOnTheSecond(t *testing.T) {
	t.Parallel()
	c := central(t)
	sw, err := c.Connector(loads.Connector{Station: "CP1", Number: 1, Stale: time.Minute}, env(0))
	if err != nil {
		t.Fatal(err)
	}
	url := listen(t, c)
	d := websocket.Dialer{Subprotocols: []string{"ocpp1.6"}}
	dead, resp, err := d.DialContext(t.Context(), url+"CP1", nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	defer dead.Close() //nolint:errcheck // it is over
	station := ocpptest.New(t, url+"CP1", "", ocpptest.Traps{})
	told(t, sw, amperes(16))
	wait(t, "it charges", func() bool { s, _, _ := station.State(); return s == charging })
}
