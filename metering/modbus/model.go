package modbus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// kind is how a number lies in registers.
type kind int

const (
	float32be kind = iota
	unsigned16
	signed16
	unsigned32
	signed32
	unsigned64
	signed64
	float64be
)

// kindOf is the type that the configuration names.
func kindOf(name string) kind {
	switch name {
	case "uint16":
		return unsigned16
	case "int16":
		return signed16
	case "uint32":
		return unsigned32
	case "int32":
		return signed32
	case "uint64":
		return unsigned64
	case "int64":
		return signed64
	case "float64":
		return float64be
	}
	return float32be
}

func (k kind) words() int {
	switch k {
	case unsigned16, signed16:
		return 1
	case unsigned64, signed64, float64be:
		return 4
	case float32be, unsigned32, signed32:
		return 2
	}
	return 2
}

func (k kind) floats() bool { return k == float32be || k == float64be }

// mantissa is how many bits of a float are not its sign and its exponent.
func (k kind) mantissa() int {
	if k == float64be {
		return 52
	}
	return 23
}

// one is a scale of 1, in billionths.
const one = 1_000_000_000

// register is one value of a meter.
type register struct {
	name     string // as the maker's list calls it
	value    string // what it is in a Sample (see Register), empty where it is only shown
	unit     string // for show
	holding  bool
	address  int
	kind     kind
	lowFirst bool  // the low word comes first
	swapped  bool  // the low byte of each word comes first
	scale    int64 // billionths of a kWh, W, var, VA, V, A or Hz for one count
	exponent *int  // the register of a power of ten that it is multiplied by besides (int16)
	sum      bool  // one of several that the value is the sum of
	absent   []int // what it says where it has no value, beside what its type says so
}

func (r register) end() int { return r.address + r.kind.words() }

// rank is how much the value is needed: 0 an energy, 1 the power, 2 what may be
// absent.
func (r register) rank() int {
	switch r.value {
	case "import", "export":
		return 0
	case "power":
		return 1
	}
	return 2
}

// needed tells whether there is no sample without the value.
func (r register) needed() bool { return r.value == "import" || r.value == "power" }

// Model is what a meter's registers mean.
type Model struct {
	name      string
	registers []register
	// blocks are the questions that read one sample; energies come first, so
	// that power never belongs to a later moment than they do.
	blocks []block
	// leastStep is the resolution of the meter's own counting, where it is
	// coarser than that of the number it sends.
	leastStep units.Energy
	// wrap is where its registers begin again at zero, 0 where that is not known.
	wrap units.Energy
	// serial is the holding register of the serial number, 0 where it has none.
	serial  int
	baud    int           // the factory setting
	parity  string        // the factory setting; empty is none
	settle  time.Duration // after a connection was made, before it hears anything
	answers time.Duration // how long it may take to answer; zero is a second
	// chain: its registers are found on the device, as SunSpec has it.
	chain bool
}

type block struct {
	holding bool
	address int
	count   int
}

// Name is the model as the configuration calls it.
func (m Model) Name() string { return m.name }

// Baud is the speed that the meter leaves the factory with.
func (m Model) Baud() int { return m.baud }

// Parity is what the meter leaves the factory with; empty is none.
func (m Model) Parity() string { return m.parity }

// models are the names of those that a document may name, in the order in which they
// are told.
func models() []string {
	out := []string{"sdm120", "sdm220", "sdm230", "sdm630"}
	for _, m := range presets() {
		out = append(out, m.name)
	}
	return append(out, "sunspec", "pzem004t", "generic")
}

// plan makes the questions for the registers that a Sample needs: energies
// first, neighbours in one.
func plan(registers []register, together int) []block {
	var wanted []register
	for _, r := range registers {
		if r.value == "" {
			continue
		}
		wanted = append(wanted, r)
		if r.exponent != nil {
			e := r
			e.address, e.kind = *r.exponent, signed16
			wanted = append(wanted, e)
		}
	}
	slices.SortStableFunc(wanted, func(a, b register) int {
		return cmp.Or(cmp.Compare(a.rank(), b.rank()), cmp.Compare(boolInt(a.holding), boolInt(b.holding)), cmp.Compare(a.address, b.address))
	})
	wanted = slices.CompactFunc(wanted, func(a, b register) bool { // several values with one exponent
		return a.holding == b.holding && a.address == b.address && a.kind == b.kind
	})
	var blocks []block
	for _, r := range wanted {
		if n := len(blocks); n > 0 {
			last := &blocks[n-1]
			if last.holding == r.holding && r.address == last.address+last.count && last.count+r.kind.words() <= together {
				last.count += r.kind.words()
				continue
			}
		}
		blocks = append(blocks, block{r.holding, r.address, r.kind.words()})
	}
	return blocks
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// ModelOf is the model that a document names.
func ModelOf(d Document) (Model, error) {
	switch d.Model {
	case "sdm120", "sdm220", "sdm230":
		return sdmSingle(d.Model), nil
	case "sdm630":
		return sdm630(), nil
	case "pzem004t":
		return pzem(), nil
	case "sunspec":
		return sunspec(), nil
	case "generic":
		return generic(d.Map)
	}
	for _, m := range presets() {
		if m.name == d.Model {
			return m, nil
		}
	}
	return Model{}, fmt.Errorf("modbus: %q is not a known model; write one of %s, or generic with a map", d.Model, strings.Join(models(), ", "))
}

// generic is a meter that the configuration describes.
func generic(rows []Register) (Model, error) {
	if l := checkMap(rows); len(l) > 0 {
		return Model{}, fmt.Errorf("modbus map: %w", error(l))
	}
	m := Model{name: "generic", baud: 9600}
	for _, row := range rows {
		scale := int64(one)
		if row.Scale != "" {
			var err error
			if scale, err = units.ParseDecimal(row.Scale, 9); err != nil {
				return Model{}, fmt.Errorf("modbus map: %w", err)
			}
		}
		m.registers = append(m.registers, register{
			name: fmt.Sprintf("%s@0x%04X", row.Value, row.Register), value: row.Value, unit: unitOf(row.Value),
			holding: row.Table == "holding", address: row.Register, kind: kindOf(row.Type), scale: scale,
			lowFirst: row.Words == "low_first", swapped: row.Bytes == "low_first", exponent: row.Exponent, sum: row.Sum, absent: row.Absent,
		})
	}
	m.blocks = plan(m.registers, 60)
	return m, nil
}

func unitOf(value string) string {
	name, _, _ := strings.Cut(value, "_")
	switch name {
	case "import", "export":
		return "kWh"
	case "power":
		return "W"
	case "reactive":
		return "var"
	case "apparent":
		return "VA"
	case "voltage":
		return "V"
	case "current", "neutral":
		return "A"
	case "frequency":
		return "Hz"
	}
	return ""
}
