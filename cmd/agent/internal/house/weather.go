package house

import (
	"math"
	"time"
)

// Weather is a seeded climate: seasons by latitude, warm and cold spells of some
// days, and now and then a cold snap.
type Weather struct {
	Seed      uint64
	Zone      *time.Location
	Latitude  float64 // degrees, negative in the south
	Mean      float64 // of the year, degrees Celsius
	Amplitude float64 // from the mean to the warmest month's
}

// Temperature is the outdoor temperature in degrees Celsius.
func (w Weather) Temperature(t time.Time) float64 {
	l := t.In(w.Zone)
	hour := float64(l.Hour()) + float64(l.Minute())/60
	diurnal := 4.5 * math.Cos(2*math.Pi*(hour-15)/24)
	return w.daily(t) + diurnal
}

// daily is the day's mean temperature at t: the season and the spell.
func (w Weather) daily(t time.Time) float64 {
	day := float64(dayNumber(t, w.Zone))
	l := t.In(w.Zone)
	day += (float64(l.Hour()) + float64(l.Minute())/60) / 24
	warmest := 200.0 // 20 July
	if w.Latitude < 0 {
		warmest = 20
	}
	season := w.Amplitude * math.Cos(2*math.Pi*(float64(l.YearDay())-warmest)/365.25)

	// Spells: random knots three days apart, joined by straight lines.
	knot := math.Floor(day / 3)
	part := day/3 - knot
	spell := 3 * ((1-part)*w.normal(int64(knot), 1) + part*w.normal(int64(knot)+1, 1))

	// In one of two blocks of 36 days a cold snap of three to five days.
	block := math.Floor(day / 36)
	r := dayRand(mix(w.Seed, "snap"), int64(block))
	if r.Float64() < 0.5 {
		start := block*36 + 2 + r.Float64()*28
		length := 3 + 2*r.Float64()
		if day >= start && day < start+length {
			spell -= 7 * math.Sin(math.Pi*(day-start)/length)
		}
	}
	return w.Mean + season + spell
}

func (w Weather) normal(knot int64, stream uint64) float64 {
	return dayRand(mix(w.Seed, "spell")+stream, knot).NormFloat64()
}

// sun is when the sun rises and sets on t's local day, as times of day with noon
// at 12:15.  The declination is Cooper's formula (Solar Energy 12, 1969).
func (w Weather) sun(t time.Time) (rise, set time.Duration) {
	n := float64(t.In(w.Zone).YearDay())
	decl := 23.45 * math.Sin(2*math.Pi*(284+n)/365) * math.Pi / 180
	x := -math.Tan(w.Latitude*math.Pi/180) * math.Tan(decl)
	half := time.Duration(math.Acos(min(1, max(-1, x))) / math.Pi * 12 * float64(time.Hour))
	noon := clock(12, 15)
	return noon - half, noon + half
}
