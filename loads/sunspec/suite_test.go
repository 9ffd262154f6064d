package sunspec

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/modbus"
)

const stale = 500 * time.Millisecond

// open is the driver on an emulated inverter, run until the test ends.
func open(t *testing.T, v *inverter, d Document) loads.Switch {
	t.Helper()
	d.Port = v.serve(t)
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	lines := modbus.NewLines()
	s, err := d.Open(loads.Env{ID: "roof", Buses: lines})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.(loads.Runner).Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := lines.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func quick() Document {
	return Document{Every: 100 * time.Millisecond, Timeout: 150 * time.Millisecond, Stale: stale}
}

// Each form of inverter, wherever its models begin, passes the suite of what is only heard.
func TestConformance(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ base, kind, scale int }{
		"model 103 at 40000":                {40000, 103, 0},
		"model 103 at 50000, by tens":       {50000, 103, -1},
		"floats, at 0":                      {0, 113, 0},
		"model 701":                         {40000, 701, 0},
		"the strings of one with a battery": {40000, 160, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			loadstest.RunGauge(t, func(t *testing.T) loadstest.GaugeTarget {
				v := newInverter(c.base, c.kind)
				v.change(func() { v.scale = c.scale })
				if c.scale < 0 { // 32767 tenths
					v.change(func() {})
				}
				return loadstest.GaugeTarget{
					Switch: open(t, v, quick()), Gauge: sized{v, c.scale}, Stale: stale,
					Faults: []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Garbled, loadstest.Refuses, loadstest.DropsOut},
				}
			})
		})
	}
}

// sized is an inverter that tells tenths of a watt where they fit.
type sized struct {
	*inverter
	scale int
}

func (s sized) Draw(p units.Power) {
	s.change(func() {
		if s.power = -p.W(); s.power > 3200 {
			s.inverter.scale = 0
		} else {
			s.inverter.scale = s.scale
		}
	})
}

func unknown(o loads.Observation) bool { return !o.Known }

func given(w units.Power) func(o loads.Observation) bool {
	return func(o loads.Observation) bool { return o.Known && o.Power == -w*units.Watt }
}

// An inverter that charges its battery from the grid, or draws a little at night, gives nothing.
func TestWhatItDrawsIsNoSun(t *testing.T) {
	t.Parallel()
	for _, kind := range []int{103, 113, 701} {
		v := newInverter(40000, kind)
		v.change(func() { v.power = 1200 })
		s := open(t, v, quick())
		loadstest.Says(t, s, "it gives", given(1200))
		v.change(func() { v.power = -2000 })
		loadstest.Says(t, s, "it draws", func(o loads.Observation) bool { return o.Known && o.HasPower && o.Power == 0 && !o.On })
	}
}

// A power that is not told is nothing where the inverter says that it sleeps, and not known where it
// says that it works.  Scale factors may change from one answer to the next; one that is none is
// no factor.
func TestWhatIsNotTold(t *testing.T) {
	t.Parallel()
	for _, kind := range []int{103, 113, 701} {
		v := newInverter(40000, kind)
		s := open(t, v, quick())
		v.change(func() { v.power = 1000 })
		loadstest.Says(t, s, "it gives", given(1000))
		v.change(func() { v.silent = true })
		loadstest.Says(t, s, "it works and does not tell", unknown)
		if trouble := s.(loads.Troubled).Trouble(); !strings.Contains(trouble, "does not tell what it gives") {
			t.Errorf("model %d: %q", kind, trouble)
		}
		v.change(func() { v.state = 2 })
		loadstest.Says(t, s, "it sleeps", given(0))
		v.change(func() { v.silent, v.state = false, 4 })
		loadstest.Says(t, s, "it works again", given(1000))
		if kind == 113 {
			continue
		}
		for _, scale := range []int{-1, 1, 0} {
			v.change(func() { v.scale = scale })
			time.Sleep(150 * time.Millisecond)
			loadstest.Says(t, s, "by another scale", given(1000))
		}
		v.change(func() { v.scale = 30 })
		loadstest.Says(t, s, "by a scale that is none", unknown)
		v.change(func() { v.scale = noScale - 1<<16 })
		loadstest.Says(t, s, "by a scale that is not told", unknown)
	}
}

// What answers and is not what was looked for is said; new firmware that moves the models is found
// again.
func TestWhatIsFound(t *testing.T) {
	t.Parallel()
	trouble := func(t *testing.T, s loads.Switch, part string) {
		t.Helper()
		for end := time.Now().Add(5 * time.Second); !strings.Contains(s.(loads.Troubled).Trouble(), part); time.Sleep(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%q says nothing of %q", s.(loads.Troubled).Trouble(), part)
			}
		}
		if o, _ := s.Observed(context.Background()); o.Known {
			t.Errorf("it is known: %+v", o)
		}
	}
	t.Run("another unit", func(t *testing.T) {
		t.Parallel()
		v := newInverter(40000, 103)
		v.unit = 126
		trouble(t, open(t, v, quick()), "check unit")
	})
	t.Run("a meter", func(t *testing.T) {
		t.Parallel()
		trouble(t, open(t, newInverter(40000, 203), quick()), "it is no inverter")
	})
	t.Run("no SunSpec", func(t *testing.T) {
		t.Parallel()
		v := newInverter(40000, 103)
		for _, base := range bases() {
			v.registers[base], v.registers[base+1] = 1, 2
		}
		trouble(t, open(t, v, quick()), "does not speak SunSpec")
	})
	t.Run("a model without an end", func(t *testing.T) {
		t.Parallel()
		v := newInverter(40000, 103)
		v.registers[40003] = 0
		trouble(t, open(t, v, quick()), "cannot be")
	})
	t.Run("the models move", func(t *testing.T) {
		t.Parallel()
		v := newInverter(40000, 103)
		s := open(t, v, quick())
		v.change(func() { v.power = 800 })
		loadstest.Says(t, s, "it gives", given(800))
		v.change(func() { v.kind, v.power = 701, 900 })
		loadstest.Says(t, s, "as another model", given(900))
	})
}

func TestDocument(t *testing.T) {
	at := func(n int) *int { return &n }
	for name, c := range map[string]struct {
		doc  Document
		want string
	}{
		"as it should be": {Document{Port: "192.168.1.60:502"}, ""},
		"no port":         {Document{}, "port"},
		"no number":       {Document{Port: "192.168.1.60"}, "is not host:port"},
		"a unit":          {Document{Port: "a:1", Unit: at(256)}, "256 is not a unit"},
		"every":           {Document{Port: "a:1", Every: time.Hour}, "is not how often"},
		"timeout":         {Document{Port: "a:1", Timeout: time.Minute}, "is not a time to wait"},
		"stale":           {Document{Port: "a:1", Stale: time.Second}, "is not how long"},
	} {
		if got := c.doc.Check().Error(); (c.want == "") != (len(c.doc.Check()) == 0) || !strings.Contains(got, c.want) {
			t.Errorf("%s: %s", name, got)
		}
	}
}
