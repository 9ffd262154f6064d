package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering/waveform"
)

// calibrateCmd finds a converter's constants from a recording and what a
// trusted instrument showed meanwhile.
type calibrateCmd struct {
	Rate             float64       `default:"4007" help:"Samples per second of the recording; best a multiple of neither 50 nor 60, behind an input filter."`
	VScale           float64       `name:"v-scale" required:"" help:"Volts a code, by the divider's figures."`
	IScale           float64       `name:"i-scale" required:"" help:"Amperes a code, by the transformer's figures."`
	Skew             time.Duration `default:"0s" help:"How much later the current is sampled than the voltage."`
	Bits             int           `default:"24" help:"Resolution of the converter."`
	ReferenceVoltage float64       `required:"" help:"Volts that the instrument showed."`
	ReferenceCurrent float64       `required:"" help:"Amperes that it showed."`
	ReferencePower   float64       `required:"" help:"Watts that it showed; best at a power factor of about 0.5."`
	Leading          bool          `help:"The load was capacitive."`
	NoLoad           string        `type:"path" help:"A recording with the voltage on and no current, for noise and offset."`
	By               string        `help:"Who calibrates, for the record."`
	Device           string        `help:"Serial number of the board, for the record."`
	Key              string        `required:"" type:"path" help:"Key that signs the constants; made where the file does not exist."`
	Former           string        `type:"path" help:"Calibration that this one replaces; constants of other phases are kept."`
	Phase            int           `default:"1" help:"Which phase is calibrated, 1 to 3: the others are those of --former. A recording of several phases has it in its own columns."`
	Out              string        `required:"" type:"path" help:"File to write."`
	File             string        `arg:"" optional:"" default:"-" help:"CSV with the columns v,i in codes, or of several phases v1,i1,v2,i2,v3,i3; - is standard input."`
}

// calibrationShown is what is printed: the error before and after.
type calibrationShown struct {
	File         string           `json:"file"`
	Signature    string           `json:"signature"`
	Constants    waveform.Channel `json:"constants"`
	VoltageError float64          `json:"voltage_error_percent"` // before
	CurrentError float64          `json:"current_error_percent"`
	PowerError   float64          `json:"power_error_percent"`
	Residual     float64          `json:"power_error_after_percent"`
}

// Run implements the command.
func (c *calibrateCmd) Run(e *env) error {
	key, err := signingKey(c.Key)
	if err != nil {
		return err
	}
	data, err := readInput(e, c.File)
	if err != nil {
		return err
	}
	ch := waveform.Channel{VoltsPerCode: c.VScale, AmpsPerCode: c.IScale}
	if c.NoLoad != "" {
		idle, err := readInput(e, c.NoLoad)
		if err != nil {
			return err
		}
		p, err := c.measure(string(idle), ch)
		if err != nil {
			return fmt.Errorf("%s: %w", c.NoLoad, err)
		}
		// What is left of the current without a load is noise of the input.
		ch.CurrentNoise = p.Irms / c.IScale
	}
	ref := waveform.Reference{Voltage: c.ReferenceVoltage, Current: c.ReferenceCurrent, Power: c.ReferencePower, Leading: c.Leading}
	before, err := c.measure(string(data), ch)
	if err != nil {
		return err
	}
	fixed, err := waveform.Correct(ch, before, ref)
	if err != nil {
		return &exitError{Code: exitInvalid, Err: err}
	}
	if c.NoLoad != "" {
		idle, err := readInput(e, c.NoLoad)
		if err != nil {
			return err
		}
		p, err := c.measure(string(idle), fixed)
		if err != nil {
			return fmt.Errorf("%s: %w", c.NoLoad, err)
		}
		fixed.PowerOffset = p.P
	}
	after, err := c.measure(string(data), fixed)
	if err != nil {
		return err
	}
	record := waveform.Calibration{Time: time.Now().UTC().Truncate(time.Second), By: c.By, Device: c.Device, Rate: c.Rate}
	var former waveform.Calibration
	if c.Former != "" {
		if former, record.Former, err = formerCalibration(c.Former); err != nil {
			return err
		}
	}
	if err := c.join(&record, former, fixed, ref); err != nil {
		return &exitError{Code: exitUsage, Err: err}
	}
	file, err := waveform.Sign(record, key)
	if err != nil {
		return err
	}
	if err := os.WriteFile(c.Out, file, 0o644); err != nil { //nolint:gosec // constants are no secret
		return err
	}
	_, _, signature, err := waveform.Verify(file)
	if err != nil {
		return err
	}
	percent := func(got, want float64) float64 {
		if want == 0 {
			return 0
		}
		return 100 * (got/want - 1)
	}
	return json.NewEncoder(e.Stdout).Encode(calibrationShown{
		File: c.Out, Signature: signature, Constants: fixed,
		VoltageError: percent(before.Urms, ref.Voltage), CurrentError: percent(before.Irms, ref.Current),
		PowerError: percent(before.P, ref.Power), Residual: percent(after.P, ref.Power),
	})
}

// measure is the mean of what a recording shows with given constants.
func (c *calibrateCmd) measure(text string, ch waveform.Channel) (waveform.Phase, error) {
	var mean waveform.Phase
	var measured float64
	samples, err := openRecording(strings.NewReader(text), c.Bits)
	if err != nil {
		return mean, err
	}
	cfg := waveform.Config{Rate: c.Rate, Skew: c.Skew, NoLoad: -1, Channels: []waveform.Channel{ch}}
	samples.shift(&cfg)
	engine, err := waveform.New(cfg, func(w *waveform.Window) {
		p := w.Phases[0]
		mean.Urms += p.Urms * w.Samples
		mean.Irms += p.Irms * w.Samples
		mean.P += p.P * w.Samples
		mean.Q += p.Q * w.Samples
		measured += w.Samples
	}, nil)
	if err != nil {
		return mean, &exitError{Code: exitUsage, Err: err}
	}
	phase := 0
	if samples.phases() > 1 {
		if phase = c.Phase - 1; phase < 0 || phase >= samples.phases() {
			return mean, &exitError{Code: exitUsage, Err: fmt.Errorf("--phase %d: the recording has %d phases", c.Phase, samples.phases())}
		}
	}
	if err := samples.only(engine, phase); err != nil {
		return mean, err
	}
	engine.Flush()
	if engine.LostSamples() > 0 {
		return mean, &exitError{Code: exitInvalid, Err: fmt.Errorf("%d samples are lost; record again", engine.LostSamples())}
	}
	if measured < c.Rate {
		return mean, &exitError{Code: exitInvalid, Err: errors.New("the recording is shorter than a second; record ten")}
	}
	mean.Urms /= measured
	mean.Irms /= measured
	mean.P /= measured
	mean.Q /= measured
	return mean, nil
}

// signingKey reads a key, or makes one where the file does not exist.
func signingKey(name string) (ed25519.PrivateKey, error) {
	text, err := os.ReadFile(name)
	if errors.Is(err, os.ErrNotExist) {
		seed := make([]byte, ed25519.SeedSize)
		if _, err := rand.Read(seed); err != nil {
			return nil, err
		}
		if err := os.WriteFile(name, []byte(hex.EncodeToString(seed)+"\n"), 0o600); err != nil {
			return nil, err
		}
		return ed25519.NewKeyFromSeed(seed), nil
	}
	if err != nil {
		return nil, err
	}
	seed, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(seed) != ed25519.SeedSize {
		return nil, &exitError{Code: exitInvalid, Err: fmt.Errorf("%s is not a key of 64 hexadecimal digits; name a file that does not exist to have one made", name)}
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// join puts the phase that was calibrated beside those that were before.
func (c *calibrateCmd) join(to *waveform.Calibration, former waveform.Calibration, ch waveform.Channel, ref waveform.Reference) error {
	most := len(former.Channels) + 1
	if c.Phase < 1 || c.Phase > min(3, most) {
		return fmt.Errorf("--phase %d: phases are calibrated one after the other, the next is %d; name the file of those before with --former", c.Phase, min(3, most))
	}
	if c.Phase > 1 && former.Rate != c.Rate {
		return fmt.Errorf("%s was made at %v samples a second and this recording at %v; all phases need the same", c.Former, former.Rate, c.Rate)
	}
	if former.Rate == c.Rate {
		to.Channels, to.Reference = former.Channels, former.Reference
	}
	at := c.Phase - 1
	if at == len(to.Channels) {
		to.Channels = append(to.Channels, ch)
	}
	for len(to.Reference) < len(to.Channels) {
		to.Reference = append(to.Reference, ref)
	}
	to.Channels[at], to.Reference[at] = ch, ref
	return nil
}

func formerCalibration(name string) (c waveform.Calibration, signature string, err error) {
	file, err := os.ReadFile(name)
	if err != nil {
		return c, "", err
	}
	c, _, signature, err = waveform.Verify(file)
	if err != nil {
		return c, "", &exitError{Code: exitInvalid, Err: fmt.Errorf("%s: %w", name, err)}
	}
	return c, signature, nil
}
