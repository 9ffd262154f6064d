package planning

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// What an amount buys goes by the use that is foreseen: what is foreseen at night is bought at
// the night's price, whatever the price of this minute is.
func TestWhatAnAmountBuysGoesByTheUseForeseen(t *testing.T) {
	at := time.Date(2026, 12, 1, 8, 0, 0, 0, time.UTC)
	kwh := func(n float64) units.Energy { return units.FromKWh(n) }
	o := Outlook{
		Starts: []time.Time{at, at.Add(time.Hour), at.Add(2 * time.Hour)},
		Spent:  []units.Money{0, 4 * units.One, 5 * units.One}, Used: []units.Energy{0, kwh(1), kwh(2)},
		Needs: []Need{{Until: at.Add(-time.Hour), Even: 3 * units.One}, {Until: at.Add(6 * time.Hour), Even: 10 * units.One, Used: kwh(4)}},
	}
	for _, c := range []struct {
		name   string
		amount units.Money
		lasts  time.Duration
		kwh    float64
	}{
		{"nothing", 0, 0, 0},
		{"half of the dear hour", 2 * units.One, 30 * time.Minute, 0.5},
		{"into the cheap one", 4*units.One + units.One/2, 90 * time.Minute, 1.5},
		{"up to a midnight behind the plan", 7*units.One + units.One/2, 4 * time.Hour, 3},
		{"twice as much as is foreseen for", 20 * units.One, 12 * time.Hour, 8},
	} {
		lasts, used, ok := o.Reaches(c.amount)
		if !ok || lasts != c.lasts || used != kwh(c.kwh) {
			t.Errorf("%s: %s and %s, %v; want %s and %v kWh", c.name, lasts, used, ok, c.lasts, c.kwh)
		}
	}
	o.Spent = nil
	if _, _, ok := o.Reaches(units.One); ok {
		t.Error("a plan of an older program says what an amount buys")
	}
}
