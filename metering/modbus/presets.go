package modbus

import "fmt"

// presets are the meters that are known beside the Eastron SDM of the first list and the
// PZEM-004T, in the order in which they are told.  Where the numbers are from stands at
// each; none was tried on a device.
func presets() []Model {
	return []Model{sdm72(), sdm72v2(), em340("em340"), em340("em24e1"), em24(), iem3155(), we514(), b23(), dtsu666(), pac2200(), sun2000(), sungrow(), deye()}
}

// of three phases: a value of each, from an address on.
func three(value, unit string, r register) (out []register) {
	for i := range 3 {
		p := r
		p.name, p.value, p.unit = fmt.Sprintf("%s of phase %d", value, i+1), fmt.Sprintf("%s_%d", value, i+1), unit
		p.address += i * r.kind.words()
		out = append(out, p)
	}
	return out
}

func total(value, unit string, r register) []register {
	r.name, r.value, r.unit = value, value, unit
	return []register{r}
}

// preset puts a model together; no question asks for more registers than together.
func preset(name string, together int, parts ...[]register) Model {
	m := Model{name: name, baud: 9600}
	for _, p := range parts {
		m.registers = append(m.registers, p...)
	}
	m.blocks = plan(m.registers, together)
	return m
}

// sdm72 is Eastron's SDM72D-M: as an SDM630, but with energies and the power in all.
// Source: its manual, by volkszaehler/mbmd (sdm72.go).
func sdm72() Model {
	m := preset("sdm72", 60,
		total("import", "kWh", register{address: 0x0048, scale: one}), total("export", "kWh", register{address: 0x004A, scale: one}),
		total("power", "W", register{address: 0x0034, scale: one}))
	m.leastStep = sdmStep
	return m
}

// sdm72v2 is the SDM72D-M-2, with phases.  Source: its manual, by volkszaehler/mbmd
// (sdm72v2.go).
func sdm72v2() Model {
	m := preset("sdm72v2", 60,
		total("import", "kWh", register{address: 0x0048, scale: one}), total("export", "kWh", register{address: 0x004A, scale: one}),
		total("power", "W", register{address: 0x0034, scale: one}), total("apparent", "VA", register{address: 0x0038, scale: one}),
		total("reactive", "var", register{address: 0x003C, scale: one}), total("frequency", "Hz", register{address: 0x0046, scale: one}),
		three("voltage", "V", register{address: 0x0000, scale: one}), three("current", "A", register{address: 0x0006, scale: one}),
		three("power", "W", register{address: 0x000C, scale: one}))
	m.leastStep, m.serial = sdmStep, sdmSerial
	return m
}

// em340 is Carlo Gavazzi's EM330, EM340, ET330 and ET340, and the EM24 with Ethernet (E1):
// 32 bits with the low word first.  Source: communication protocol EM330/EM340/ET330/ET340,
// by volkszaehler/mbmd (carlogavazzi-ex3x0.go, -em24_e1.go).
func em340(name string) Model { return carloGavazzi(name, 0x0034, 0x004E, 0x0033) }

// em24 is the EM24-DIN on a serial line, whose energies and frequency stand elsewhere.
// Source: communication protocol EM24, by volkszaehler/mbmd (carlogavazzi-em24.go).
func em24() Model { return carloGavazzi("em24", 0x0042, 0x005C, 0x0037) }

// carloGavazzi is what its meters have in common, and where these three stand.
func carloGavazzi(name string, imported, exported, frequency int) Model {
	w := func(address int, scale int64) register {
		return register{address: address, kind: signed32, lowFirst: true, scale: scale, absent: []int{0x7FFFFFFF}}
	}
	return preset(name, 10,
		total("import", "kWh", w(imported, one/10)), total("export", "kWh", w(exported, one/10)), total("power", "W", w(0x0028, one/10)),
		total("frequency", "Hz", register{address: frequency, kind: signed16, scale: one / 10}),
		three("voltage", "V", w(0x0000, one/10)), three("current", "A", w(0x000C, one/1000)), three("power", "W", w(0x0012, one/10)))
}

// iem3155 is Schneider Electric's iEM3155 and iEM3255: energies are whole Wh in 64 bits,
// powers float32 in kW.  It leaves the factory with 19200 baud and even parity.  Source:
// DOCA0005 (the register list counts from 1), by volkszaehler/mbmd (iem3000.go).
func iem3155() Model {
	f := func(address int, scale int64) register {
		return register{holding: true, address: address, scale: scale}
	}
	m := preset("iem3155", 60,
		total("import", "kWh", register{holding: true, address: 0x0C83, kind: signed64, scale: one / 1000}),
		total("export", "kWh", register{holding: true, address: 0x0C87, kind: signed64, scale: one / 1000}),
		total("power", "W", f(0x0BF3, 1000*one)), total("frequency", "Hz", f(0x0C25, one)),
		three("voltage", "V", f(0x0BD3, one)), three("current", "A", f(0x0BB7, one)), three("power", "W", f(0x0BED, 1000*one)))
	m.baud, m.parity = 19200, "even"
	return m
}

// we514 is Orno's OR-WE-514 and OR-WE-515, of one phase: its register is the total of
// both ways, and it has no other.  Source: register description OR-WE-514/515, by
// volkszaehler/mbmd (orno1p.go).
func we514() Model {
	r := func(address int, k kind, scale int64) register {
		return register{holding: true, address: address, kind: k, scale: scale}
	}
	return preset("we514", 60,
		total("import", "kWh", r(0xA000, unsigned32, one/100)), total("power", "W", r(0x0140, signed32, one)),
		total("voltage", "V", r(0x0131, unsigned16, one/100)), total("current", "A", r(0x0139, unsigned32, one/1000)),
		total("reactive", "var", r(0x0148, signed32, one)), total("apparent", "VA", r(0x0150, signed32, one)),
		total("frequency", "Hz", r(0x0130, unsigned16, one/100)))
}

// b23 is Janitza's B23 and B24: float32, energies in Wh.  Source: its manual, by
// volkszaehler/mbmd (janitza.go).
func b23() Model {
	f := func(address int, scale int64) register {
		return register{holding: true, address: address, scale: scale}
	}
	return preset("b23", 60,
		total("import", "kWh", f(0x4A7C, one/1000)), total("export", "kWh", f(0x4A84, one/1000)), total("power", "W", f(0x4A52, one)),
		total("frequency", "Hz", f(0x4A6A, one)),
		three("voltage", "V", f(0x4A38, one)), three("current", "A", f(0x4A44, one)), three("power", "W", f(0x4A4C, one)))
}

// dtsu666 is Chint's DTSU666, as it is sold without another maker's program: float32,
// in tenths of V, W and var, thousandths of A and hundredths of Hz.  Source: DTSU666
// user manual, by volkszaehler/mbmd (dtsu666.go).
func dtsu666() Model {
	f := func(address int, scale int64) register {
		return register{holding: true, address: address, scale: scale}
	}
	return preset("dtsu666", 60,
		total("import", "kWh", f(0x101E, one)), total("export", "kWh", f(0x1028, one)), total("power", "W", f(0x2012, one/10)),
		total("reactive", "var", f(0x201A, one/10)), total("frequency", "Hz", f(0x2044, one/100)),
		three("voltage", "V", f(0x2006, one/10)), three("current", "A", f(0x200C, one/1000)), three("power", "W", f(0x2014, one/10)))
}

// pac2200 is Siemens' SENTRON PAC2200: float32, and energies in Wh as float64, a register
// for each of two tariffs.  Source: PAC2200 manual, by volkszaehler/mbmd (pac2200.go), which reads the
// first tariff alone.
func pac2200() Model {
	f := func(address int) register { return register{address: address, scale: one} }
	tariffs := func(value string, first int) (out []register) {
		for i := range 2 {
			r := register{address: first + 4*i, kind: float64be, scale: one / 1000, sum: true, name: fmt.Sprintf("%s of tariff %d", value, i+1), value: value, unit: "kWh"}
			out = append(out, r)
		}
		return out
	}
	return preset("pac2200", 60,
		tariffs("import", 801), tariffs("export", 809), total("power", "W", f(65)), total("apparent", "VA", f(63)), total("reactive", "var", f(67)),
		three("voltage", "V", f(1)), three("current", "A", f(13)), three("power", "W", f(25)))
}
