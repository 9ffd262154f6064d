package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/p1"
)

// decodeCmd shows what keeplit reads out of a meter's recorded output.
type decodeCmd struct {
	Format string `arg:"" enum:"${formats}" help:"${formats_are}"`
	File   string `arg:"" optional:"" default:"-" help:"File with the recording; - is standard input."`

	Key               string `placeholder:"FILE" help:"File with the meter's encryption key, where what it sends is encrypted."`
	AuthenticationKey string `placeholder:"FILE" help:"File with the authentication key; without it nothing proves what the meter says."`
	Zone              string `placeholder:"ZONE" help:"Zone of a p1 meter's clock where that is not Central European Time, such as Europe/Helsinki."`
}

// maxRecording is the most that is read of a recording.
const maxRecording = 256 << 20

// decodedFile is what is printed.
type decodedFile struct {
	Format   string           `json:"format"`
	Valid    bool             `json:"valid"`
	Readings []decodedReading `json:"readings"`
	Faults   []string         `json:"faults"`
}

type decodedReading struct {
	Time        string                `json:"time,omitempty"`
	MeterID     string                `json:"meter_id,omitempty"`
	ImportKWh   *float64              `json:"import_kwh,omitempty"`
	ExportKWh   *float64              `json:"export_kwh,omitempty"`
	PowerW      *float64              `json:"power_w,omitempty"`
	FrequencyHz *float64              `json:"frequency_hz,omitempty"`
	Phases      []decodedPhase        `json:"phases"`
	Raw         map[string]decodedRaw `json:"raw"`
}

type decodedPhase struct {
	VoltageV *float64 `json:"voltage_v,omitempty"`
	CurrentA *float64 `json:"current_a,omitempty"`
	PowerW   *float64 `json:"power_w,omitempty"`
}

type decodedRaw struct {
	Value any    `json:"value"`
	Unit  string `json:"unit,omitempty"`
}

// Run implements the command.
func (c *decodeCmd) Run(e *env) error {
	data, err := readInput(e, c.File)
	if err != nil {
		return err
	}
	keys, err := c.keys()
	if err != nil {
		return err
	}
	zone := time.UTC
	if c.Zone != "" {
		if zone, err = time.LoadLocation(c.Zone); err != nil || c.Format != "p1" {
			return fmt.Errorf("--zone %s: it is for p1, and a zone such as Europe/Helsinki", c.Zone)
		}
	}
	telegrams, errs := decodeAs(c.Format, data, keys)
	out := decodedFile{Format: c.Format, Readings: []decodedReading{}, Faults: []string{}}
	for _, t := range telegrams {
		if c.Zone != "" {
			t.Time = p1.InZone(t.Time, zone)
		}
		out.Readings = append(out.Readings, decodedOf(t))
	}
	// A frame that the recording cut at its edge is nothing wrong with the
	// meter; a frame that was whole and wrong is.
	out.Valid = len(telegrams) > 0
	for _, err := range errs {
		out.Faults = append(out.Faults, err.Error())
		out.Valid = out.Valid && metering.CodeOf(err) == metering.Short
	}
	if len(telegrams) == 0 && len(errs) == 0 {
		out.Faults = append(out.Faults, fmt.Sprintf("no reading was found in %d bytes; check that the format is %s", len(data), c.Format))
	}
	enc := json.NewEncoder(e.Stdout)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(out); err != nil {
		return err
	}
	if !out.Valid {
		return &exitError{Code: exitInvalid}
	}
	return nil
}

// readInput reads a file, or standard input for "-".
func readInput(e *env, name string) ([]byte, error) {
	in := e.Stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // it was only read
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxRecording+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) > maxRecording {
		return nil, fmt.Errorf("%s is longer than %d MB; cut the recording", name, maxRecording>>20)
	}
	return data, nil
}

// recordingForms are the forms in which the drivers' meters are recorded.
func recordingForms() []metering.Recording {
	var out []metering.Recording
	for _, d := range drivers.All().Meters {
		out = append(out, d.Recordings...)
	}
	return out
}

// decodeWords are what the command line says of the formats.
func decodeWords() map[string]string {
	var names, help []string
	for _, r := range recordingForms() {
		names = append(names, r.Format)
		if r.About != "" {
			r.Format += " (" + r.About + ")"
		}
		help = append(help, r.Format)
	}
	last := len(help) - 1
	return map[string]string{"formats": strings.Join(names, ","), "formats_are": strings.Join(help[:last], ", ") + " or " + help[last] + "."}
}

// meterKeys are a meter's keys as their files have them; empty are none.
type meterKeys struct{ encryption, authentication string }

func (c *decodeCmd) keys() (k meterKeys, err error) {
	read := func(file string) string {
		if file == "" || err != nil {
			return ""
		}
		var text []byte
		text, err = os.ReadFile(file)
		return string(text)
	}
	k = meterKeys{read(c.Key), read(c.AuthenticationKey)}
	return k, err
}

func decodeAs(format string, data []byte, keys meterKeys) ([]metering.Telegram, []error) {
	for _, r := range recordingForms() {
		switch {
		case r.Format != format:
		case keys == meterKeys{}:
			return r.Decode(data)
		case r.Keyed == nil:
			return nil, []error{fmt.Errorf("%s is never encrypted; leave the key out", format)}
		default:
			return r.Keyed(data, keys.encryption, keys.authentication)
		}
	}
	return nil, []error{errors.New("unknown format " + format)}
}

func decodedOf(t metering.Telegram) decodedReading {
	s := t.Sample
	r := decodedReading{MeterID: t.Meter, Phases: []decodedPhase{}, Raw: map[string]decodedRaw{}}
	if !t.Time.IsZero() {
		r.Time = t.Time.UTC().Format(time.RFC3339)
	}
	given := func(has metering.Fields, f metering.Fields, v float64) *float64 {
		if has&f == 0 {
			return nil
		}
		return &v
	}
	r.ImportKWh = given(s.Has, metering.HasImport, s.Import.KWh())
	r.ExportKWh = given(s.Has, metering.HasExport, s.Export.KWh())
	r.PowerW = given(s.Has, metering.HasPower, s.Power.W())
	r.FrequencyHz = given(s.Has, metering.HasFrequency, milli(int64(s.Frequency)))
	for _, p := range s.Phases {
		r.Phases = append(r.Phases, decodedPhase{
			VoltageV: given(p.Has, metering.HasVoltage, milli(int64(p.Voltage))),
			CurrentA: given(p.Has, metering.HasCurrent, milli(int64(p.Current))),
			PowerW:   given(p.Has, metering.HasPower, p.Power.W()),
		})
	}
	for _, v := range t.Raw {
		raw := decodedRaw{Value: v.Value, Unit: v.Unit}
		if n, err := strconv.ParseFloat(v.Value, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) && (v.Unit != "" || canonical(v.Value)) {
			raw.Value = n
		}
		r.Raw[v.Name] = raw
	}
	return r
}

// canonical tells whether a value without a unit is a plain number, and not a
// code that happens to be of digits ("0002").
func canonical(s string) bool {
	n, err := units.ParseDecimal(s, 9)
	return err == nil && (len(s) < 2 || s[0] != '0' || s[1] == '.') && (n != 0 || s == "0" || s[0] == '0') && len(s) < 10
}

func milli(v int64) float64 { return float64(v) / 1000 }
