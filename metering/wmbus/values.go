package wmbus

import (
	"errors"
	"fmt"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/obis"
)

// quantity is what a record measures.
type quantity struct {
	group byte // of OBIS codes: 1 imported, 2 exported, and so on; of phase 1 20 more
	d     byte // 8: a register; 7: now
	scale int  // the number is in tens of the power of this
	unit  string
	back  bool // of what flows out
	sided bool // which way it flows is told
	phase int  // 0: all of them
}

// The second and further bytes of what a value is said to be.
const (
	onlyForward  = 0x3B // what flows in alone
	onlyBackward = 0x3C // what flows out alone, as a positive number
	furtherTable = 0xFC // the next byte is of a further table
	makersTable  = 0xFF // the next byte is the maker's own
)

// measured tells what a record measures; ok is false where it is nothing that a Sample has,
// or something else than what is now.
func (r record) measured(m address) (q quantity, ok bool) {
	if r.kind != 0 || r.storage != 0 || len(r.vif) == 0 {
		return q, false
	}
	more := r.vif[1:]
	switch v := r.vif[0]; {
	case v < 0x08: // 0.001 Wh to 10 kWh
		q = quantity{group: 1, d: 8, scale: int(v) - 6, unit: "kWh"}
		if v == 7 {
			q.scale, q.unit = -2, "MWh"
		}
	case v < 0x10: // J to 10 MJ
		q = quantity{group: 1, d: 8, scale: int(v&7) - 3, unit: "kWs"}
	case v >= 0x28 && v < 0x30: // mW to 10 kW
		q = quantity{group: 1, d: 7, scale: int(v&7) - 3, unit: "W"}
	case v == 0xFB && len(more) > 0:
		switch t := more[0]; {
		case t < 0x02: // 0.1 and 1 MWh
			q = quantity{group: 1, d: 8, scale: int(t) - 1, unit: "MWh"}
		case t >= 0x28 && t < 0x2A: // 0.1 and 1 MW
			q = quantity{group: 1, d: 7, scale: int(t&1) - 1, unit: "MW"}
		case t >= 0x2C && t < 0x30: // 0.001 to 1 Hz
			q = quantity{group: 14, d: 7, scale: int(t&3) - 3, unit: "Hz"}
		default:
			return q, false
		}
		more = more[1:]
	case v == 0xFD && len(more) > 0:
		switch t := more[0]; {
		case t >= 0x40 && t < 0x50: // nV to 1 MV
			q = quantity{group: 12, d: 7, scale: int(t&15) - 9, unit: "V"}
		case t >= 0x50 && t < 0x60: // pA to 1 kA
			q = quantity{group: 11, d: 7, scale: int(t&15) - 12, unit: "A"}
		default:
			return q, false
		}
		more = more[1:]
	default:
		return q, false
	}
	for i := 0; i < len(more); i++ {
		switch c := more[i]; {
		case c == onlyForward && !q.sided:
			q.sided = true
		case c == onlyBackward && !q.sided:
			q.sided, q.back = true, true
		case (c == furtherTable || c == makersTable && tellsPhases(m)) && i+1 < len(more) && more[i+1] >= 1 && more[i+1] <= 3 && q.phase == 0:
			i++
			q.phase = int(more[i])
		default:
			return q, false // a limit, a mean, an estimate: not what flows now
		}
	}
	if r.unit != 0 {
		// One maker numbers the phases so; else it is another meter in the same box.
		if m.letters() != "GSS" || r.unit > 3 || q.phase != 0 || q.d == 8 {
			return q, false
		}
		q.phase = r.unit
	}
	return q, q.d == 8 || r.tariff == 0
}

// tellsPhases tells whether a maker's own first three numbers are the phases.
func tellsPhases(m address) bool {
	switch m.letters() {
	case "EBZ", "ESY":
		return true
	}
	return false
}

// The bits of the status, and the names of its two lowest together.
const (
	statusApplication = 0x03
	statusBusy        = 0x01
	statusFailed      = 0x02
	statusPermanent   = 0x08
	statusTemporary   = 0x10
)

// statusText is what a meter says of itself.
func statusText(s byte) string {
	text := ""
	for _, v := range []struct {
		is   bool
		name string
	}{
		{s&statusApplication == statusBusy, "busy"},
		{s&statusApplication == statusFailed, "error"},
		{s&statusApplication == statusApplication, "alarm"},
		{s&0x04 != 0, "power low"},
		{s&statusPermanent != 0, "permanent error"},
		{s&statusTemporary != 0, "temporary error"},
		{s&0xE0 != 0, fmt.Sprintf("maker's %02X", s&0xE0)},
	} {
		if v.is && text != "" {
			text += ", "
		}
		if v.is {
			text += v.name
		}
	}
	if text == "" {
		return "ok"
	}
	return text
}

// errNothing is a telegram without a value of electricity.
var errNothing = errors.New("it holds neither energy nor power, voltage or current")

// telegram reads the words of a message.
func (m *message) telegram(words []byte, dialect obis.Dialect) (metering.Telegram, error) {
	if !m.meter.electric() {
		return metering.Telegram{}, &metering.Error{
			Code: metering.UnknownReply, Op: op, Err: fmt.Errorf("%s is %s", m.meter, kindName(m.meter.kind)),
			Remedy: "write the number of the electricity meter, the eight digits that it has printed on",
		}
	}
	all, err := records(words)
	if err != nil {
		return metering.Telegram{}, wrong(err)
	}
	var c obis.Collector
	c.Speak(dialect)
	c.Meter(m.meter.String())
	c.Text("status", statusText(m.status))
	for _, r := range all {
		q, ok := r.measured(m.meter)
		if !ok {
			c.Text(r.name(), r.text())
			continue
		}
		text, ok := r.number(q.scale)
		if !ok {
			c.Text(r.name(), r.text())
			continue
		}
		group := q.group
		switch {
		case q.back:
			group++
		case group == 1 && q.d == 7 && !q.sided && text[0] == '-':
			group = 16 // it has a sign
		}
		c.Number(r.name(), obis.Code{A: 1, C: group + byte(20*q.phase), D: q.d, E: byte(min(r.tariff, 255)), F: 255}, text, q.unit)
	}
	t, err := c.Done(op)
	if err == nil && t.Sample.Has == 0 {
		err = wrong(errNothing)
	}
	return t, err
}
