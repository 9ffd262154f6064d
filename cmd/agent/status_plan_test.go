package main

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
)

func TestTheChartOfThePlanFitsAndIsOfLocalHours(t *testing.T) {
	// chart is drawn of a plan of slots of a length, with a load that runs in every other one.
	chart := func(t *testing.T, at, zone string, slot time.Duration, n int) []string {
		t.Helper()
		now, err := time.Parse(time.RFC3339, at)
		if err != nil {
			t.Fatal(err)
		}
		z, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		v := api.View{At: &now, Loads: []api.Load{{ID: "geyser", Name: strings.Repeat("é", 40)}}, Plan: api.Plan{Loads: []api.PlanLoad{{ID: "geyser"}}}}
		for i := range n {
			v.Plan.Slots = append(v.Plan.Slots, api.Slot{Start: now.Truncate(slot).Add(time.Duration(i) * slot), Seconds: slot.Seconds(), Price: "-1.5", MidW: 400})
			v.Plan.Loads[0].W = append(v.Plan.Loads[0].W, float64(i%2)*1000)
		}
		var out strings.Builder
		planChart(&out, &v, z)
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		for _, l := range lines {
			if n := utf8.RuneCountInString(l); n > 80 {
				t.Errorf("%d columns: %s", n, l)
			}
		}
		return lines
	}
	for _, c := range []struct {
		situation, at, zone string
		slot                time.Duration
		n                   int
		hours, load, sum    string // "" is not looked at
	}{
		{"half hours", "2026-11-20T10:00:00Z", "UTC", 30 * time.Minute, 48, "    12:00 15:00 18:00 21:00 00:00 03:00 06:00", strings.Repeat("·█", 24), "12.0 kWh"},
		{"quarters of an hour: half of each step", "2026-11-20T10:00:00Z", "UTC", 15 * time.Minute, 96, "", strings.Repeat("▄", 48), "12.0 kWh"},
		{"hours, and the plan ends before the day", "2026-11-20T10:00:00Z", "UTC", time.Hour, 6, "", "··██··██··██", "3.0 kWh"},
		{"what is over is not counted", "2026-11-20T11:45:00Z", "UTC", time.Hour, 3, "", "·██··", "1.0 kWh"},
		{"an hour is left out in the night", "2026-03-28T20:00:00Z", "Europe/Berlin", 30 * time.Minute, 48, "21:00 00:00     06:00", "", ""},
		{"an hour comes twice", "2026-10-24T19:00:00Z", "Europe/Berlin", 30 * time.Minute, 48, "21:00 00:00   03:00", "", ""},
		{"a clock that is three quarters of an hour off", "2026-11-20T10:00:00Z", "Asia/Kathmandu", 30 * time.Minute, 48, "     18:15 21:15", strings.Repeat("·█", 24), ""},
	} {
		t.Run(c.situation, func(t *testing.T) {
			lines := chart(t, c.at, c.zone, c.slot, c.n)
			t.Log("\n" + strings.Join(lines, "\n"))
			const left = chartName + 2
			if c.hours != "" && !strings.HasPrefix(strings.TrimPrefix(lines[1], strings.Repeat(" ", left)), c.hours) {
				t.Errorf("hours %q, want %q", lines[1], c.hours)
			}
			load := []rune(lines[3])[left:]
			if c.load != "" && strings.TrimRight(string(load[:chartSteps]), " ") != c.load {
				t.Errorf("load %q, want %q", string(load[:chartSteps]), c.load)
			}
			if !strings.HasSuffix(lines[3], c.sum) {
				t.Errorf("%q, want %q at its end", lines[3], c.sum)
			}
		})
	}
}
