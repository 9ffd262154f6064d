package drivers

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Names are what people write: each must be one driver, and no other key.
func TestEveryDriverOfTheListHasANameOfItsOwnAndSettings(t *testing.T) {
	all := All()
	seen := map[string]bool{"every": true, "max_power": true, "max_gap": true, "cover": true, "magnet": true, "driver": true}
	for _, m := range all.Meters {
		if m.Name == "" || seen[m.Name] || m.New() == nil || m.New() == m.New() && m.New().Needs() != metering.NeedsSimulation {
			t.Errorf("meter driver %q: no name of its own, or no settings of its own", m.Name)
		}
		seen[m.Name] = true
		if m.New().Needs() == metering.NeedsSimulation {
			continue
		}
		if l := m.New().Check(); len(l) == 0 {
			t.Errorf("%s: settings without anything in them are called good", m.Name)
		}
	}
	seen = map[string]bool{loads.DriverNone: true, "driver": true}
	for _, s := range all.Switches {
		if s.Name == "" || seen[s.Name] || s.New() == nil {
			t.Errorf("switch driver %q: no name of its own, or no settings", s.Name)
		}
		seen[s.Name] = true
		traits := s.New().Traits()
		if traits.DeadMan != nil && !traits.Renewable {
			t.Errorf("%s: a dead man that is nowhere", s.Name)
		}
		if traits.Remote == (traits.Needs&(loads.NeedsMachine|loads.NeedsSimulation) != 0) {
			t.Errorf("%s: it hangs on this machine and on a network, or on neither: %+v", s.Name, traits)
		}
	}
	if _, err := config.Schema(all); err != nil {
		t.Error(err)
	}
}

// The board is what drivers are given of the machine.
var (
	_ metering.Machine = (*board.Machine)(nil)
	_ loads.Machine    = (*board.Machine)(nil)
	_ loads.Pins       = (*board.Board)(nil)
)

func TestPulsesSayWhichLineIsMissing(t *testing.T) {
	for _, m := range All().Meters {
		if m.Name != "pulse" {
			continue
		}
		cfg, _ := config.Parse([]byte(`meter: {driver: pulse, pulse: {pin: GPIO9999, pulses_per_kwh: 1000}}`), ".", config.FromSystem(), All())
		hardware := &board.Machine{Log: slog.New(slog.DiscardHandler)}
		_, err := cfg.Meter.Settings.Open(metering.Env{Now: time.Now, Machine: hardware})
		if err == nil || !strings.Contains(err.Error(), "GPIO9999") || !strings.Contains(err.Error(), "agent probe") {
			t.Error(err)
		}
		return
	}
	t.Error("there is no driver pulse")
}
