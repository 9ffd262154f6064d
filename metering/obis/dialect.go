package obis

import (
	"strings"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/internal/units"
)

// DialectDocument is what a configuration says of a meter that does not tell its values as the
// standard has them.
type DialectDocument struct {
	// Where a meter tells its values under other OBIS codes than the standard's. A value that is named is
	// taken from there and from nowhere else.
	// Example: {import: 1.8.1+1.8.2}
	Codes *CodesDocument `yaml:"obis,omitempty"`
	// What the meter's numbers are multiplied by, as where a current transformer is not known to it.
	// Example: {energy: "40", power: "40", current: "40"}
	Factors *FactorsDocument `yaml:"factors,omitempty"`
}

// CodesDocument names OBIS codes, such as 1.8.0 or 1-0:1.8.0; empty is the standard's.
// A value that is named is taken from there and from nowhere else.
type CodesDocument struct {
	// Energy taken from the grid; a sum is written with +.
	// Example: 1.8.1+1.8.2
	Import string `yaml:"import,omitempty"`
	// Energy fed into the grid.
	// Example: 2.8.0
	Export string `yaml:"export,omitempty"`
	// Power: with a sign, or where returned is named what flows in.
	// Example: 16.7.0
	Power string `yaml:"power,omitempty"`
	// Power that flows out.
	// Example: 2.7.0
	Returned string `yaml:"returned,omitempty"`

	// Voltage of the first phase.
	// Example: 32.7.0
	Voltage1 string `yaml:"voltage_1,omitempty"`
	// Voltage of the second phase.
	// Example: 52.7.0
	Voltage2 string `yaml:"voltage_2,omitempty"`
	// Voltage of the third phase.
	// Example: 72.7.0
	Voltage3 string `yaml:"voltage_3,omitempty"`
	// Current of the first phase.
	// Example: 31.7.0
	Current1 string `yaml:"current_1,omitempty"`
	// Current of the second phase.
	// Example: 51.7.0
	Current2 string `yaml:"current_2,omitempty"`
	// Current of the third phase.
	// Example: 71.7.0
	Current3 string `yaml:"current_3,omitempty"`
	// Frequency of the mains.
	// Example: 14.7.0
	Frequency string `yaml:"frequency,omitempty"`
}

// FactorsDocument holds decimals; empty is 1.
type FactorsDocument struct {
	// Of energies, as a decimal in quotes.
	// Default: 1
	// Example: "40"
	Energy string `yaml:"energy,omitempty"`
	// Of active, reactive and apparent power.
	// Default: 1
	// Example: "40"
	Power string `yaml:"power,omitempty"`
	// Of voltages.
	// Default: 1
	// Example: "0.1"
	Voltage string `yaml:"voltage,omitempty"`
	// Of currents.
	// Default: 1
	// Example: "40"
	Current string `yaml:"current,omitempty"`
}

// one is a factor of 1, in billionths.
const one = 1_000_000_000

// maxFactor is beyond any transformer.
const maxFactor = 1_000_000 * one

// factor reads a decimal in billionths; 0 is none.
func factor(text string) (int64, bool) {
	if text == "" {
		return 0, true
	}
	v, err := units.ParseDecimal(text, 9)
	return v, err == nil && v > 0 && v <= maxFactor
}

// named is one value that can be named: its key, what was written, the standard's code
// that it becomes, its kind of unit, and which of the standard's codes it puts out of use.
type named struct {
	key, text string
	to        Code
	kind      byte
	instead   []byte // of group C
}

func (d *CodesDocument) values() []named {
	if d == nil {
		return nil
	}
	at := func(c, dd byte) Code { return Code{A: 1, C: c, D: dd, F: 255} }
	power := at(16, 7)
	if d.Returned != "" {
		power = at(1, 7)
	}
	return []named{
		{"import", d.Import, at(1, 8), 'e', []byte{1}},
		{"export", d.Export, at(2, 8), 'e', []byte{2}},
		{"power", d.Power, power, 'p', []byte{1, 2, 15, 16}},
		{"returned", d.Returned, at(2, 7), 'p', []byte{1, 2, 15, 16}},
		{"voltage_1", d.Voltage1, at(32, 7), 'v', []byte{32}},
		{"voltage_2", d.Voltage2, at(52, 7), 'v', []byte{52}},
		{"voltage_3", d.Voltage3, at(72, 7), 'v', []byte{72}},
		{"current_1", d.Current1, at(31, 7), 'i', []byte{31}},
		{"current_2", d.Current2, at(51, 7), 'i', []byte{51}},
		{"current_3", d.Current3, at(71, 7), 'i', []byte{71}},
		{"frequency", d.Frequency, at(14, 7), 'f', []byte{14}},
	}
}

// Check is everything wrong with d.
func (d *DialectDocument) Check() fault.List {
	var l fault.List
	taken := map[Code]string{}
	for _, v := range d.Codes.values() {
		if v.text == "" {
			continue
		}
		path := "obis." + v.key
		parts := strings.Split(v.text, "+")
		if len(parts) > 1 && v.kind != 'e' {
			l.Add(path, "name one code", "only import and export are sums")
			continue
		}
		if len(parts) > maxTariffs {
			l.Add(path, "name the meter's total", "%d codes are more than the %d that are added up", len(parts), maxTariffs)
			continue
		}
		for _, part := range parts {
			code, ok := Parse([]byte(strings.TrimSpace(part)))
			switch {
			case !ok:
				l.Add(path, "write a code as agent decode shows it, such as 1.8.0 or 1-0:1.8.0", "%q is no OBIS code", strings.TrimSpace(part))
			case v.kind == 'e' && code.D == 7:
				l.Add(path, "name the register, such as 1.8.0", "%s is what flows at the moment, and no register", code)
			case v.kind != 'e' && code.D == 8:
				l.Add(path, "name what is measured at the moment, such as 16.7.0", "%s is a register, and not what flows at the moment", code)
			case taken[code] != "":
				l.Add(path, "name another code", "%s is %s already", code, taken[code])
			}
			taken[code] = v.key
		}
	}
	if d.Codes != nil && d.Codes.Returned != "" && d.Codes.Power == "" {
		l.Add("obis.power", "name the code of the power that flows in, such as 1.7.0", "it is missing, and returned is what is taken off it")
	}
	if f := d.Factors; f != nil {
		for _, v := range []struct{ key, text string }{{"energy", f.Energy}, {"power", f.Power}, {"voltage", f.Voltage}, {"current", f.Current}} {
			if _, ok := factor(v.text); !ok {
				l.Add("factors."+v.key, `write a decimal above 0 such as "0.1" or "50"`, "%q is no factor", v.text)
			}
		}
	}
	return l
}

// rule is one code that a value is taken from.
type rule struct {
	from, to Code
	kind     byte
}

// Dialect is a DialectDocument, read.  The zero value is the standard.
type Dialect struct {
	rules   []rule
	instead map[[2]byte]bool // groups C and D that are out of use
	factors map[byte]int64   // in billionths, by kind of unit
}

// Dialect reads d, which Check finds nothing wrong with.
func (d *DialectDocument) Dialect() Dialect {
	var out Dialect
	for _, v := range d.Codes.values() {
		if v.text == "" {
			continue
		}
		if out.instead == nil {
			out.instead = map[[2]byte]bool{}
		}
		for _, c := range v.instead {
			out.instead[[2]byte{c, v.to.D}] = true
			if v.to.D == 7 {
				out.instead[[2]byte{c, 25}] = true
			}
		}
		parts := strings.Split(v.text, "+")
		for i, part := range parts {
			code, ok := Parse([]byte(strings.TrimSpace(part)))
			if !ok {
				continue
			}
			to := v.to
			if len(parts) > 1 {
				to.E = byte(i + 1)
			}
			out.rules = append(out.rules, rule{code, to, v.kind})
		}
	}
	if f := d.Factors; f != nil {
		out.factors = map[byte]int64{}
		for kinds, text := range map[string]string{"e": f.Energy, "pqs": f.Power, "v": f.Voltage, "i": f.Current} {
			if v, ok := factor(text); ok && v > 0 {
				for _, k := range []byte(kinds) {
					out.factors[k] = v
				}
			}
		}
	}
	return out
}

// Factored tells whether the configuration gives a factor of energy, so that it knows
// what the numbers are.
func (d Dialect) Factored() bool { return d.factors['e'] > 0 }

// Energy tells whether the configuration takes a register from c.
func (d Dialect) Energy(c Code) bool {
	for _, r := range d.rules {
		if r.kind == 'e' && r.matches(c) {
			return true
		}
	}
	return false
}

// matches tells whether a code is the one that the configuration has named: without A and
// B it is any of electricity's.
func (r rule) matches(c Code) bool {
	if r.from.C != c.C || r.from.D != c.D || r.from.E != c.E || r.from.F != c.F {
		return false
	}
	if r.from.Short {
		return c.Short || c.A == 1 && c.B <= 1
	}
	return r.from.A == c.A && r.from.B == c.B || c.Short && r.from.A == 1 && r.from.B == 0
}

// standard is the standard's code of what is told under c; kind is that of its unit where
// the configuration says what it is, else 0.  ok is false where c is out of use.
func (d Dialect) standard(c Code) (_ Code, kind byte, ok bool) {
	for _, r := range d.rules {
		if r.matches(c) {
			return r.to, r.kind, true
		}
	}
	return c, 0, !d.instead[[2]byte{c.C, c.D}]
}
