package main

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// keepProfile stores three half hours of the site and one of a load.
func keepProfile(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), dir, store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)
	var all []store.Interval
	for i, quality := range []metering.Quality{0, metering.Estimated, metering.Gap} {
		all = append(all, store.Interval{Series: "site", Interval: metering.Interval{
			Slot:   units.SlotAt(start.Add(time.Duration(i)*30*time.Minute), 30*time.Minute),
			Import: units.KilowattHour/2 + units.Energy(i), Covered: 30 * time.Minute, Quality: quality,
			MaxPower: 2500 * units.Watt, MaxDemand: units.Kilowatt,
		}})
	}
	all = append(all, store.Interval{Series: "geyser", Interval: metering.Interval{
		Slot: units.SlotAt(start, 30*time.Minute), Import: units.KilowattHour, Covered: 15 * time.Minute,
	}})
	if err := s.Commit(t.Context(), store.Batch{At: start.Add(2 * time.Hour), Intervals: all, Checkpoint: []byte("{}")}); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestProfileCommand(t *testing.T) {
	const (
		head   = "time,seconds,import_kwh,export_kwh,max_power_w,max_demand_w,covered,quality\n"
		first  = "2026-03-02T12:00:00Z,1800,0.5,0,2500,1000,1,measured\n"
		second = "2026-03-02T12:30:00Z,1800,0.5000000000002778,0,2500,1000,1,estimated\n"
		third  = "2026-03-02T13:00:00Z,1800,0.5000000000005556,0,2500,1000,1,gap\n"
		geyser = "2026-03-02T12:00:00Z,1800,1,0,0,0,0.5,measured\n"
	)
	dir := keepProfile(t)
	for _, row := range []struct {
		name string
		args []string
		code int
		out  string
		err  string
	}{
		{"all of the site's meter", []string{dir}, exitOK, head + first + second + third, ""},
		{"some hours", []string{"--from", "2026-03-02T12:30:00Z", "--to", "2026-03-02T13:00:00Z", dir}, exitOK, head + second, ""},
		{"a load", []string{"--series", "geyser", dir}, exitOK, head + geyser, ""},
		{"a time when nothing was stored", []string{"--from", "2027-01-01T00:00:00Z", dir}, exitOK, head, ""},
		{"no such load", []string{"--series", "pump", dir}, exitUsage, "", "geyser, site"},
		{"hours the wrong way round", []string{"--from", "2026-03-03T00:00:00Z", "--to", "2026-03-02T00:00:00Z", dir}, exitUsage, "", "--to must be later"},
		{"no such folder", []string{dir + "/none"}, exitFailure, "", "there are no records"},
	} {
		t.Run(row.name, func(t *testing.T) {
			code, out, errs := agent(t, append([]string{"profile"}, row.args...)...)
			if code != row.code || out != row.out || !strings.Contains(errs, row.err) {
				t.Fatalf("code %d\n%s\n%s", code, out, errs)
			}
		})
	}
}
