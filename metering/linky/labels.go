package linky

import (
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/obis"
)

// meaning is what a label stands for: the standard's code, and the unit.
type meaning struct{ code, unit string }

// meanings are those of the labels that a Sample has something of (Enedis-NOI-CPT_54E).
// The registers by tariff period of historic mode are a sum; those of standard mode
// (EASF, EASD) are parts of EAST and not needed.
func meanings() map[string]meaning {
	m := map[string]meaning{
		"BASE": {"1.8.0", "Wh"},
		"HCHC": {"1.8.1", "Wh"}, "HCHP": {"1.8.2", "Wh"},
		"EJPHN": {"1.8.1", "Wh"}, "EJPHPM": {"1.8.2", "Wh"},
		"BBRHCJB": {"1.8.1", "Wh"}, "BBRHPJB": {"1.8.2", "Wh"}, "BBRHCJW": {"1.8.3", "Wh"},
		"BBRHPJW": {"1.8.4", "Wh"}, "BBRHCJR": {"1.8.5", "Wh"}, "BBRHPJR": {"1.8.6", "Wh"},
		"EAST": {"1.8.0", "Wh"}, "EAIT": {"2.8.0", "Wh"},
		"IINST": {"31.7.0", "A"}, "PAPP": {"9.7.0", "VA"}, "SINSTS": {"9.7.0", "VA"}, "SINSTI": {"10.7.0", "VA"},
	}
	for i, c := range []string{"31.7.0", "51.7.0", "71.7.0"} {
		phase := string(rune('1' + i))
		m["IINST"+phase] = meaning{c, "A"}
		m["IRMS"+phase] = meaning{c, "A"}
	}
	for i, c := range []string{"32.7.0", "52.7.0", "72.7.0"} {
		m["URMS"+string(rune('1'+i))] = meaning{c, "V"}
	}
	return m
}

// unitOf names the units of what is only shown.
func unitOf(label string) string {
	switch {
	case strings.HasPrefix(label, "EASF"), strings.HasPrefix(label, "EASD"):
		return "Wh"
	case strings.HasPrefix(label, "ERQ"):
		return "varh"
	case strings.HasPrefix(label, "SMAX"), strings.HasPrefix(label, "SINST"):
		return "VA"
	case strings.HasPrefix(label, "UMOY"):
		return "V"
	case strings.HasPrefix(label, "CCA"), label == "PMAX":
		return "W"
	case label == "ISOUSC", label == "ADPS", strings.HasPrefix(label, "IMAX"), strings.HasPrefix(label, "ADIR"):
		return "A"
	case label == "PREF", label == "PCOUP":
		return "kVA"
	case label == "PEJP":
		return "min"
	}
	return ""
}

// Bits of the status register, STGE.
const (
	statusCutOff   = 0x0000_000E // three bits: 0 is closed, else what opened it
	statusCover    = 0x0000_0010 // of the terminals, open
	statusProducer = 0x0000_0100
	statusClock    = 0x0001_0000 // the clock has lost its time
)

func digits(s string) bool {
	for _, c := range s {
		if c < '0' || c > '9' {
			return false
		}
	}
	return s != ""
}

// read makes a telegram of the groups of a frame.
func read(list []group) (metering.Telegram, error) {
	var c obis.Collector
	c.Printed()
	means := meanings()
	values := map[string]string{}
	for _, g := range list {
		if old, twice := values[g.label]; twice && old != g.value {
			return metering.Telegram{}, damaged("%s is told twice, %q and %q", g.label, clip([]byte(old)), clip([]byte(g.value)))
		}
		values[g.label] = g.value
	}
	t := c.Telegram()
	known := 0
	var status uint64
	for _, g := range list {
		if m, ok := means[g.label]; ok {
			if !digits(g.value) {
				return metering.Telegram{}, damaged("%s is %q and no number", g.label, clip([]byte(g.value)))
			}
			known++
			if g.label == "SINSTS" && values["SINSTI"] > g.value && digits(values["SINSTI"]) {
				m.code = "10.7.0" // what flows out is more: that is the apparent power
			} else if g.label == "SINSTI" && g.value > values["SINSTS"] {
				m.code = "9.7.0"
			}
			code, _ := obis.Parse([]byte(m.code))
			c.Number(g.label, code, g.value, m.unit)
			continue
		}
		switch g.label {
		case "ADCO", "ADSC":
			if !digits(g.value) {
				return metering.Telegram{}, damaged("%s is %q and no number", g.label, clip([]byte(g.value)))
			}
			known++
			c.Meter(g.value)
			c.Text(g.label, g.value)
		case "DATE":
			if g.date == "" {
				return metering.Telegram{}, damaged("DATE is %q", clip([]byte(g.value)))
			}
			c.Text(g.label, g.date)
			t.Time, _ = dateOf(g.date)
		case "STGE":
			var ok bool
			if status, ok = hex32(g.value); !ok {
				return metering.Telegram{}, damaged("STGE is %q", clip([]byte(g.value)))
			}
			known++
			c.Text(g.label, g.value)
		default:
			unit := unitOf(g.label)
			value := strings.TrimSpace(g.value)
			if unit == "" || !digits(value) {
				c.Text(g.label, value)
			} else {
				t.Raw = append(t.Raw, metering.RawValue{Name: g.label, Value: value, Unit: unit})
			}
			if g.date != "" {
				c.Text(g.label+" at", g.date)
			}
		}
	}
	if known == 0 {
		return metering.Telegram{}, metering.Fail(metering.UnknownReply, op, "send a frame to the project", "it holds none of the labels of a Linky")
	}
	out, err := c.Done(op)
	if _, told := values["STGE"]; told {
		out.Sample.Has |= metering.HasCover
		out.Sample.CoverOpen = status&statusCover != 0
		if status&statusClock != 0 {
			out.Time = time.Time{}
		}
		for _, s := range []struct {
			name string
			on   bool
		}{{"supply cut off", status&statusCutOff != 0}, {"cover open", out.Sample.CoverOpen}, {"producer", status&statusProducer != 0}, {"clock lost", status&statusClock != 0}} {
			if s.on {
				out.Raw = append(out.Raw, metering.RawValue{Name: "STGE " + s.name, Value: "true"})
			}
		}
	}
	return out, err
}

func hex32(s string) (v uint64, ok bool) {
	for _, c := range s {
		switch {
		case c >= '0' && c <= '9':
			v = v<<4 | uint64(c-'0')
		case c >= 'A' && c <= 'F':
			v = v<<4 | uint64(c-'A'+10)
		default:
			return 0, false
		}
	}
	return v, len(s) == 8
}

// dateOf reads SYYMMDDhhmmss; S is E in summer (ete) and H in winter (hiver), as the
// mainland has them, and a small letter where the clock has lost its time.
func dateOf(s string) (time.Time, bool) {
	if len(s) != 13 || !digits(s[1:]) {
		return time.Time{}, false
	}
	zone := map[byte]int{'E': 2 * 3600, 'H': 3600}[s[0]]
	at, err := time.ParseInLocation("060102150405", s[1:], time.FixedZone("", zone))
	if err != nil || zone == 0 {
		return time.Time{}, false
	}
	return at.UTC(), true
}
