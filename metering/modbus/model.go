package modbus

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
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
	}
	return float32be
}

func (k kind) words() int {
	switch k {
	case unsigned16, signed16:
		return 1
	case unsigned64, signed64:
		return 4
	case float32be, unsigned32, signed32:
		return 2
	}
	return 2
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
	scale    int64 // billionths of a kWh, W, var, VA, V, A or Hz for one count
}

func (r register) end() int { return r.address + r.kind.words() }

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
	// serial is the holding register of the serial number, 0 where it has none.
	serial int
	baud   int // the factory setting
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

// number is a register's value: exact where it is an integer.
type number struct {
	integer int64
	float   float64
	isFloat bool
}

// decode takes the number out of its words.
func (r register) decode(w []uint16) (number, error) {
	bits := uint64(0)
	for i := range w {
		v := w[i]
		if r.lowFirst {
			v = w[len(w)-1-i]
		}
		bits = bits<<16 | uint64(v)
	}
	switch r.kind {
	case float32be:
		f := float64(math.Float32frombits(uint32(bits)))
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return number{}, fmt.Errorf("%s is %v", r.name, f)
		}
		return number{float: f, isFloat: true}, nil
	case signed16:
		return number{integer: int64(int16(bits))}, nil
	case signed32:
		return number{integer: int64(int32(bits))}, nil
	case unsigned64:
		if bits > math.MaxInt64 {
			return number{}, fmt.Errorf("%s is %d, beyond any meter", r.name, bits)
		}
		return number{integer: int64(bits)}, nil
	case signed64, unsigned16, unsigned32:
		return number{integer: int64(bits)}, nil
	}
	return number{}, errors.New("no such type")
}

// energy is the number in microjoules, and the step to its neighbour.
func (r register) energy(n number) (e, step units.Energy) {
	const per = int64(units.KilowattHour) / one // uJ in a billionth of a kWh
	if !n.isFloat {
		return units.Energy(units.MulDiv(n.integer, r.scale*per, 1)), units.Energy(r.scale * per)
	}
	scale := float64(r.scale) / one
	ulp := float64(math.Nextafter32(float32(n.float), math.MaxFloat32)) - n.float
	return units.FromKWh(n.float * scale), units.FromKWh(ulp * scale)
}

// milli is the number in thousandths of its unit.
func (r register) milli(n number) int64 {
	if !n.isFloat {
		return units.MulDiv(n.integer, r.scale, one/1000)
	}
	return int64(units.FromW(n.float * float64(r.scale) / one))
}

// sampler gathers a Sample from registers.
type sampler struct {
	s    metering.Sample
	step units.Energy
}

// put stores one register's value in the sample.
func (b *sampler) put(r register, n number) {
	name, phase := r.value, 0
	if base, digit, ok := strings.Cut(r.value, "_"); ok {
		name, phase = base, int(digit[0]-'0')
	}
	if name == "import" || name == "export" {
		e, step := r.energy(n)
		b.step = max(b.step, step)
		if name == "import" {
			b.s.Import, b.s.Has = e, b.s.Has|metering.HasImport
		} else {
			b.s.Export, b.s.Has = e, b.s.Has|metering.HasExport
		}
		return
	}
	v := r.milli(n)
	if phase == 0 {
		switch name {
		case "power":
			b.s.Power, b.s.Has = units.Power(v), b.s.Has|metering.HasPower
		case "reactive":
			b.s.Reactive, b.s.Has = v, b.s.Has|metering.HasReactive
		case "apparent":
			b.s.Apparent, b.s.Has = v, b.s.Has|metering.HasApparent
		case "voltage":
			b.s.Voltage, b.s.Has = units.Voltage(v), b.s.Has|metering.HasVoltage
		case "current":
			b.s.Current, b.s.Has = units.Current(v), b.s.Has|metering.HasCurrent
		case "frequency":
			b.s.Frequency, b.s.Has = units.Frequency(v), b.s.Has|metering.HasFrequency
		case "neutral":
			b.s.NeutralCurrent, b.s.Has = units.Current(v), b.s.Has|metering.HasNeutral
		}
		return
	}
	for len(b.s.Phases) < phase {
		b.s.Phases = append(b.s.Phases, metering.Phase{})
	}
	p := &b.s.Phases[phase-1]
	switch name {
	case "power":
		p.Power, p.Has = units.Power(v), p.Has|metering.HasPower
	case "reactive":
		p.Reactive, p.Has = v, p.Has|metering.HasReactive
	case "apparent":
		p.Apparent, p.Has = v, p.Has|metering.HasApparent
	case "voltage":
		p.Voltage, p.Has = units.Voltage(v), p.Has|metering.HasVoltage
	case "current":
		p.Current, p.Has = units.Current(v), p.Has|metering.HasCurrent
	}
}

// sample is what was gathered, complete and checked.
func (b *sampler) sample(op string, leastStep units.Energy) (metering.Sample, error) {
	s := b.s.Complete()
	if s.Has&(metering.HasImport|metering.HasExport) != 0 {
		s.Step = max(b.step, leastStep)
	}
	return s, s.Sane(op)
}

// plan makes the questions for the registers that a Sample needs: energies
// first, neighbours in one.
func plan(registers []register, together int) []block {
	var wanted []register
	for _, r := range registers {
		if r.value != "" {
			wanted = append(wanted, r)
		}
	}
	isEnergy := func(r register) int {
		if r.value == "import" || r.value == "export" {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(wanted, func(a, b register) int {
		return cmp.Or(cmp.Compare(isEnergy(a), isEnergy(b)), cmp.Compare(boolInt(a.holding), boolInt(b.holding)), cmp.Compare(a.address, b.address))
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
	case "generic":
		return generic(d.Map)
	}
	return Model{}, fmt.Errorf("modbus: %q is not a known model; write sdm120, sdm220, sdm230, sdm630, pzem004t, or generic with a map", d.Model)
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
			holding: row.Table == "holding", address: row.Register, kind: kindOf(row.Type), lowFirst: row.Words == "low_first", scale: scale,
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
