package forecast

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
)

// firstDays scores the next two days after so many known, of sites that begin at any hour of the
// week, told of a kind.
func firstDays(t *testing.T, told Kind, known int, sites [][]float64) (wql, covered float64) {
	var loss, load, in, n float64
	for i, v := range sites {
		for start := range 4 {
			from := (2*24+7)*start + 5*i // hours after a Monday
			f := mustNew(t, Options{Step: time.Hour, Seed: 1, Kind: told})
			for h := from; h < from+24*known; h++ {
				feed(t, f, []Observation{{Slot: units.Slot{Start: monday.Add(time.Duration(h) * time.Hour), Len: time.Hour}, Energy: units.FromKWh(v[h])}})
			}
			mean, one := 0.0, 0.0
			for _, y := range v {
				mean += y / float64(len(v))
			}
			for k, q := range f.Forecast(monday.Add(time.Duration(from+24*known)*time.Hour), 48*time.Hour).Slots {
				y := v[from+24*known+k]
				one += 2.0 / 3 * (pinball(y, q.Q10, 0.1) + pinball(y, q.Q50, 0.5) + pinball(y, q.Q90, 0.9))
				if y >= q.Q10 && y <= q.Q90 {
					in++
				}
				n++
			}
			loss, load = loss+one/mean, load+48 // each site counts alike
		}
	}
	return loss / load, in / n
}

// What a site is used for tells the first days of one that has none of its own, and is learned away
// within two weeks; a home that is told to be one is what it was.
func TestAKindTellsTheFirstDays(t *testing.T) {
	unraced.Only(t)
	for _, c := range []struct {
		kind  Kind
		known int
		gain  float64 // the loss of one that is told its kind, over that of one taken for a home
	}{
		{Shop, 0, 1.05},
		{Shop, 1, 0.75},
		{Shop, 3, 0.85},
		{Shop, 14, 1},
		{Office, 0, 0.6},
		{Office, 1, 0.6},
		{Office, 3, 0.6},
		{Office, 14, 1},
	} {
		var sites [][]float64
		for seed := range uint64(12) {
			sites = append(sites, workplace(c.kind, seed, 28, time.Hour))
		}
		home, in := firstDays(t, Home, c.known, sites)
		told, held := firstDays(t, c.kind, c.known, sites)
		t.Logf("%s after %d days: wQL %.3f and %.2f within the range, %.3f and %.2f as a home", Kinds()[c.kind], c.known, told, held, home, in)
		if told > c.gain*home || held < 0.8 {
			t.Errorf("%s after %d days: wQL %.3f, as a home %.3f, of which it should be %.2f; %.2f within the range", Kinds()[c.kind], c.known, told, home, c.gain, held)
		}
	}
}
