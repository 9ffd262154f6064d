package loads

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
)

// Setpoint is what a switch is told to do.  Its zero value is off, and where On is
// false the rest says nothing.  Two set-points are the same where == says so.
//
// What a switch can be told is its Capability.
type Setpoint struct {
	On bool
	// Power is what shall be drawn, or given where it is below zero (a battery
	// that discharges, an inverter that is held down); 0 leaves it to the device.
	// It is a bound: the device may do less.
	Power units.Power
	// Mode is one of the device's ways to run ("boost", "ordered"); "" leaves it to
	// the device.
	Mode string
}

// String is the text form: off, on, on 2300 W, on -1500 W, on boost, on 2300 W
// boost.  ParseSetpoint reads it back.
func (s Setpoint) String() string {
	if !s.On {
		return "off"
	}
	out := "on"
	if s.Power != 0 {
		out += " " + watts(s.Power)
	}
	if s.Mode != "" {
		out += " " + s.Mode
	}
	return out
}

// watts is p in watts with all its decimals.
func watts(p units.Power) string {
	text, neg := strings.CutPrefix(strconv.FormatInt(int64(p), 10), "-")
	if pad := 4 - len(text); pad > 0 {
		text = strings.Repeat("0", pad) + text
	}
	at := len(text) - 3
	text = text[:at] + strings.TrimRight("."+strings.TrimRight(text[at:], "0"), ".")
	if neg {
		text = "-" + text
	}
	return text + " W"
}

var modeName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}$`)

// ParseSetpoint reads the text form.
func ParseSetpoint(text string) (Setpoint, error) {
	bad := func() (Setpoint, error) {
		return Setpoint{}, fmt.Errorf("%q is not a set-point; write off, on, on 2300 W, on -1500 W (given), on boost or on 2300 W boost", text)
	}
	words := strings.Fields(text)
	switch {
	case len(words) == 1 && words[0] == "off":
		return Setpoint{}, nil
	case len(words) == 0 || words[0] != "on":
		return bad()
	}
	s, rest := Setpoint{On: true}, words[1:]
	if len(rest) >= 2 && !modeName.MatchString(rest[0]) {
		p, err := units.ParsePower(rest[0] + " " + rest[1])
		if err != nil || p == 0 {
			return bad()
		}
		s.Power, rest = p, rest[2:]
	}
	if len(rest) == 1 && modeName.MatchString(rest[0]) {
		s.Mode, rest = rest[0], nil
	}
	if len(rest) > 0 {
		return bad()
	}
	return s, nil
}

// MarshalJSON writes true and false for plain on and off, as they were stored
// before there was more to say, and the text form for the rest.
func (s Setpoint) MarshalJSON() ([]byte, error) {
	if s.plain() {
		return strconv.AppendBool(nil, s.On), nil
	}
	if err := s.writable(); err != nil {
		return nil, err
	}
	return json.Marshal(s.String())
}

// UnmarshalJSON reads what MarshalJSON writes.
func (s *Setpoint) UnmarshalJSON(data []byte) error {
	switch text := string(data); text {
	case "true", "false":
		*s = Setpoint{On: text == "true"}
		return nil
	}
	var text string
	if err := json.Unmarshal(data, &text); err != nil || text == "" {
		return fmt.Errorf("a set-point is true, false or a text such as \"on 2300 W\", not %.40s", data)
	}
	read, err := ParseSetpoint(text)
	if err == nil {
		*s = read
	}
	return err
}

// plain tells whether there is nothing to say but on or off.
func (s Setpoint) plain() bool { return !s.On || s == Setpoint{On: true} }

// writable is nil where the text form reads back.
func (s Setpoint) writable() error {
	if s.plain() {
		return nil
	}
	_, err := ParseSetpoint(s.String())
	return err
}

// Storable is f without set-points and modes that could not be written: a device
// that makes up a name must not keep the records from being stored.
func (f Fact) Storable() Fact {
	if f.Set.writable() != nil {
		f.Set, f.HasSet = Setpoint{}, false
	}
	bad := func(mode string) bool { return !modeName.MatchString(mode) }
	if slices.ContainsFunc(f.Takes.Modes, bad) {
		f.Takes.Modes = slices.DeleteFunc(slices.Clone(f.Takes.Modes), bad)
	}
	return f
}
