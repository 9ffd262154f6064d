package metermatrix

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// speaker is a meter that sends a telegram by itself.
type speaker struct {
	w        *world
	telegram func(face) []byte
	twice    bool // a message comes twice, not twice as long

	mu   sync.Mutex
	far  io.ReadWriter // nil: nobody listens
	gone <-chan struct{}
	owed []byte // a telegram that is late
}

func (s *speaker) play(far io.ReadWriter, gone <-chan struct{}) {
	s.mu.Lock()
	s.far, s.gone = far, gone
	s.mu.Unlock()
	<-gone
}

// push sends what the meter shows now.
func (s *speaker) push() {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, how := s.w.shows()
	out, ok := s.telegram(f), true
	if !s.twice || how != duplicate {
		out, ok = how.framed(out)
	}
	if how == late { // that of the time before comes now
		out, s.owed = s.owed, out
	} else {
		s.owed = nil
	}
	if ok && len(out) > 0 && s.far != nil {
		_, _ = s.far.Write(out) // whoever listens sees that it breaks
	}
	if s.twice && how == duplicate && s.far != nil {
		_, _ = s.far.Write(out)
	}
}

// p1Telegram is one of version 5, with two tariffs.
func p1Telegram(f face) []byte {
	letter := "W"
	if f.clock.In(home()).IsDST() {
		letter = "S"
	}
	low := 700 * units.KilowattHour
	var b strings.Builder
	fmt.Fprintf(&b, "/XYZ5\\2M550T-1012\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0(%s%s)\r\n0-0:96.1.1(4530303434303037313331363530363136)\r\n", f.clock.In(home()).Format("060102150405"), letter)
	if f.lacks&metering.HasImport == 0 {
		high := (f.imported - low) % (1_000_000 * units.KilowattHour) // it has so many digits
		if f.imported < low {
			low, high = 0, f.imported
		}
		fmt.Fprintf(&b, "1-0:1.8.1(%010.3f*kWh)\r\n", down(low))
		if !f.part {
			fmt.Fprintf(&b, "1-0:1.8.2(%010.3f*kWh)\r\n", down(high))
		}
	}
	b.WriteString("1-0:2.8.1(000000.000*kWh)\r\n1-0:2.8.2(000000.000*kWh)\r\n0-0:96.14.0(0002)\r\n")
	if f.lacks&metering.HasPower == 0 {
		fmt.Fprintf(&b, "1-0:1.7.0(%06.3f*kW)\r\n1-0:2.7.0(00.000*kW)\r\n", f.power.KW())
	}
	if f.lacks&metering.HasVoltage == 0 {
		fmt.Fprintf(&b, "1-0:32.7.0(%05.1f*V)\r\n1-0:31.7.0(%03.0f*A)\r\n", float64(volts), f.amps())
	}
	b.WriteString("!")
	return fmt.Appendf([]byte(b.String()), "%04X\r\n", crc16(0, []byte(b.String())))
}

// down is kWh with three places, cut off as a meter's display does.
func down(e units.Energy) float64 { return (e - e%units.WattHour).KWh() }

// The parts that an SML file is built from.
func smlList(items ...[]byte) []byte {
	return append([]byte{0x70 | byte(len(items))}, bytes.Join(items, nil)...)
}

func smlBytes(b ...byte) []byte { return append([]byte{byte(len(b) + 1)}, b...) }

func smlEntry(code [6]byte, unit byte, scaler int8, v int64) []byte {
	none := []byte{1}
	return smlList(smlBytes(code[:]...), none, none, []byte{0x62, unit}, []byte{0x52, byte(scaler)}, binary.BigEndian.AppendUint64([]byte{0x59}, uint64(v)), none)
}

func smlMessage(tag uint16, body []byte) []byte {
	u16 := func(v uint16) []byte { return binary.BigEndian.AppendUint16([]byte{0x63}, v) }
	m := smlList(smlBytes(0, 1, 2, 3), []byte{0x62, 0}, []byte{0x62, 0}, smlList(u16(tag), body), u16(0), nil)
	return append(m, 0)
}

func smlTelegram(f face) []byte {
	none := []byte{1}
	server := smlBytes(0x0A, 1, 'X', 'Y', 'Z', 0, 4, 0x7A, 0x55, 0x44)
	var values [][]byte
	if f.lacks&metering.HasImport == 0 {
		values = append(values, smlEntry([6]byte{1, 0, 1, 8, 0, 255}, 30, -1, int64(f.imported/(units.WattHour/10))))
	}
	values = append(values, smlEntry([6]byte{1, 0, 2, 8, 0, 255}, 30, -1, 0))
	if f.lacks&metering.HasPower == 0 {
		values = append(values, smlEntry([6]byte{1, 0, 16, 7, 0, 255}, 27, -1, int64(f.power/100)))
	}
	if f.lacks&metering.HasVoltage == 0 {
		values = append(values, smlEntry([6]byte{1, 0, 32, 7, 0, 255}, 35, -1, volts*10), smlEntry([6]byte{1, 0, 31, 7, 0, 255}, 33, -2, int64(f.amps()*100)))
	}
	clock := smlList([]byte{0x62, 2}, binary.BigEndian.AppendUint32([]byte{0x65}, uint32(f.shown().Unix())))
	body := smlMessage(0x0101, smlList(none, none, smlBytes(1, 2), server, none, none))
	body = append(body, smlMessage(0x0701, smlList(none, server, smlBytes(1, 0, 0x62, 0x0A, 0xFF, 0xFF), clock, smlList(values...), none, none))...)
	body = append(body, smlMessage(0x0201, smlList(none))...)
	esc := []byte{0x1B, 0x1B, 0x1B, 0x1B}
	out := append(append([]byte{}, esc...), 1, 1, 1, 1)
	out = append(out, body...)
	pad := (4 - len(out)%4) % 4
	out = append(append(append(out, make([]byte, pad)...), esc...), 0x1A, byte(pad))
	return binary.LittleEndian.AppendUint16(out, x25(out))
}

func x25(b []byte) uint16 {
	sum := uint16(0xFFFF)
	for _, c := range b {
		sum ^= uint16(c)
		for range 8 {
			odd := sum&1 != 0
			if sum >>= 1; odd {
				sum ^= 0x8408
			}
		}
	}
	return sum ^ 0xFFFF
}

func p1PTY(t *testing.T, w *world) rig {
	s := &speaker{w: w, telegram: p1Telegram}
	p := meteringtest.NewPort(t, line.Mode{Baud: 115_200}, s.play)
	return rig{meter: fmt.Sprintf("driver: p1, p1: {port: %q}", p.Name()), push: s.push}
}

func p1TCP(t *testing.T, w *world) rig {
	s := &speaker{w: w, telegram: p1Telegram}
	g := meteringtest.NewGateway(t, s.play)
	return rig{meter: fmt.Sprintf("driver: p1, p1: {port: %q}", g.Address()), push: s.push}
}

func smlPTY(t *testing.T, w *world) rig {
	s := &speaker{w: w, telegram: smlTelegram}
	p := meteringtest.NewPort(t, line.Mode{Baud: 9600}, s.play)
	return rig{meter: fmt.Sprintf("driver: sml, rollover: 10000 kWh, sml: {port: %q}", p.Name()), push: s.push}
}

func smlTCP(t *testing.T, w *world) rig {
	s := &speaker{w: w, telegram: smlTelegram}
	g := meteringtest.NewGateway(t, s.play)
	return rig{meter: fmt.Sprintf("driver: sml, rollover: 10000 kWh, sml: {port: %q}", g.Address()), push: s.push}
}

// iecMeter is read out in mode C.
type iecMeter struct {
	w     *world
	ident string
}

func (m iecMeter) play(far io.ReadWriter, gone <-chan struct{}) {
	in := bufio.NewReader(far)
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			return
		}
		f, how := m.w.shows()
		var out []byte
		switch {
		case how == silence:
			continue
		case strings.Contains(text, "/?"):
			out = []byte(m.ident + "\r\n")
			if how == echo {
				out = append([]byte(text), out...)
			}
			if how == garbage {
				out = []byte(noise)
			}
		case strings.HasPrefix(text, "\x06"):
			if how == late && !waits(2200*time.Millisecond, gone) {
				return
			}
			time.Sleep(5 * time.Millisecond)
			out, _ = how.framed(m.readout(f))
		default:
			continue
		}
		if _, err := far.Write(out); err != nil {
			return
		}
	}
}

func (m iecMeter) readout(f face) []byte {
	body := "0.0.0(77)\r\n0.9.1(" + f.shown().Format("150405") + ")\r\n0.9.2(" + f.shown().Format("060102") + ")\r\n"
	if f.lacks&metering.HasImport == 0 {
		body += fmt.Sprintf("1.8.0(%010.3f*kWh)\r\n", down(f.imported))
	}
	body += "2.8.0(000000.000*kWh)\r\n"
	if f.lacks&metering.HasPower == 0 {
		body += fmt.Sprintf("1.7.0(%07.4f*kW)\r\n", f.power.KW())
	}
	if f.lacks&metering.HasVoltage == 0 {
		body += fmt.Sprintf("32.7(%.1f*V)\r\n31.7(%.2f*A)\r\n", float64(volts), f.amps())
	}
	body += "!\r\n\x03"
	sum := byte(0)
	for _, c := range []byte(body) {
		sum ^= c
	}
	return append([]byte("\x02"+body), sum)
}

const iecYAML = "driver: iec62056, every: 100ms, iec62056: {port: %q}"

func iecPTY(t *testing.T, w *world) rig {
	p := meteringtest.NewPort(t, line.Mode{Baud: 300, DataBits: 7, Parity: "even"}, iecMeter{w, "/ABC5XYZ-1"}.play)
	return rig{meter: fmt.Sprintf(iecYAML, p.Name())}
}

func iecTCP(t *testing.T, w *world) rig {
	g := meteringtest.NewGateway(t, iecMeter{w, "/ABC0XYZ-1"}.play)
	return rig{meter: fmt.Sprintf(iecYAML, g.Address())}
}
