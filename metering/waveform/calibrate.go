package waveform

import (
	"bytes"
	"crypto/ed25519"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"time"
)

// Reference is what a trusted instrument showed while the samples were taken.
type Reference struct {
	Voltage float64 `json:"voltage_v"`
	Current float64 `json:"current_a"`
	// Power is the active power, in watts.  For the phase to be found the load
	// should have a power factor of about 0.5: at 1 a phase error hardly shows.
	Power float64 `json:"power_w"`
	// Leading says that the load is capacitive.
	Leading bool `json:"leading,omitempty"`
}

// Correct answers the constants with which the engine, that showed p with the
// constants ch, would have shown ref.
func Correct(ch Channel, p Phase, ref Reference) (Channel, error) {
	if !(ref.Voltage > 0 && ref.Current > 0) {
		return ch, fmt.Errorf("a reference of %v V and %v A: both must be positive", ref.Voltage, ref.Current)
	}
	pf := math.Abs(ref.Power) / (ref.Voltage * ref.Current)
	if pf > 1.002 {
		return ch, fmt.Errorf("a reference of %v W is more than %v V times %v A", ref.Power, ref.Voltage, ref.Current)
	}
	if p.Urms <= 0 || p.Irms <= 0 {
		return ch, errors.New("the samples show no voltage or no current")
	}
	gainU, gainI := ref.Voltage/p.Urms, ref.Current/p.Irms
	for name, g := range map[string]float64{"voltage": gainU, "current": gainI} {
		if g < 0.5 || g > 2 {
			return ch, fmt.Errorf("the %s would have to be multiplied by %.3f; give --v-scale and --i-scale of the divider and the transformer first", name, g)
		}
	}
	want := math.Acos(min(1, pf))
	if ref.Leading {
		want = -want
	}
	got := math.Atan2(p.Q, p.P)
	if (p.P < 0) != (ref.Power < 0) {
		// The transformer is the wrong way round.
		gainI = -gainI
		got = math.Atan2(-p.Q, -p.P)
	}
	if ref.Power < 0 {
		got = math.Atan2(-p.Q, -p.P) // turned into the same half as want
		if gainI < 0 {
			got = math.Atan2(p.Q, p.P)
		}
	}
	late := got - want
	if math.Abs(late) > 0.2 {
		return ch, fmt.Errorf("the current would have to be turned by %.1f degrees: voltage and current may be of different phases, or the load is leading", late*180/math.Pi)
	}
	ch.VoltsPerCode *= gainU
	ch.AmpsPerCode *= gainI
	ch.PhaseError += late
	return ch, nil
}

// Calibration is the constants of a converter and how they came about.  It is
// signed, so that a meter's constants cannot be changed without a trace.
type Calibration struct {
	Time      time.Time   `json:"time"`
	By        string      `json:"by,omitempty"`     // who did it
	Device    string      `json:"device,omitempty"` // the board's serial number
	Rate      float64     `json:"rate"`
	Channels  []Channel   `json:"channels"`
	Reference []Reference `json:"reference"`
	// Former is the signature of the calibration that this one replaces.
	Former string `json:"former,omitempty"`
}

// signed is the file.
type signed struct {
	Calibration json.RawMessage `json:"calibration"`
	Key         string          `json:"key"`       // Ed25519 public key
	Signature   string          `json:"signature"` // of the calibration as it stands in the file, without blanks
}

// Sign writes a calibration as a signed file.
func Sign(c Calibration, key ed25519.PrivateKey) ([]byte, error) {
	body, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	public, ok := key.Public().(ed25519.PublicKey)
	if !ok {
		return nil, errors.New("no public key")
	}
	out, err := json.MarshalIndent(signed{Calibration: body, Key: hex.EncodeToString(public), Signature: hex.EncodeToString(ed25519.Sign(key, body))}, "", "  ")
	return append(out, '\n'), err
}

// Verify reads a signed file.  It answers also the key it was signed with,
// which the caller must know, and the signature, for the event log.
func Verify(file []byte) (c Calibration, key ed25519.PublicKey, signature string, err error) {
	var s signed
	dec := json.NewDecoder(bytes.NewReader(file))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&s); err != nil {
		return c, nil, "", fmt.Errorf("calibration file: %w", err)
	}
	key, err = hex.DecodeString(s.Key)
	if err != nil || len(key) != ed25519.PublicKeySize {
		return c, nil, "", errors.New("calibration file: the key is not one; calibrate again")
	}
	sig, err := hex.DecodeString(s.Signature)
	if err != nil {
		return c, nil, "", errors.New("calibration file: the signature is not one; calibrate again")
	}
	var body bytes.Buffer
	if err := json.Compact(&body, s.Calibration); err != nil {
		return c, nil, "", fmt.Errorf("calibration file: %w", err)
	}
	if !ed25519.Verify(key, body.Bytes(), sig) {
		return c, nil, "", errors.New("calibration file: it was changed after it was signed; calibrate again")
	}
	if err := json.Unmarshal(body.Bytes(), &c); err != nil {
		return c, nil, "", fmt.Errorf("calibration file: %w", err)
	}
	return c, key, s.Signature, nil
}
