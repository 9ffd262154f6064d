package modbus

import (
	"testing"

	"github.com/keeplit/keeplit/metering/meteringtest"
)

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
		{"a unit beyond all", Document{Model: "sdm230", Port: "y", Unit: 300}, "unit"},
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
