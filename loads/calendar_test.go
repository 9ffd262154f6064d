package loads

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func zoneOf(t testing.TB, name string) *time.Location {
	t.Helper()
	z, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

func TestWallClock(t *testing.T) {
	paris, lordHowe := zoneOf(t, "Europe/Paris"), zoneOf(t, "Australia/Lord_Howe")
	for _, tc := range []struct {
		name   string
		zone   *time.Location
		month  time.Month
		d, min int
		want   string
	}{
		{"an ordinary time", paris, time.June, 1, 8 * 60, "2026-06-01T06:00:00Z"},
		{"24:00 is the next midnight", paris, time.June, 1, 24 * 60, "2026-06-01T22:00:00Z"},
		{"past midnight", paris, time.June, 30, 30 * 60, "2026-07-01T04:00:00Z"},
		{"before the jump forward", paris, time.March, 29, 119, "2026-03-29T00:59:00Z"},
		{"skipped by the jump", paris, time.March, 29, 150, "2026-03-29T01:00:00Z"},
		{"after the jump", paris, time.March, 29, 180, "2026-03-29T01:00:00Z"},
		{"repeated in autumn: the first", paris, time.October, 25, 150, "2026-10-25T00:30:00Z"},
		{"after it", paris, time.October, 25, 180, "2026-10-25T02:00:00Z"},
		{"half an hour's jump", lordHowe, time.October, 4, 135, "2026-10-03T15:30:00Z"},
	} {
		if got := wallClock(2026, tc.month, tc.d, tc.min, tc.zone).Format(time.RFC3339); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.name, got, tc.want)
		}
	}
}

func TestNeedDays(t *testing.T) {
	paris := zoneOf(t, "Europe/Paris")
	at := func(s string) time.Time {
		v, err := time.ParseInLocation("2006-01-02 15:04", s, paris)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, tc := range []struct {
		name     string
		windows  []Window
		ready    *TimeOfDay
		now      string
		from, to string
		by       string
		spans    []string
	}{
		{"the whole day", nil, nil, "2026-06-01 15:00", "2026-06-01 00:00", "2026-06-02 00:00", "2026-06-02 00:00", []string{"00:00 24h0m0s"}},
		{"ready by a time", nil, timeOfDay(t, "07:00"), "2026-06-01 15:00", "2026-06-01 07:00", "2026-06-02 07:00", "2026-06-02 07:00", []string{"07:00 24h0m0s"}},
		{"a night, before midnight", []Window{window(t, "22:00-06:00")}, nil, "2026-06-01 23:00", "2026-06-01 22:00", "2026-06-02 22:00", "2026-06-02 06:00", []string{"22:00 8h0m0s"}},
		{"a night, after midnight", []Window{window(t, "22:00-06:00")}, nil, "2026-06-02 03:00", "2026-06-01 22:00", "2026-06-02 22:00", "2026-06-02 06:00", []string{"22:00 8h0m0s"}},
		{"a night and a noon", []Window{window(t, "22:00-06:00"), window(t, "12:00-15:00")}, nil, "2026-06-02 13:00", "2026-06-01 22:00", "2026-06-02 22:00", "2026-06-02 15:00", []string{"22:00 8h0m0s", "12:00 3h0m0s"}},
		{"listed out of order", []Window{window(t, "12:00-15:00"), window(t, "22:00-06:00")}, nil, "2026-06-02 13:00", "2026-06-02 12:00", "2026-06-03 12:00", "2026-06-03 06:00", []string{"12:00 3h0m0s", "22:00 8h0m0s"}},
		{"ready within the window", []Window{window(t, "18:00-08:00")}, timeOfDay(t, "06:30"), "2026-06-01 20:00", "2026-06-01 18:00", "2026-06-02 18:00", "2026-06-02 06:30", []string{"18:00 12h30m0s"}},
		{"the night the clock jumps", []Window{window(t, "22:00-06:00")}, nil, "2026-03-28 23:00", "2026-03-28 22:00", "2026-03-29 22:00", "2026-03-29 06:00", []string{"22:00 7h0m0s"}},
		{"the night it repeats an hour", []Window{window(t, "22:00-06:00")}, nil, "2026-10-24 23:00", "2026-10-24 22:00", "2026-10-25 22:00", "2026-10-25 06:00", []string{"22:00 9h0m0s"}},
		{"a day of 23 hours", nil, nil, "2026-03-29 12:00", "2026-03-29 00:00", "2026-03-30 00:00", "2026-03-30 00:00", []string{"00:00 23h0m0s"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := newCalendar(tc.windows, tc.ready, 0, paris).day(at(tc.now), 0)
			if !d.from.Equal(at(tc.from)) || !d.to.Equal(at(tc.to)) || !d.by.Equal(at(tc.by)) {
				t.Errorf("%v to %v by %v", d.from.In(paris), d.to.In(paris), d.by.In(paris))
			}
			var got []string
			for _, s := range d.spans {
				got = append(got, s.Start.In(paris).Format("15:04 ")+s.Len.String())
			}
			if len(got) != len(tc.spans) {
				t.Fatalf("spans %v", got)
			}
			for i := range got {
				if got[i] != tc.spans[i] {
					t.Errorf("span %q, want %q", got[i], tc.spans[i])
				}
			}
		})
	}
}

// Need-days follow each other without gap or overlap, each holds its instants,
// and spans lie within them, in every zone and across its clock changes.
func TestNeedDaysTile(t *testing.T) {
	zones := []*time.Location{time.UTC, zoneOf(t, "Europe/Paris"), zoneOf(t, "Australia/Lord_Howe"), zoneOf(t, "America/St_Johns"), zoneOf(t, "Africa/Johannesburg"), zoneOf(t, "America/Santiago")}
	rapid.Check(t, func(t *rapid.T) {
		zone := rapid.SampledFrom(zones).Draw(t, "zone")
		from := TimeOfDay(rapid.IntRange(0, 1439).Draw(t, "from"))
		length := rapid.IntRange(1, 1440).Draw(t, "length")
		to := TimeOfDay((int(from) + length) % 1440)
		if to == from || to == 0 {
			to = (to + 1439) % 1440
		}
		if to == from {
			t.Skip("empty")
		}
		c := newCalendar([]Window{{from, to}}, nil, 0, zone)
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(rapid.Int64Range(0, 366*24*3600).Draw(t, "now")) * time.Second)
		d, next := c.day(now, 0), c.day(now, 1)
		if now.Before(d.from) || !now.Before(d.to) {
			t.Fatalf("%v is not in its need-day %v to %v", now, d.from, d.to)
		}
		if !next.from.Equal(d.to) {
			t.Fatalf("the need-day ends at %v and the next begins at %v", d.to, next.from)
		}
		if again := c.day(d.to, 0); !again.from.Equal(next.from) || !again.to.Equal(next.to) {
			t.Fatalf("the day after is %v to %v, or %v to %v", next.from, next.to, again.from, again.to)
		}
		end := d.from
		for _, s := range d.spans {
			if s.Start.Before(end) || s.Len <= 0 || s.End().After(d.to) || s.End().After(d.by) {
				t.Fatalf("span %v for %v in %v to %v", s.Start, s.Len, d.from, d.to)
			}
			end = s.End()
		}
	})
}
