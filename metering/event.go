package metering

import (
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// EventKind is a stable name of something that happened at the meter.
type EventKind string

// Events of the registers.
const (
	// RegisterBackwards: a register is lower than it was.  Some meters can be
	// reset by anyone on the bus, so this is a sign of tampering.
	RegisterBackwards EventKind = "register_backwards"
	// RegisterJump: a register went further than the supply could carry.
	RegisterJump EventKind = "register_jump"
	// RegisterRebased: the register stayed where it had gone by a jump or
	// backwards; counting goes on from there and the difference is not charged.
	RegisterRebased EventKind = "register_rebased"
	// RegisterRecovered: the register came back to where it was; the odd
	// reading was a fault of reading and nothing was lost.
	RegisterRecovered EventKind = "register_recovered"
	// RegisterWrapped: the register passed its greatest value and began again.
	RegisterWrapped EventKind = "register_wrapped"
	// MeterReplaced: the meter tells another identity than before.
	MeterReplaced EventKind = "meter_replaced"
	// MeterGap: the meter was not read for longer than Limits.MaxGap.
	MeterGap EventKind = "meter_gap"
	// PowerAbsurd: a power was told that the supply cannot carry; until one is
	// told that it can, none is known.
	PowerAbsurd EventKind = "power_absurd"
	// ClockBack: a sample is older than the one before it.
	ClockBack EventKind = "clock_back"
)

// Events of the supply and signs of tampering, as Watch tells them: once when
// they have lasted long enough to be believed (Open), and once when they end.
const (
	// VoltageSag and VoltageSwell: below 90 % or above 110 % of the nominal
	// voltage; VoltageInterruption: below 10 % on one phase.
	VoltageSag          EventKind = "voltage_sag"
	VoltageSwell        EventKind = "voltage_swell"
	VoltageInterruption EventKind = "voltage_interruption"
	// VoltageUnbalance: one of three phase voltages is more than 3 % off their
	// mean (NEMA MG 1), while none of them is beyond its limits.
	VoltageUnbalance EventKind = "voltage_unbalance"
	// Outage: below 10 % on all phases.
	Outage EventKind = "outage"
	// FrequencyDeviation: more than 1 Hz off the nominal frequency.
	FrequencyDeviation EventKind = "frequency_deviation"
	// ReverseEnergy: power flows out where nothing generates.
	ReverseEnergy EventKind = "reverse_energy"
	// CurrentWithoutVoltage: the voltage circuit of a phase is cut while
	// current flows, so that energy is not counted.
	CurrentWithoutVoltage EventKind = "current_without_voltage"
	// ConsumptionWhileOpen: the supply contactor is open and yet power flows
	// through the meter: it is welded or bypassed.
	ConsumptionWhileOpen EventKind = "consumption_while_open"
	// NeutralLoss: the phase voltages have moved apart as they do without a
	// neutral; appliances are in danger.
	NeutralLoss EventKind = "neutral_loss"
	// NeutralMismatch: less current comes back than goes out, or more: part of
	// the load is not metered, or leaks.
	NeutralMismatch EventKind = "neutral_mismatch"
	// CoverOpen and MagnetNear: the meter's own contacts.
	CoverOpen  EventKind = "cover_open"
	MagnetNear EventKind = "magnet_near"
	// RegisterStuck: power flows and the register stands still.
	RegisterStuck EventKind = "register_stuck"
)

// Event is something that happened at the meter and that a person may want to
// know.  The values that do not apply to its kind are zero.
type Event struct {
	Kind  EventKind `json:"kind"`
	Start time.Time `json:"start"`
	// Duration is zero for what happens at one instant, and for what has only
	// begun (Open).
	Duration time.Duration `json:"duration,omitempty"`
	Open     bool          `json:"open,omitempty"`  // it has begun and still lasts
	Phase    int           `json:"phase,omitempty"` // 1 to 3; 0 is all or none in particular

	Before units.Energy `json:"before,omitempty"` // the register before, for register events
	After  units.Energy `json:"after,omitempty"`  // the register after
	Energy units.Energy `json:"energy,omitempty"` // energy that passed meanwhile

	Voltage units.Voltage `json:"voltage,omitempty"` // the extreme
	Current units.Current `json:"current,omitempty"` // the extreme
	Power   units.Power   `json:"power,omitempty"`   // the extreme

	Device    string          `json:"device,omitempty"`    // the new identity, for MeterReplaced
	Frequency units.Frequency `json:"frequency,omitempty"` // the extreme

	Export bool `json:"export,omitempty"` // it is the export register, for register events
}
