package service

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/store"
)

// What is told from beside (the ledger is sound, a link is there) must not move the
// first entry of a simulated run: two runs of the same inputs have the same ledger.
func TestASimulatedRunBeginsAtItsFirstInstantWhateverIsToldFromBeside(t *testing.T) {
	const text = `
site: {id: home, meter: "1", zone: Africa/Johannesburg}
meter: {driver: house}
supply: {switch: {driver: house}}
simulation: {step: 1m, seed: 3, per_day: 8 kWh, start: 2026-03-20T00:00:00Z, end: 2026-03-20T00:05:00Z}
tariff: {document: {name: flat, currency: ZAR, zone: Africa/Johannesburg, versions: [{energy: [{name: energy, price: 2.50}]}]}}
credit: {opening: 10}
tokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money}}
web: {listen: "127.0.0.1:0"}
`
	for range 4 {
		cfg, faults := config.Parse([]byte(text), ".", config.Secrets{Getenv: func(string) string { return trialKey }, ReadFile: os.ReadFile}, drivers.All())
		if len(faults) > 0 {
			t.Fatal(faults)
		}
		cfg.Data = t.TempDir()
		s, err := New(t.Context(), cfg, Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		st, err := store.Open(t.Context(), cfg.Data, store.Options{ReadOnly: true})
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for e, err := range st.Ledger(t.Context(), 1) {
			if err != nil {
				t.Fatal(err)
			}
			if n++; e.Name == "connected" && !e.At.Equal(time.Date(2026, 3, 20, 0, 0, 0, 0, time.UTC)) {
				t.Errorf("the supply is connected at %s", e.At)
			}
		}
		if err := st.Close(); err != nil || n < 2 {
			t.Fatalf("%d entries, %v", n, err)
		}
	}
}
