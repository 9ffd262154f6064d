package modbus

import (
	"context"
	"io"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
)

// machine closes what is left with it when the test ends.
type machine struct {
	metering.Machine
	t *testing.T
}

func (m machine) Closes(f func() error) { m.t.Cleanup(func() { _ = f() }) }

func at(unit int) *int { return &unit }

// What is left out is unit 1, and unit 0 is unit 0.
func TestTheUnitThatIsAsked(t *testing.T) {
	for _, row := range []struct {
		name string
		unit *int
		want byte
	}{{"left out", nil, 1}, {"0", at(0), 0}, {"255", at(255), 255}} {
		t.Run(row.name, func(t *testing.T) {
			asked := make(chan byte, 100)
			g := meteringtest.NewGateway(t, func(far io.ReadWriter, _ <-chan struct{}) {
				for q := make([]byte, 12); ; {
					if _, err := io.ReadFull(far, q); err != nil {
						return
					}
					select {
					case asked <- q[6]:
					default:
					}
					n := 2 * int(q[11])
					reply := append([]byte{q[0], q[1], 0, 0, 0, byte(3 + n), q[6], q[7], byte(n)}, make([]byte, n)...)
					if _, err := far.Write(reply); err != nil {
						return
					}
				}
			})
			d := Document{Model: "sdm230", Port: g.Address(), Unit: row.unit}
			m, err := d.Open(metering.Env{Now: time.Now, Every: 50 * time.Millisecond, Machine: machine{t: t}})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			var got metering.Reading
			if err := m.Run(ctx, func(r metering.Reading) { got = r; cancel() }); err != nil {
				t.Fatal(err)
			}
			if unit := <-asked; unit != row.want || got.Err != nil {
				t.Errorf("unit %d is asked, want %d: %v", unit, row.want, got.Err)
			}
		})
	}
}

// A description with power alone is right, and told to be less than it may be.
func TestAMapWithoutARegisterIsDoubted(t *testing.T) {
	power := Register{Value: "power", Type: "int32"}
	for _, row := range []struct {
		name string
		doc  Document
		want bool
	}{
		{"power alone", Document{Model: "generic", Map: []Register{power}}, true},
		{"what flows out, and no import", Document{Model: "generic", Map: []Register{power, {Value: "export", Register: 2, Type: "uint32"}}}, true},
		{"with its register", Document{Model: "generic", Map: []Register{power, {Value: "import", Register: 2, Type: "uint32"}}}, false},
		{"a known model", Document{Model: "sdm230"}, false},
	} {
		if got := len(row.doc.Doubts()) > 0; got != row.want {
			t.Errorf("%s: doubted %v", row.name, got)
		}
	}
}

func TestSettings(t *testing.T) {
	for _, row := range []struct {
		name string
		doc  Document
		path string // of its fault; empty: it is good
	}{
		{"a known model", Document{Model: "sdm230", Port: "/dev/ttyUSB0"}, ""},
		{"a map", Document{Model: "generic", Port: "10.0.0.5:502", Map: []Register{{Value: "import", Register: 1, Type: "uint32", Scale: "0.01"}}}, ""},
		{"unknown model", Document{Model: "x", Port: "y"}, "model"},
		{"no port", Document{Model: "sdm230"}, "port"},
		{"a unit beyond all", Document{Model: "sdm230", Port: "y", Unit: at(300)}, "unit"},
		{"unit 0 over TCP", Document{Model: "sdm230", Port: "10.0.0.5:502", Unit: at(0)}, ""},
		{"unit 255 over TCP", Document{Model: "sdm230", Port: "10.0.0.5:502", Unit: at(255)}, ""},
		{"unit 0 on a serial line", Document{Model: "sdm230", Port: "/dev/ttyUSB0", Unit: at(0)}, "unit"},
		{"unit 0 behind a serial server", Document{Model: "sdm230", Port: "10.0.0.5:4001", Framing: "rtu", Unit: at(0)}, "unit"},
		{"unit 255 on a serial line", Document{Model: "sdm230", Port: "/dev/ttyUSB0", Unit: at(255)}, "unit"},
		{"the address of all of a PZEM", Document{Model: "pzem004t", Port: "/dev/ttyUSB0", Unit: at(248)}, ""},
		{"no serial speed", Document{Model: "sdm230", Port: "y", Baud: 7}, "baud"},
		{"a map beside a model", Document{Model: "sdm230", Port: "y", Map: []Register{{Value: "import", Type: "uint32"}}}, "map"},
		{"map without energy", Document{Model: "generic", Port: "y", Map: []Register{{Value: "voltage", Type: "uint16"}}}, "map"},
		{"a value that does not exist", Document{Model: "generic", Port: "y", Map: []Register{{Value: "power", Type: "uint16"}, {Value: "colour", Type: "uint16"}}}, "map[1].value"},
		{"a serial server that passes bytes through", Document{Model: "sdm230", Port: "10.0.0.5:4001", Framing: "rtu"}, ""},
		{"Modbus TCP on a serial line", Document{Model: "sdm230", Port: "/dev/ttyUSB0", Framing: "tcp"}, "framing"},
		{"a sum of two registers", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Type: "uint32", Sum: true}, {Value: "import", Register: 2, Type: "uint32", Sum: true}}}, ""},
		{"a value twice and no sum", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Type: "uint32", Sum: true}, {Value: "import", Register: 2, Type: "uint32"}}}, "map[1].value"},
		{"no register", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Register: unwritten, Type: "uint32"}}}, "map[0].register"},
		{"one register for import and export", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Register: 2, Type: "uint32"}, {Value: "export", Register: 2, Type: "uint32"}}}, "map[1].register"},
		{"one register in both tables", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Register: 2, Type: "uint32"}, {Value: "export", Register: 2, Table: "holding", Type: "uint32"}}}, ""},
		{"an address without its port", Document{Model: "sdm230", Port: "192.168.1.40"}, "port"},
		{"a port without its address", Document{Model: "sdm230", Port: "502"}, "port"},
		{"an address and a port with a space", Document{Model: "sdm230", Port: "192.168.1.40 502"}, "port"},
		{"a port of another system", Document{Model: "sdm230", Port: "COM3"}, "port"},
		{"a port that no list knows", Document{Model: "sdm230", Port: "192.168.1.40:modbus-here"}, "port"},
		{"an order of bytes", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Type: "uint32", Bytes: "low_first"}}}, ""},
		{"no order of bytes", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Type: "uint32", Bytes: "swapped"}}}, "map[0].bytes"},
		{"an exponent of a float", Document{Model: "generic", Port: "y", Map: []Register{{Value: "import", Type: "float64", Exponent: new(int)}}}, "map[0].exponent"},
		{"scale zero", Document{Model: "generic", Port: "y", Map: []Register{{Value: "power", Type: "uint16", Scale: "0"}}}, "map[0].scale"},
	} {
		meteringtest.Faults(t, row.name, row.doc.Check(), row.path)
	}
}
