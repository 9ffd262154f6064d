package quality

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// News is what was measured of the voltage since the last reading.
type News struct {
	Nominal   units.Voltage // the declared ones
	Frequency units.Frequency
	Tens      []Ten
	Seconds   []Seconds
	Events    []Event
}

// Empty tells whether there is none.
func (n *News) Empty() bool {
	return n == nil || len(n.Tens) == 0 && len(n.Seconds) == 0 && len(n.Events) == 0
}

// Shifted is the same by a clock that is so much ahead.
func (n *News) Shifted(by time.Duration) *News {
	if by == 0 || n.Empty() {
		return n
	}
	out := News{Nominal: n.Nominal, Frequency: n.Frequency, Tens: slices.Clone(n.Tens), Seconds: slices.Clone(n.Seconds), Events: slices.Clone(n.Events)}
	for i := range out.Tens {
		out.Tens[i].End = out.Tens[i].End.Add(by)
	}
	for i := range out.Seconds {
		out.Seconds[i].End = out.Seconds[i].End.Add(by)
	}
	for i := range out.Events {
		out.Events[i].Start = out.Events[i].Start.Add(by)
	}
	return &out
}

// PPM is a part of a million.
type PPM int64

// Ten is what 10 minutes of the clock came to, from samples.
type Ten struct {
	End     time.Time
	Covered PPM  // how much of the time was measured
	Gaps    bool // in pieces
	Flagged bool // a dip, swell or interruption was in it
	Phases  []Phase
	// Negative is negative over positive sequence; none unless Sequence.
	Sequence bool
	Negative PPM
}

// Phase is one phase's part of it.
type Phase struct {
	Voltage units.Voltage
	// Orders is how many of Harmonics were measured, zero: none.
	Orders    int
	Harmonics [Orders]PPM // parts of the fundamental, order 1 first
	THD       PPM
	// Pst is the short-term flicker severity in thousandths; none unless Flicker.
	Flicker bool
	Pst     int64
}

// Orders is up to which harmonics are promised.
const Orders = 25

// Seconds is the frequency of 10 s.
type Seconds struct {
	End       time.Time
	Frequency units.Frequency
}

// Kind names a disturbance.
type Kind string

// Disturbances.
const (
	Dip          Kind = "dip"
	Swell        Kind = "swell"
	Interruption Kind = "interruption"
	RapidChange  Kind = "rapid_change"
)

// Event is a disturbance of all phases together.
type Event struct {
	Kind    Kind          `json:"kind"`
	Start   time.Time     `json:"start"`
	Length  time.Duration `json:"length"`
	Voltage units.Voltage `json:"voltage"` // the lowest, of a swell the highest; of a rapid change by how much it moved
	// Interrupted says of a dip that an interruption was in it: it does not count.
	Interrupted bool `json:"interrupted,omitempty"`
}
