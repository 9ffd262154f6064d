package simulate

import (
	"os"
	"testing"
	"time"
)

// A home with a load of kind heat, switched by what is learned, beside one that is always on:
// hot water as often, but for one draw in a hundred, for less energy and money.  A year with
// KEEPLIT_LONG=1; else a week that is learned in, of longer steps.
func TestAWaterHeaterThatLearnsBesideOneThatIsAlwaysOn(t *testing.T) {
	t.Parallel()
	w := world(t, "heat/hot-water", 0, 6)
	w.Every = time.Hour
	long := os.Getenv("KEEPLIT_LONG") != ""
	if long {
		w.Warm, w.Days, w.Step = 28, 365, time.Minute
	}
	r, err := Run(t.Context(), w, Options{Policies: []Policy{None, Timer, Keeplit}})
	must(t, err)
	none, mine := r.Policies[None], r.Policies[Keeplit]
	for p, x := range r.Policies {
		t.Logf("%s: %.0f kWh heated, %d of %d draws cold at last, cost %.0f, %d starts", p, x.Loads["geyser"].KWh, x.ColdDraws, x.Draws, x.Cost, x.Starts)
	}
	if none.Draws == 0 || mine.Draws != none.Draws {
		t.Errorf("%d draws, and %d of one that is always on", mine.Draws, none.Draws)
	}
	if mine.ColdDraws > none.ColdDraws+none.Draws/100 {
		t.Errorf("%d draws are cold, and %d of one that is always on", mine.ColdDraws, none.ColdDraws)
	}
	if mine.Loads["geyser"].KWh > none.Loads["geyser"].KWh*1.02 || mine.Cost >= none.Cost {
		t.Errorf("it takes %.1f kWh for %.2f, always on %.1f for %.2f", mine.Loads["geyser"].KWh, mine.Cost, none.Loads["geyser"].KWh, none.Cost)
	}
	if long && mine.Loads["geyser"].KWh >= none.Loads["geyser"].KWh {
		t.Error("it takes no less than always on")
	}
}
