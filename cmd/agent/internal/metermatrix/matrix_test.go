package metermatrix

import (
	"fmt"
	"hash/fnv"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
)

// kind is a column of the matrix: a driver on one of its transports.
type kind struct {
	name  string
	start func(*testing.T, *world) rig
	step  units.Energy // of its register
	wrap  units.Energy // where that begins again
	end   units.Energy // where a part of it does, 0: as all of it
	shows units.Energy // where it stands at the beginning
	// has tells whether the medium, or the meter, can have a fault.
	has func(fault string) bool
	// loses: what is missed is gone, for the driver counts by itself.
	loses bool
	short bool // all of the short form is run on it
}

func one(of ...string) func(string) bool {
	return func(f string) bool { return slices.Contains(of, f) }
}

func but(of ...string) func(string) bool {
	return func(f string) bool { return !slices.Contains(of, f) }
}

// kinds are the columns.
func kinds(m *mosquitto) []kind {
	const mwh = 1000 * units.KilowattHour
	clocks := []string{"its clock in the year 2000", "its clock an hour off", "its clock put forward for summer", "its clock put back for winter"}
	stray := []string{"a stray byte before each answer", "a stray byte after each answer"}
	noTariffs := "one tariff of two missing"
	const hears = "an adapter that hears itself"
	serial := but(append(clocks, noTariffs)...)
	message := append(append([]string{hears, "a bad check sum", noTariffs}, stray...), clocks...)
	return []kind{
		{name: "modbus serial", start: modbusPTY, step: 10 * units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: serial, short: true},
		{name: "modbus serial server", start: modbusRTU, step: 10 * units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: serial},
		{name: "modbus TCP", start: modbusTCP, step: 10 * units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(message...)},
		{name: "p1 serial", start: p1PTY, step: units.WattHour, end: 1_000_700 * units.KilowattHour, shows: 2000 * units.KilowattHour, has: but(hears), short: true},
		{name: "p1 network", start: p1TCP, step: units.WattHour, end: 1_000_700 * units.KilowattHour, shows: 2000 * units.KilowattHour, has: but(hears)},
		{name: "sml serial", start: smlPTY, step: units.WattHour / 10, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(hears, noTariffs)},
		{name: "sml network", start: smlTCP, step: units.WattHour / 10, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(hears, noTariffs)},
		{name: "iec62056 serial", start: iecPTY, step: units.WattHour, wrap: 1000 * mwh, shows: 1234 * units.KilowattHour, has: but(noTariffs)},
		{name: "iec62056 network", start: iecTCP, step: units.WattHour, wrap: 1000 * mwh, shows: 1234 * units.KilowattHour, has: but(noTariffs)},
		{name: "wmbus", start: radio, step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(append(clocks, hears, noTariffs)...), short: true},
		{name: "wmbus MQTT", start: m.radioOver, step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(message...)},
		{name: "pulse", start: pulses, step: units.WattHour, loses: true, has: one("none", "silent for a minute", "silent for an hour", "each answer twice", "the machine's clock in the year 2000", "the machine's clock an hour back", "the agent's zone is another one")},
		{name: "adc", start: converter, step: units.WattHour, loses: true, has: one("none", "silent for a minute", "silent for an hour", "silent for ever", "garbage", "answers too late", "the machine's clock in the year 2000", "the machine's clock an hour back", "the agent's zone is another one")},
		{name: "http", start: overHTTP, step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(append([]string{hears, "a bad check sum", noTariffs, "each answer twice"}, stray...)...), short: true},
		{name: "websocket", start: overWebsocket, step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(message...)},
		{name: "mqtt values", start: m.on("DEVICE/state", valuesYAML, jsonMessage), step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(message...), short: true},
		{name: "mqtt tasmota", start: m.on("tele/DEVICE/SENSOR", tasmotaYAML, tasmotaMessage), step: units.WattHour, wrap: 10 * mwh, shows: 1234 * units.KilowattHour, has: but(message...)},
	}
}

// live lets an agent live through one fault of one meter.
func live(t *testing.T, k kind, f fault) verdict {
	t.Helper()
	seed := fnv.New64()
	fmt.Fprint(seed, k.name, f.name)
	shows := k.shows
	if f.nearEnd {
		shows = max(k.wrap, k.end) - 60*units.WattHour
	}
	at := f.begins
	if at.IsZero() {
		at = time.Date(2026, 11, 2, 10, 0, 0, 0, time.UTC)
	}
	w := newWorld(seed.Sum64(), at, shows, k.wrap)
	if f.before != nil {
		f.before(w)
	}
	b := newBench(t, w, k.start)
	if !b.begin() {
		t.Fatal("the meter is not read at all")
	}
	for _, w := range b.warnings() {
		t.Errorf("%s stands before any fault", w.Code)
	}
	v := &b.seen
	if f.from != nil {
		b.w.change(f.from)
	}
	if f.agent != nil {
		f.agent(b)
	}
	b.spend(f.readings, f.reads)
	if f.lasts > 24*time.Hour {
		b.pass(f.lasts)
	}
	for d := time.Duration(0); d < f.lasts && f.lasts <= 24*time.Hour; d += tick {
		select {
		case r := <-b.readings:
			b.step(control.Reading(r))
			b.taken <- struct{}{}
		default:
		}
		b.pass(tick)
	}
	if f.ever {
		b.closing()
		return b.seen
	}
	if f.to != nil {
		b.w.change(f.to)
	}
	during := v.during
	var err error
	if f.reads {
		err, v.back = b.spend(10, true)
	} else {
		err, v.back = b.recover(10)
	}
	v.during = during
	if !v.back {
		t.Errorf("it is not read again: %v", err)
	}
	b.closing()
	return b.seen
}

// judge is everything wrong with what came of a fault.
func judge(k kind, f fault, v verdict) (wrong []string) {
	say := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	grain := 2*k.step + units.WattHour
	loses := f.loses + grain
	if k.loses && f.mutes() {
		loses = v.used
	}
	if k.loses && f.agent != nil {
		loses += slack // what it had not told yet when it was ended
	}
	moment := grain
	if f.loses > 0 || len(f.must) > 0 || strings.HasPrefix(f.name, "no ") || strings.HasPrefix(f.name, "one ") {
		moment = slack
	}
	switch {
	case v.excess > moment:
		say("%v was counted that nobody used", v.excess)
	case !f.ever && v.counted > v.used+grain+f.loses:
		say("%v counted of %v used", v.counted, v.used)
	case !f.ever && v.counted < v.used-loses:
		say("%v counted of %v used: %v is lost", v.counted, v.used, v.used-v.counted)
	}
	if off := v.charged.Float() - v.counted.KWh(); off > 0.01 || off < -0.01 {
		say("%v charged for %v at 1 a kWh", v.charged, v.counted)
	}
	if f.reads && (v.during == 0 || v.slow > v.during+2) {
		say("%d readings while it lasted, %d did not come", v.during, v.slow)
	}
	if len(f.must) > 0 && !slices.ContainsFunc(v.raised, func(c health.Code) bool { return slices.Contains(f.must, c) }) {
		say("no warning of %v; those raised: %v", f.must, v.raised)
	}
	for _, c := range v.raised {
		if !slices.Contains(f.must, c) && !slices.Contains(f.may, c) {
			say("warning %s", c)
		}
	}
	for _, c := range v.stands {
		if !health.Of(c).Passing() && !f.ever {
			say("warning %s does not end", c)
		}
	}
	if f.ever && len(v.stands) == 0 {
		say("no warning stands")
	}
	for _, w := range v.wrong {
		say("said: %s", w)
	}
	return wrong
}

// cell is one of the matrix, lived through.
type cell struct {
	kind, fault string
	verdict     verdict
	wrong       []string
}

// together is how many cells are lived through at once: they wait, most of the time.
const together = 60

func TestNoFaultOfAMeterIsCountedAndNoUseIsLost(t *testing.T) {
	name := os.Getenv("KEEPLIT_METERS") // the document that the table is written to
	full := name != ""
	m := new(mosquitto)
	m.start(t)
	var mu sync.Mutex
	var cells []cell
	places := make(chan struct{}, together)
	var wg sync.WaitGroup
	for _, k := range kinds(m) {
		for _, f := range all() {
			if !k.has(f.name) || !full && !(f.short && k.short || f.name == "none") {
				continue
			}
			wg.Go(func() {
				places <- struct{}{}
				defer func() { <-places }()
				t.Run(k.name+"/"+f.name, func(t *testing.T) {
					v := live(t, k, f)
					c := cell{k.name, f.name, v, judge(k, f, v)}
					for _, w := range c.wrong {
						t.Error(w)
					}
					mu.Lock()
					defer mu.Unlock()
					cells = append(cells, c)
				})
			})
		}
	}
	wg.Wait()
	if full && !t.Failed() {
		if err := write(name, cells, kinds(m)); err != nil {
			t.Fatal(err)
		}
	}
}
