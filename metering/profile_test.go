package metering

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/series"
	"github.com/keeplit/keeplit/internal/units"
)

// What is printed of stored intervals reads back as it was.
func TestProfileReadsBackEqual(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		length := rapid.SampledFrom([]time.Duration{time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour}).Draw(t, "length")
		start := time.Date(2025, 10, 25, 22, 0, 0, 0, time.UTC)
		var in []Interval
		for i := range rapid.IntRange(1, 60).Draw(t, "intervals") {
			iv := Interval{
				Slot:   units.Slot{Start: start.Add(time.Duration(i) * length), Len: length},
				Import: units.Energy(rapid.Int64Range(0, 40*int64(units.KilowattHour)).Draw(t, "import")), Export: units.Energy(rapid.Int64Range(0, int64(units.KilowattHour)).Draw(t, "export")),
				Quality: Quality(rapid.IntRange(0, 1<<len(qualityNames())-1).Draw(t, "quality")),
			}
			if i%2 == 1 {
				iv.Import, iv.Export = 0, 0 // so that it does not look like a register
			}
			in = append(in, iv)
		}
		var text bytes.Buffer
		if err := WriteProfile(&text, in); err != nil {
			t.Fatal(err)
		}
		s, err := series.Read(&text, series.Options{})
		if err != nil {
			t.Fatal(err)
		}
		slots, step, err := s.Slots(0)
		if err != nil || step != length || len(slots) != len(in) {
			t.Fatalf("%d slots of %v: %v", len(slots), step, err)
		}
		for i, got := range slots {
			q, err := ParseQuality(s.Qualities[got.Quality])
			if err != nil || q != in[i].Quality || got.Start != in[i].Slot.Start.Unix() || got.Energy != in[i].Import || got.Export != in[i].Export || !got.Known {
				t.Fatalf("%+v, %v (%v), want %+v", got, q, err, in[i])
			}
		}
	})
}
