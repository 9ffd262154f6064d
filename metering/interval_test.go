package metering

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

func TestIntervals(t *testing.T) {
	use := func(from, to string, e units.Energy, q Quality) Consumption {
		return Consumption{From: day(from), To: day(to), Import: e, Quality: q}
	}
	type got struct {
		start   string
		e       units.Energy
		q       Quality
		covered time.Duration
	}
	for _, row := range []struct {
		name string
		in   []Consumption
		want []got
	}{
		{
			"whole slots",
			[]Consumption{use("10:00:00", "10:30:00", 600, 0), use("10:30:00", "11:00:00", 700, 0)},
			[]got{{"10:00:00", 600, 0, 30 * time.Minute}, {"10:30:00", 700, 0, 30 * time.Minute}},
		},
		{
			"over an edge",
			[]Consumption{use("10:00:00", "10:20:00", 100, 0), use("10:20:00", "10:35:00", 300, 0)},
			[]got{{"10:00:00", 300, 0, 30 * time.Minute}},
		},
		{
			"five hours at once",
			[]Consumption{use("10:00:00", "11:30:00", 100, Estimated)},
			[]got{{"10:00:00", 33, Estimated, 30 * time.Minute}, {"10:30:00", 34, Estimated, 30 * time.Minute}, {"11:00:00", 33, Estimated, 30 * time.Minute}},
		},
		{
			"a gap leaves slots that are not covered",
			[]Consumption{use("10:00:00", "10:30:00", 5, 0), use("10:30:00", "11:30:00", 0, Gap)},
			[]got{{"10:00:00", 5, 0, 30 * time.Minute}, {"10:30:00", 0, Gap, 0}, {"11:00:00", 0, Gap, 0}},
		},
		{"begun in the middle", []Consumption{use("10:10:00", "10:30:00", 5, 0)}, []got{{"10:00:00", 5, Gap, 20 * time.Minute}}},
		{
			"the clock goes back: the slot comes twice",
			[]Consumption{use("10:00:00", "10:40:00", 40, 0), use("10:05:00", "10:05:00", 1, ClockChanged), use("10:05:00", "10:30:00", 25, 0)},
			[]got{{"10:00:00", 30, 0, 30 * time.Minute}, {"10:30:00", 10, Gap, 10 * time.Minute}, {"10:00:00", 26, ClockChanged | Gap, 25 * time.Minute}},
		},
	} {
		t.Run(row.name, func(t *testing.T) {
			b := Intervals{Period: 30 * time.Minute}
			var out []got
			for _, c := range row.in {
				var closed []Interval
				b, closed = b.Add(c)
				for _, i := range closed {
					out = append(out, got{i.Slot.Start.Format(time.TimeOnly), i.Import, i.Quality, i.Covered})
				}
			}
			if !reflect.DeepEqual(out, row.want) {
				t.Errorf("got  %+v\nwant %+v", out, row.want)
			}
		})
	}
}

func TestMerge(t *testing.T) {
	slot := units.SlotAt(day("10:00:00"), 30*time.Minute)
	a := Interval{Slot: slot, Import: 3, Export: 1, Covered: 20 * time.Minute, MaxPower: 5, Quality: Gap}
	b := Interval{Slot: slot, Import: 4, Covered: 20 * time.Minute, MaxPower: 9, MaxDemand: 2, Quality: ClockChanged}
	want := Interval{Slot: slot, Import: 7, Export: 1, Covered: 30 * time.Minute, MaxPower: 9, MaxDemand: 2, Quality: Gap | ClockChanged}
	if got := a.Merge(b); got != want {
		t.Errorf("merged %+v", got)
	}
}

// Energy is conserved to the microjoule, whatever the cuts, and the state
// survives being stored at any of them.
func TestIntervalsConserve(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := Intervals{Period: time.Duration(rapid.SampledFrom([]int{1, 5, 15, 30, 60}).Draw(t, "period")) * time.Minute}
		at := time.Date(2026, 3, 29, 0, 7, 0, 0, time.UTC)
		var in, out, sum, sumOut units.Energy
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			to := at.Add(time.Duration(rapid.Int64Range(0, int64(5*time.Hour)).Draw(t, "span")))
			c := Consumption{From: at, To: to, Import: units.Energy(rapid.Int64Range(0, 1e14).Draw(t, "in")), Export: units.Energy(rapid.Int64Range(0, 1e14).Draw(t, "out"))}
			in, out = in+c.Import, out+c.Export
			before, err := json.Marshal(b)
			if err != nil {
				t.Fatal(err)
			}
			next, closed := b.Add(c)
			if after, _ := json.Marshal(b); string(after) != string(before) {
				t.Fatal("Add changed the state it was called on")
			}
			var stored Intervals
			if err := json.Unmarshal(before, &stored); err != nil {
				t.Fatal(err)
			}
			again, closedAgain := stored.Add(c)
			if !reflect.DeepEqual(next, again) || !reflect.DeepEqual(closed, closedAgain) {
				t.Fatal("the stored state goes on differently")
			}
			for _, i := range closed {
				if i.Import < 0 || i.Export < 0 || i.Covered > i.Slot.Len || i.Slot.Len != b.Period || !i.Slot.Start.Equal(i.Slot.Start.Truncate(b.Period)) {
					t.Fatalf("interval %+v", i)
				}
				sum, sumOut = sum+i.Import, sumOut+i.Export
			}
			b, at = next, to
		}
		if b.Open != nil {
			sum, sumOut = sum+b.Open.Import, sumOut+b.Open.Export
		}
		if sum != in || sumOut != out {
			t.Fatalf("in %d %d, intervals hold %d %d", in, out, sum, sumOut)
		}
	})
}
