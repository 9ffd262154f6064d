package modbus

import (
	"context"
	"fmt"
	"strings"

	"github.com/keeplit/keeplit/metering"
)

// A SunSpec device has a chain of models in its holding registers: a marker, then of each
// model its number, its length and as many registers, and at the end the number 0xFFFF.
// Meters are the models 201 (one phase), 202 (split phase), 203 (star) and 204 (delta).
// Source: SunSpec Alliance, Information Model Specification, and the model definitions.
const (
	sunspecEnd    = 0xFFFF
	sunspecCommon = 1 // maker, type, serial number
	// serialAt and serialWords are where the common model has the serial number.
	serialAt, serialWords = 50, 16
	// mostModels is more than any device has.
	mostModels = 64
)

// sunspec is a meter whose registers are found on the device.
func sunspec() Model { return Model{name: "sunspec", baud: 9600, chain: true} }

// sunspecMeter is the model of a meter whose number stands at start.
func sunspecMeter(start int) Model {
	m := Model{name: "sunspec", baud: 9600, chain: true, blocks: []block{{holding: true, address: start, count: 55}}}
	add := func(value, unit string, at int, k kind, scale int64, exponent int, absent ...int) {
		e := start + exponent
		m.registers = append(m.registers, register{name: value, value: value, unit: unit, holding: true, address: start + at, kind: k, scale: scale, exponent: &e, absent: absent})
	}
	// A counter that shows 0 is one that the device has not (acc32).
	add("import", "kWh", 46, unsigned32, one/1000, 54, 0)
	add("export", "kWh", 38, unsigned32, one/1000, 54, 0)
	add("power", "W", 18, signed16, one, 22)
	add("frequency", "Hz", 16, signed16, one, 17)
	add("apparent", "VA", 23, signed16, one, 27)
	add("reactive", "var", 28, signed16, one, 32)
	for i := range 3 {
		phase := fmt.Sprintf("_%d", i+1)
		add("current"+phase, "A", 3+i, signed16, one, 6)
		add("voltage"+phase, "V", 8+i, signed16, one, 15)
		add("power"+phase, "W", 19+i, signed16, one, 22)
	}
	return m
}

// discover finds the meter in the device's chain, and its serial number.
func (m *Meter) discover(ctx context.Context) error {
	const op = "look for a SunSpec meter"
	base, err := m.marker(ctx)
	if err != nil {
		return err
	}
	var seen []string
	common := 0
	for at, n := base+2, 0; n < mostModels && at < 0xFF00; n++ {
		head, err := m.bus.Registers(ctx, m.cfg.Unit, true, at, 2)
		if err != nil {
			return err
		}
		id, length := int(head[0]), int(head[1])
		switch {
		case id >= 201 && id <= 204:
			m.cfg.Model = sunspecMeter(at)
			m.serial = ""
			if common > 0 {
				m.serial = m.text(ctx, common+serialAt, serialWords)
			}
			m.known = true
			m.begin()
			return nil
		case id == sunspecCommon:
			common = at
		case id == sunspecEnd:
			n = mostModels
		}
		if id != sunspecEnd {
			seen = append(seen, fmt.Sprint(id))
		}
		at += 2 + length
	}
	return metering.Fail(metering.UnknownReply, op, "check the unit id: behind a gateway or an inverter the meter may have one of its own",
		"the device has the models %s and none of a meter (201 to 204)", strings.Join(seen, ", "))
}

// marker is where the chain begins.
func (m *Meter) marker(ctx context.Context) (int, error) {
	for _, base := range []int{40_000, 50_000, 0} {
		w, err := m.bus.Registers(ctx, m.cfg.Unit, true, base, 2)
		switch {
		case err != nil && !isIllegal(err):
			return 0, err
		case err == nil && w[0] == 0x5375 && w[1] == 0x6E53: // SunS
			return base, nil
		}
	}
	return 0, metering.Fail(metering.UnknownReply, "look for a SunSpec meter", "check the unit id, and that SunSpec is switched on in the device", "SunS stands neither at 40000 nor at 50000 nor at 0")
}

// text is what registers spell, empty where they do not.
func (m *Meter) text(ctx context.Context, at, words int) string {
	w, err := m.bus.Registers(ctx, m.cfg.Unit, true, at, words)
	if err != nil {
		return ""
	}
	var b []byte
	for _, v := range w {
		b = append(b, byte(v>>8), byte(v))
	}
	s, _, _ := strings.Cut(string(b), "\x00")
	return strings.ToValidUTF8(strings.TrimSpace(s), "")
}
