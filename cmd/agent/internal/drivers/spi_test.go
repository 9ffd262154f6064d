package drivers

import (
	"crypto/ed25519"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/adc"
	"github.com/keeplit/keeplit/metering/atm90e32"
	"github.com/keeplit/keeplit/metering/waveform"
)

// calibrationFile is a signed one for a rate.
func calibrationFile(t *testing.T, dir string, rate float64, channels int) string {
	t.Helper()
	c := waveform.Calibration{Time: time.Date(2026, 11, 1, 8, 0, 0, 0, time.UTC), By: "fitter", Rate: rate}
	for range channels {
		c.Channels = append(c.Channels, waveform.Channel{VoltsPerCode: 0.0001, AmpsPerCode: 0.00001})
	}
	file, err := waveform.Sign(c, ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "constants.json")
	if err := os.WriteFile(name, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A meter that cannot be built says which setting it is about, and what to do.
func TestMetersOnSPISayWhatIsMissing(t *testing.T) {
	for _, row := range []struct {
		name     string
		rate     float64 // of the calibration; 0: there is none
		channels int
		damaged  bool
		doc      adc.Document
		says     []string
	}{
		{"no calibration", 0, 0, false, adc.Document{Chip: "mcp3208"}, []string{"meter.adc.calibration", "agent calibrate"}},
		{"a calibration that was changed", 4000, 1, true, adc.Document{Chip: "mcp3208"}, []string{"meter.adc.calibration", "calibrate again"}},
		{"a calibration without channels", 4000, 0, false, adc.Document{Chip: "mcp3208"}, []string{"no channel", "calibrate again"}},
		{"another rate", 2000, 1, false, adc.Document{Chip: "mcp3208", Rate: 4000}, []string{"2000", "4000", "meter.adc.rate"}},
		{"no data-ready line", 4000, 1, false, adc.Document{Chip: "ads131m04"}, []string{"meter.adc.ready", "GPIO"}},
		{"no such bus", 4000, 1, false, adc.Document{Chip: "mcp3208"}, []string{"meter.adc.bus", "SPI99.0", "agent probe", "group spi"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			name := filepath.Join(t.TempDir(), "none.json")
			if row.rate != 0 {
				name = calibrationFile(t, t.TempDir(), row.rate, row.channels)
			}
			if row.damaged {
				file, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(strings.Replace(string(file), "0.0001", "0.0002", 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			row.doc.Bus, row.doc.Calibration = "SPI99.0", name
			meterSays(t, &row.doc, row.says)
		})
	}
	t.Run("an energy chip without its bus", func(t *testing.T) {
		meterSays(t, &atm90e32.Document{Bus: "SPI99.0", VoltageGain: 1, CurrentGain: 1},
			[]string{"meter.atm90e32.bus", "SPI99.0", "agent probe"})
	})
}

func meterSays(t *testing.T, d metering.Settings, says []string) {
	t.Helper()
	hardware := &board.Machine{Log: slog.New(slog.DiscardHandler)}
	defer func() { _ = hardware.Close() }()
	_, err := d.Open(metering.Env{Machine: hardware, Path: func(name string) string { return name }})
	if err == nil {
		t.Fatal("it was built")
	}
	for _, w := range says {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

// The constants in force have a name of their own, so that a change can be recorded.
func TestConstantsOfAConverterAreNamedByTheirSignature(t *testing.T) {
	name := calibrationFile(t, t.TempDir(), 4000, 1)
	file, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	_, _, want, err := waveform.Verify(file)
	if err != nil {
		t.Fatal(err)
	}
	d := adc.Document{Chip: "mcp3208", Bus: "SPI99.0", Calibration: name}
	got, err := d.Constants(metering.Env{Path: func(name string) string { return name }})
	if err != nil || got.Signature != want || got.By != "fitter" {
		t.Errorf("%+v %v", got, err)
	}
}
