// Package units gives power, energy, money and price one integer type each and
// one place where they are converted and rounded.
//
// A balance that is off by a millionth for ever is a balance nobody can audit,
// so nothing outside this package multiplies a price by an energy.  The scales
// are chosen so that the common product is exact: milliwatt times whole
// milliseconds is microjoule.
package units

import (
	"math"
	"math/bits"
	"time"
)

// Power is active power in milliwatts; positive is import.
type Power int64

// Energy is electrical energy in microjoules.  The greatest is 2.56 million
// kWh, some 280 years of a household's use.
type Energy int64

// Money is an amount in millionths of the one configured currency.  Where the
// site's credit is kept in kWh, it is millionths of a kWh.
type Money int64

// Price is Money per kWh.
type Price int64

// Voltage is in millivolts.
type Voltage int64

// Current is in milliamperes.
type Current int64

// Frequency is in millihertz.
type Frequency int64

// Scales.
const (
	Watt     Power = 1_000
	Kilowatt Power = 1_000_000

	Joule        Energy = 1_000_000
	WattHour     Energy = 3_600 * Joule
	KilowattHour Energy = 1_000 * WattHour

	One Money = 1_000_000 // one unit of the currency
)

// Over is the energy of a constant power over d, rounded half to even.  It is
// exact for whole milliseconds.
func (p Power) Over(d time.Duration) Energy {
	return Energy(MulDiv(int64(p), int64(d), int64(time.Millisecond)))
}

// Mean is the constant power that gives e in d; zero where d is not positive.
func (e Energy) Mean(d time.Duration) Power {
	if d <= 0 {
		return 0
	}
	return Power(MulDiv(int64(e), int64(time.Millisecond), int64(d)))
}

// Cost is what e costs at p, rounded half to even to the millionth.
func (p Price) Cost(e Energy) Money {
	// A kWh is a multiple of 2^13: without those nearly every product is of 64 bits, and to
	// divide by a constant is to multiply.  A plan asks for half a million costs.
	if hi, lo := bits.Mul64(abs(int64(p)), abs(int64(e))); hi < 1<<13 {
		const d = uint64(KilowattHour)
		q := (hi<<51 | lo>>13) / (d >> 13)
		if r := lo - q*d; r > d-r || (r == d-r && q&1 == 1) {
			q++
		}
		return Money(signed(q, (p < 0) != (e < 0)))
	}
	return Money(MulDiv(int64(p), int64(e), int64(KilowattHour)))
}

// Buys is the energy that m buys at p, rounded half to even; the greatest
// Energy where p is not positive.
func (p Price) Buys(m Money) Energy {
	if p <= 0 {
		return math.MaxInt64
	}
	return Energy(MulDiv(int64(m), int64(KilowattHour), int64(p)))
}

// Part is the share num/den of m, rounded half to even.  It panics on den 0.
func (m Money) Part(num, den int64) Money { return Money(MulDiv(int64(m), num, den)) }

// Part is the share num/den of e, rounded half to even.  It panics on den 0.
func (e Energy) Part(num, den int64) Energy { return Energy(MulDiv(int64(e), num, den)) }

// MulDiv is a*b/c in 128 bits, rounded half to even and held to the range of
// int64.  It panics on c = 0, as an integer division does.
func MulDiv(a, b, c int64) int64 {
	neg := (a < 0) != (b < 0) != (c < 0)
	hi, lo := bits.Mul64(abs(a), abs(b))
	d := abs(c)
	if d == 0 {
		panic("units: division by zero")
	}
	limit := uint64(math.MaxInt64)
	if neg {
		limit++
	}
	if hi >= d {
		return signed(limit, neg)
	}
	q, r := bits.Div64(hi, lo, d)
	if r > d-r || (r == d-r && q&1 == 1) {
		q++
	}
	return signed(min(q, limit), neg)
}

func abs(v int64) uint64 {
	if v < 0 {
		return -uint64(v) // also right for the least int64
	}
	return uint64(v)
}

func signed(v uint64, neg bool) int64 {
	if neg {
		return int64(-v)
	}
	return int64(v)
}

// W, KW, KWh and Float are for the edges (charts, wire formats, the optimizer's
// kernel); no account is kept in floating point.

// W is p in watts.
func (p Power) W() float64 { return float64(p) / float64(Watt) }

// KW is p in kilowatts.
func (p Power) KW() float64 { return float64(p) / float64(Kilowatt) }

// KWh is e in kilowatt-hours.
func (e Energy) KWh() float64 { return float64(e) / float64(KilowattHour) }

// Float is m in whole units of the currency.
func (m Money) Float() float64 { return float64(m) / float64(One) }

// Float is p in whole units of the currency per kWh.
func (p Price) Float() float64 { return float64(p) / float64(One) }

// FromW is w watts as a Power, rounded half to even, held to the range, zero
// where w is not a number.
func FromW(w float64) Power { return Power(fromFloat(w, float64(Watt))) }

// FromKW is kw kilowatts as a Power; see FromW for rounding.
func FromKW(kw float64) Power { return Power(fromFloat(kw, float64(Kilowatt))) }

// FromKWh is kwh kilowatt-hours as an Energy; see FromW for rounding.
func FromKWh(kwh float64) Energy { return Energy(fromFloat(kwh, float64(KilowattHour))) }

// FromFloat is v units of the currency as Money; see FromW for rounding.
func FromFloat(v float64) Money { return Money(fromFloat(v, float64(One))) }

func fromFloat(v, scale float64) int64 {
	x := math.RoundToEven(v * scale)
	switch {
	case math.IsNaN(x):
		return 0
	case x >= math.MaxInt64:
		return math.MaxInt64
	case x <= math.MinInt64:
		return math.MinInt64
	}
	return int64(x)
}
