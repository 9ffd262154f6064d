package modbus

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/metering"
)

// looks is what is told of each register with a reading, a line each.
func looks(t *testing.T, m *Meter) string {
	t.Helper()
	var out strings.Builder
	m.cfg.Seen = func(seen []metering.Seen) {
		out.Reset()
		for _, s := range seen {
			out.WriteString(strings.Join([]string{s.Name, s.Where, s.Raw, s.Makes, s.Took, s.Why}, "|") + "\n")
		}
	}
	_, err := m.Read(t.Context())
	if err != nil {
		out.WriteString(err.Error())
	}
	return out.String()
}

func TestWhatEachRegisterWasTakenFor(t *testing.T) {
	exp := 9
	rows := []Register{
		{Value: "import", Register: 1, Type: "uint32", Scale: "0.01", Sum: true},
		{Value: "import", Register: 3, Type: "uint32", Scale: "0.01", Sum: true},
		{Value: "power", Register: 5, Type: "int16", Exponent: &exp},
		{Value: "voltage", Register: 6, Type: "uint16", Scale: "0.1", Table: "holding"},
		{Value: "current", Register: 7, Type: "int16", Absent: []int{0x7FFF}},
		{Value: "frequency", Register: 20, Type: "float32", Words: "low_first"},
		{Value: "reactive", Register: 30, Type: "int16"},
		{Value: "apparent", Register: 40, Type: "float32"},
	}
	m, err := generic(rows)
	if err != nil {
		t.Fatal(err)
	}
	d := &device{silent: map[int]bool{30: true}, table: map[int]uint16{
		1: 0, 2: 500, 3: 0, 4: 250, 5: 0xFFF6, 9: 1, 6: 2301, 7: 0x7FFF, 20: 0, 21: 0x4248, 40: 0x7FC0, 41: 0,
	}}
	meter := d.on(t, m)
	got := looks(t, meter)
	for _, want := range []string{
		"import|input 0x0001 uint32|0000 01F4 = 500|x 0.01 kWh, part of a sum|5 kWh|\n",
		"import|input 0x0003 uint32|0000 00FA = 250|x 0.01 kWh, part of a sum|2.5 kWh|\n",
		"power|input 0x0005 int16|FFF6 = -10|W, x 10^(0x0009)|-100 W|\n",
		"voltage|holding 0x0006 uint16|08FD = 2301|x 0.1 V|230.1 V|\n",
		"current|input 0x0007 int16|7FFF|A||32767 is among the numbers of absent\n",
		"frequency|input 0x0014 float32|0000 4248 = 50|Hz, low word first|50 Hz|\n",
		"apparent|input 0x0028 float32|7FC0 0000|VA||NaN: it says that it has no value\n",
		"reactive|input 0x001E int16||var||no answer\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if strings.Count(got, "\n") != len(rows) {
		t.Errorf("%d registers, and\n%s", len(rows), got)
	}
	// A register that is refused, a second time: it is not asked for again so soon.
	d.change(func(table map[int]uint16) { delete(table, 20) })
	_ = looks(t, meter)
	if got = looks(t, meter); !strings.Contains(got, "||exception 2, illegal register; it is asked again after") {
		t.Errorf("refused:\n%s", got)
	}
	// Without the register there is no sample, and the rest is told all the same.
	d.change(func(table map[int]uint16) { table[3], table[4] = 0xFFFF, 0xFFFF })
	if got = looks(t, meter); !strings.Contains(got, "import|input 0x0001 uint32|0000 01F4 = 500|x 0.01 kWh, part of a sum||another part of the sum is not told, ") ||
		!strings.Contains(got, "import|input 0x0003 uint32|FFFF FFFF|x 0.01 kWh, part of a sum||it says that it has no value") || !strings.Contains(got, "voltage|holding 0x0006 uint16|08FD = 2301") ||
		!strings.Contains(got, "import@0x0003 gives no value (registers [FFFF FFFF])") {
		t.Errorf("without a part of the register:\n%s", got)
	}
}

// What keeps a reading away says so of its own register, not that it was not asked.
func TestWhatIsNeededAndRefusedSaysWhy(t *testing.T) {
	exp := 9
	for _, c := range []struct {
		situation string
		refused   []int
		want      string
	}{
		{"the register", []int{1, 2}, "import|input 0x0001 uint32||kWh||exception 2, illegal register\n"},
		{"the exponent", []int{9}, "power|input 0x0005 int16|FFF6|W, x 10^(0x0009)||its exponent: exception 2, illegal register\n"},
	} {
		m, err := generic([]Register{{Value: "import", Register: 1, Type: "uint32"}, {Value: "power", Register: 5, Type: "int16", Exponent: &exp}})
		if err != nil {
			t.Fatal(err)
		}
		d := &device{table: map[int]uint16{1: 0, 2: 500, 5: 0xFFF6, 9: 1}}
		for _, r := range c.refused {
			delete(d.table, r)
		}
		meter := d.on(t, m)
		for range 2 { // and the same the next time
			if got := looks(t, meter); !strings.Contains(got, c.want) {
				t.Errorf("%s: it does not say %q:\n%s", c.situation, c.want, got)
			}
		}
		d.change(func(table map[int]uint16) {
			for _, r := range c.refused {
				table[r] = 0
			}
		})
		if got := looks(t, meter); !strings.Contains(got, "power|input 0x0005 int16|FFF6 = -10|") || strings.Contains(got, "exception") {
			t.Errorf("%s, told again:\n%s", c.situation, got)
		}
	}
}

// Every register of every model that is known has a place and a type that can be read.
func TestEveryModelTellsWhereItLooks(t *testing.T) {
	for _, name := range models() {
		if name == "generic" || name == "sunspec" {
			continue
		}
		m := model(t, name)
		for _, r := range m.registers {
			if r.value != "" && (!strings.Contains(r.where(), " 0x") || r.makes() == "") {
				t.Errorf("%s: %s is looked for at %q in %q", name, r.name, r.where(), r.makes())
			}
		}
	}
	if nan := (register{kind: float32be}).none([]uint16{0x7F80, 0}); nan != "not a finite number" {
		t.Errorf("infinity: %s", nan)
	}
}
