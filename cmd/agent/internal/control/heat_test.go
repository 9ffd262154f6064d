package control

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/heat"
)

// A water heater is spared with the rest while the credit is short; but not when its water
// has not been hot for almost as long as it may, which is said once.
func TestWaterIsHeatedAgainstLegionellaHoweverLittleCreditThereIs(t *testing.T) {
	b := newBench(t)
	b.plain = true
	b.with(loads.Document{ID: "geyser", Kind: loads.Heat, Power: 3 * units.Kilowatt, Tank: &loads.TankDocument{HotDays: 2}})
	b.site.Supply.Shed = []ShedRule{{Below: 1000 * units.One}}
	b.st.Credit.Unlocked = false
	b.leave(100 * units.One)
	told := func() (n int) {
		for _, e := range b.last.Events {
			if e.Code == "load_hot_due" {
				n++
			}
		}
		return n
	}
	said := 0
	hours := func(n int) (on bool) {
		for end := b.now.Add(time.Duration(n) * time.Hour); b.now.Before(end); {
			b.leave(100 * units.One)
			b.run(10*time.Minute, 10*time.Minute)
			said += told()
			on = on || b.st.Guard.Unit("geyser").Set.On
		}
		return on
	}
	if hours(22) {
		t.Error("it was on though the credit is spared")
	}
	if b.st.load("geyser").Progress.Heat == nil {
		t.Fatal("nothing is known of its water")
	}
	if !hours(26) {
		t.Error("it was not heated in two days")
	}
	if said != 1 {
		t.Errorf("it was said %d times", said)
	}
	if slices.Contains(b.st.Supply.Shed, "geyser") {
		t.Error("it is spared still")
	}
}

// What was learned outlives a restart, and what happened meanwhile is reckoned.
func TestWhatIsKnownOfWaterOutlivesARestart(t *testing.T) {
	b := newBench(t)
	b.plain = true
	b.with(loads.Document{ID: "geyser", Kind: loads.Heat, Power: 3 * units.Kilowatt})
	b.run(time.Hour, time.Minute)
	l := b.site.Loads[0]
	was := *b.st.load("geyser").Progress.Heat
	text, err := json.Marshal(b.st)
	must(t, err)
	stored, err := ReadState(text)
	must(t, err)
	is := *stored.load("geyser").Progress.Heat
	before, _ := l.Tank.Lack(was, b.now)
	after, _ := l.Tank.Lack(is, b.now.Add(12*time.Hour))
	if !is.At.Equal(was.At) || after < before || l.Tank.Doubt(is, b.now) != heat.Learning {
		t.Errorf("%+v became %+v; it lacked %v and twelve hours later %v", was, is, before, after)
	}
}
