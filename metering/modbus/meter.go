package modbus

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/fault"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// usualEvery is between two samples where nothing else is said.
const usualEvery = 2 * time.Second

// Config is one meter on a bus.
type Config struct {
	Model Model
	Unit  int              // its address, 1 to 248 on a serial line; 0 to 255 over TCP
	Every time.Duration    // time between samples; zero takes two seconds
	Now   func() time.Time // the clock that samples are stamped with
	// Seen is told what each register said; nil: nobody looks.
	Seen func([]metering.Seen)
}

// Meter reads one device.
type Meter struct {
	bus    *Bus
	cfg    Config
	ask    []question
	serial string
	known  bool              // the serial number was told, or it is known that it will not be
	tries  int               // questions for it that stayed without an answer
	orders map[int]*ordering // of the words of integers, by the register's place in the map
}

// question is one block of registers, and how the device takes it.
type question struct {
	block
	rank   int // the least of its registers'
	needed bool
	missed int   // samples in a row without an answer
	rest   int   // samples for which it is not asked
	err    error // of the last answer
}

// restFor is for how many samples a question is left out that has no answer: one
// that stays without it takes time from the others.
const restFor = 150

// NewMeter makes a meter on a bus.
func NewMeter(bus *Bus, cfg Config) (*Meter, error) {
	if len(cfg.Model.blocks) == 0 && !cfg.Model.chain {
		return nil, fmt.Errorf("modbus: model %q reads nothing", cfg.Model.name)
	}
	var l fault.List
	if checkUnit(&l, cfg.Unit, bus.framing); len(l) > 0 {
		return nil, fmt.Errorf("modbus: %w", l)
	}
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	m := &Meter{bus: bus, cfg: cfg}
	m.begin()
	return m, nil
}

// begin has all be asked as the model says.
func (m *Meter) begin() {
	m.ask = nil
	for _, b := range m.cfg.Model.blocks {
		m.ask = append(m.ask, m.question(b))
	}
}

func (m *Meter) question(b block) question {
	q := question{block: b, rank: 2}
	for _, r := range m.cfg.Model.within(b) {
		q.rank, q.needed = min(q.rank, r.rank()), q.needed || r.needed()
	}
	return q
}

// within are the registers that a block reads, exponents with the values they are
// of.
func (m Model) within(b block) (out []register) {
	for _, r := range m.registers {
		inside := func(address, n int) bool { return address >= b.address && address+n <= b.address+b.count }
		if r.value != "" && r.holding == b.holding && (inside(r.address, r.kind.words()) || r.exponent != nil && inside(*r.exponent, 1)) {
			out = append(out, r)
		}
	}
	return out
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	return line.Poll(ctx, line.Pace{Every: m.cfg.Every, Spread: line.SpreadOf(m.bus.name)}, emit, m.Read)
}

// Read reads one sample.  Energy imported and power must be told, where the meter
// has them; the rest may be absent.
func (m *Meter) Read(ctx context.Context) (metering.Sample, error) {
	if m.cfg.Model.chain && !m.known {
		if err := m.discover(ctx); err != nil {
			return metering.Sample{}, err
		}
	}
	got := words{}
	refused := false
	var turned []int
	defer func() {
		m.show(got, turned)
		if refused {
			m.begin() // what each was answered is told before
		}
	}()
	at := m.cfg.Now().UTC()
	for i := 0; i < len(m.ask); i++ {
		q := &m.ask[i]
		if q.rest > 0 {
			q.rest--
			continue
		}
		regs, err := m.bus.Registers(ctx, m.cfg.Unit, q.holding, q.address, q.count)
		q.err = err
		switch {
		case err == nil:
			q.missed = 0
			got.put(q.holding, q.address, regs)
			if q.needed {
				at = m.cfg.Now().UTC() // what may be absent may also take long
			}
		case ctx.Err() != nil:
			return metering.Sample{}, err
		case isIllegal(err) && m.divide(i):
			i-- // the parts that are asked in its place
		case q.needed:
			m.known = false // it may be another meter when it answers again
			refused = isIllegal(err)
			return metering.Sample{}, err
		default:
			if q.missed++; q.missed > 1 || isRefusal(err) {
				q.rest = restFor
			}
		}
	}
	op := "read " + m.cfg.Model.name
	s, lacks := m.cfg.Model.gather(got)
	for _, r := range m.cfg.Model.registers {
		if r.needed() && lacks[r.value] != given {
			return metering.Sample{}, nothing(op, m.cfg.Model.lacking(r, got), got)
		}
	}
	if turned = m.disordered(got); len(turned) > 0 {
		return metering.Sample{}, m.turned(op, m.cfg.Model.registers[turned[0]], got)
	}
	s = s.Complete()
	if err := s.Sane(op); err != nil {
		return metering.Sample{}, m.cfg.Model.insane(err, got)
	}
	s.At = at
	m.identify(ctx)
	s.Device = m.serial
	return s, nil
}

// lacking is the register for which the value of r is not given: of a sum the first part
// that is not told, else r.
func (m Model) lacking(r register, got words) register {
	for _, part := range m.registers {
		if _, _, why := got.number(part); part.value == r.value && why != given {
			return part
		}
	}
	return r
}

// nothing says that a register gives no value, and why where its words do not say so.
func nothing(op string, r register, w words) error {
	remedy, why := "check the meter's model in the configuration", ""
	raw, ok := w.at(r.holding, r.address, r.kind.words())
	if ok {
		if how := r.instead(raw); how != "" {
			remedy, why = how, ": "+r.none(raw)
		}
	}
	return metering.Fail(metering.Range, op, remedy, "%s gives no value (registers %04X)%s", r.name, raw, why)
}

// divide has the halves of a question asked that the device refuses as a whole:
// most likely for one of its registers.  It answers false where there is only one.
func (m *Meter) divide(i int) bool {
	q := m.ask[i]
	type span struct{ from, to int }
	var spans []span
	for _, r := range m.cfg.Model.within(q.block) {
		if r.address >= q.address && r.end() <= q.address+q.count {
			spans = append(spans, span{r.address, r.end()})
		}
		if r.exponent != nil && *r.exponent >= q.address && *r.exponent < q.address+q.count {
			spans = append(spans, span{*r.exponent, *r.exponent + 1})
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	spans = slices.Compact(spans)
	if len(spans) < 2 {
		return false
	}
	part := func(s []span) question {
		end := 0
		for _, x := range s {
			end = max(end, x.to)
		}
		return m.question(block{holding: q.holding, address: s[0].from, count: end - s[0].from})
	}
	half := len(spans) / 2
	m.ask = slices.Replace(m.ask, i, i+1, part(spans[:half]), part(spans[half:]))
	slices.SortStableFunc(m.ask[i:], func(a, b question) int { return cmp.Compare(a.rank, b.rank) })
	return true
}

// serialTries is how often a meter that does not answer the question for its
// serial number is asked before it is taken to have none.
const serialTries = 3

// identify asks for the serial number after each failure, when the device may
// have been replaced.
func (m *Meter) identify(ctx context.Context) {
	if m.known || m.cfg.Model.serial == 0 {
		return
	}
	m.serial = "" // of the device before the failure
	m.tries++
	regs, err := m.bus.Registers(ctx, m.cfg.Unit, true, m.cfg.Model.serial, 2)
	switch {
	case err == nil:
		if n := uint32(regs[0])<<16 | uint32(regs[1]); n != 0 {
			m.serial = fmt.Sprintf("%s-%d", m.cfg.Model.name, n)
		}
		m.known, m.tries = true, 0
	case isRefusal(err), m.tries >= serialTries:
		m.known = true
	}
}
