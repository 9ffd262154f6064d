package planning

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// heated are the intervals of a home with a water heater of 3 kW that runs for two hours in the
// morning and in the evening; series is what the heater is known as, empty: it has no meter.
func heated(b *bench, from, to time.Time, series string) (out []Interval) {
	for _, iv := range b.habits(from, to) {
		if iv.Series != SiteSeries {
			continue
		}
		used := units.Energy(0)
		if h := iv.Slot.Start.In(b.rules.Zone).Hour(); h == 5 || h == 19 {
			used = (3 * units.Kilowatt).Over(iv.Slot.Len)
		}
		iv.Import += used
		out = append(out, iv)
		if series != "" {
			out = append(out, Interval{series, metering.Interval{Slot: iv.Slot, Import: used, Covered: iv.Slot.Len}})
		}
	}
	return out
}

// When the credit ends does not leap where a load gets a plug of its own or another name: what it uses is
// planned from then on, and no more in what the rest is known to use.
func TestTheEndOfTheCreditStaysWhereALoadGetsAPlug(t *testing.T) {
	geyser := loads.Document{ID: "geyser", Power: 3 * units.Kilowatt, Need: &loads.NeedDocument{For: 2 * time.Hour}}
	ends := func(t *testing.T, past, since string, days int) time.Duration {
		b := newBench(t, false, geyser)
		b.rules.RunOutOver = 14 * 24 * time.Hour
		b.left = 150 * units.One
		from := b.now.AddDate(0, 0, -40)
		b.Learn(heated(b, from, b.now, past))
		end := b.now.AddDate(0, 0, days)
		b.Learn(heated(b, b.now, end, since))
		b.now = end
		return b.planAt(b.now).RunOut.Mid.Sub(b.now)
	}
	always := ends(t, "geyser", "geyser", 0)
	if always <= 2*24*time.Hour || always >= 5*24*time.Hour {
		t.Fatalf("the credit ends after %v", always)
	}
	for _, c := range []struct {
		name        string
		past, since string
		days        int
	}{
		{"at once", "", "", 0},
		{"after a day", "", "geyser", 1},
		{"after three days", "", "geyser", 3},
		{"by another name", "boiler", "", 0},
		{"by another name, after a day", "boiler", "geyser", 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ends(t, c.past, c.since, c.days)
			if math.Abs(math.Log(got.Hours()/always.Hours())) > 0.05 {
				t.Errorf("the credit ends after %v, and after %v where it always had a plug", got, always)
			}
		})
	}
}
