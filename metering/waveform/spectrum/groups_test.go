package spectrum

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"testing"
	"text/tabwriter"
)

// vector is a signal and its groups, as testdata/groups.py made them.
type vector struct {
	Hz        float64      `json:"hz"`
	Cycles    int          `json:"cycles"`
	Tones     [][3]float64 `json:"tones"`
	Harmonics []float64    `json:"harmonics"`
	Inter     []float64    `json:"inter"`
	Below     float64      `json:"below"`
	THDS      float64      `json:"thds"`
	SignalAt  float64      `json:"signal_at"`
	Signal    float64      `json:"signal"`
}

func vectors(t testing.TB) (out []vector) {
	t.Helper()
	text, err := os.ReadFile("testdata/groups.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &out); err != nil || len(out) < 6 {
		t.Fatalf("%d vectors, %v", len(out), err)
	}
	return out
}

// sampled is a signal of tones at a rate, Margin samples and x before its window begins.
func sampled(tones [][3]float64, hz, rate, x float64, cycles int) (samples []float64, from, to float64) {
	from = Margin + x
	to = from + float64(cycles)*rate/hz
	for k := range int(to) + Margin + 1 {
		at, v := (float64(k)-from)/rate*hz, 0.0
		for _, tone := range tones {
			v += tone[1] * math.Sqrt2 * math.Sin(2*math.Pi*tone[0]*at+tone[2])
		}
		samples = append(samples, v)
	}
	return samples, from, to
}

// TestGroupsAreThoseOfTheStandard prints the errors: go test -v -run TestGroups
// ./metering/waveform/spectrum.  Class II of IEC 61000-4-7 allows 5 % of a harmonic, or
// 0.15 % of the nominal voltage where it is below 3 %.
func TestGroupsAreThoseOfTheStandard(t *testing.T) {
	w := tabwriter.NewWriter(os.Stdout, 2, 0, 2, ' ', 0)
	defer w.Flush()
	rates := []float64{4007}
	if testing.Verbose() || os.Getenv("KEEPLIT_LONG") != "" {
		rates = []float64{4000, 4007, 8000}
	}
	for _, rate := range rates {
		for _, v := range vectors(t) {
			nominal := 50.0
			if v.Cycles == 12 {
				nominal = 60
			}
			k, err := New(rate, nominal)
			if err != nil {
				t.Fatal(err)
			}
			worst := map[string]float64{}
			note := func(what string, got, want float64) {
				worst[what] = max(worst[what], 100*math.Abs(got-want)/230)
				if math.IsNaN(got) {
					worst[what] = math.NaN()
				}
			}
			for _, x := range []float64{0, 0.37, 0.81} {
				samples, from, to := sampled(v.Tones, v.Hz, rate, x, v.Cycles)
				var g Groups
				k.Measure(samples, 0, from, to, v.SignalAt, &g)
				if g.Orders < 30 {
					t.Fatalf("%v Hz at %v: %d orders", v.Hz, rate, g.Orders)
				}
				for h, want := range v.Harmonics {
					note("harmonics", g.Harmonics[h], want)
				}
				for h, want := range v.Inter {
					note("interharmonics", g.Inter[h], want)
				}
				note("interharmonics", g.Below, v.Below)
				note("THDS", 230*g.THDS, 230*v.THDS)
				note("signal", g.Signal, v.Signal)
			}
			for _, what := range []string{"harmonics", "interharmonics", "THDS", "signal"} {
				if testing.Verbose() {
					fmt.Fprintf(w, "%v samples a second\t%v Hz\t%s\terror %.5f %% of 230 V\n", rate, v.Hz, what, worst[what])
				}
				if !(worst[what] < 0.01) {
					t.Errorf("%v Hz at %v samples a second: %s %.4f %% of 230 V wrong", v.Hz, rate, what, worst[what])
				}
			}
		}
	}
}

// Each order that is told is right to 1 %, up to the last below half the rate.
func TestEveryOrderIsToldRight(t *testing.T) {
	for _, c := range []struct {
		rate, hz, nominal float64
		orders            int
	}{{4000, 50, 50, 39}, {4007, 50, 50, 39}, {4007, 60, 60, 32}, {8000, 50, 50, 50}, {8000, 60, 60, 50}, {5150, 50, 50, 50}, {1000, 50, 50, 9}, {4007, 42.5, 50, 46}, {4007, 57.5, 50, 34}} {
		k, err := New(c.rate, c.nominal)
		if err != nil {
			t.Fatal(err)
		}
		for h := 2; h <= c.orders; h++ {
			samples, from, to := sampled([][3]float64{{1, 230, 0}, {float64(h), 2.3, 1}}, c.hz, c.rate, 0.4, k.cycles)
			var g Groups
			k.Measure(samples, 0, from, to, 0, &g)
			if g.Orders != c.orders {
				t.Fatalf("%v Hz at %v: %d orders, want %d", c.hz, c.rate, g.Orders, c.orders)
			}
			if math.Abs(g.Harmonics[h-1]/2.3-1) > 0.01 {
				t.Errorf("%v Hz at %v: order %d is %.4f V, not 2.3", c.hz, c.rate, h, g.Harmonics[h-1])
			}
			for o, v := range g.Harmonics {
				if o > 0 && o != h-1 && v > 0.03 {
					t.Errorf("%v Hz at %v: order %d shows %.4f V of order %d", c.hz, c.rate, o+1, v, h)
				}
			}
		}
	}
}

func TestMeasuringAllocatesNothing(t *testing.T) {
	k, err := New(4007, 50)
	if err != nil {
		t.Fatal(err)
	}
	samples, from, to := sampled([][3]float64{{1, 230, 0}}, 50, 4007, 0, 10)
	var g Groups
	if n := testing.AllocsPerRun(20, func() { k.Measure(samples, 0, from, to, 0, &g) }); n != 0 {
		t.Errorf("%v allocations a window", n)
	}
}

func BenchmarkWindow(b *testing.B) {
	k, err := New(4007, 50)
	if err != nil {
		b.Fatal(err)
	}
	samples, from, to := sampled([][3]float64{{1, 230, 0}}, 50, 4007, 0, 10)
	var g Groups
	for b.Loop() {
		k.Measure(samples, 0, from, to, 0, &g)
	}
}
