package forecast

import (
	"errors"
	"fmt"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Options say what the forecaster must know of the site.
type Options struct {
	// Zone is the site's local time, which habits follow; nil is UTC.
	Zone *time.Location
	// Step is the length of an observed and of a forecast slot: whole minutes
	// from 1 to 60 that divide a day.  Zero is 30 minutes.
	Step time.Duration
	// Holiday tells whether a local date is a public holiday; nil is none.  It
	// may be asked by two goroutines at once.  See HolidaysIn.
	Holiday func(year int, month time.Month, day int) bool
	// Days are those that the site has names of its own for, of the past and to come; of two that overlap
	// the first holds.  There may be OwnKinds names.
	Days []NamedDays
	// Background leaves the weekly refit, seconds of work on a small machine,
	// to the caller: see Fork.  Without it the first Forecast of a week refits.
	Background bool
	// Seed makes what is drawn at random while fitting reproducible.
	Seed uint64
	// Kind tells the days of a site that has none of its own yet.
	Kind Kind
}

// Errors a caller can tell apart with errors.Is.
var (
	// ErrStep is a slot length that is not whole minutes, 1 to 60, dividing a day.
	ErrStep = errors.New("slot length must be 1 to 60 whole minutes and divide a day")
	// ErrSlot is an observation whose slot is not one of the forecaster's grid.
	ErrSlot = errors.New("slot is not on the forecaster's grid")
	// ErrNames is days of more names than are told apart.
	ErrNames = errors.New("days have too many names")
	// ErrFuture is an observation of a slot that cannot have been yet: past what Clock
	// was told, or so long after all others that they would be forgotten for it.
	ErrFuture = errors.New("slot lies in the future")
	// ErrTemperature is a temperature the earth does not have.
	ErrTemperature = errors.New("temperature is out of range")
)

const day = 24 * time.Hour

func (o *Options) fill() error {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	if o.Step == 0 {
		o.Step = 30 * time.Minute
	}
	if o.Step < time.Minute || o.Step > time.Hour || o.Step%time.Minute != 0 || day%o.Step != 0 {
		return fmt.Errorf("forecast step %v: %w", o.Step, ErrStep)
	}
	if len(namesOf(o.Days)) > OwnKinds {
		return ErrNames
	}
	return nil
}

// Quality says how far an observation can be trusted.
type Quality uint8

const (
	// Measured is read from the meter over the whole slot.
	Measured Quality = iota
	// Estimated is spread over a gap from the registers on both sides.  Its
	// slots are not learned from: an even spread is nobody's habit.
	Estimated
	// Missing is a slot without a reading; Energy is ignored.
	Missing
	// Censored is a slot in which not all could be used that was wanted: the
	// supply was off, or a limit held. Energy is the least that was wanted; it is
	// learned from only where it is more than was usual at that time of day.
	Censored
)

// Observation is the base load of one finished slot.
type Observation struct {
	Slot    units.Slot
	Energy  units.Energy // what the planned loads did not use; negative is export
	Quality Quality
	// Told is what somebody had told of the slot; what was Measured then is not learned as usual.
	Told Told
}
