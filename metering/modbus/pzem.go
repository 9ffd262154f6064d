package modbus

import "github.com/keeplit/keeplit/internal/units"

// pzem is the PZEM-004T version 3: ten input registers, 32-bit numbers with
// the low word first.  It has no serial number, and function 0x42 puts its
// energy back to zero for anybody on the line, which Registers reports as a
// register that runs backwards.  By its manual the energy ends at 9999.99 kWh.
func pzem() Model {
	return Model{name: "pzem004t", baud: 9600, wrap: 10_000 * units.KilowattHour, blocks: []block{{address: 0, count: 10}}, registers: []register{
		{name: "VOLTAGE", value: "voltage", unit: "V", address: 0, kind: unsigned16, scale: one / 10},
		{name: "CURRENT", value: "current", unit: "A", address: 1, kind: unsigned32, lowFirst: true, scale: one / 1000},
		{name: "POWER", value: "power", unit: "W", address: 3, kind: unsigned32, lowFirst: true, scale: one / 10},
		{name: "ENERGY", value: "import", unit: "kWh", address: 5, kind: unsigned32, lowFirst: true, scale: one / 1000},
		{name: "FREQUENCY", value: "frequency", unit: "Hz", address: 7, kind: unsigned16, scale: one / 10},
		{name: "POWER_FACTOR", unit: "", address: 8, kind: unsigned16, scale: one / 100},
		{name: "ALARM", unit: "", address: 9, kind: unsigned16, scale: one},
	}}
}
