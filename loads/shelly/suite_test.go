package shelly

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads/loadstest"
)

func TestConformance(t *testing.T) {
	const (
		stale   = 600 * time.Millisecond
		deadMan = 500 * time.Millisecond
	)
	loadstest.Run(t, func(t *testing.T) loadstest.Target {
		broker := loadstest.NewBroker(t)
		bus := broker.Bus(t)
		device := loadstest.NewShelly(t, broker, bus, "shelly/plug")
		s, err := New(bus, Config{Topic: "shelly/plug", DeadMan: deadMan, Stale: stale, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- s.Run(ctx) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Errorf("run: %v", err)
			}
		})
		return loadstest.Target{
			Switch: s, Device: device, Stale: stale, DeadMan: deadMan,
			Faults: []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Garbled, loadstest.DropsOut, loadstest.Refuses},
		}
	})
}
