package generate

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/keeplit/keeplit/optimizer/internal/model"
)

// Every problem made is in order, the same for the same seed, and passes through its
// document unchanged; and of each kind of load and rule there is one among them.
func TestTheProblemsMadeAreInOrder(t *testing.T) {
	kinds := make(map[string]int)
	for _, class := range []string{"tiny", "home", "business", "peaks", "tiny peaks", "tiny shared"} {
		for seed := range uint64(12) {
			p := Problem(seed, class)
			if faults := p.Check(); len(faults) > 0 {
				t.Fatalf("%s: %v", p.Name, faults)
			}
			if d := cmp.Diff(p, Problem(seed, class)); d != "" {
				t.Fatalf("%s is another one the second time:\n%s", p.Name, d)
			}
			var buf bytes.Buffer
			if err := Write(&buf, p); err != nil {
				t.Fatal(err)
			}
			q, err := model.ReadInstance(&buf)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(p, &q); d != "" {
				t.Fatalf("%s changes on its way:\n%s", p.Name, d)
			}
			note := func(name string, there bool) {
				if there {
					kinds[name]++
				}
			}
			for i := range p.Loads {
				l := &p.Loads[i]
				note("cycle", l.Cycle != nil)
				note("onoff", l.OnOff != nil)
				note("variable", l.Variable != nil)
				note("switched heater", l.Thermal != nil && !l.Thermal.Modulating)
				note("free heater", l.Thermal != nil && l.Thermal.Modulating)
			}
			note("battery", p.Battery != nil)
			note("blocks", len(p.Blocks) > 0)
			note("credit", p.Credit != nil)
			note("demand", len(p.Demand) > 0)
			note("demand from nothing on", len(p.Demand) > 0 && p.Demand[0].FloorKW == 0)
			note("demand over several slots", len(p.Demand) > 0 && p.Demand[0].Interval > 2)
			note("circuit", len(p.Circuits) > 0)
			note("exclusion", len(p.Exclusions) > 0)
		}
	}
	for _, name := range []string{"cycle", "onoff", "variable", "switched heater", "free heater", "battery", "blocks", "credit", "demand", "demand from nothing on", "demand over several slots", "circuit", "exclusion"} {
		if kinds[name] < 5 {
			t.Errorf("%d problems have: %s", kinds[name], name)
		}
	}
}
