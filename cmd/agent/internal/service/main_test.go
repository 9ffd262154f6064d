package service

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
)

// The key and starting code of the published OpenPAYGO example.
const (
	trialKey   = "bc41ec9530f6dac86b1a29ab82edc5fb"
	trialStart = 516959010
)

// TestMain lets this test binary be a part of the agent in a process of its own.
func TestMain(m *testing.M) {
	if file := os.Getenv(faultyPlanner); file != "" && len(os.Args) == 3 {
		planWithFaults(file)
	}
	if dir := os.Getenv(chipVictim); dir != "" {
		meterWithChip(dir)
	}
	os.Exit(m.Run())
}

// loaded reads a configuration that is right.
func loaded(name string) (config.Config, error) {
	cfg, faults := config.Load(name, config.FromSystem(), drivers.All())
	return cfg, append(faults, Faults(cfg, faults)...).Err()
}

// fatal ends a process that is not a test.
type fatal struct{}

func (fatal) Fatal(why ...any) {
	fmt.Println(append([]any{"error"}, why...)...)
	os.Exit(1)
}

// simulated is a service in front of a simulated house, with its loop running.
func simulated(t *testing.T) *Service {
	t.Helper()
	text := `
site: {id: home, meter: "1", zone: Africa/Johannesburg}
meter: {driver: house}
simulation: {step: 1m, seed: 3, per_day: 8 kWh}
tariff: {document: {name: flat, currency: ZAR, zone: Africa/Johannesburg, versions: [{energy: [{name: energy, price: 2.50}]}]}}
tokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money}}
web: {listen: "127.0.0.1:0"}
`
	cfg, faults := config.Parse([]byte(text), ".", config.Secrets{Getenv: func(string) string { return trialKey }, ReadFile: os.ReadFile}, drivers.All())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	cfg.Data = t.TempDir()
	s, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.WithoutCancel(t.Context()))
	done := make(chan error, 1)
	go func() { done <- s.loop.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}
