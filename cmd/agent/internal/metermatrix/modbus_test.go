package metermatrix

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// beyond is longer than the driver waits for an answer.
const beyond = 1300 * time.Millisecond

// modbusMeter answers as a single-phase Eastron does.
type modbusMeter struct{ w *world }

// pdu answers the body of a question.
func (m modbusMeter) pdu(q []byte, f face) []byte {
	function, at, n := q[0], int(binary.BigEndian.Uint16(q[1:])), int(binary.BigEndian.Uint16(q[3:]))
	if function != 4 {
		return []byte{function | 0x80, 2} // it has no serial number
	}
	tell := func(has bool, v float64) float64 {
		if !has {
			return math.NaN()
		}
		return v
	}
	step := f.imported - f.imported%(10*units.WattHour) // it counts in these
	values := map[int]float64{
		0x00: volts, 0x06: f.amps(), 0x12: f.power.W(), 0x18: 0, 0x46: hertz, 0x4A: 0,
		0x0C: tell(f.lacks&metering.HasPower == 0, f.power.W()),
		0x48: tell(f.lacks&metering.HasImport == 0, step.KWh()),
	}
	if f.lacks&metering.HasVoltage != 0 {
		values[0x00] = math.NaN()
	}
	out := []byte{function, byte(2 * n)}
	for a := at; a < at+n; a += 2 {
		v, ok := values[a]
		if !ok {
			return []byte{function | 0x80, 2}
		}
		out = binary.BigEndian.AppendUint32(out, math.Float32bits(float32(v)))
	}
	return out
}

// crc16 is that of Modbus, and of P1 with another beginning.
func crc16(sum uint16, b []byte) uint16 {
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			odd := sum&1 != 0
			if sum >>= 1; odd {
				sum ^= 0xA001
			}
		}
	}
	return sum
}

// rtu answers on a serial line.
func (m modbusMeter) rtu(far io.ReadWriter, gone <-chan struct{}) {
	for q := make([]byte, 8); ; {
		if _, err := io.ReadFull(far, q); err != nil {
			return
		}
		f, how := m.w.shows()
		reply := append([]byte{q[0]}, m.pdu(q[1:6], f)...)
		reply = binary.LittleEndian.AppendUint16(reply, crc16(0xFFFF, reply))
		out, ok := how.framed(reply)
		if !ok {
			continue
		}
		if how == echo {
			out = append(append([]byte{}, q...), out...)
		}
		if how == late && !waits(beyond, gone) {
			return
		}
		if _, err := far.Write(out); err != nil {
			return
		}
	}
}

// waits answers false where the line was closed meanwhile.
func waits(d time.Duration, gone <-chan struct{}) bool {
	select {
	case <-gone:
		return false
	case <-time.After(d):
		return true
	}
}

// tcp answers as a gateway of Modbus TCP does.
func (m modbusMeter) tcp(far io.ReadWriter, gone <-chan struct{}) {
	for head := make([]byte, 7); ; {
		if _, err := io.ReadFull(far, head); err != nil {
			return
		}
		pdu := make([]byte, binary.BigEndian.Uint16(head[4:])-1)
		if _, err := io.ReadFull(far, pdu); err != nil {
			return
		}
		f, how := m.w.shows()
		body := m.pdu(pdu, f)
		reply := binary.BigEndian.AppendUint16(append([]byte{}, head[:4]...), uint16(len(body)+1))
		out, ok := how.framed(append(append(reply, head[6]), body...))
		if !ok {
			continue
		}
		if how == late && !waits(beyond, gone) {
			return
		}
		if _, err := far.Write(out); err != nil {
			return
		}
	}
}

const modbusYAML = "driver: modbus, every: 100ms, rollover: 10000 kWh, modbus: {model: sdm230, port: %q%s}"

func modbusPTY(t *testing.T, w *world) rig {
	p := meteringtest.NewPort(t, line.Mode{Baud: 9600}, modbusMeter{w}.rtu)
	return rig{meter: fmt.Sprintf(modbusYAML, p.Name(), "")}
}

func modbusRTU(t *testing.T, w *world) rig {
	g := meteringtest.NewGateway(t, modbusMeter{w}.rtu)
	return rig{meter: fmt.Sprintf(modbusYAML, g.Address(), ", framing: rtu")}
}

func modbusTCP(t *testing.T, w *world) rig {
	g := meteringtest.NewGateway(t, modbusMeter{w}.tcp)
	return rig{meter: fmt.Sprintf(modbusYAML, g.Address(), "")}
}
