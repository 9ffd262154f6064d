package metering

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Fields tells which of a Sample's values the meter gave.
type Fields uint16

// The values a Sample may hold.
const (
	HasImport Fields = 1 << iota
	HasExport
	HasPower
	HasVoltage
	HasCurrent
	HasFrequency
	HasPhases
	HasReactive
	HasApparent
	HasCover   // CoverOpen is meaningful
	HasMagnet  // MagnetNear is meaningful
	HasNeutral // NeutralCurrent is meaningful
)

// Quality says how far a value can be trusted.  Zero is measured.
type Quality uint16

// The reasons why a value is less than measured.
const (
	// Estimated: the energy was counted by the meter but its place in time is
	// spread evenly over a silence.
	Estimated Quality = 1 << iota
	// Gap: part of the time is not covered by any measurement and not charged.
	Gap
	// ClockChanged: the wall clock went back within it.
	ClockChanged
	// Lost: the driver knows that samples, frames or pulses were lost.
	Lost
	// DeviceChanged: the meter was replaced within it.
	DeviceChanged
	// Suspect: a register moved in a way that cannot be consumption.
	Suspect
	// SupplyOff: the supply was switched off for part of it, by whom and for
	// what cause ever.
	SupplyOff
	// MainsOff: the mains was down for part of it, or nobody was there to see
	// that it was not.
	MainsOff
	// Limited: a power limit was reached within it.
	Limited
	// Shed: a load was held off for part of it, for want of credit or of power.
	Shed
	// Away: somebody had told that nobody would be there. It was measured, and is not usual.
	Away
	// Guests: somebody had told that more people than usual would be there.
	Guests
	// Extra: somebody had told that something would use energy on top of what is usual.
	Extra
)

// Unusual is set where somebody had told that the use would not be as usual.
const Unusual = Away | Guests | Extra

// Censored is set where more might have been used than could be: the value is
// the least that was asked for, and a zero says nothing.
const Censored = SupplyOff | MainsOff | Limited | Shed

// qualityNames are in the order of the bits.
func qualityNames() []string {
	return []string{
		"estimated", "gap", "clock_changed", "lost", "device_changed", "suspect",
		"supply_off", "mains_off", "limited", "shed", "away", "guests", "extra",
	}
}

// String is "measured", or the reasons joined by "+".
func (q Quality) String() string {
	if q == 0 {
		return "measured"
	}
	var parts []string
	for i, n := range qualityNames() {
		if q&(1<<i) != 0 {
			parts = append(parts, n)
		}
	}
	return strings.Join(parts, "+")
}

// ParseQuality reads what String writes.
func ParseQuality(text string) (Quality, error) {
	var q Quality
	if text == "measured" {
		return q, nil
	}
	for _, part := range strings.Split(text, "+") {
		i := slices.Index(qualityNames(), part)
		if i < 0 {
			return 0, fmt.Errorf("%q is not a quality: write measured, or of %s those that hold, joined by +", part, strings.Join(qualityNames(), ", "))
		}
		q |= 1 << i
	}
	return q, nil
}

// Phase is one line conductor as the meter sees it.  Has says which are given
// (HasVoltage, HasCurrent, HasPower, HasReactive, HasApparent).
type Phase struct {
	Has      Fields        `json:"has"`
	Voltage  units.Voltage `json:"voltage,omitempty"` // line to neutral
	Current  units.Current `json:"current,omitempty"`
	Power    units.Power   `json:"power,omitempty"`    // active, positive is import
	Reactive int64         `json:"reactive,omitempty"` // mvar, positive is inductive
	Apparent int64         `json:"apparent,omitempty"` // mVA
}

// Sample is one reading of a meter.
type Sample struct {
	At  time.Time `json:"at"`  // UTC, when it was read
	Has Fields    `json:"has"` // which of the values below the meter gave

	Import units.Energy `json:"import,omitempty"` // cumulative register, as the meter shows it
	Export units.Energy `json:"export,omitempty"` // cumulative register, as the meter shows it

	// Step is the resolution of the registers at their present value, zero
	// where it is not known: 1 Wh for most meters, 0.98 Wh for a float32 above
	// 8 MWh.  A register may run one step ahead of the truth.
	Step units.Energy `json:"step,omitempty"`
	// Wrap is the value at which the registers begin again at zero, zero where
	// they do not or it is not known.
	Wrap units.Energy `json:"wrap,omitempty"`
	// ImportSum and ExportSum tell what a register was added up from, one bit a
	// part (tariff, phase, channel), where the meter gives parts.  A sum without
	// one of its parts is another register.  Zero: it is one.
	ImportSum uint16 `json:"import_sum,omitempty"`
	ExportSum uint16 `json:"export_sum,omitempty"`

	Power          units.Power     `json:"power,omitempty"`    // active, positive is import
	Reactive       int64           `json:"reactive,omitempty"` // mvar, positive is inductive
	Apparent       int64           `json:"apparent,omitempty"` // mVA
	Voltage        units.Voltage   `json:"voltage,omitempty"`  // mean of the phases, line to neutral
	Current        units.Current   `json:"current,omitempty"`  // sum of the phases
	Frequency      units.Frequency `json:"frequency,omitempty"`
	NeutralCurrent units.Current   `json:"neutral_current,omitempty"`
	Phases         []Phase         `json:"phases,omitempty"`

	CoverOpen  bool `json:"cover_open,omitempty"`  // the cover or terminal contact says open
	MagnetNear bool `json:"magnet_near,omitempty"` // the magnetic contact says a magnet is near

	// Taken says that the registers rose by energy that reading took out of the
	// device: nothing else has it until this sample is stored.
	Taken bool `json:"taken,omitempty"`

	// Device is the meter's serial number or identity where it tells one; a
	// change of it means that the meter was replaced.
	Device  string  `json:"device,omitempty"`
	Quality Quality `json:"quality,omitempty"`
}

// Gives tells whether the sample has all of f.
func (s Sample) Gives(f Fields) bool { return s.Has&f == f }
