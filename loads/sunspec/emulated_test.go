package sunspec

import (
	"encoding/binary"
	"math"
	"net"
	"sync"
	"testing"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads/loadstest"
)

// inverter is an emulated one: registers that answer Modbus TCP, laid out as the models have them.
type inverter struct {
	unit byte
	kind int // 103, 113, 701 or 160
	port *loadstest.Port

	mu        sync.Mutex
	base      int
	registers map[int]uint16
	fault     loadstest.Fault
	power     float64 // W given
	scale     int     // of what it gives; some change it as they go
	silent    bool    // its power is not told
	state     uint16
}

// lay lays the models one behind the other.
func newInverter(base, kind int) *inverter {
	v := &inverter{unit: 1, kind: kind, base: base, scale: 0, state: 4}
	v.lay()
	return v
}

// lay writes all registers anew.
func (v *inverter) lay() {
	r := map[int]uint16{}
	at := v.base
	put := func(words ...uint16) {
		for _, w := range words {
			r[at] = w
			at++
		}
	}
	model := func(id, length int, points map[int]uint16) {
		block := make([]uint16, 2+length)
		for i := range block {
			block[i] = noUint
		}
		block[0], block[1] = uint16(id), uint16(length)
		for k, w := range points {
			block[k] = w
		}
		put(block...)
	}
	put(0x5375, 0x6e53)
	model(1, 66, nil)
	said := uint16(int16(math.Round(v.power / math.Pow10(v.scale))))
	if v.silent {
		said = noInt
	}
	sf := uint16(int16(v.scale))
	switch v.kind {
	case 103:
		model(103, 50, map[int]uint16{14: said, 15: sf, 38: v.state})
	case 113:
		f := math.Float32bits(float32(v.power))
		if v.silent {
			f = math.Float32bits(float32(math.NaN()))
		}
		model(113, 60, map[int]uint16{22: uint16(f >> 16), 23: uint16(f), 48: v.state})
	case 701:
		model(701, 153, map[int]uint16{4: v.state, 10: said, 116: sf})
	case 160: // a hybrid: two strings, and what goes into the battery and comes out
		ac := uint16(7777) // the battery gives too
		model(103, 50, map[int]uint16{14: ac, 15: 0, 38: v.state})
		model(124, 24, nil)
		points := map[int]uint16{2: noScale, 3: noScale, 4: sf, 5: 0, 8: 4}
		halves := []float64{math.Floor(v.power / math.Pow10(v.scale) / 2), 0, 900, 1800}
		halves[1] = math.Round(v.power/math.Pow10(v.scale)) - halves[0]
		for i, name := range []string{"String 1", "String 2", "StCha 3", "StDisCha 4"} {
			s := 10 + 20*i
			points[s] = uint16(i + 1)
			for k := range 8 {
				points[s+1+k] = 0
			}
			for k := 0; k+1 < len(name); k += 2 {
				points[s+1+k/2] = uint16(name[k])<<8 | uint16(name[k+1])
			}
			if points[s+11] = uint16(halves[i]); v.silent {
				points[s+11] = noUint
			}
		}
		model(160, 88, points)
	}
	put(end, 0)
	v.registers = r
}

// change does something to it and lays it out anew.
func (v *inverter) change(do func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	do()
	v.lay()
}

func (v *inverter) Draw(p units.Power) { v.change(func() { v.power = -p.W() }) }

func (v *inverter) Fail(f loadstest.Fault) {
	v.change(func() { v.fault = f })
	if f == loadstest.DropsOut {
		v.port.Break()
	}
}

// answer is the answer to a question of a unit; nil: none.
func (v *inverter) answer(unit byte, q []byte) []byte {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.fault == loadstest.Silent || v.fault == loadstest.Offline || unit != v.unit {
		return nil
	}
	at, n := int(binary.BigEndian.Uint16(q[1:])), int(binary.BigEndian.Uint16(q[3:]))
	if v.fault == loadstest.Refuses {
		return []byte{q[0] | 0x80, 6} // busy
	}
	if q[0] != 3 || n > 125 {
		return []byte{q[0] | 0x80, 1}
	}
	a := []byte{3, byte(2 * n)}
	for i := range n {
		w, ok := v.registers[at+i]
		if !ok {
			return []byte{q[0] | 0x80, 2}
		}
		if v.fault == loadstest.Garbled {
			w ^= 0x5a5a
		}
		a = binary.BigEndian.AppendUint16(a, w)
	}
	return a
}

// serve answers on a port until the test ends.
func (v *inverter) serve(t *testing.T) string {
	t.Helper()
	v.port = loadstest.Listen(t, func() bool {
		v.mu.Lock()
		defer v.mu.Unlock()
		return v.fault == loadstest.DropsOut
	}, func(c net.Conn) { loadstest.ServeModbus(c, v.answer) })
	return v.port.Addr
}
