package modbus

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

const stale = 1200 * time.Millisecond

// slave is an emulated device: eight coils and inputs, a register that switches, one of amperes and
// one of what it draws, and a few of 32 bits.
type slave struct {
	*loadstest.Custom
	unit byte

	port *loadstest.Port // nil: it is on a line

	mu   sync.Mutex
	amps uint16 // tenths
}

// The slave's registers.
const (
	atCommand = 0x10
	atAmps    = 0x100
	atWatts   = 0x30
)

func newSlave(t *testing.T) *slave {
	s := &slave{unit: 7, amps: 160}
	s.Custom = loadstest.NewCustom(t, nil, nil, func(bool) {}, func(bool) {})
	return s
}

func (s *slave) draws(closed bool) uint16 {
	if !closed {
		return 0
	}
	return uint16(uint32(s.amps) * 23) // W
}

// answer is the answer to a question; nil: none.
func (s *slave) answer(q []byte) (a []byte) {
	s.Heed(string(q), func(f loadstest.Fault, closed bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if f == loadstest.Silent || f == loadstest.Offline || len(q) < 5 {
			return
		}
		at, n := binary.BigEndian.Uint16(q[1:]), binary.BigEndian.Uint16(q[3:])
		writes := q[0] > 4
		if writes && f == loadstest.Refuses {
			a = []byte{q[0] | 0x80, 4}
			return
		}
		moves := f != loadstest.Stuck
		bit := byte(0)
		if closed {
			bit = 1
		}
		switch {
		case q[0] <= 2 && at == 3 && n == 1:
			a = []byte{q[0], 1, bit}
		case (q[0] == 3 || q[0] == 4) && at == atCommand && n == 1:
			a = []byte{q[0], 2, 0, 1 + bit} // 1 is off, 2 on
		case q[0] == 3 && at == atAmps && n == 1:
			a = binary.BigEndian.AppendUint16([]byte{3, 2}, s.amps)
		case q[0] == 4 && at == atWatts && n == 2:
			a = binary.BigEndian.AppendUint16([]byte{4, 4, 0, 0}, s.draws(closed))
		case q[0] == 5 && at == 3:
			if moves {
				s.Obeys(n == 0xff00)
			}
			a = q
		case q[0] == 6 && at == atCommand:
			if moves {
				s.Obeys(n == 2)
			}
			a = q
		case q[0] == 6 && at == atAmps:
			if moves {
				s.amps = n
			}
			a = q
		default:
			a = []byte{q[0] | 0x80, 2}
		}
		if f == loadstest.Garbled {
			a = append([]byte{q[0] ^ 1}, a[1:]...)
		}
	})
	return a
}

func (s *slave) Follows() (p loads.Setpoint) {
	s.Heed("looked at", func(_ loadstest.Fault, closed bool) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if closed {
			p = loads.Setpoint{On: true, Power: units.Power(s.amps) * 23 * units.Watt}
		}
	})
	return p
}

func (s *slave) Press(on bool) {
	s.Heed("by hand", func(loadstest.Fault, bool) { s.Obeys(on) })
}

func (s *slave) Fail(f loadstest.Fault) {
	s.Custom.Fail(f)
	if f == loadstest.DropsOut && s.port != nil {
		s.port.Break()
	}
}

// tcp serves Modbus TCP, or RTU over TCP, until the test ends.
func (s *slave) tcp(t *testing.T, rtu bool) string {
	t.Helper()
	s.port = loadstest.Listen(t, func() bool { return s.Has(loadstest.DropsOut) }, func(c net.Conn) {
		if rtu {
			s.serveRTU(c)
			return
		}
		loadstest.ServeModbus(c, func(unit byte, q []byte) []byte {
			if a := s.answer(q); unit == s.unit {
				return a
			}
			return nil
		})
	})
	return s.port.Addr
}

func (s *slave) serveRTU(c io.ReadWriter) {
	for {
		var f [256]byte
		if _, err := io.ReadFull(c, f[:8]); err != nil {
			return
		}
		n := 8
		if f[1] == writeRegisters {
			n = 9 + int(f[6])
			if _, err := io.ReadFull(c, f[8:n]); err != nil {
				return
			}
		}
		if binary.LittleEndian.Uint16(f[n-2:]) != crc(f[:n-2]) || f[0] != s.unit {
			continue
		}
		a := s.answer(f[1 : n-2])
		if a == nil {
			continue
		}
		a = append([]byte{s.unit}, a...)
		a = binary.LittleEndian.AppendUint16(a, crc(a))
		for _, part := range [][]byte{a[:2], a[2:]} { // as adapters hand it on
			if _, err := c.Write(part); err != nil {
				return
			}
		}
	}
}

// serial serves RTU on a line until the test ends.
func (s *slave) serial(t *testing.T) string {
	t.Helper()
	master, line, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	serving.Go(func() { s.serveRTU(master) })
	t.Cleanup(func() {
		_ = master.Close()
		_ = line.Close()
		serving.Wait()
	})
	return line.Name()
}

func open(t *testing.T, d Document, e loads.Env) *Switch {
	t.Helper()
	if l := d.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	lines := NewLines()
	if e.Buses == nil {
		e.Buses = lines
	}
	e.Now = time.Now
	d.Every, d.Timeout, d.Stale = 50*time.Millisecond, 800*time.Millisecond, stale
	opened, err := d.Open(e)
	if err != nil {
		t.Fatal(err)
	}
	s := opened.(*Switch)
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, lines.Close()); err != nil {
			t.Error(err)
		}
	})
	return s
}

func amps() loads.RangeDocument {
	return loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}}
}

func at[T any](v T) *T { return &v }

func TestConformance(t *testing.T) {
	network := []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Stuck, loadstest.Garbled, loadstest.Refuses, loadstest.DropsOut}
	r := amps()
	told := loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere()}
	coil := Document{Coil: at(3)}
	for _, row := range []struct {
		name string
		doc  Document
		env  loads.Env
		port func(t *testing.T, s *slave) string
		lack int // of the faults, from the end
	}{
		{"a coil over TCP", coil, loads.Env{}, func(t *testing.T, s *slave) string { return s.tcp(t, false) }, 0},
		{"a coil and its auxiliary contact, over RTU in TCP", Document{Coil: at(3), State: &StateDocument{Input: at(3)}, Framing: "rtu"}, loads.Env{}, func(t *testing.T, s *slave) string { return s.tcp(t, true) }, 0},
		{"a register on a serial line", Document{Command: &CommandDocument{Register: atCommand, On: at(2), Off: at(1)}}, loads.Env{}, func(t *testing.T, s *slave) string { return s.serial(t) }, 1},
		{"a wallbox", Document{
			Coil: at(3), Setpoint: &SetpointDocument{Register: atAmps, Unit: "A", Scale: "0.1"}, Measured: &ValueDocument{Register: atWatts, Table: "input", Type: "uint32"},
		}, told, func(t *testing.T, s *slave) string { return s.tcp(t, false) }, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				s := newSlave(t)
				d := row.doc
				d.Port, d.Unit = row.port(t, s), at(int(s.unit))
				target := loadstest.Target{Switch: open(t, d, row.env), Device: s, Stale: stale, Faults: network[:len(network)-row.lack]}
				if len(row.env.Powers) == 0 {
					target.Device = struct{ loadstest.Device }{s} // it follows no set-point
				}
				return target
			})
		})
	}
}
