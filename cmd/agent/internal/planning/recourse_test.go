package planning

import (
	"math"
	"slices"
	"testing"
	"time"
)

// dusk is one future of twelve hours: what is left ends in the third, and in the sixth so much
// is bought that there is light to the end.
func dusk() *ahead {
	const n = 12
	a := &ahead{
		long: slices.Repeat([]float64{1.0 / 24}, n), soon: slices.Repeat([]float64{1}, n), friendly: make([]bool, n),
		prob: make([][levels]float64, n), day: 24, near: n, levels: []uint8{0, 0}, perStep: 1,
		paths: []way{{cost: slices.Repeat([]float64{1}, n), chance: slices.Repeat([]float64{0.5}, n), buys: make([]float64, n)}},
	}
	for i := range n {
		a.at = append(a.at, begin().Add(time.Duration(i)*time.Hour))
	}
	a.prob[6][0], a.paths[0].buys[6] = 1, 20
	return a
}

// What was to run in the dark runs when there is light again, as it does where nobody plans, and
// is worth as much: who buys a little at a time would never be served else.
func TestWhatIsDarkWhenItWasToRunIsHadWhenThereIsLight(t *testing.T) {
	for _, c := range []struct {
		situation string
		at, to    int
		worth     float64
	}{
		{"in the light", 1, 12, 1},
		{"in the dark, and it may wait", 4, 12, 1},
		{"in the dark, and it may wait until the light just comes", 4, 7, 1},
		{"in the dark, and its day is over before there is light", 4, 6, 0},
		{"half of it in the dark", 2, 12, 1},
		{"half of it in the dark, and its day is over then", 2, 3, 0.5},
	} {
		a, l := dusk(), newLaid(12)
		l.put(c.at, c.to, 1, 1)
		left := 2.5
		switch c.at {
		case 1:
			left = 3.5
		case 2:
			left = 3 // one and the other half of the two
		}
		_, worth, rest := a.follow(&a.paths[0], 0, a.near, left, l)
		if math.Abs(worth-c.worth) > 1e-9 {
			t.Errorf("%s: it is worth %v", c.situation, worth)
		}
		if spent := 20 - 6 - rest; c.at >= 2 && math.Abs(spent-(c.worth-litBefore(c.at))) > 1e-9 {
			t.Errorf("%s: %v is spent on it after the light came", c.situation, spent)
		}
	}
}

// litBefore is how much of the load ran before the dark.
func litBefore(at int) float64 {
	if at == 2 {
		return 0.5
	}
	return 0
}

// What waits runs as far as the credit goes that is bought, and no further.
func TestWhatWaitedRunsAsFarAsTheCreditGoes(t *testing.T) {
	a, l := dusk(), newLaid(12)
	a.paths[0].buys[6] = 3
	l.put(4, 12, 8, 1)
	if _, worth, _ := a.follow(&a.paths[0], 0, a.near, 2.5, l); math.Abs(worth-0.25) > 1e-9 {
		t.Errorf("2 of the 8 can be paid: it is worth %v", worth)
	}
}

// What is given up now is no shortfall where something will most likely be bought in time for it.
func TestWhatIsBoughtInTimeIsNoShortfall(t *testing.T) {
	a := dusk()
	for before, want := range map[int]float64{6: 0, 7: 1, 12: 1} {
		if got := a.buys(2.5, before); got != want {
			t.Errorf("before step %d something is bought in %v of the futures, not %v", before, got, want)
		}
	}
}
