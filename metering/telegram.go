package metering

import "time"

// Telegram is what a decoder found in one frame or message, beside the Sample
// also everything that the meter said and keeplit has no use for.
type Telegram struct {
	Meter  string    // the meter's identity, empty where it tells none
	Time   time.Time // the meter's own clock, zero where it tells none or its zone is not known
	Sample Sample    // without At
	Raw    []RawValue
}

// RawValue is one value under the meter's own name for it.
type RawValue struct {
	Name  string
	Value string // a decimal number, or text
	Unit  string // empty where it has none
}
