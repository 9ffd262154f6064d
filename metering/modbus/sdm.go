package modbus

import "github.com/keeplit/keeplit/internal/units"

// sdmRegisters are the Eastron SDM input registers, float32, two words each,
// high word first.  All models share the numbers; the single-phase ones have
// those of phase 1 and the totals.
func sdmRegisters() []register {
	return []register{
		{name: "PHASE_1_VOLTAGE", value: "voltage_1", unit: "V", address: 0x0000, scale: one},
		{name: "PHASE_2_VOLTAGE", value: "voltage_2", unit: "V", address: 0x0002, scale: one},
		{name: "PHASE_3_VOLTAGE", value: "voltage_3", unit: "V", address: 0x0004, scale: one},
		{name: "PHASE_1_CURRENT", value: "current_1", unit: "A", address: 0x0006, scale: one},
		{name: "PHASE_2_CURRENT", value: "current_2", unit: "A", address: 0x0008, scale: one},
		{name: "PHASE_3_CURRENT", value: "current_3", unit: "A", address: 0x000A, scale: one},
		{name: "PHASE_1_ACTIVE_POWER", value: "power_1", unit: "W", address: 0x000C, scale: one},
		{name: "PHASE_2_ACTIVE_POWER", value: "power_2", unit: "W", address: 0x000E, scale: one},
		{name: "PHASE_3_ACTIVE_POWER", value: "power_3", unit: "W", address: 0x0010, scale: one},
		{name: "PHASE_1_APPARENT_POWER", value: "apparent_1", unit: "VA", address: 0x0012, scale: one},
		{name: "PHASE_2_APPARENT_POWER", value: "apparent_2", unit: "VA", address: 0x0014, scale: one},
		{name: "PHASE_3_APPARENT_POWER", value: "apparent_3", unit: "VA", address: 0x0016, scale: one},
		{name: "PHASE_1_REACTIVE_POWER", value: "reactive_1", unit: "var", address: 0x0018, scale: one},
		{name: "PHASE_2_REACTIVE_POWER", value: "reactive_2", unit: "var", address: 0x001A, scale: one},
		{name: "PHASE_3_REACTIVE_POWER", value: "reactive_3", unit: "var", address: 0x001C, scale: one},
		{name: "PHASE_1_POWER_FACTOR", unit: "", address: 0x001E, scale: one},
		{name: "PHASE_2_POWER_FACTOR", unit: "", address: 0x0020, scale: one},
		{name: "PHASE_3_POWER_FACTOR", unit: "", address: 0x0022, scale: one},
		{name: "PHASE_1_ANGLE", unit: "deg", address: 0x0024, scale: one},
		{name: "PHASE_2_ANGLE", unit: "deg", address: 0x0026, scale: one},
		{name: "PHASE_3_ANGLE", unit: "deg", address: 0x0028, scale: one},
		{name: "AVERAGE_L_TO_N_VOLTS", unit: "V", address: 0x002A, scale: one},
		{name: "AVERAGE_LINE_CURRENT", unit: "A", address: 0x002E, scale: one},
		{name: "SUM_LINE_CURRENT", unit: "A", address: 0x0030, scale: one},
		{name: "TOTAL_SYSTEM_POWER", value: "power", unit: "W", address: 0x0034, scale: one},
		{name: "TOTAL_SYSTEM_APPARENT_POWER", value: "apparent", unit: "VA", address: 0x0038, scale: one},
		{name: "TOTAL_SYSTEM_REACTIVE_POWER", value: "reactive", unit: "var", address: 0x003C, scale: one},
		{name: "TOTAL_SYSTEM_POWER_FACTOR", unit: "", address: 0x003E, scale: one},
		{name: "TOTAL_SYSTEM_PHASE_ANGLE", unit: "deg", address: 0x0042, scale: one},
		{name: "FREQUENCY", value: "frequency", unit: "Hz", address: 0x0046, scale: one},
		{name: "IMPORT_ACTIVE_ENERGY", value: "import", unit: "kWh", address: 0x0048, scale: one},
		{name: "EXPORT_ACTIVE_ENERGY", value: "export", unit: "kWh", address: 0x004A, scale: one},
		{name: "IMPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x004C, scale: one},
		{name: "EXPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x004E, scale: one},
		{name: "VAH_SINCE_LAST_RESET", unit: "kVAh", address: 0x0050, scale: one},
		{name: "AH_SINCE_LAST_RESET", unit: "Ah", address: 0x0052, scale: one},
		{name: "TOTAL_SYSTEM_POWER_DEMAND", unit: "W", address: 0x0054, scale: one},
		{name: "MAXIMUM_TOTAL_SYSTEM_POWER_DEMAND", unit: "W", address: 0x0056, scale: one},
		{name: "CURRENT_SYSTEM_POSITIVE_POWER_DEMAND", unit: "W", address: 0x0058, scale: one},
		{name: "MAXIMUM_SYSTEM_POSITIVE_POWER_DEMAND", unit: "W", address: 0x005A, scale: one},
		{name: "CURRENT_SYSTEM_REVERSE_POWER_DEMAND", unit: "W", address: 0x005C, scale: one},
		{name: "MAXIMUM_SYSTEM_REVERSE_POWER_DEMAND", unit: "W", address: 0x005E, scale: one},
		{name: "TOTAL_SYSTEM_VA_DEMAND", unit: "VA", address: 0x0064, scale: one},
		{name: "MAXIMUM_TOTAL_SYSTEM_VA_DEMAND", unit: "VA", address: 0x0066, scale: one},
		{name: "NEUTRAL_CURRENT_DEMAND", unit: "A", address: 0x0068, scale: one},
		{name: "MAXIMUM_NEUTRAL_CURRENT", unit: "A", address: 0x006A, scale: one},
		{name: "LINE_1_TO_LINE_2_VOLTS", unit: "V", address: 0x00C8, scale: one},
		{name: "LINE_2_TO_LINE_3_VOLTS", unit: "V", address: 0x00CA, scale: one},
		{name: "LINE_3_TO_LINE_1_VOLTS", unit: "V", address: 0x00CC, scale: one},
		{name: "AVERAGE_LINE_TO_LINE_VOLTS", unit: "V", address: 0x00CE, scale: one},
		{name: "NEUTRAL_CURRENT", unit: "A", address: 0x00E0, scale: one},
		{name: "PHASE_1_LN_VOLTS_THD", unit: "%", address: 0x00EA, scale: one},
		{name: "PHASE_2_LN_VOLTS_THD", unit: "%", address: 0x00EC, scale: one},
		{name: "PHASE_3_LN_VOLTS_THD", unit: "%", address: 0x00EE, scale: one},
		{name: "PHASE_1_CURRENT_THD", unit: "%", address: 0x00F0, scale: one},
		{name: "PHASE_2_CURRENT_THD", unit: "%", address: 0x00F2, scale: one},
		{name: "PHASE_3_CURRENT_THD", unit: "%", address: 0x00F4, scale: one},
		{name: "AVERAGE_LINE_TO_NEUTRAL_VOLTS_THD", unit: "%", address: 0x00F8, scale: one},
		{name: "AVERAGE_LINE_CURRENT_THD", unit: "%", address: 0x00FA, scale: one},
		{name: "TOTAL_SYSTEM_POWER_FACTOR_INV", unit: "", address: 0x00FE, scale: one},
		{name: "PHASE_1_CURRENT_DEMAND", unit: "A", address: 0x0102, scale: one},
		{name: "PHASE_2_CURRENT_DEMAND", unit: "A", address: 0x0104, scale: one},
		{name: "PHASE_3_CURRENT_DEMAND", unit: "A", address: 0x0106, scale: one},
		{name: "MAXIMUM_PHASE_1_CURRENT_DEMAND", unit: "A", address: 0x0108, scale: one},
		{name: "MAXIMUM_PHASE_2_CURRENT_DEMAND", unit: "A", address: 0x010A, scale: one},
		{name: "MAXIMUM_PHASE_3_CURRENT_DEMAND", unit: "A", address: 0x010C, scale: one},
		{name: "LINE_1_TO_LINE_2_VOLTS_THD", unit: "%", address: 0x014E, scale: one},
		{name: "LINE_2_TO_LINE_3_VOLTS_THD", unit: "%", address: 0x0150, scale: one},
		{name: "LINE_3_TO_LINE_1_VOLTS_THD", unit: "%", address: 0x0152, scale: one},
		{name: "AVERAGE_LINE_TO_LINE_VOLTS_THD", unit: "%", address: 0x0154, scale: one},
		{name: "TOTAL_ACTIVE_ENERGY", unit: "kWh", address: 0x0156, scale: one},
		{name: "TOTAL_REACTIVE_ENERGY", unit: "kvarh", address: 0x0158, scale: one},
		{name: "L1_IMPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x015A, scale: one},
		{name: "L2_IMPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x015C, scale: one},
		{name: "L3_IMPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x015E, scale: one},
		{name: "L1_EXPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x0160, scale: one},
		{name: "L2_EXPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x0162, scale: one},
		{name: "L3_EXPORT_ACTIVE_ENERGY", unit: "kWh", address: 0x0164, scale: one},
		{name: "L1_TOTAL_ACTIVE_ENERGY", unit: "kWh", address: 0x0166, scale: one},
		{name: "L2_TOTAL_ACTIVE_ENERGY", unit: "kWh", address: 0x0168, scale: one},
		{name: "L3_TOTAL_ACTIVE_ENERGY", unit: "kWh", address: 0x016A, scale: one},
		{name: "L1_IMPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x016C, scale: one},
		{name: "L2_IMPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x016E, scale: one},
		{name: "L3_IMPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x0170, scale: one},
		{name: "L1_EXPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x0172, scale: one},
		{name: "L2_EXPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x0174, scale: one},
		{name: "L3_EXPORT_REACTIVE_ENERGY", unit: "kvarh", address: 0x0176, scale: one},
		{name: "L1_TOTAL_REACTIVE_ENERGY", unit: "kvarh", address: 0x0178, scale: one},
		{name: "L2_TOTAL_REACTIVE_ENERGY", unit: "kvarh", address: 0x017A, scale: one},
		{name: "L3_TOTAL_REACTIVE_ENERGY", unit: "kvarh", address: 0x017C, scale: one},
		{name: "CURRENT_RESETTABLE_TOTAL_ACTIVE_ENERGY", unit: "kWh", address: 0x0180, scale: one},
		{name: "CURRENT_RESETTABLE_TOTAL_REACTIVE_ENERGY", unit: "kvarh", address: 0x0182, scale: one},
		{name: "CURRENT_RESETTABLE_IMPORT_ENERGY", unit: "kWh", address: 0x0184, scale: one},
		{name: "CURRENT_RESETTABLE_EXPORT_ENERGY", unit: "kWh", address: 0x0186, scale: one},
		{name: "IMPORT_POWER", unit: "W", address: 0x0500, scale: one},
		{name: "EXPORT_POWER", unit: "W", address: 0x0502, scale: one},
	}
}

// sdmStep is the resolution of an SDM's own counting, 0.01 kWh, whatever its
// float32 could carry.
const sdmStep = 10 * units.WattHour

// sdmSerial is the holding register of an SDM's serial number, uint32.
const sdmSerial = 0xFC00

// sdm630 is the three-phase meter; one question reads all of a sample, since
// it answers up to 40 values at once.
func sdm630() Model {
	return Model{name: "sdm630", registers: sdmRegisters(), blocks: []block{{address: 0, count: 0x4C}}, leastStep: sdmStep, serial: sdmSerial, baud: 9600}
}

// sdmSingle is a single-phase meter: phase 1 is all there is, and it is asked
// value by value because it may refuse the numbers between.
func sdmSingle(name string) Model {
	single := map[string]string{
		"voltage_1": "voltage", "current_1": "current", "power_1": "power", "apparent_1": "apparent",
		"reactive_1": "reactive", "frequency": "frequency", "import": "import", "export": "export",
	}
	regs := sdmRegisters()
	for i := range regs {
		regs[i].value = single[regs[i].value]
	}
	baud := 9600
	if name == "sdm120" {
		baud = 2400
	}
	return Model{name: name, registers: regs, blocks: plan(regs, 60), leastStep: sdmStep, serial: sdmSerial, baud: baud}
}
