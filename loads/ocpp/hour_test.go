package ocpp

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

// trapped is a station of the field.
type trapped struct {
	name string
	trap ocpptest.Traps
	tag  bool // the agent begins its transactions
}

// fieldTraps are those that are known of stations, each by itself.
func fieldTraps() []trapped {
	return []trapped{
		{name: "by the book"},
		{name: "it never introduces itself", trap: ocpptest.Traps{NoBoot: true}},
		{name: "it says nothing of itself after a reconnection", trap: ocpptest.Traps{OnlyValues: true}},
		{name: "it offers no subprotocol", trap: ocpptest.Traps{NoProtocol: true}},
		{name: "it asks before it answers, and waits", trap: ocpptest.Traps{AsksFirst: true}},
		{name: "states come late with an old time", trap: ocpptest.Traps{OldStatuses: true}},
		{name: "the station is said to be free while a car charges", trap: ocpptest.Traps{ZeroStatuses: true}},
		{name: "it stops the transaction in pauses", trap: ocpptest.Traps{StopsPaused: true}},
		{name: "it stops the transaction by itself", trap: ocpptest.Traps{StopsItself: 10 * time.Minute, Tag: "keeplit"}, tag: true},
		{name: "it waits to be started from afar", trap: ocpptest.Traps{Tag: "keeplit"}, tag: true},
		{name: "unplugged, it does not end the transaction", trap: ocpptest.Traps{NoStop: true}},
		{name: "unplugged, it sends no values", trap: ocpptest.Traps{Mute: true}},
		{name: "the number of its transaction is lost on the way", trap: ocpptest.Traps{Repeats: true}},
		{name: "values of an outage come later", trap: ocpptest.Traps{Keeps: true}},
		{name: "a connection dies and stays open", trap: ocpptest.Traps{Dies: 7 * time.Minute, NoBoot: true}},
		{name: "it leaves where it hears no ping", trap: ocpptest.Traps{NeedsPing: 45 * time.Second}},
		{name: "its units are called Current", trap: ocpptest.Traps{Unit: "Current"}},
		{name: "its units are called Power", trap: ocpptest.Traps{Unit: "Power", OnlyWatts: true}},
		{name: "its units are called W", trap: ocpptest.Traps{Unit: "W", OnlyWatts: true}},
		{name: "it says nothing and takes W alone", trap: ocpptest.Traps{OnlyWatts: true}},
		{name: "it says Power and takes A alone", trap: ocpptest.Traps{Unit: "Power", OnlyAmperes: true}},
		{name: "it takes both", trap: ocpptest.Traps{Unit: "Current,Power"}},
		{name: "it divides W by three phases", trap: ocpptest.Traps{Unit: "W", OnlyWatts: true, ThreePhases: true}},
		{name: "it takes W, and no number of phases", trap: ocpptest.Traps{Unit: "W", OnlyWatts: true, NoPhases: true}},
		{name: "no absolute schedules", trap: ocpptest.Traps{NoAbsolute: true}},
		{name: "no relative schedules", trap: ocpptest.Traps{NoRelative: true}},
		{name: "schedules of one period", trap: ocpptest.Traps{OnePeriod: true}},
		{name: "no levels, whatever it says", trap: ocpptest.Traps{OneStack: true}},
		{name: "no levels and no absolute schedules", trap: ocpptest.Traps{OneStack: true, NoAbsolute: true}},
		{name: "it follows its highest level alone", trap: ocpptest.Traps{TopStack: true}},
		{name: "one measurand at most", trap: ocpptest.Traps{Measurands: 1}},
		{name: "two measurands at most", trap: ocpptest.Traps{Measurands: 2}},
		{name: "what it measures cannot be told", trap: ocpptest.Traps{FixedValues: true}},
		{name: "it sends values once it was told how often", trap: ocpptest.Traps{AskedValues: true}},
		{name: "blanks and quotes", trap: ocpptest.Traps{Quotes: true}},
		{name: "no composite schedule", trap: ocpptest.Traps{NoReadBack: true}},
		{name: "no triggers", trap: ocpptest.Traps{NoTrigger: true}},
		{name: "no triggers and no introduction", trap: ocpptest.Traps{NoTrigger: true, NoBoot: true}},
		{name: "no configuration", trap: ocpptest.Traps{NoKeys: true}},
		{name: "keys in lower case", trap: ocpptest.Traps{LowerCaseKeys: true, Unit: "Power", OnlyWatts: true}},
		{name: "its cable carries 20 A", trap: ocpptest.Traps{Cable: 20}},
	}
}

// hour is one in which stations are run as the agent runs them, told and counted each ten seconds.
type hour struct {
	t        *testing.T
	w        *wire
	stations []*ocpptest.Station
	cars     []*car
	central  *Central
	end      func()
	restarts []int // of each station, in which it gives all until it is told again
	breaks   []int
}

// car is a load of the hour.
type car struct {
	trapped
	at      loads.Connector
	sw      loads.Switch
	counted float64 // kWh, as the agent counts them
	power   units.Power
	was     loads.Setpoint
	since   time.Time     // it was told that
	longest time.Duration // until what was told was proven
	wrong   int           // looks in a row at which it says another state than the station has
	worst   int
	lost    int // looks in a row at which it does not know the transaction of a car that charges
	most    int
}

const look = 10 * time.Second

// lose breaks the connection of a station, which starts again or not.
func (h *hour) lose(i int, again bool) {
	h.stations[i].Lose(again)
	h.breaks[i]++
	if again {
		h.restarts[i]++
	}
}

// begins has stations call.
func begins(t *testing.T, all []trapped) *hour {
	h := &hour{t: t, w: newWire(), restarts: make([]int, len(all)), breaks: make([]int, len(all))}
	for i, x := range all {
		c := &car{trapped: x, at: loads.Connector{Station: fmt.Sprintf("CP%d", i), Number: 1, Stale: 15 * time.Minute}}
		if x.tag {
			c.at.Tag = "keeplit"
		}
		h.cars = append(h.cars, c)
	}
	h.serve()
	for _, c := range h.cars {
		pace := ocpptest.Usual()
		pace.Dial = h.w.dials(c.at.Station)
		h.stations = append(h.stations, ocpptest.At(t, "ws://agent/"+c.at.Station, "", c.trap, pace))
	}
	return h
}

// serve begins an agent, and ends the one before.
func (h *hour) serve() {
	h.t.Helper()
	if h.end != nil {
		h.end()
	}
	h.central = NewCentral("", UsualPace(), time.Now, quiet())
	for _, c := range h.cars {
		sw, err := h.central.Connector(c.at, env(0))
		if err != nil {
			h.t.Fatal(err)
		}
		c.sw, c.was = sw, loads.Setpoint{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.central.Serve(ctx, h.w.listen()) }()
	h.end = func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Error(err)
		}
	}
}

// wishes runs the stations for a while; what a car is to have is off once it has had its need.
func (h *hour) wishes(d, need float64, wish func(i int) loads.Setpoint) {
	for range int(d * 60 / look.Seconds()) {
		for i, c := range h.cars {
			o, err := c.sw.Observed(h.t.Context())
			if err != nil {
				h.t.Error(err)
			}
			switch {
			case o.HasPower:
				c.power = o.Power
			case o.Known && o.On:
				c.power = c.was.Power // as it was told
			case o.Known:
				c.power = 0
			}
			c.counted += float64(c.power) / float64(units.Kilowatt) * look.Hours()
			set := loads.CapabilityOf(c.sw).AtMost(wish(i))
			if c.counted >= need {
				set = loads.Setpoint{}
			}
			if c.wrong++; !o.Known || o.On == h.stations[i].Closed() {
				c.wrong = 0
			}
			c.worst = max(c.worst, c.wrong)
			d := c.sw.(*connector)
			status, tx, _ := h.stations[i].State()
			d.st.mu.Lock()
			if c.lost++; status != charging || d.transaction == tx {
				c.lost = 0
			}
			d.st.mu.Unlock()
			c.most = max(c.most, c.lost)
			if c.sw.Set(h.t.Context(), set) != nil || !o.Known { // not heard: another wait
				c.since = time.Now()
			}
			if set != c.was {
				c.was, c.since = set, time.Now()
			} else if o.HasSet && o.Set == set && o.On == set.On && !c.since.IsZero() {
				c.longest, c.since = max(c.longest, time.Since(c.since)), time.Time{}
			}
		}
		time.Sleep(look)
	}
}

// ends unplugs the cars, and prints a table of what came of each.
func (h *hour) ends(need float64) {
	for _, s := range h.stations {
		s.Plug(false, false)
	}
	h.wishes(3, 0, func(int) loads.Setpoint { return loads.Setpoint{} })
	var out strings.Builder
	seen := map[int]string{}
	fmt.Fprintf(&out, "| station | kWh taken | counted here | by its transactions | transactions | proven within s |\n| --- | ---: | ---: | ---: | ---: | ---: |\n")
	for i, c := range h.cars {
		_, tx, took := h.stations[i].State()
		a, truth := h.w.reads(c.at.Station), h.stations[i].Transactions()
		wh := 0
		for _, id := range a.ids {
			if other, ok := seen[id]; ok {
				h.t.Errorf("%s: transaction %d is also one of %s", c.name, id, other)
			}
			seen[id] = c.name
			if stop, ok := a.stopped[id]; ok {
				wh += stop - a.from[id]
			} else if !c.trap.NoStop {
				h.t.Errorf("%s: transaction %d was never ended", c.name, id)
			}
		}
		if c.trap.NoStop { // its own register says so; nobody was told
			for _, x := range truth {
				wh += x.Stop - x.Start
			}
		}
		fmt.Fprintf(&out, "| %s | %.2f | %.2f | %.2f | %d | %.0f |\n", c.name, took, c.counted, float64(wh)/1000, len(a.ids), c.longest.Seconds())
		ids := []int{}
		for _, x := range truth {
			ids = append(ids, x.ID)
		}
		// Nobody hears a station that has lost its connection for some 10 s, and one that has started
		// again gives 7 kW until it is told.
		spare := 0.025*float64(h.breaks[i]) + 0.05*float64(h.restarts[i])
		switch {
		case took < 0.97*need || took > 1.03*need+spare:
			h.t.Errorf("%s: the car has %.2f kWh of %.2f", c.name, took, need)
		case c.counted > 1.06*took || took > 1.03*c.counted+spare:
			h.t.Errorf("%s: the car has %.2f kWh, and %.2f are counted", c.name, took, c.counted)
		case tx != 0 || !slices.Equal(ids, a.ids):
			h.t.Errorf("%s: it had the transactions %v, and %v were asked for", c.name, ids, a.ids)
		case float64(wh)/1000 < took-0.01 || float64(wh)/1000 > took+0.01:
			h.t.Errorf("%s: its transactions say %.2f kWh, and it gave %.2f", c.name, float64(wh)/1000, took)
		case a.errors > 0 || h.stations[i].Overlaps() > 0:
			h.t.Errorf("%s: %d errors, asked %d times beside another question", c.name, a.errors, h.stations[i].Overlaps())
		case c.most > 9:
			h.t.Errorf("%s: the transaction of a car that charges is not known, %d looks in a row", c.name, c.most)
		case c.worst > 3:
			h.t.Errorf("%s: it says another state than the station has, %d looks in a row", c.name, c.worst)
		case c.longest > time.Minute:
			h.t.Errorf("%s: what it was told was proven after %v", c.name, c.longest)
		}
		d := c.sw.(*connector)
		d.st.mu.Lock()
		if d.transaction != 0 || d.st.session == nil {
			h.t.Errorf("%s: transaction %d runs on without a car, connected %v", c.name, d.transaction, d.st.session != nil)
		}
		d.st.mu.Unlock()
	}
	h.end()
	h.t.Log("\n" + out.String())
}

// A car is charged to its need within an hour at each station of the field: at more and at less, over a
// pause, a lost connection, a restart of the station and one of the agent.
func TestACarIsChargedToItsNeedAtEachStationOfTheField(t *testing.T) {
	const need = 3.2
	synctest.Test(t, func(t *testing.T) {
		h := begins(t, fieldTraps())
		always := func(n int) func(int) loads.Setpoint {
			return func(int) loads.Setpoint { return amperes(n) }
		}
		h.wishes(9, need, always(16))
		h.wishes(5, need, always(6))
		h.wishes(4, need, func(int) loads.Setpoint { return loads.Setpoint{} })
		h.wishes(4, need, always(10))
		for i := range h.stations {
			h.lose(i, false)
		}
		h.wishes(5, need, always(16))
		for i := range h.stations {
			h.lose(i, true)
		}
		h.wishes(3, need, always(10))
		h.serve()
		h.wishes(27, need, always(32))
		h.ends(need)
	})
}

// Ten stations at once, with two or three traps each, for an hour: what they are told changes every few
// minutes, their connections break, two of them start again, and so does the agent.
func TestTenStationsForAnHour(t *testing.T) {
	const need = 3.0
	synctest.Test(t, func(t *testing.T) {
		h := begins(t, []trapped{
			{name: "never introduces itself, W alone, values kept", trap: ocpptest.Traps{NoBoot: true, Unit: "W", OnlyWatts: true, ThreePhases: true, Keeps: true}},
			{name: "asks first, late states, one measurand", trap: ocpptest.Traps{AsksFirst: true, OldStatuses: true, Measurands: 1}},
			{name: "ends by itself, begun from afar, blanks", trap: ocpptest.Traps{StopsItself: 8 * time.Minute, Tag: "keeplit", Quotes: true}, tag: true},
			{name: "connections die, no introduction", trap: ocpptest.Traps{Dies: 6 * time.Minute, NoBoot: true, NoTrigger: true}},
			{name: "stops in pauses, numbers lost on the way", trap: ocpptest.Traps{StopsPaused: true, Repeats: true}},
			{name: "no absolute schedules, no levels, free as a whole", trap: ocpptest.Traps{NoAbsolute: true, OneStack: true, ZeroStatuses: true}},
			{name: "no configuration, no composite schedule", trap: ocpptest.Traps{NoKeys: true, NoReadBack: true}},
			{name: "needs pings, silent after a reconnection", trap: ocpptest.Traps{NeedsPing: 45 * time.Second, OnlyValues: true}},
			{name: "follows its highest level, lower-case keys", trap: ocpptest.Traps{TopStack: true, LowerCaseKeys: true, AskedValues: true}},
			{name: "a cable of 20 A, mute, no subprotocol", trap: ocpptest.Traps{Cable: 20, Mute: true, NoProtocol: true}},
		})
		r := rand.New(rand.NewPCG(1, 2))
		wish := make([]loads.Setpoint, len(h.cars))
		lost := 0
		for minute := range 57 {
			for i := range h.stations {
				if (minute+i)%4 == 0 {
					if wish[i] = amperes(6 + r.IntN(27)); r.IntN(4) == 0 {
						wish[i] = loads.Setpoint{}
					}
				}
				if minute > 2 && r.IntN(7) == 0 {
					h.lose(i, i == 5 || i == 8)
					lost++
				}
			}
			if minute == 31 {
				h.serve()
			}
			if minute > 40 {
				for i := range wish {
					wish[i] = amperes(32)
				}
			}
			h.wishes(1, need, func(i int) loads.Setpoint { return wish[i] })
		}
		h.ends(need)
		t.Logf("%d connections lost", lost)
	})
}
