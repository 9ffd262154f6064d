package loads

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/units"
)

func TestASetpointIsReadAsItIsWritten(t *testing.T) {
	for _, tc := range []struct {
		situation, text string
		want            Setpoint
	}{
		{"off", "off", Setpoint{}},
		{"on, as the device likes", "on", Setpoint{On: true}},
		{"ten amperes", "on 2300 W", Setpoint{On: true, Power: 2300 * units.Watt}},
		{"discharge", "on -1500 W", Setpoint{On: true, Power: -1500 * units.Watt}},
		{"less than a watt", "on -0.5 W", Setpoint{On: true, Power: -500}},
		{"to the milliwatt", "on 7360.001 W", Setpoint{On: true, Power: 7_360_001}},
		{"a mode of a heat pump", "on ordered", Setpoint{On: true, Mode: "ordered"}},
		{"both", "on 2300 W boost", Setpoint{On: true, Power: 2300 * units.Watt, Mode: "boost"}},
	} {
		t.Run(tc.situation, func(t *testing.T) {
			got, err := ParseSetpoint(tc.text)
			if err != nil || got != tc.want || got.String() != tc.text {
				t.Errorf("%q reads as %+v, which is written %q: %v", tc.text, got, got, err)
			}
		})
	}
	for situation, text := range map[string]string{
		"nothing": "", "another word": "maybe", "off with a power": "off 5 W", "no unit": "on 2300", "a power of nothing": "on 0 W",
		"an energy": "on 3 kWh", "amperes": "on 10 A", "a mode with capitals": "on Boost", "two modes": "on boost eco", "a mode before the power": "on boost 5 W",
		"too fine": "on 1.0001 W", "on twice": "on on on", "an endless mode": "on " + strings.Repeat("m", 33),
	} {
		if got, err := ParseSetpoint(text); err == nil || !strings.Contains(err.Error(), "write off, on") {
			t.Errorf("%s: %q was read as %v, error %v", situation, text, got, err)
		}
	}
	if got, err := ParseSetpoint(" on  1.5 kW "); err != nil || got.Power != 1500*units.Watt {
		t.Errorf("kilowatts: %v, %v", got, err)
	}
}

func TestTheJSONOfASetpointReadsTheOldFormWhichWasABool(t *testing.T) {
	type stored struct {
		On   Setpoint `json:"on"`
		Told Setpoint `json:"told,omitzero"`
	}
	for _, doc := range []string{
		`{"on":false}`, `{"on":true,"told":true}`, `{"on":"on 2300 W","told":"on boost"}`,
	} {
		var s stored
		if err := json.Unmarshal([]byte(doc), &s); err != nil {
			t.Fatal(err)
		}
		if again, err := json.Marshal(s); err != nil || string(again) != doc {
			t.Errorf("%s is written again as %s: %v", doc, again, err)
		}
	}
	for _, doc := range []string{`null`, `1`, `""`, `{}`, `{"on":true}`, `"on 2300"`, `[]`} {
		s := Setpoint{On: true, Power: 7}
		if err := s.UnmarshalJSON([]byte(doc)); err == nil || s.Power != 7 {
			t.Errorf("%s was read as %v, error %v", doc, s, err)
		}
	}
	if _, err := json.Marshal(Setpoint{On: true, Mode: "two words"}); err == nil {
		t.Error("a mode that could not be read back was written")
	}
}

func drawPower(t *rapid.T) units.Power {
	return units.Power(rapid.OneOf(rapid.Int64Range(-12_000_000, 12_000_000), rapid.Int64()).Draw(t, "power"))
}

func drawSetpoint(t *rapid.T) Setpoint {
	s := Setpoint{On: rapid.Bool().Draw(t, "on")}
	if s.On {
		s.Power = drawPower(t)
		s.Mode = rapid.SampledFrom([]string{"", "", "boost", "eco", "ordered"}).Draw(t, "mode")
	}
	return s
}

// drawCapability draws capabilities as a device may tell them, nonsense too.
func drawCapability(t *rapid.T) Capability {
	var c Capability
	for range rapid.IntRange(0, 3).Draw(t, "ranges") {
		from := drawPower(t)
		r := PowerRange{From: from, To: from, Step: units.Power(rapid.Int64Range(0, 500_000).Draw(t, "step"))}
		if rapid.Bool().Draw(t, "wide") {
			r.To = drawPower(t)
		}
		c.Powers = append(c.Powers, r)
	}
	c.Modes = rapid.SampledFrom([][]string{nil, {"boost"}, {"eco", "boost"}}).Draw(t, "modes")
	return c
}

func TestASetpointReadsBackAsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := drawSetpoint(t)
		if got, err := ParseSetpoint(s.String()); err != nil || got != s {
			t.Fatalf("%+v is written %q and reads back as %+v: %v", s, s, got, err)
		}
		data, err := json.Marshal(s)
		var back Setpoint
		if err == nil {
			err = json.Unmarshal(data, &back)
		}
		if err != nil || back != s {
			t.Fatalf("%+v is stored as %s and reads back as %+v: %v", s, data, back, err)
		}
	})
}

func TestNoCapabilityIsAskedForMoreThanIsWanted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c, s := drawCapability(t), drawSetpoint(t)
		got := c.AtMost(s)
		if err := c.Check(got); err != nil {
			t.Fatalf("AtMost(%v) of %v is %v: %v", s, c, got, err)
		}
		if c.AtMost(got) != got {
			t.Fatalf("AtMost(%v) of %v is %v, and of that %v", s, c, got, c.AtMost(got))
		}
		if c.Check(s) == nil && got != s {
			t.Fatalf("%v takes %v, and is told %v", c, s, got)
		}
		if got.On && !s.On || s.Mode == "" && got.Mode != "" {
			t.Fatalf("wanted %v, told %v", s, got)
		}
		if len(c.Powers) == 0 || s.Power == 0 || !got.On {
			return
		}
		if p, most := got.Power, s.Power; most > 0 && (p <= 0 || p > most) || most < 0 && (p >= 0 || p < most) {
			t.Fatalf("wanted %v, told %v", s, got)
		}
		more := s
		if more.Power += units.Power(rapid.Int64Range(0, 1_000_000).Draw(t, "more")) * sign(s.Power); more.Power*sign(s.Power) > 0 {
			if less, least := got.Power*sign(s.Power), c.AtMost(more).Power*sign(s.Power); less > least {
				t.Fatalf("%v for %v, and only %v for %v", got, s, c.AtMost(more), more)
			}
		}
	})
}

func sign(p units.Power) units.Power {
	if p < 0 {
		return -1
	}
	return 1
}

func TestASetpointThatACapabilityDoesNotContainIsRefused(t *testing.T) {
	amps := PowerRange{From: 1380 * units.Watt, To: 7360 * units.Watt, Step: 230 * units.Watt}
	car := Capability{Powers: []PowerRange{amps}}
	store := Capability{Powers: []PowerRange{{From: 500 * units.Watt, To: 5000 * units.Watt}, {From: -500 * units.Watt, To: -5000 * units.Watt, Step: 100 * units.Watt}}}
	pump := Capability{Modes: []string{"blocked", "encouraged", "ordered"}}
	heater := Capability{Powers: []PowerRange{{From: units.Kilowatt, To: units.Kilowatt}, {From: 2 * units.Kilowatt, To: 2 * units.Kilowatt}}, Modes: []string{"eco"}}
	for _, tc := range []struct {
		situation  string
		takes      Capability
		want, told string // told: the nearest that is not more
	}{
		{"a plug, on", Capability{}, "on", "on"},
		{"a plug has no word for a power", Capability{}, "on 2300 W", "on"},
		{"a plug has no modes", Capability{}, "on boost", "on"},
		{"six amperes", car, "on 1380 W", "on 1380 W"},
		{"thirty-two amperes", car, "on 7360 W", "on 7360 W"},
		{"between two steps", car, "on 1700 W", "on 1610 W"},
		{"a milliwatt short of a step", car, "on 1609.999 W", "on 1380 W"},
		{"more than it can", car, "on 11000 W", "on 7360 W"},
		{"less than six amperes is a pause", car, "on 1379.999 W", "off"},
		{"a car that gives nothing back", car, "on -2300 W", "off"},
		{"as the car likes", car, "on", "on"},
		{"discharge", store, "on -1500 W", "on -1500 W"},
		{"discharge between two steps", store, "on -1550 W", "on -1500 W"},
		{"discharge of more than it can", store, "on -9000 W", "on -5000 W"},
		{"any charge in its range", store, "on 1234.567 W", "on 1234.567 W"},
		{"a list of powers", heater, "on 1900 W", "on 1000 W"},
		{"a power in a mode", heater, "on 2000 W eco", "on 2000 W eco"},
		{"a mode of SG-Ready", pump, "on ordered", "on ordered"},
		{"a mode it does not have", pump, "on boost", "off"},
		{"off", pump, "off", "off"},
	} {
		t.Run(tc.situation, func(t *testing.T) {
			want, err := ParseSetpoint(tc.want)
			if err != nil {
				t.Fatal(err)
			}
			err = tc.takes.Check(want)
			var refused *RefusedError
			if (err != nil) != (tc.want != tc.told) || err != nil && !errors.As(err, &refused) {
				t.Errorf("refused: %v", err)
			}
			if got := tc.takes.AtMost(want); got.String() != tc.told {
				t.Errorf("told %q, want %q", got, tc.told)
			}
		})
	}
	if err := store.Check(Setpoint{On: true, Power: 7, Mode: "boost"}); err.Error() != `the set-point "on 0.007 W boost" is refused; what the switch takes is off, on, 500 W to 5000 W, -500 W to -5000 W in steps of 100 W` {
		t.Error(err)
	}
	if err := heater.Check(Setpoint{On: true, Mode: "boost"}); err.Error() != `the set-point "on boost" is refused; what the switch takes is off, on, 1000 W, 2000 W, eco` {
		t.Error(err)
	}
	if err := (Capability{}).Check(Setpoint{Power: 5, Mode: "boost"}); err != nil {
		t.Errorf("an off was refused: %v", err)
	}
}
