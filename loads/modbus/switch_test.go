package modbus

import (
	"encoding/hex"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
)

func TestSettings(t *testing.T) {
	hasty, minute := time.Second, time.Minute
	for _, row := range []struct {
		name, path string // of its fault; empty: it is good
		change     func(d *Document)
	}{
		{"a good one", "", func(*Document) {}},
		{"a register on a line", "", func(d *Document) {
			d.Coil, d.Command, d.Port, d.Baud, d.Parity = nil, &CommandDocument{Register: 16, On: at(2), Off: at(1)}, "/dev/ttyUSB0", 19200, "even"
		}},
		{"a set-point alone", "", func(d *Document) {
			d.Coil, d.Setpoint = nil, &SetpointDocument{Register: 1, Type: "int32", Scale: "0.1"}
		}},
		{"a dead man of its own", "", func(d *Document) { d.DeadMan = &minute }},
		{"only measured", "", func(d *Document) { d.Coil, d.Measured = nil, &ValueDocument{Register: 1, Table: "input"} }},
		{"no port", "port", func(d *Document) { d.Port = "" }},
		{"a host alone", "port", func(d *Document) { d.Port = "192.168.1.50" }},
		{"half an address", "port", func(d *Document) { d.Port = "x:" }},
		{"a framing that is none", "framing", func(d *Document) { d.Framing = "ascii" }},
		{"TCP on a line", "framing", func(d *Document) { d.Port, d.Framing = "/dev/ttyUSB0", "tcp" }},
		{"everybody's address", "unit", func(d *Document) { d.Port, d.Unit = "/dev/ttyUSB0", at(0) }},
		{"no address", "unit", func(d *Document) { d.Unit = at(256) }},
		{"no speed", "baud", func(d *Document) { d.Baud = 9 }},
		{"no parity", "parity", func(d *Document) { d.Parity = "mark" }},
		{"nothing is switched", "coil", func(d *Document) { d.Coil = nil }},
		{"switched in two ways", "command", func(d *Document) { d.Command = &CommandDocument{} }},
		{"no coil", "coil", func(d *Document) { d.Coil = at(70000) }},
		{"one number for both", "command.off", func(d *Document) { d.Coil, d.Command = nil, &CommandDocument{On: at(0)} }},
		{"a number that does not fit", "command.on", func(d *Document) { d.Coil, d.Command = nil, &CommandDocument{On: at(70000)} }},
		{"no place of a state", "state", func(d *Document) { d.State = &StateDocument{} }},
		{"two places of a state", "state", func(d *Document) { d.State = &StateDocument{Coil: at(1), Input: at(1)} }},
		{"a number of a coil", "state", func(d *Document) { d.State = &StateDocument{Coil: at(1), On: at(1)} }},
		{"a state that is both", "state.off", func(d *Document) { d.State = &StateDocument{Register: at(1), On: at(0)} }},
		{"no type", "setpoint.type", func(d *Document) { d.Setpoint = &SetpointDocument{Type: "float32"} }},
		{"no factor", "setpoint.scale", func(d *Document) { d.Setpoint = &SetpointDocument{Scale: "-1"} }},
		{"no unit", "measured.unit", func(d *Document) { d.Measured = &ValueDocument{Unit: "kWh"} }},
		{"no table", "measured.table", func(d *Document) { d.Measured = &ValueDocument{Table: "coils"} }},
		{"it is read all the time", "every", func(d *Document) { d.Every = time.Millisecond }},
		{"a patience beyond a command's", "timeout", func(d *Document) { d.Timeout = 6 * time.Second }},
		{"it is forgotten before it is read again", "stale", func(d *Document) { d.Stale = 2 * time.Second }},
		{"so without a word of stale", "stale", func(d *Document) { d.Every = 2 * time.Minute }},
		{"a pause for ever", "pause", func(d *Document) { d.Pause = 2 * time.Hour }},
		{"a hasty dead man", "dead_man", func(d *Document) { d.DeadMan = &hasty }},
	} {
		d := &Document{Port: "192.168.1.50:502", Coil: at(0)}
		row.change(d)
		l := d.Check()
		if (row.path == "") != (len(l) == 0) || len(l) > 1 || len(l) == 1 && (l[0].Path != row.path || l[0].Remedy == "") {
			t.Errorf("%s: %v, want a fault at %q", row.name, l, row.path)
		}
	}
	d := Document{Port: "/dev/ttyUSB0", Unit: at(7), Coil: at(3), Setpoint: &SetpointDocument{Register: 256, Unit: "A"}, DeadMan: &minute}
	if x := d.Traits(); !x.Remote || !x.Renewable || x.Blind || !x.Told || !x.Amperes || x.Serial != "/dev/ttyUSB0" || x.Of != "coil 3 of unit 7 at /dev/ttyUSB0" || x.Also != "register 256 of unit 7 at /dev/ttyUSB0" {
		t.Errorf("%+v", x)
	}
}

// The frames of the protocol's own examples and of a reference implementation.
func TestFrames(t *testing.T) {
	for text, want := range map[string]uint16{"01050003ff00": 0x3a7c, "010300000001": 0x0a84, "110100130025": 0x840e} { // low byte first on the wire
		data, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := crc(data); got != want {
			t.Errorf("%s: %04x, want %04x", text, got, want)
		}
	}
	f := formOf("uint16", "", "0.1", "A", 690*units.Watt)
	for _, row := range []struct {
		form  form
		power units.Power
		words []uint16
	}{
		{f, 11_040 * units.Watt, []uint16{160}},
		{formOf("", "", "", "", 0), 1500 * units.Watt, []uint16{1500}},
		{formOf("int16", "", "", "", 0), -1500 * units.Watt, []uint16{0xfa24}},
		{formOf("uint32", "", "", "", 0), 70_000 * units.Watt, []uint16{1, 4464}},
		{formOf("int32", "low_first", "", "", 0), -1 * units.Watt, []uint16{0xffff, 0xffff}},
		{formOf("uint32", "low_first", "", "kW", 0), 70_000 * units.Kilowatt, []uint16{4464, 1}},
	} {
		if got := row.form.words(row.power); !slices.Equal(got, row.words) {
			t.Errorf("%v: %v, want %v", row.power, got, row.words)
		}
		var data []byte
		for _, w := range row.words {
			data = append(data, byte(w>>8), byte(w))
		}
		if got := row.form.power(data); got != row.power {
			t.Errorf("%v reads back as %v", row.power, got)
		}
	}
	if f.fits(10_000*units.Kilowatt) || formOf("", "", "", "", 0).fits(-units.Watt) || !formOf("int16", "", "", "", 0).fits(-units.Watt) {
		t.Error("what goes into a register is told wrong")
	}
}

// What comes back of another question, another length or another value is no answer.
func TestWhatIsNoAnswer(t *testing.T) {
	read, write := question(readHolding, 1, 2), question(writeCoil, 3, 0xff00)
	for name, x := range map[string]struct{ q, a []byte }{
		"of another function": {read, []byte{4, 4, 0, 0, 0, 0}}, "too short": {read, []byte{3, 2, 0, 0}}, "a length that lies": {read, []byte{3, 4, 0, 0}},
		"nothing": {read, nil}, "a function alone": {read, []byte{3}}, "another coil": {write, []byte{5, 0, 4, 0xff, 0}}, "another value": {write, []byte{5, 0, 3, 0, 0}}, "more than was written": {write, []byte{5, 0, 3, 0xff, 0, 0}},
	} {
		if _, err := checked(x.q, x.a); err == nil {
			t.Errorf("%s: taken for an answer", name)
		}
	}
	if _, err := checked(read, []byte{0x83, 2}); err == nil || !strings.Contains(err.Error(), "one more than the wire") {
		t.Error(err)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte{3, 4, 0, 0, 0, 1})
	f.Add([]byte{0x83, 2})
	f.Fuzz(func(t *testing.T, a []byte) {
		if got, err := checked(question(readHolding, 1, 2), a); err == nil && len(got) != 6 {
			t.Errorf("% x is an answer", a)
		}
	})
}

// Two relays of one board share its connection, set to the same; what is told of one is told to
// that one alone, and nothing at the start.
func TestTwoRelaysOfOneBoard(t *testing.T) {
	s := newSlave(t)
	port := s.tcp(t, false)
	lines := NewLines()
	one := open(t, Document{Port: port, Unit: at(7), Coil: at(3)}, loads.Env{Buses: lines})
	other := open(t, Document{Port: port, Unit: at(7), Command: &CommandDocument{Register: atCommand, On: at(2), Off: at(1)}}, loads.Env{Buses: lines})
	t.Cleanup(func() { _ = lines.Close() })
	for _, sw := range []*Switch{one, other} {
		for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
			if o, _ := sw.Observed(t.Context()); o.Known {
				break
			}
			if time.Now().After(end) {
				t.Fatal("it is not known")
			}
		}
	}
	if n := s.port.Open(); n != 1 {
		t.Errorf("%d connections", n)
	}
	for _, h := range s.Heard() {
		if h[0] > 4 {
			t.Errorf("at the start % x is written", h)
		}
	}
	if _, err := lines.Bus(loads.BusAt{Port: port, RTU: true, Baud: 9600, Parity: "none"}); err == nil {
		t.Error("one port is set in two ways")
	}
}

// A gateway that hangs up on who is idle is called again, and the command is not lost.
func TestAGatewayThatHangsUp(t *testing.T) {
	s := newSlave(t)
	l := NewLines()
	d := Document{Port: s.tcp(t, false), Unit: at(7), Coil: at(3)}
	opened, err := d.Open(loads.Env{Buses: l, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	if err := opened.Set(t.Context(), loads.Setpoint{On: true}); err != nil {
		t.Fatal(err)
	}
	s.port.Break()
	time.Sleep(20 * time.Millisecond)
	if err := opened.Set(t.Context(), loads.Setpoint{}); err != nil || s.Closed() {
		t.Errorf("%v, closed %v", err, s.Closed())
	}
}

// A late answer to a question that was given up is none to the next.
func TestALateAnswerIsNone(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	late := make(chan struct{})
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for n := 0; ; n++ {
			c, err := l.Accept()
			if err != nil {
				return
			}
			var q [8]byte
			_, _ = c.Read(q[:])
			if n == 0 {
				<-late
			}
			a := []byte{1, 1, 1, byte(1 - min(n, 1))} // on at first, then off
			_, _ = c.Write(append(a, byte(crc(a)), byte(crc(a)>>8)))
		}
	}()
	b, err := NewLines().Bus(loads.BusAt{Port: l.Addr().String(), RTU: true})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Ask(t.Context(), 1, question(readCoils, 0, 1), 50*time.Millisecond); err == nil || !strings.Contains(err.Error(), "does not answer") {
		t.Fatal(err)
	}
	close(late)
	a, err := b.Ask(t.Context(), 1, question(readCoils, 0, 1), time.Second)
	if err != nil || a[2] != 0 {
		t.Errorf("% x, %v", a, err)
	}
}

// A register that holds neither number means that nothing is known, at once.
func TestARegisterThatSaysNeither(t *testing.T) {
	s := newSlave(t)
	sw := open(t, Document{Port: s.tcp(t, false), Unit: at(7), Command: &CommandDocument{Register: atCommand, On: at(2), Off: at(0)}}, loads.Env{}) // it says 1 for off
	for end := time.Now().Add(5 * time.Second); !strings.Contains(sw.Trouble(), "neither on nor off"); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not said: %q", sw.Trouble())
		}
	}
	if o, _ := sw.Observed(t.Context()); o.Known {
		t.Errorf("%+v", o)
	}
	s.Press(true)
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(time.Millisecond) {
		if o, _ := sw.Observed(t.Context()); o.Known && o.On {
			break
		}
		if time.Now().After(end) {
			t.Fatal("it is on, and not known")
		}
	}
	s.Custom.Fail(loadstest.Sound)
}
