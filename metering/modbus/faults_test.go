package modbus

import (
	"encoding/binary"
	"io"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// device answers from a table of registers; what is not in it is refused.
type device struct {
	table  map[int]uint16
	silent map[int]bool // no answer where it is asked for this register first
	only   byte         // the function that it knows; zero: any
	most   int          // registers that it gives at once; zero: as many as are asked for
	asked  atomic.Int64
	odd    func(question, reply []byte) []byte // what comes in place of the reply

	mu sync.Mutex // of table, once it is asked
}

// change changes what the registers hold while it is asked.
func (d *device) change(how func(table map[int]uint16)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	how(d.table)
}

func (d *device) f32(at int, v float64) {
	b := math.Float32bits(float32(v))
	d.table[at], d.table[at+1] = uint16(b>>16), uint16(b)
}

// sdm is an SDM630 on one phase.
func newSDM() *device {
	d := &device{table: map[int]uint16{}, silent: map[int]bool{}}
	for at := 0; at < 0x4C; at++ {
		d.table[at] = 0
	}
	d.f32(0, 230)
	d.f32(6, 5)
	d.f32(0x0C, 1150)
	d.f32(0x34, 1150)
	d.f32(0x46, 50)
	d.f32(0x48, 1234)
	d.f32(0x4A, 2)
	return d
}

func (d *device) pdu(q []byte) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.asked.Add(1)
	from, n := int(binary.BigEndian.Uint16(q[1:])), int(binary.BigEndian.Uint16(q[3:]))
	if d.silent[from] {
		return nil
	}
	if d.only != 0 && q[0] != d.only {
		return []byte{q[0] | 0x80, 1}
	}
	if d.most > 0 && n > d.most {
		return []byte{q[0] | 0x80, 3}
	}
	out := []byte{q[0], byte(2 * n)}
	for at := from; at < from+n; at++ {
		w, ok := d.table[at]
		if !ok {
			return []byte{q[0] | 0x80, 2}
		}
		out = binary.BigEndian.AppendUint16(out, w)
	}
	return out
}

func (d *device) serve(rw io.ReadWriter) {
	for q := make([]byte, 8); ; {
		if _, err := io.ReadFull(rw, q); err != nil {
			return
		}
		var reply []byte
		if body := d.pdu(q[1:6]); body != nil {
			reply = append([]byte{q[0]}, body...)
			reply = binary.LittleEndian.AppendUint16(reply, crc(reply))
		}
		if d.odd != nil {
			reply = d.odd(q, reply)
		}
		if _, err := rw.Write(reply); err != nil {
			return
		}
	}
}

// on puts the device on a serial line.
func (d *device) on(t *testing.T, m Model) *Meter {
	t.Helper()
	port := meteringtest.NewPort(t, line.Mode{Baud: 115_200}, func(far io.ReadWriter, _ <-chan struct{}) { d.serve(far) })
	return meterOn(t, NewBus("pty", RTU, port.Open, 100*time.Millisecond), m)
}

func meterOn(t *testing.T, bus *Bus, m Model) *Meter {
	t.Helper()
	t.Cleanup(func() { _ = bus.Close() })
	meter, err := NewMeter(bus, Config{Model: m, Unit: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	meter.known = true // these devices tell no serial number
	return meter
}

func TestAStrayByteOrAnEchoDoesNotKeepASerialMeterFromBeingRead(t *testing.T) {
	for _, row := range []struct {
		name string
		odd  func(q, reply []byte) []byte
	}{
		{"a zero before each answer", func(_, r []byte) []byte { return append([]byte{0}, r...) }},
		{"a zero after each answer", func(_, r []byte) []byte { return append(r, 0) }},
		{"noise on both sides", func(_, r []byte) []byte { return append(append([]byte{0xFF, 1, 4, 0}, r...), 0xFF, 1) }},
		{"an adapter that hears what it sends", func(q, r []byte) []byte { return append(append([]byte{}, q...), r...) }},
		{"the same with a zero between", func(q, r []byte) []byte { return append(append(append([]byte{}, q...), 0), r...) }},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newSDM()
			d.odd = row.odd
			m := d.on(t, sdm630())
			for range 3 {
				if s, err := m.Read(t.Context()); err != nil || s.Import != 1234*units.KilowattHour || s.Power != 1150*units.Watt {
					t.Fatalf("%+v, %v", s, err)
				}
			}
		})
	}
}

func TestWhatIsWrongOnASerialLineIsNamed(t *testing.T) {
	for _, row := range []struct {
		name string
		odd  func(q, reply []byte) []byte
		code metering.Code
		says string
	}{
		{"an echo and no answer", func(q, _ []byte) []byte { return q }, metering.Silent, "only the question itself"},
		{"another unit", func(_, r []byte) []byte {
			r = append([]byte{9}, r[1:len(r)-2]...)
			return binary.LittleEndian.AppendUint16(r, crc(r))
		}, metering.UnknownReply, "unit 9"},
		{"a bit is wrong", func(_, r []byte) []byte { r[10] ^= 4; return r }, metering.Checksum, "check sum"},
		{"the end is missing", func(_, r []byte) []byte { return r[:40] }, metering.Short, "bytes came"},
		{"something else speaks", func(_, _ []byte) []byte { return []byte("hello, I am no meter") }, metering.UnknownReply, "no answer"},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newSDM()
			d.odd = row.odd
			_, err := d.on(t, sdm630()).Read(t.Context())
			if metering.CodeOf(err) != row.code || !strings.Contains(err.Error(), row.says) {
				t.Errorf("%v, want %s: %s", err, row.code, row.says)
			}
		})
	}
}

func TestAnAnswerThatIsLostOnceIsAskedForAgain(t *testing.T) {
	d := newSDM()
	n := 0
	d.odd = func(_, r []byte) []byte {
		if n++; n%2 == 1 {
			r[7] ^= 1
		}
		return r
	}
	m := d.on(t, sdm630())
	if s, err := m.Read(t.Context()); err != nil || s.Import != 1234*units.KilowattHour || d.asked.Load() != 2 {
		t.Errorf("%+v, %v after %d questions", s, err, d.asked.Load())
	}
}

// A late answer to a question that was asked again must not be taken for that to
// the next question, of as many registers.
func TestALateAnswerIsNotThatToAnotherQuestion(t *testing.T) {
	d := newSDM()
	late := true
	d.odd = func(_, r []byte) []byte {
		if late {
			time.Sleep(130 * time.Millisecond) // each of the first answers
		}
		late = d.asked.Load() < 2
		return r
	}
	m := d.on(t, sdmSingle("sdm230")) // it serves from here on
	s, err := m.Read(t.Context())
	if err == nil && (s.Import != 1234*units.KilowattHour || s.Power != 1150*units.Watt || s.Voltage != 230_000 || s.Frequency != 50_000) {
		t.Errorf("%+v, %v", s, err)
	}
}

func TestWhatAMeterLacksIsAbsentAndTheRestIsRead(t *testing.T) {
	nan := func(d *device, at ...int) {
		for _, a := range at {
			d.f32(a, math.NaN())
		}
	}
	for _, row := range []struct {
		name   string
		model  Model
		change func(d *device)
		has    metering.Fields
		not    metering.Fields
		phases int
	}{
		{"all of it", sdm630(), func(*device) {}, metering.HasPower | metering.HasFrequency | metering.HasExport | metering.HasReactive, 0, 3},
		{"two phases that are not wired are no number", sdm630(), func(d *device) {
			nan(d, 2, 4, 8, 10, 14, 16, 0x14, 0x16, 0x1A, 0x1C)
		}, metering.HasPower | metering.HasVoltage | metering.HasCurrent, 0, 1},
		{"the power of one phase is no number", sdm630(), func(d *device) { nan(d, 16) }, metering.HasPower | metering.HasVoltage, 0, 3},
		{"no number for the frequency", sdm630(), func(d *device) { nan(d, 0x46) }, metering.HasPower, metering.HasFrequency, 3},
		{"the reactive power is refused with the block", sdm630(), func(d *device) { delete(d.table, 0x3C) }, metering.HasPower | metering.HasFrequency | metering.HasExport, 0, 3},
		{"the frequency is refused with the block", sdm630(), func(d *device) { delete(d.table, 0x46) }, metering.HasPower | metering.HasReactive | metering.HasExport, metering.HasFrequency, 3},
		{"the reactive power is refused alone", sdmSingle("sdm230"), func(d *device) { delete(d.table, 0x18) }, metering.HasPower | metering.HasFrequency | metering.HasExport, metering.HasReactive, 1},
		{"export is refused", sdmSingle("sdm230"), func(d *device) { delete(d.table, 0x4A) }, metering.HasPower | metering.HasImport, metering.HasExport, 1},
		{"no answer for the frequency", sdmSingle("sdm230"), func(d *device) { d.silent[0x46] = true }, metering.HasPower | metering.HasExport, metering.HasFrequency, 1},
		{"a frequency beyond any", sdm630(), func(d *device) { d.f32(0x46, 1e7) }, metering.HasPower, metering.HasFrequency, 3},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newSDM()
			row.change(d)
			m := d.on(t, row.model)
			for range 2 {
				s, err := m.Read(t.Context())
				if err != nil || s.Import != 1234*units.KilowattHour || !s.Gives(row.has) || s.Has&row.not != 0 || len(s.Phases) != row.phases {
					t.Fatalf("%+v, %v", s, err)
				}
			}
			if _, err := m.Read(t.Context()); err != nil {
				t.Fatal(err)
			}
			// What has no answer is not asked for each time.
			before, blocks := d.asked.Load(), 0
			for _, q := range m.ask {
				if q.rest == 0 {
					blocks++
				}
			}
			if _, err := m.Read(t.Context()); err != nil || d.asked.Load()-before > int64(blocks) {
				t.Errorf("%d questions, %v; want %d", d.asked.Load()-before, err, blocks)
			}
		})
	}
}

func TestWithoutEnergyOrPowerThereIsNoSample(t *testing.T) {
	for _, row := range []struct {
		name   string
		change func(d *device)
		code   metering.Code
	}{
		{"the register is no number", func(d *device) { d.f32(0x48, math.NaN()) }, metering.Range},
		{"the power is no number", func(d *device) { d.f32(0x0C, math.NaN()) }, metering.Range},
		{"the register is refused", func(d *device) { delete(d.table, 0x48) }, metering.Exception},
		{"the power is not answered", func(d *device) { d.silent[0x0C] = true }, metering.Silent},
		{"the register is absurd", func(d *device) { d.f32(0x48, -5) }, metering.Range},
	} {
		d := newSDM()
		row.change(d)
		if s, err := d.on(t, sdmSingle("sdm230")).Read(t.Context()); metering.CodeOf(err) != row.code {
			t.Errorf("%s: %+v, %v", row.name, s, err)
		}
	}
}

// listen serves each connection.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(c)
			}()
		}
	}()
	return l.Addr().String()
}

func TestASerialServerThatPassesBytesThroughIsReadWithFramingRTU(t *testing.T) {
	d := newSDM()
	doc := Document{Model: "sdm630", Port: listen(t, func(c net.Conn) { d.serve(c) }), Framing: "rtu"}
	if l := doc.Check(); len(l) > 0 {
		t.Fatal(l)
	}
	m := meterOn(t, NewBus(doc.Port, RTU, line.TCP(doc.Port), time.Second), sdm630())
	for range 2 {
		if s, err := m.Read(t.Context()); err != nil || s.Import != 1234*units.KilowattHour {
			t.Fatalf("%+v, %v", s, err)
		}
	}
}

// gateway answers under the number that number says.
func (d *device) gateway(number func(asked uint16) uint16) func(net.Conn) {
	return func(c net.Conn) {
		for q := make([]byte, 12); ; {
			if _, err := io.ReadFull(c, q); err != nil {
				return
			}
			body := d.pdu(q[7:])
			reply := binary.BigEndian.AppendUint16(nil, number(binary.BigEndian.Uint16(q)))
			reply = binary.BigEndian.AppendUint16(append(reply, 0, 0), uint16(len(body)+1))
			if _, err := c.Write(append(append(reply, q[6]), body...)); err != nil {
				return
			}
		}
	}
}

func TestAGatewayThatAnswersUnderAFixedNumberIsReadAndAnyOtherIsNamed(t *testing.T) {
	for _, row := range []struct {
		name   string
		number func(uint16) uint16
		good   bool
	}{
		{"always 0", func(uint16) uint16 { return 0 }, true},
		{"always 1, as our first question has", func(uint16) uint16 { return 1 }, true},
		{"the number of another client", func(asked uint16) uint16 { return asked + 100 }, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := newSDM()
			at := listen(t, d.gateway(row.number))
			m := meterOn(t, NewBus(at, TCP, line.TCP(at), 50*time.Millisecond), sdm630())
			for range 4 {
				s, err := m.Read(t.Context())
				if row.good && (err != nil || s.Import != 1234*units.KilowattHour) {
					t.Fatalf("%+v, %v", s, err)
				}
				if !row.good && (metering.CodeOf(err) != metering.UnknownReply || !strings.Contains(err.Error(), "transaction id")) {
					t.Fatalf("%+v, %v", s, err)
				}
			}
		})
	}
}

func TestRegistersOfAGenericMeterAreAddedScaledAndSwapped(t *testing.T) {
	exp := 9
	for _, row := range []struct {
		name  string
		rows  []Register
		table map[int]uint16
		kwh   float64 // negative: no sample
	}{
		{"a sum of tariffs", []Register{
			{Value: "import", Register: 1, Type: "uint32", Scale: "0.01", Sum: true}, {Value: "import", Register: 3, Type: "uint32", Scale: "0.01", Sum: true},
		}, map[int]uint16{1: 0, 2: 500, 3: 0, 4: 250}, 7.5},
		{"a difference", []Register{
			{Value: "import", Register: 1, Type: "uint32", Scale: "0.01", Sum: true}, {Value: "import", Register: 3, Type: "uint32", Scale: "-0.01", Sum: true},
		}, map[int]uint16{1: 0, 2: 500, 3: 0, 4: 250}, 2.5},
		{"a sum without a part", []Register{
			{Value: "import", Register: 1, Type: "uint32", Sum: true}, {Value: "import", Register: 3, Type: "uint32", Sum: true},
		}, map[int]uint16{1: 0, 2: 500, 3: 0xFFFF, 4: 0xFFFF}, -1},
		{"a power of ten", []Register{{Value: "import", Register: 1, Type: "uint32", Exponent: &exp}}, map[int]uint16{1: 0, 2: 500, 9: 0xFFFE}, 5},
		{"a power of ten that makes it more", []Register{{Value: "import", Register: 1, Type: "uint32", Scale: "0.001", Exponent: &exp}}, map[int]uint16{1: 0, 2: 500, 9: 1}, 5},
		{"no power of ten", []Register{{Value: "import", Register: 1, Type: "uint32", Exponent: &exp}}, map[int]uint16{1: 0, 2: 500, 9: 0x8000}, -1},
		{"float64", []Register{{Value: "import", Register: 1, Type: "float64"}}, map[int]uint16{1: 0x40F8, 2: 0x6A00, 3: 0, 4: 0}, 100_000},
		{"float64, low word first", []Register{{Value: "import", Register: 1, Type: "float64", Words: "low_first"}}, map[int]uint16{4: 0x40F8, 3: 0x6A00, 2: 0, 1: 0}, 100_000},
		{"bytes the other way round", []Register{{Value: "import", Register: 1, Type: "uint32", Bytes: "low_first"}}, map[int]uint16{1: 0x0100, 2: 0x0200}, 65_538},
		{"a number of its own that says nothing", []Register{{Value: "import", Register: 1, Type: "uint32", Absent: []int{0x7FFFFFFF}}}, map[int]uint16{1: 0x7FFF, 2: 0xFFFF}, -1},
		{"the number that says nothing", []Register{{Value: "import", Register: 1, Type: "uint64"}}, map[int]uint16{1: 0xFFFF, 2: 0xFFFF, 3: 0xFFFF, 4: 0xFFFF}, -1},
	} {
		t.Run(row.name, func(t *testing.T) {
			m, err := generic(row.rows)
			if err != nil {
				t.Fatal(err)
			}
			d := &device{table: row.table}
			s, err := d.on(t, m).Read(t.Context())
			if row.kwh < 0 {
				if metering.CodeOf(err) != metering.Range {
					t.Errorf("%+v, %v", s, err)
				}
				return
			}
			if err != nil || s.Import != units.FromKWh(row.kwh) || s.Step <= 0 {
				t.Errorf("%+v, %v", s, err)
			}
		})
	}
}
