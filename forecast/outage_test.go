package forecast

import (
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// TestNothingIsDrawnInAnOutage, nor fed in; part of it is drawn after, in two hours; the high end of the range stays.
func TestNothingIsDrawnInAnOutage(t *testing.T) {
	start := time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)
	at := func(h float64) time.Time { return start.Add(time.Duration(h * float64(time.Hour))) }
	fc := Forecast{}
	for i := range 24 {
		s := Slot{units.Slot{Start: at(float64(i) / 2), Len: 30 * time.Minute}, 1, 0.5, 0.9, 2}
		if i == 10 { // the sun gives more than is used
			s.Mean, s.Q10, s.Q50, s.Q90 = -1, -2, -1, -0.5
		}
		fc.Slots = append(fc.Slots, s)
	}
	fc.Without([]Expected{
		{Told: Outage, From: at(3), To: at(4.75)},
		{Told: Outage, From: at(4.5), To: at(5.5)},
		{Told: Away, From: at(8), To: at(9)},
		{Told: Outage, From: at(-5), To: at(-2)},
		{Told: Outage, From: at(40), To: at(50)},
	})
	for i, want := range map[int]Slot{
		5:  {Mean: 1, Q10: 0.5, Q50: 0.9, Q90: 2},
		6:  {Mean: 0.1, Q90: 2},
		10: {Mean: -0.1, Q10: 0, Q50: 0, Q90: 0},
		11: {Mean: 1 + 0.3*0.9*4/4, Q10: 0.5 + 0.3*0.5*4/4, Q50: 0.9 + 0.3*0.9*4/4, Q90: 2 + 0.3*2*4/4},
		15: {Mean: 1, Q10: 0.5, Q50: 0.9, Q90: 2},
		16: {Mean: 1, Q10: 0.5, Q50: 0.9, Q90: 2},
	} {
		got := fc.Slots[i]
		for _, x := range [][2]float64{{got.Mean, want.Mean}, {got.Q10, want.Q10}, {got.Q50, want.Q50}, {got.Q90, want.Q90}} {
			if math.Abs(x[0]-x[1]) > 1e-9 {
				t.Errorf("slot %d: %+v, want %+v", i, got, want)
				break
			}
		}
	}
}

// TestAnOutageMayNotCome: nine of ten paths have it, the same ones for the same seed.
func TestAnOutageMayNotCome(t *testing.T) {
	start := time.Date(2026, 12, 7, 0, 0, 0, 0, time.UTC)
	paths := func() Scenarios {
		s := Scenarios{Start: start, Step: time.Hour}
		for range 1000 {
			s.Paths = append(s.Paths, []float64{1, 1, 1, 1, 1, 1})
		}
		s.Without([]Expected{{Told: Outage, From: start.Add(time.Hour), To: start.Add(150 * time.Minute)}}, 7)
		return s
	}
	dark := 0
	again := paths()
	for i, p := range paths().Paths {
		for k := range p {
			if p[k] != again.Paths[i][k] {
				t.Fatal("two draws with one seed differ")
			}
		}
		if p[1] == 1 {
			continue
		}
		dark++
		if want := []float64{1, 0, 0.5, 1.225, 1.225, 1}; math.Abs(p[1]-want[1])+math.Abs(p[2]-want[2])+math.Abs(p[3]-want[3])+math.Abs(p[4]-want[4])+math.Abs(p[5]-want[5]) > 1e-9 {
			t.Fatalf("%v, want %v", p, want)
		}
	}
	if dark < 870 || dark > 930 {
		t.Errorf("it comes in %d of 1000 paths", dark)
	}
}
