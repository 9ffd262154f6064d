package schedule

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Skip("no zone data: ", err)
	}
	return loc
}

func TestDueNamesEdgesOnceWhateverTheSteps(t *testing.T) {
	s, err := Parse("*/30 * * * *", time.UTC)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 28, 23, 59, 0, 0, time.UTC)
	due := 0
	for range 24 * 60 {
		next := at.Add(time.Minute)
		if s.Due(at, next) {
			due++
		}
		at = next
	}
	if due != 48 {
		t.Fatalf("a day of minutes met %d half-hours, want 48", due)
	}
	if !s.Due(at, at.Add(72*time.Hour)) {
		t.Fatal("after three days without a step the edge is due")
	}
}

func TestNightlyJobInLocalTimeAcrossClockChange(t *testing.T) {
	s, err := Parse("15 3 * * *", zone(t, "Europe/London"))
	if err != nil {
		t.Fatal(err)
	}
	got := s.Next(time.Date(2026, 3, 28, 12, 0, 0, 0, time.UTC)) // clocks go forward on the 29th at 01:00 UTC
	if want := time.Date(2026, 3, 29, 2, 15, 0, 0, time.UTC); !got.Equal(want) {
		t.Fatalf("got %v, want %v", got, want)
	}
}

func TestBadExpressionIsNamed(t *testing.T) {
	if _, err := Parse("61 * * * *", time.UTC); err == nil {
		t.Fatal("minute 61 was taken")
	}
}

func TestWakerWakesAtEachEdgeAndStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Parse("*/15 * * * *", time.UTC)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var woken []time.Time
		done := make(chan error)
		go func() {
			done <- Waker(ctx, slog.New(slog.DiscardHandler), func() { woken = append(woken, time.Now()) }, s)
		}()
		time.Sleep(61 * time.Minute)
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
		if len(woken) != 4 {
			t.Fatalf("woken %d times in 61 minutes, want 4: %v", len(woken), woken)
		}
		for _, at := range woken {
			if at.Minute()%15 != 0 || at.Second() != 0 {
				t.Errorf("woken at %v", at)
			}
		}
	})
}
