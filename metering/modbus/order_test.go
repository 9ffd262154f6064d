package modbus

import (
	"math"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/metering"
)

// lowFirst puts the words of a number into a device's table, the low word first.
func (d *device) lowFirst(at int, raw uint64, words int) {
	for i := range words {
		d.table[at+i] = uint16(raw >> (16 * i))
	}
}

func described(t *testing.T, rows ...Register) Model {
	t.Helper()
	m, err := generic(rows)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// Words that are read in another order than they are sent in are no quiet zeros: it is said
// what they would be in the order that gives a believable value.
func TestWordsInAnotherOrderAreDoubted(t *testing.T) {
	f32 := func(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }
	for _, row := range []struct {
		name, kind, scale string
		raw               uint64
		says              string
	}{
		{"float64, as tiny numbers", "float64", "", math.Float64bits(12345.5), "with words: low_first it would be 12345.5 kWh"},
		{"float64 of a long fraction", "float64", "", math.Float64bits(12345.678912), "with words: low_first it would be 12345.678912 kWh"},
		{"float32, as tiny numbers", "float32", "", f32(1500), "with words: low_first it would be 1500 kWh"},
		{"float32, as a huge number", "float32", "", f32(1234.56), "with words: low_first it would be 1234.56"},
		{"uint64 beyond what is counted", "uint64", "0.001", 0xF123456, "with words: low_first it would be"},
		{"uint32 beyond what is counted", "uint32", "0.01", 0x1E240, "with words: low_first it would be 1234.56 kWh"},
		{"uint32 with nothing in its low word", "uint32", "0.01", 50_00, "with words: low_first it would be 50 kWh"},
		{"int32 with nothing in its low word", "int32", "0.01", 51_00, "with words: low_first it would be 51 kWh"},
	} {
		words := kindOf(row.kind).words()
		for _, value := range []string{"import", "power"} {
			if value == "power" && (strings.Contains(row.name, "beyond") || strings.Contains(row.name, "huge") || strings.Contains(row.name, "long")) {
				continue
			}
			d := &device{table: map[int]uint16{}}
			d.lowFirst(10, row.raw, words)
			m := d.on(t, described(t, Register{Value: value, Register: 10, Type: row.kind, Scale: row.scale}))
			got := looks(t, m)
			says := row.says
			if value == "power" {
				says = strings.ReplaceAll(says, "kWh", "W")
			}
			if strings.Count(got, says) != 2 || !strings.Contains(got, ": range: ") {
				t.Errorf("%s of %s: it does not say %q with the value and with the error:\n%s", row.name, value, says, got)
			}
			// In the right order, all is well.
			if got = looks(t, d.on(t, described(t, Register{Value: value, Register: 10, Type: row.kind, Scale: row.scale, Words: "low_first"}))); strings.Contains(got, "range") || !strings.Contains(got, "low word first") {
				t.Errorf("%s of %s in the right order:\n%s", row.name, value, got)
			}
		}
	}
}

// What may be absent is, and it is said what it would be; a value that the meter itself says
// is none is not doubted.
func TestAVoltageInAnotherOrderIsAbsentAndSaysSo(t *testing.T) {
	d := &device{table: map[int]uint16{1: 0, 2: 500, 5: 10, 30: 0x7FC0, 31: 0, 34: 0xFFFF, 35: 0xFFFF, 36: 0x8000, 37: 0}}
	d.lowFirst(20, uint64(math.Float32bits(230)), 2)
	d.lowFirst(24, 2305, 2)
	m := d.on(t, described(t,
		Register{Value: "import", Register: 1, Type: "uint32"}, Register{Value: "power", Register: 5, Type: "int16"},
		Register{Value: "voltage_1", Register: 20, Type: "float32"}, Register{Value: "voltage_2", Register: 24, Type: "uint32", Scale: "0.1"},
		Register{Value: "apparent", Register: 30, Type: "float32"}, Register{Value: "reactive", Register: 34, Type: "uint32"}, Register{Value: "reactive_1", Register: 36, Type: "int32"},
	))
	got := looks(t, m)
	for _, want := range []string{
		"voltage_1|input 0x0014 float32|0000 4366|V||2.4178004e-41 is nothing that anybody measures; with words: low_first it would be 230 V\n",
		"voltage_2|input 0x0018 uint32|0901 0000 = 151060480|x 0.1 V||no meter shows 15106048 V: with words: low_first it would be 230.5 V\n",
		"apparent|input 0x001E float32|7FC0 0000|VA||NaN: it says that it has no value\n",
		"reactive|input 0x0022 uint32|FFFF FFFF|var||it says that it has no value\n",
		"reactive_1|input 0x0024 int32|8000 0000|var||it says that it has no value\n",
		"import|input 0x0001 uint32|0000 01F4 = 500|kWh|500 kWh|\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("it does not say %q:\n%s", want, got)
		}
	}
	if strings.Contains(got, "range") {
		t.Errorf("it is not read:\n%s", got)
	}
}

// A register whose low word is not zero, and whose words are the other way round, is known by
// its first move; one in the right order is read whatever it shows, a moment's doubt apart.
func TestHowARegisterMovesTellsTheOrderOfItsWords(t *testing.T) {
	for _, row := range []struct {
		name   string
		signed bool
		shows  []uint32 // as they are read
		want   string   // d: doubted, -: not
	}{
		{"the right way round", false, []uint32{123456, 123457, 123457, 123460}, "----"},
		{"the other way round", false, []uint32{0xE2400001, 0xE2410001, 0xE2410001, 0xE2430001}, "-ddd"},
		{"the other way round, over the end of the low word", false, []uint32{0xFFFE0001, 0xFFFF0001, 2, 0x00010002, 0x00020002}, "-dddd"},
		{"the other way round from the beginning", false, []uint32{5 << 16, 5 << 16, 6 << 16}, "ddd"},
		{"the right way round, first at 65536", false, []uint32{65536, 65536, 65537, 65538, 65539, 65540}, "dddd--"},
		{"the right way round, later at 65536", false, []uint32{65530, 65535, 65536, 65536 * 2, 65536*2 + 1}, "-----"},
		{"a meter that has counted nothing", false, []uint32{0, 0, 1, 2}, "----"},
		{"one the other way round that has counted nothing", false, []uint32{0, 0, 1 << 16, 2 << 16}, "--dd"},
		{"a power either way", true, []uint32{1500, 0, 0xFFFFFF6A, 200}, "----"},
		{"a power either way, the other way round", true, []uint32{1500 << 16, 0, 0xFF6AFFFF, 0xFF6BFFFF, 200 << 16}, "ddddd"},
		{"a negative power first, the other way round", true, []uint32{0xFF6AFFFF}, "d"},
		{"a small negative power", true, []uint32{0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFF}, "---"},
	} {
		var o ordering
		r := register{value: "power", kind: unsigned32}
		if row.signed {
			r.kind = signed32
		}
		got := ""
		for _, v := range row.shows {
			if o.take(uint64(v), r) {
				got += "d"
			} else {
				got += "-"
			}
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// The register of energy is known by more: an integer by the order of its bytes too, of any
// width, and a float by what stands still.  A right one is never doubted for long.
func TestHowARegisterOfEnergyMovesTellsItsOrder(t *testing.T) {
	f32 := func(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }
	turned := func(v float64) uint64 { return f32(v)<<16&math.MaxUint32 | f32(v)>>16 }
	for _, row := range []struct {
		name  string
		kind  kind
		shows []uint64 // as they are read
		want  string
	}{
		{"bytes the other way round", unsigned32, []uint64{0x010040E2, 0x010041E2, 0x010041E2, 0x010043E2}, "-ddd"},
		{"bytes the other way round, over the end of the low byte", unsigned32, []uint64{0xFF00, 0x0001, 0x0101, 0x0201, 0x0301}, "--ddd"},
		{"bytes the other way round, 64 bits", unsigned64, []uint64{0x40E2, 0x41E2, 0x42E2}, "-dd"},
		{"bytes the other way round, 16 bits", unsigned16, []uint64{0x40E2, 0x41E2, 0x42E2}, "-dd"},
		{"a right one of 16 bits, at a whole 256", unsigned16, []uint64{256, 257, 258, 512, 513}, "-----"},
		{"a right one of 64 bits that moves by 256 once", unsigned64, []uint64{1000, 1256, 1257, 1258, 1259, 1260}, "-ddd--"},
		{"a right one that has counted nothing, at night", unsigned32, []uint64{0, 0, 0, 1, 2}, "-----"},
		{"a float with its words the other way round", float32be, []uint64{turned(1234.56), turned(1234.57), turned(1234.57), turned(1234.58)}, "-ddd"},
		{"a right float", float32be, []uint64{f32(1234.56), f32(1234.57), f32(1234.58), f32(1234.59)}, "----"},
		{"a right float of few digits", float32be, []uint64{f32(0), f32(1), f32(2), f32(2.5), f32(100), f32(101)}, "------"},
		{"a right float64", float64be, []uint64{math.Float64bits(1234.5), math.Float64bits(1234.6), math.Float64bits(1235)}, "---"},
	} {
		var o ordering
		got := ""
		for _, v := range row.shows {
			if o.take(v, register{value: "import", kind: row.kind}) {
				got += "d"
			} else {
				got += "-"
			}
		}
		if got != row.want {
			t.Errorf("%s: %s, want %s", row.name, got, row.want)
		}
	}
}

// A float in the right order is not doubted once while it counts on from nothing, in steps of
// any usual size.
func TestARightFloatIsNeverDoubted(t *testing.T) {
	for _, step := range []float64{0.0001, 0.001, 0.01, 0.1, 0.3, 1} {
		for kind, bits := range map[kind]func(float64) uint64{float32be: func(v float64) uint64 { return uint64(math.Float32bits(float32(v))) }, float64be: math.Float64bits} {
			var o ordering
			for n := range 20_000 {
				if v := float64(n) * step; o.take(bits(v), register{value: "import", kind: kind}) {
					t.Fatalf("%v of %v in steps of %v is doubted", v, kind, step)
				}
			}
		}
	}
}

// A float of almost nothing, as the mean of a power that is gone, is zero and no reason not to
// be read; where its words would give something in another order, it is that.
func TestAFloatOfAlmostNothingIsZero(t *testing.T) {
	r := register{value: "power", kind: float32be, scale: one}
	for _, row := range []struct {
		words []uint16
		ok    bool
	}{
		{[]uint16{0, 5}, true},
		{[]uint16{0x0DA2, 0x0260}, true},
		{[]uint16{0x8000, 1}, true},
		{[]uint16{0, 0}, true},
		{[]uint16{0, 0x44BB}, false},
		{[]uint16{0x89A0, 0x44BB}, false},
	} {
		if n, ok := r.decode(row.words); ok != row.ok || ok && n.float != 0 {
			t.Errorf("%04X: %v %v", row.words, n, ok)
		}
	}
}

// A register that moves by whole 65536 is not charged once: the first move already is doubted.
func TestARegisterTheOtherWayRoundIsNotRead(t *testing.T) {
	d := &device{table: map[int]uint16{5: 100}}
	d.lowFirst(1, 123456, 2)
	m := d.on(t, described(t, Register{Value: "import", Register: 1, Type: "uint32", Scale: "0.0001"}, Register{Value: "power", Register: 5, Type: "int16"}))
	if _, err := m.Read(t.Context()); err != nil {
		t.Fatal(err)
	}
	d.change(func(map[int]uint16) { d.lowFirst(1, 123457, 2) })
	got := looks(t, m)
	if _, err := m.Read(t.Context()); metering.CodeOf(err) != metering.Range || !strings.Contains(err.Error(), "with words: low_first it would be 12.3457 kWh") {
		t.Errorf("%v\n%s", err, got)
	}
	if !strings.Contains(got, "||its words or bytes seem to be the other way round; with words: low_first it would be 12.3457 kWh") {
		t.Errorf("it is shown as\n%s", got)
	}
	// What is no map of a person's is not doubted so.
	sdm := newSDM()
	if _, err := sdm.on(t, model(t, "sdm230")).Read(t.Context()); err != nil {
		t.Error(err)
	}
}

// What a device refuses is said with what to do about it.
func TestARefusalSaysWhatToDo(t *testing.T) {
	for e, want := range map[exception]string{
		1: "table: holding (function 3)", 2: "one that counts from 1", 3: "check type", 6: "ask more rarely", 11: "check unit, and the line behind the gateway", 4: "out of order",
	} {
		if got := e.remedy(readInput); !strings.Contains(got, want) {
			t.Errorf("exception %d: %s", e, got)
		}
	}
	if got := exception(2).remedy(readHolding); !strings.Contains(got, "table: input (function 4)") {
		t.Errorf("of a holding register: %s", got)
	}
	d := &device{table: map[int]uint16{5: 100}}
	m := d.on(t, described(t, Register{Value: "import", Register: 1, Type: "uint32"}, Register{Value: "power", Register: 5, Type: "int16"}))
	if got := looks(t, m); !strings.Contains(got, "exception 2, illegal register (of a generic meter compare register with the maker's list") {
		t.Errorf("it says\n%s", got)
	}
}
