package house

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// Water is a tank as it is: one node, that loses heat in proportion to how much warmer it is
// than the room.
type Water struct {
	Litres  int           `yaml:"litres"`  // 150 where 0
	Degrees int           `yaml:"degrees"` // at which the thermostat opens; 60 where 0
	Band    int           `yaml:"band"`    // K below that it closes; 6 where 0
	Loss    units.Power   `yaml:"loss"`    // when full; 1.9 W a K where 0
	Early   time.Duration `yaml:"early"`   // by how much earlier than others people get up, or later where below zero
	Evening int           `yaml:"evening"` // percent of hot water that is drawn in the evening; 50 where 0
}

const (
	litreKelvin = 4186 * units.Joule
	roomDegrees = 20
	// ColdBelow is below what hot water is cold.
	ColdBelow = 40
)

// Filled is w with what is not said as it is taken to be.
func (w Water) Filled() Water {
	if w.Litres == 0 {
		w.Litres = 150
	}
	if w.Degrees == 0 {
		w.Degrees = 60
	}
	if w.Band == 0 {
		w.Band = 6
	}
	if w.Loss == 0 {
		w.Loss = units.FromW(1.9 * float64(w.Degrees-roomDegrees))
	}
	if w.Evening == 0 {
		w.Evening = 50
	}
	return w
}

func (w Water) check(a Appliance) error {
	switch {
	case a.Power <= 2*w.Loss:
		return fmt.Errorf("house: tank %q: %v cannot keep its water hot", a.ID, a.Power)
	case w.Degrees < 45 || w.Degrees > 90 || w.Litres < 5 || w.Band < 1 || w.Band > 30 || w.Evening < 0 || w.Evening > 100:
		return fmt.Errorf("house: tank %q: %+v is no tank", a.ID, w)
	}
	return nil
}

// heat is what the tank holds of so many kelvin.
func (w Water) heat(kelvin int) units.Energy { return units.Energy(w.Litres*kelvin) * litreKelvin }

// Usable is what may be drawn of a full one before it is cold.
func (w Water) Usable() units.Energy { return w.heat(w.Degrees - ColdBelow) }

// after is what the tank lacks after a time in which the element gives so much: it goes to
// where loss and element are equal, by exp(-t/tau).
func (w Water) after(lacks units.Energy, t time.Duration, element units.Power) units.Energy {
	whole := w.heat(w.Degrees - roomDegrees).KWh()
	perHour := w.Loss.KW() / whole // of what it is warmer than the room
	end := whole - element.KW()/perHour
	return units.FromKWh(end + (lacks.KWh()-end)*math.Exp(-perHour*t.Hours()))
}

// until is when it lacks so much.
func (w Water) until(lacks, wanted units.Energy, element units.Power) time.Duration {
	whole := w.heat(w.Degrees - roomDegrees).KWh()
	perHour := w.Loss.KW() / whole
	end := whole - element.KW()/perHour
	part := (wanted.KWh() - end) / (lacks.KWh() - end)
	if part <= 0 || part >= 1 {
		return time.Millisecond
	}
	return max(time.Millisecond, time.Duration(-math.Log(part)/perHour*float64(time.Hour)).Round(time.Millisecond))
}

func (d *device) tankDraw(at time.Time, on bool) (units.Power, time.Time) {
	switch {
	case d.state.Calls && on:
		return d.Power, at.Add(d.Water.until(d.state.Deficit, 0, d.Power))
	case d.state.Calls:
		return 0, time.Time{}
	}
	return 0, at.Add(d.Water.until(d.state.Deficit, d.Water.heat(d.Water.Band), 0))
}

func (d *device) tankPass(t time.Duration, power units.Power) {
	d.state.Deficit = d.Water.after(d.state.Deficit, t, power)
	d.closes()
}

// closes has the thermostat follow; a millisecond's loss is no matter.
func (d *device) closes() {
	const hair = units.Joule
	switch {
	case d.state.Deficit >= d.Water.heat(d.Water.Band)-hair:
		d.state.Calls = true
	case d.state.Deficit <= hair:
		d.state.Deficit, d.state.Calls = 0, false
	}
}

// bathing is the hot water of a day: showers in the morning and in the evening, small
// amounts between, and now and then a bath; on one day of twenty nobody is at home.
func (d *device) bathing(at time.Time) []event {
	rare := dayRand(d.seed^0x62617468, dayNumber(at, d.zone))
	if rare.Float64() < 0.05 {
		return nil // nobody is at home
	}
	out := d.waterUse(at)
	early := clock(13, 0)
	for i := range out {
		morning := out[i].at.Before(atClock(at, d.zone, early))
		share := int64(2 * d.Water.Evening)
		if morning {
			share = 200 - share
		}
		out[i].takes = out[i].takes.Part(share, 100)
		if moved := out[i].at.Add(-d.Water.Early); moved.After(d.planFrom) && moved.Before(d.planTo) {
			out[i].at = moved
		}
	}
	if rare.Float64() < 0.1 {
		out = append(out, event{at: atClock(at, d.zone, clock(20, 0)), takes: d.Daily / 4})
	}
	slices.SortFunc(out, func(a, b event) int { return a.at.Compare(b.at) })
	return out
}
