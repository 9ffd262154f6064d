package control

import (
	"errors"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// A freezer that is only measured: what it uses is counted, and nobody switches it, neither a
// person nor the plan, a limit, or want of credit.
func TestALoadThatIsOnlyMeasured(t *testing.T) {
	b := newBench(t)
	b.with(
		loads.Document{ID: "freezer", Kind: loads.Measured, Switch: loads.SwitchDocument{Driver: "house"}},
		loads.Document{ID: "geyser", Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour}, Switch: loads.SwitchDocument{Driver: "house"}},
	)
	b.deaf, b.states["freezer"] = map[string]units.Power{"freezer": 120 * units.Watt}, true
	b.site.Supply.Shed = []ShedRule{{Below: 1000 * units.One}}
	b.site.Power = 400 * units.Watt // and the house alone draws more
	b.st.Credit.Unlocked = false
	before := b.st.load("freezer").Total
	for range 40 {
		b.run(time.Minute, time.Minute)
		for _, c := range b.last.Commands {
			if c.ID == "freezer" {
				t.Fatalf("it is told %v", c)
			}
		}
	}
	for _, kind := range []RequestKind{RunLoad, SkipLoad, AutoLoad} {
		if eff := b.step(Input{What: Request{Kind: kind, Load: "freezer", By: "page"}}); !errors.Is(eff.Reply.Err, ErrUnknownLoad) {
			t.Errorf("%s: %v", kind, eff.Reply.Err)
		}
	}
	if used := b.st.load("freezer").Total - before; used != 80*units.WattHour {
		t.Errorf("of 80 Wh %v are counted", used)
	}
	if b.st.load("freezer").Progress.Override != nil || b.st.Guard.Unit("freezer").Commanded {
		t.Error("somebody's word about it is kept")
	}
	if got := b.st.Supply.Shed; len(got) != 1 || got[0] != "geyser" {
		t.Errorf("%v are held off", got)
	}
}
