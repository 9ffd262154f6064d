package victron

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/device/devicetest"
	"github.com/keeplit/keeplit/internal/testservers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

const stale = 600 * time.Millisecond

// gx is an emulated GX device on a broker: it publishes what changes while it is kept alive, and
// answers what it is asked.
type gx struct {
	broker *loadstest.Broker
	bus    *loadstest.Bus
	portal string

	mu    sync.Mutex
	fault loadstest.Fault
	alive time.Time // until then it publishes what changes
	watts map[string]any
	heard []string
}

// newGX has panels on its chargers, and a one-phase inverter of panels beside the grid.
func newGX(t *testing.T, b *loadstest.Broker, bus *loadstest.Bus, portal string) *gx {
	t.Helper()
	g := &gx{broker: b, bus: bus, portal: portal, watts: map[string]any{
		"system/0/Dc/Pv/Power": 0.0, "system/0/Ac/PvOnGrid/L1/Power": 0.0,
	}}
	for _, p := range []string{"PvOnGrid/L2", "PvOnGrid/L3", "PvOnOutput/L1", "PvOnOutput/L2", "PvOnOutput/L3"} {
		g.watts["system/0/Ac/"+p+"/Power"] = nil
	}
	b.Listen(t, "R/"+portal+"/#", func(topic string, payload []byte) { g.ask(strings.TrimPrefix(topic, "R/"+portal+"/"), string(payload)) })
	return g
}

// ask is what it does with a request.
func (g *gx) ask(place, payload string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.heard = append(g.heard, place+" "+payload)
	if place == "keepalive" {
		if g.alive = time.Now().Add(time.Minute); strings.Contains(payload, "suppress-republish") {
			return
		}
		place = ""
	}
	for at := range g.watts {
		if at == place || strings.HasPrefix(at, place+"/") || place == "" {
			g.say(at)
		}
	}
}

// say publishes a value; g.mu is held.
func (g *gx) say(at string) {
	payload := `{"value":null}`
	switch x := g.watts[at].(type) {
	case float64:
		payload = fmt.Sprintf(`{"value":%.13g}`, x)
	case string:
		payload = x
	}
	switch g.fault {
	case loadstest.Silent, loadstest.Offline:
		return
	case loadstest.Garbled:
		payload = `{"value":"` + strings.Repeat("?", 5) + `"}`
	}
	g.broker.Say("N/"+g.portal+"/"+at, payload, false)
}

// set changes a value, nil for nothing there, or "" where the system itself is gone.
func (g *gx) set(at string, x any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.watts[at] = x
	if time.Now().Before(g.alive) {
		g.say(at)
	}
}

func (g *gx) Draw(p units.Power) {
	g.set("system/0/Dc/Pv/Power", 0.25*-p.W())
	g.set("system/0/Ac/PvOnGrid/L1/Power", 0.75*-p.W())
}

func (g *gx) Fail(f loadstest.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.bus.Break(f == loadstest.DropsOut)
	g.fault = f
}

// open is the driver on a device of a broker.
func open(t *testing.T, b *loadstest.Broker, portal string) (loads.Switch, *gx) {
	t.Helper()
	d := Document{Portal: portal}
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	d.Stale = stale // no household has so little patience
	bus := b.Bus(t)
	device, pool := newGX(t, b, bus, portal), devicetest.Pool(bus, time.Now)
	s, err := d.Open(loads.Env{ID: "roof", MQTT: pool})
	if err != nil {
		t.Fatal(err)
	}
	devicetest.Run(t, pool)
	return s, device
}

func TestConformance(t *testing.T) {
	m := testservers.StartMosquitto(t)
	n := 0
	loadstest.RunGauge(t, func(t *testing.T) loadstest.GaugeTarget {
		n++
		b := loadstest.Other(t, strings.TrimPrefix(m.URL, "mqtt://"), m.User, m.Password)
		s, device := open(t, b, fmt.Sprintf("c0619ab%05d", n))
		return loadstest.GaugeTarget{
			Switch: settled{s}, Gauge: device, Stale: stale,
			Faults: []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Garbled, loadstest.DropsOut},
		}
	})
}

// settled leaves out the moment in which one part has changed and the other has not.
type settled struct{ loads.Switch }

func (s settled) Observed(ctx context.Context) (loads.Observation, error) {
	for {
		o, err := s.Switch.Observed(ctx)
		time.Sleep(20 * time.Millisecond)
		if again, _ := s.Switch.Observed(ctx); again.Power == o.Power && again.Known == o.Known {
			return o, err
		}
	}
}

// An inverter of panels that is gone is nothing where it slept, and not known where it gave: a cut wire at
// noon is not night.  A system that is gone, or lost its keepalive and is asked in vain, is not known.
func TestWhatIsGone(t *testing.T) {
	s, g := open(t, loadstest.NewBroker(t), "c0619ab12345")
	given := func(w float64) func(loads.Observation) bool {
		return func(o loads.Observation) bool { return o.Known && o.Power.W() == -w }
	}
	unknown := func(o loads.Observation) bool { return !o.Known }
	const inverter, chargers = "system/0/Ac/PvOnGrid/L1/Power", "system/0/Dc/Pv/Power"
	g.set(chargers, 300.0)
	g.set(inverter, 900.0)
	loadstest.Says(t, s, "both give", given(1200))
	g.set(inverter, nil)
	loadstest.Says(t, s, "gone while it gave", unknown)
	time.Sleep(2 * stale)
	loadstest.Says(t, s, "and still", unknown)
	g.set(inverter, 7.0)
	loadstest.Says(t, s, "back", given(307))
	g.set(inverter, -12.0)
	loadstest.Says(t, s, "what it draws for itself is no sun", given(300))
	g.set(inverter, 7.0)
	g.set(inverter, nil)
	loadstest.Says(t, s, "asleep", given(300))
	g.set(chargers, nil)
	loadstest.Says(t, s, "nothing is there", unknown)
	g.set(chargers, 0.0)
	loadstest.Says(t, s, "it is night, and said", given(0))
	g.set(chargers, "")
	loadstest.Says(t, s, "the system is gone", unknown)
	g.set(chargers, 40.0)
	loadstest.Says(t, s, "and back", given(40))
	g.mu.Lock()
	defer g.mu.Unlock()
	if !strings.Contains(strings.Join(g.heard, "\n"), `keepalive {"keepalive-options":["suppress-republish"]}`) {
		t.Errorf("it is not kept alive: %q", g.heard)
	}
}

func TestDocument(t *testing.T) {
	for name, c := range map[string]struct {
		doc  Document
		want string
	}{
		"as it should be": {Document{Portal: "c0619ab12345"}, ""},
		"no portal":       {Document{}, "portal"},
		"a topic":         {Document{Portal: "N/c0619ab12345"}, "is not a portal ID"},
		"stale":           {Document{Portal: "c0619ab12345", Stale: time.Second}, "is not how long"},
	} {
		if got := c.doc.Check().Error(); (c.want == "") != (len(c.doc.Check()) == 0) || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
