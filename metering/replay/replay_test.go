package replay

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

const good = `time,kwh
2024-03-01T00:00:00Z,0.49805
2024-03-01T00:30:00Z,
2024-03-01T01:00:00Z,0.1
2024-03-01T02:00:00Z,0
`

func at(t *testing.T, s string) time.Time {
	t.Helper()
	v, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestSeriesEnergy(t *testing.T) {
	s, err := Parse(strings.NewReader(good))
	if err != nil {
		t.Fatal(err)
	}
	if s.Step() != 30*time.Minute || !s.Start().Equal(at(t, "2024-03-01T00:00:00Z")) || !s.End().Equal(at(t, "2024-03-01T02:30:00Z")) {
		t.Fatalf("step %v, %v to %v", s.Step(), s.Start(), s.End())
	}
	for _, row := range []struct {
		name, from, to string
		want           units.Energy
		ok             bool
	}{
		{"a whole slot is exact", "2024-03-01T00:00:00Z", "2024-03-01T00:30:00Z", 1_792_980_000_000, true},
		{"a third of a slot", "2024-03-01T01:10:00Z", "2024-03-01T01:20:00Z", 120_000_000_000, true},
		{"an empty value is missing", "2024-03-01T00:40:00Z", "2024-03-01T00:41:00Z", 0, false},
		{"over a missing slot", "2024-03-01T00:00:00Z", "2024-03-01T01:30:00Z", 0, false},
		{"a slot left out is missing", "2024-03-01T01:30:00Z", "2024-03-01T02:00:00Z", 0, false},
		{"zero is a value", "2024-03-01T02:00:00Z", "2024-03-01T02:30:00Z", 0, true},
		{"before the series", "2024-02-29T23:59:59Z", "2024-03-01T00:10:00Z", 0, false},
		{"after the series", "2024-03-01T02:00:00Z", "2024-03-01T02:30:01Z", 0, false},
		{"backwards", "2024-03-01T00:20:00Z", "2024-03-01T00:10:00Z", 0, false},
		{"no time at all", "2024-03-01T00:10:00Z", "2024-03-01T00:10:00Z", 0, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			got, ok := s.Energy(at(t, row.from), at(t, row.to))
			if got != row.want || ok != row.ok {
				t.Errorf("Energy = %d, %v; want %d, %v", got, ok, row.want, row.ok)
			}
		})
	}
	n, known := 0, 0
	s.Slots(func(_ units.Slot, _ units.Energy, ok bool) bool {
		n++
		if ok {
			known++
		}
		return true
	})
	if n != 5 || known != 3 {
		t.Errorf("%d slots, %d known", n, known)
	}
}

func TestParseFormats(t *testing.T) {
	for _, row := range []struct{ name, in string }{
		{"mean power", "timestamp,w\n2024-03-01T00:00:00Z,200\n2024-03-01T00:30:00Z,200\n"},
		{"byte order mark, CRLF and blank lines", "\ufefftimestamp,kwh\r\n\r\n2024-03-01T00:00:00Z,0.1\r\n2024-03-01T00:30:00Z,0.1\r\n"},
		{"a zone other than UTC", "time,kwh\n2024-03-01T01:00:00+01:00,0.1\n2024-03-01T01:30:00+01:00,0.1\n"},
		{"date and time by a space", "time,kwh\n2024-03-01 00:00:00,0.1\n2024-03-01 00:30:00,0.1\n"},
		{"an exponent", "time,kwh\n2024-03-01 00:00,1e-1\n2024-03-01 00:30,1e-1\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := Parse(strings.NewReader(row.in))
			if err != nil {
				t.Fatal(err)
			}
			if e, ok := s.Energy(s.Start(), s.Start().Add(30*time.Minute)); !ok || e != 360_000_000_000 {
				t.Errorf("first slot %d, %v; want 0.1 kWh", e, ok)
			}
			if !s.Start().Equal(at(t, "2024-03-01T00:00:00Z")) {
				t.Errorf("starts %v", s.Start())
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	for _, row := range []struct {
		name, in string
		line     int
	}{
		{"empty", "", 1},
		{"other header", "when,kwh\n", 1},
		{"one slot", "time,kwh\n2024-03-01T00:00:00Z,1\n", 2},
		{"no comma", "time,kwh\n2024-03-01T00:00:00Z 1\n", 2},
		{"not a time", "time,kwh\nyesterday,1\n", 2},
		{"a wild year", "time,kwh\n9999-01-01T00:00:00Z,1\n", 2},
		{"twice the same time", "time,kwh\n2024-03-01T00:00:00Z,1\n2024-03-01T00:00:00Z,1\n", 3},
		{"off the grid", "time,kwh\n2024-03-01T00:00:00Z,1\n2024-03-01T00:30:00Z,1\n2024-03-01T01:15:00Z,1\n", 4},
		{"negative", "time,kwh\n2024-03-01T00:00:00Z,1\n2024-03-01T00:30:00Z,-1\n", 3},
		{"not a number", "time,kwh\n2024-03-01T00:00:00Z,much\n2024-03-01T00:30:00Z,1\n", 2},
		{"too much", "time,kwh\n2024-03-01T00:00:00Z,1e300\n2024-03-01T00:30:00Z,1\n", 2},
		{"slots of centuries", "time,kwh\n2000-01-01T00:00:00Z,0\n2200-01-01T00:00:00Z,0\n", 3},
		{"too many slots", "time,kwh\n1990-03-01T00:00:00Z,1\n1990-03-01T00:00:01Z,1\n2100-01-01T00:00:00Z,1\n", 4},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := Parse(strings.NewReader(row.in))
			var syntax *SyntaxError
			if !errors.As(err, &syntax) || syntax.Line != row.line || syntax.Remedy == "" {
				t.Errorf("error %v; want a SyntaxError on line %d with a remedy", err, row.line)
			}
		})
	}
}

// The parts of any partition add up to the whole.
func TestPartitionIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kwh := rapid.Int64Range(0, 50_000_000).Draw(t, "micro-kWh")
		in := "time,kwh\n2024-03-01T00:00:00Z," + units.Price(kwh).String() + "\n2024-03-01T00:30:00Z,0.3\n"
		s, err := Parse(strings.NewReader(in))
		if err != nil {
			t.Fatal(err)
		}
		whole, _ := s.Energy(s.Start(), s.End())
		if want := units.Energy(kwh)*3_600_000 + 300*units.WattHour; whole != want {
			t.Fatalf("whole is %d, want %d", whole, want)
		}
		var sum units.Energy
		for from := s.Start(); from.Before(s.End()); {
			to := from.Add(time.Duration(rapid.Int64Range(1, int64(20*time.Minute)).Draw(t, "part")))
			if to.After(s.End()) {
				to = s.End()
			}
			e, ok := s.Energy(from, to)
			if !ok || e < 0 {
				t.Fatalf("part %v to %v: %d, %v", from, to, e, ok)
			}
			sum += e
			from = to
		}
		if sum != whole {
			t.Fatalf("parts add up to %d, whole is %d", sum, whole)
		}
	})
}

func FuzzParse(f *testing.F) {
	f.Add(good)
	f.Add("timestamp,w\n2024-03-01T00:00:00Z,200\n2024-03-01T00:30:00Z,200\n")
	f.Fuzz(func(t *testing.T, in string) {
		s, err := Parse(strings.NewReader(in))
		if err != nil {
			return
		}
		s.Slots(func(slot units.Slot, e units.Energy, ok bool) bool {
			if e < 0 {
				t.Fatalf("slot %v has %d", slot, e)
			}
			got, known := s.Energy(slot.Start, slot.End())
			if known != ok || got != e {
				t.Fatalf("slot %v: %d %v, by Energy %d %v", slot, e, ok, got, known)
			}
			return slot.Start.Sub(s.Start()) < 1000*s.Step()
		})
	})
}

// A real series, where one is at hand: set KEEPLIT_SERIES to a file or a
// folder of them.
func TestRealSeries(t *testing.T) {
	path := os.Getenv("KEEPLIT_SERIES")
	if path == "" {
		t.Skip("KEEPLIT_SERIES is not set")
	}
	files, err := filepath.Glob(filepath.Join(path, "*.csv"))
	if err != nil || len(files) == 0 {
		files = []string{path}
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := Parse(f)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var sum units.Energy
		n, gone := 0, 0
		s.Slots(func(_ units.Slot, e units.Energy, ok bool) bool {
			n++
			if !ok {
				gone++
			}
			sum += e
			return true
		})
		t.Logf("%s: %d slots of %v, %d missing, %v", filepath.Base(name), n, s.Step(), gone, sum)
	}
}
