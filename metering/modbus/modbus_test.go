package modbus

import (
	"context"
	"encoding/binary"
	"io"
	"math"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/creack/pty"
	smodbus "github.com/simonvetter/modbus"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// slave is a Modbus device with faults, behind a pty or a socket.
type slave struct {
	mu     sync.Mutex
	model  string
	truth  meteringtest.Truth
	fault  meteringtest.Fault
	cut    func()                   // breaks the connection
	line   func(meteringtest.Fault) // breaks the line otherwise; nil: it cannot be
	serial uint32
}

func (s *slave) Show(t meteringtest.Truth) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.truth = t
}

func (s *slave) Break(f meteringtest.Fault) {
	s.mu.Lock()
	s.fault = f
	cut := s.cut
	s.mu.Unlock()
	if f == meteringtest.HangUp && cut != nil {
		cut()
	}
	if s.line != nil {
		s.line(f)
	}
}

func (s *slave) now() (meteringtest.Truth, meteringtest.Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.truth, s.fault
}

// words are the device's registers; ok is false where it refuses.
func (s *slave) words(function byte, address, count int) ([]uint16, bool) {
	truth, fault := s.now()
	table := map[int]uint16{}
	f32 := func(at int, v float64) {
		if fault == meteringtest.Absurd {
			v = math.NaN()
		}
		b := math.Float32bits(float32(v))
		table[at], table[at+1] = uint16(b>>16), uint16(b)
	}
	u32low := func(at int, v int64) {
		if fault == meteringtest.Absurd {
			v = 0x7FFFFFFF
		}
		table[at], table[at+1] = uint16(v), uint16(v>>16)
	}
	if function == 3 {
		if address != sdmSerial || s.model == "pzem004t" {
			return nil, false
		}
		table[sdmSerial], table[sdmSerial+1] = uint16(s.serial>>16), uint16(s.serial)
	} else if s.model == "pzem004t" {
		table[0] = uint16(truth.Voltage / 100)
		u32low(1, int64(truth.Current))
		u32low(3, int64(truth.Power/100))
		u32low(5, int64(truth.Import/units.WattHour))
		table[7], table[8], table[9] = uint16(truth.Frequency/100), 99, 0
	} else {
		phases := 1
		if s.model == "sdm630" {
			phases = 3
		}
		for p := range phases {
			f32(0x00+2*p, float64(truth.Voltage)/1000)
			f32(0x06+2*p, float64(truth.Current)/1000/float64(phases))
			f32(0x0C+2*p, truth.Power.W()/float64(phases))
			f32(0x12+2*p, truth.Power.W()/float64(phases))
			f32(0x18+2*p, 0)
		}
		f32(0x34, truth.Power.W())
		f32(0x38, truth.Power.W())
		f32(0x3C, 0)
		f32(0x46, float64(truth.Frequency)/1000)
		f32(0x48, truth.Import.KWh())
		f32(0x4A, truth.Export.KWh())
		if phases == 1 && count > 2 && address != 0x48 {
			return nil, false // a meter that refuses numbers between its own
		}
	}
	out := make([]uint16, count)
	for i := range out {
		out[i] = table[address+i]
	}
	return out, true
}

// answer is the body of the reply to one question.
func (s *slave) answer(pdu []byte) []byte {
	_, fault := s.now()
	function := pdu[0]
	if fault == meteringtest.Refusal {
		return []byte{function | 0x80, 4}
	}
	words, ok := s.words(function, int(binary.BigEndian.Uint16(pdu[1:])), int(binary.BigEndian.Uint16(pdu[3:])))
	if !ok {
		return []byte{function | 0x80, 2}
	}
	out := []byte{function, byte(2 * len(words))}
	for _, w := range words {
		out = binary.BigEndian.AppendUint16(out, w)
	}
	return out
}

// serveRTU answers questions from a serial line until it breaks.
func (s *slave) serveRTU(rw io.ReadWriter) {
	buf := make([]byte, 8)
	for {
		if _, err := io.ReadFull(rw, buf); err != nil {
			return
		}
		reply := append([]byte{buf[0]}, s.answer(buf[1:6])...)
		reply = binary.LittleEndian.AppendUint16(reply, crc(reply))
		if !s.spoil(rw, reply) {
			return
		}
	}
}

// spoil sends a reply through the fault in force.
func (s *slave) spoil(w io.Writer, reply []byte) bool {
	switch _, fault := s.now(); fault {
	case meteringtest.Silence:
		return true
	case meteringtest.Late:
		time.Sleep(150 * time.Millisecond)
	case meteringtest.Cut:
		reply = reply[:len(reply)/2]
	case meteringtest.Corrupt:
		reply[len(reply)-4] ^= 0x10
	case meteringtest.Garbage:
		reply = []byte("\x00\xff\x01hello, I am no meter at all")
	}
	_, err := w.Write(reply)
	return err == nil
}

func (s *slave) serveTCP(c io.ReadWriter) {
	head := make([]byte, 7)
	for {
		if _, err := io.ReadFull(c, head); err != nil {
			return
		}
		pdu := make([]byte, binary.BigEndian.Uint16(head[4:])-1)
		if _, err := io.ReadFull(c, pdu); err != nil {
			return
		}
		body := s.answer(pdu)
		reply := append(binary.BigEndian.AppendUint16(append([]byte{}, head[:4]...), uint16(len(body)+1)), head[6])
		if !s.spoil(c, append(reply, body...)) {
			return
		}
	}
}

// onPty puts a slave behind a pty and opens the other side with the real
// serial library.
func onPty(t *testing.T, s *slave) *Bus {
	t.Helper()
	return onPtyFor(t, s, 100*time.Millisecond)
}

// onPtyFor waits for an answer, and between its bytes, for as long as said.
func onPtyFor(t *testing.T, s *slave, patience time.Duration) *Bus {
	t.Helper()
	var mu sync.Mutex
	var master, tty *os.File
	open := func() string {
		mu.Lock()
		defer mu.Unlock()
		m, y, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		master, tty = m, y
		go s.serveRTU(m)
		return y.Name()
	}
	closeAll := func() {
		mu.Lock()
		defer mu.Unlock()
		master.Close()
		tty.Close()
	}
	path := open()
	s.cut = func() { closeAll(); p := open(); mu.Lock(); path = p; mu.Unlock() }
	t.Cleanup(closeAll)
	opener := func(ctx context.Context) (line.Conn, error) {
		mu.Lock()
		p := path
		mu.Unlock()
		return line.Serial(p, line.Mode{Baud: 115_200})(ctx)
	}
	bus := NewBus("pty", RTU, opener, patience)
	t.Cleanup(func() { _ = bus.Close() })
	return bus
}

// overTCP puts a slave behind a serial server that passes bytes through.
func overTCP(t *testing.T, s *slave) *Bus {
	t.Helper()
	g := meteringtest.NewGateway(t, func(far io.ReadWriter, _ <-chan struct{}) { s.serveRTU(far) })
	s.line = g.Break
	bus := NewBus(g.Address(), RTU, line.TCP(g.Address()), 100*time.Millisecond)
	t.Cleanup(func() { _ = bus.Close() })
	return bus
}

// onGateway puts a slave behind a gateway of Modbus TCP.
func onGateway(t *testing.T, s *slave) *Bus {
	t.Helper()
	g := meteringtest.NewGateway(t, func(far io.ReadWriter, _ <-chan struct{}) { s.serveTCP(far) })
	s.line = g.Break
	bus := NewBus(g.Address(), TCP, line.TCP(g.Address()), 100*time.Millisecond)
	t.Cleanup(func() { _ = bus.Close() })
	return bus
}

func TestConformance(t *testing.T) {
	all := metering.HasImport | metering.HasPower | metering.HasVoltage | metering.HasCurrent | metering.HasFrequency | metering.HasPhases
	rtu := []meteringtest.Case{
		{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
		{Fault: meteringtest.Late, Codes: []metering.Code{metering.Silent}},
		{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
		{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Checksum}},
		{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
		{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Exception}},
		{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		{Fault: meteringtest.HangUp, Codes: nil},
	}
	tcp := []meteringtest.Case{rtu[0], rtu[1], rtu[2], rtu[4], rtu[5], rtu[6], rtu[7]}
	tcp[3].Codes = []metering.Code{metering.UnknownReply}
	tcp = append(append(tcp, meteringtest.AskedCases()...), meteringtest.Case{Fault: meteringtest.Twice, Reads: true})
	over := append(append([]meteringtest.Case{}, rtu...), meteringtest.AskedCases()...)
	for _, f := range []meteringtest.Fault{meteringtest.Middle, meteringtest.Twice, meteringtest.Stray, meteringtest.Echo} {
		over = append(over, meteringtest.Case{Fault: f, Reads: true})
	}
	for _, row := range []struct {
		model  string
		on     string
		net    func(*testing.T, *slave) *Bus
		cases  []meteringtest.Case
		has    metering.Fields
		energy units.Energy
	}{
		{"sdm630", "rtu", onPty, rtu, all | metering.HasExport, units.WattHour},
		{"sdm230", "rtu", onPty, rtu, all | metering.HasExport, units.WattHour},
		{"pzem004t", "rtu", onPty, rtu, all, units.WattHour},
		{"generic", "rtu", onPty, rtu, all | metering.HasExport, units.WattHour},
		{"sdm630", "tcp", onGateway, tcp, all | metering.HasExport, units.WattHour},
		{"sdm630", "rtu over tcp", overTCP, over, all | metering.HasExport, units.WattHour},
		{"sdm230", "rtu over tcp", overTCP, over, all | metering.HasExport, units.WattHour},
	} {
		t.Run(row.model+" "+row.on, func(t *testing.T) {
			meteringtest.Run(t, meteringtest.Bench{
				Has: row.has, Cases: row.cases, Energy: row.energy, Power: 200,
				New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
					s := &slave{model: row.model, serial: 4711}
					m, err := NewMeter(row.net(t, s), Config{Model: model(t, row.model), Unit: 1, Every: 10 * time.Millisecond, Now: time.Now})
					if err != nil {
						t.Fatal(err)
					}
					return m, s
				},
			})
		})
	}
}

func model(t *testing.T, name string) Model {
	t.Helper()
	d := Document{Model: name}
	if name == "generic" { // an SDM described by hand
		for _, v := range []struct {
			value string
			at    int
		}{{"import", 0x48}, {"export", 0x4A}, {"voltage", 0}, {"current", 6}, {"power", 12}, {"frequency", 0x46}} {
			d.Map = append(d.Map, Register{Value: v.value, Register: v.at, Type: "float32"})
		}
	}
	m, err := ModelOf(d)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// A meter that was replaced tells another serial number after the silence.
func TestMeterReplaced(t *testing.T) {
	s := &slave{model: "sdm230", serial: 1}
	s.Show(meteringtest.Truth{Import: 5 * units.KilowattHour, Voltage: 230_000, Frequency: 50_000})
	m, err := NewMeter(onPtyFor(t, s, time.Second), Config{Model: model(t, "sdm230"), Unit: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	first, err := m.Read(t.Context())
	if err != nil || first.Device != "sdm230-1" {
		t.Fatalf("first: %q, %v", first.Device, err)
	}
	s.Break(meteringtest.Silence)
	if _, err := m.Read(t.Context()); metering.CodeOf(err) != metering.Silent {
		t.Fatalf("silent meter: %v", err)
	}
	s.mu.Lock()
	s.serial = 2
	s.mu.Unlock()
	s.Break(meteringtest.None)
	s.Show(meteringtest.Truth{Import: 7 * units.KilowattHour, Voltage: 230_000, Frequency: 50_000})
	second, err := m.Read(t.Context())
	if err != nil || second.Device != "sdm230-2" {
		t.Fatalf("second: %q, %v", second.Device, err)
	}
	r, _, _ := metering.Registers{}.Take(first, metering.DefaultLimits())
	_, c, events := r.Take(second, metering.DefaultLimits())
	if c.Import != 0 || len(events) != 1 || events[0].Kind != metering.MeterReplaced {
		t.Errorf("consumption %+v, events %+v", c, events)
	}
}

// The same numbers through a server that others wrote.
func TestAgainstAnotherImplementation(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.Addr().String()
	l.Close()
	srv, err := smodbus.NewServer(&smodbus.ServerConfiguration{URL: "tcp://" + addr, MaxClients: 2}, otherServer{})
	if err != nil {
		t.Fatal(err)
	}
	if err := srv.Start(); err != nil {
		t.Fatal(err)
	}
	defer srv.Stop()
	bus := NewBus(addr, TCP, line.TCP(addr), time.Second)
	defer bus.Close()
	m, err := NewMeter(bus, Config{Model: model(t, "sdm630"), Unit: 7, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s, err := m.Read(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// 0x462A7521 is the float32 10909.282; its neighbour is 0.98 Wh away.
	if s.Import != units.FromKWh(float64(math.Float32frombits(0x462A7521))) || s.Step != 10*units.WattHour {
		t.Errorf("import %v, step %d", s.Import, s.Step)
	}
}

type otherServer struct{}

func (otherServer) HandleCoils(*smodbus.CoilsRequest) ([]bool, error) {
	return nil, smodbus.ErrIllegalFunction
}

func (otherServer) HandleDiscreteInputs(*smodbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, smodbus.ErrIllegalFunction
}

func (otherServer) HandleHoldingRegisters(*smodbus.HoldingRegistersRequest) ([]uint16, error) {
	return nil, smodbus.ErrIllegalDataAddress
}

func (otherServer) HandleInputRegisters(q *smodbus.InputRegistersRequest) ([]uint16, error) {
	out := make([]uint16, q.Quantity)
	for i := range out {
		switch int(q.Addr) + i {
		case 0x48:
			out[i] = 0x462A
		case 0x49:
			out[i] = 0x7521
		}
	}
	return out, nil
}

func TestNumbers(t *testing.T) {
	for _, row := range []struct {
		name  string
		reg   register
		words []uint16
		milli int64
		wh    int64 // as energy in kWh units
	}{
		{"float32, real pair of an SDM630", register{kind: float32be, scale: one}, []uint16{0x4361, 0x8CCD}, 225_550, 225_550},
		{"low word first", register{kind: unsigned32, lowFirst: true, scale: one / 1000}, []uint16{0x86A1, 0x0001}, 100_001, 100_001},
		{"signed 16 with a scale", register{kind: signed16, scale: one / 10}, []uint16{0xFFF6}, -1000, -1000},
		{"signed 32", register{kind: signed32, scale: one}, []uint16{0xFFFF, 0xFFFF}, -1000, -1000},
		{"unsigned 64", register{kind: unsigned64, scale: one / 1000}, []uint16{0, 0, 1, 0}, 65_536, 65_536},
	} {
		t.Run(row.name, func(t *testing.T) {
			n, ok := row.reg.decode(row.words)
			if !ok {
				t.Fatal("no value")
			}
			if got := row.reg.milli(n); got != row.milli {
				t.Errorf("milli = %d, want %d", got, row.milli)
			}
			e, _ := row.reg.energy(n)
			if d := e - units.Energy(row.wh)*units.WattHour; d > units.WattHour/50 || d < -units.WattHour/50 {
				t.Errorf("energy = %v, want %d Wh", e, row.wh)
			}
		})
	}
}

func TestNewMeterRefuses(t *testing.T) {
	bus := NewBus("x", RTU, nil, 0)
	for _, row := range []struct {
		name string
		cfg  Config
	}{
		{"no model", Config{Unit: 1}},
		{"broadcast address on a line", Config{Model: sdm630()}},
		{"address too high", Config{Model: sdm630(), Unit: 300}},
	} {
		if _, err := NewMeter(bus, row.cfg); err == nil {
			t.Errorf("%s: no error", row.name)
		}
	}
	if _, err := ModelOf(Document{Model: "abc"}); err == nil {
		t.Error("unknown model: no error")
	}
	if _, err := ModelOf(Document{Model: "generic"}); err == nil {
		t.Error("generic without a map: no error")
	}
}

// FuzzReply feeds any bytes as an answer.
func FuzzReply(f *testing.F) {
	s := &slave{model: "sdm630"}
	s.Show(meteringtest.Truth{Import: 5 * units.KilowattHour, Voltage: 230_000})
	q := request{unit: 1, function: readInput, address: 0, count: 0x4C}
	good := append([]byte{1}, s.answer(q.pdu())...)
	f.Add(binary.LittleEndian.AppendUint16(good, crc(good)))
	f.Add([]byte{1, 0x84, 2, 0xC2, 0xC1})
	f.Add(append(append([]byte{0}, q.rtu()...), 1, 0x84, 2, 0xC2, 0xC1, 0))
	f.Add(append(q.rtu(), 0xFF))
	f.Fuzz(func(t *testing.T, b []byte) {
		// What is found within anything else is an answer; what is not is named.
		if frame := q.find(b); frame == nil {
			if err := q.puzzle(b); metering.CodeOf(err) == "" {
				t.Fatalf("no answer in % x, and %v", b, err)
			}
		} else if _, err := q.parseReply(frame); err != nil && !isRefusal(err) {
			t.Fatalf("% x was found and is none: %v", frame, err)
		}
		regs, err := q.parseReply(b)
		if err != nil {
			if metering.CodeOf(err) == "" {
				t.Fatalf("error without a code: %v", err)
			}
			return
		}
		if len(regs) != int(q.count) {
			t.Fatalf("%d registers", len(regs))
		}
		// A frame that is accepted is one that would be made the same way.
		if n := 3 + 2*len(regs); crc(b[:n]) != binary.LittleEndian.Uint16(b[n:]) {
			t.Fatal("accepted with a wrong check sum")
		}
	})
}
