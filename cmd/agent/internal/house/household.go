package house

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// HouseholdConfig describes the people of a simulated household.
type HouseholdConfig struct {
	Seed      uint64
	Zone      *time.Location // UTC where nil
	Daily     units.Energy   // what they use on an average day, 2 to 60 kWh; 12 kWh where 0
	Occupants int            // 1 to 8; one for each 4 kWh where 0
	Latitude  float64        // degrees: the length of the day and which half of the year is warm
}

// Household is a seeded family whose consumption has the grain of a real one:
// a fridge that cycles, kettles, a stove that clicks on and off, lamps when it is
// dark and someone is awake, heating in a cold snap, quiet working days, late
// weekends, and two holidays a year with nobody home.  It is a Base, and may be
// used from several goroutines.
type Household struct {
	config  HouseholdConfig
	Weather Weather
	scale   int64 // thousandths, on everything used

	mu     sync.Mutex
	recent []*profile // the days last asked for, the newest last
}

// profile is the consumption of one local day: constant power between times.
type profile struct {
	from, to time.Time
	at       []time.Time    // at[i] until at[i+1] (or to) draws power[i]
	power    []units.Power  //
	sum      []units.Energy // used from the begin of the day to at[i]
	total    units.Energy
}

// NewHousehold builds a household.  The size of its appliances is fitted so that
// an average day of the year comes close to Daily.
func NewHousehold(c HouseholdConfig) (*Household, error) {
	if c.Zone == nil {
		c.Zone = time.UTC
	}
	if c.Daily == 0 {
		c.Daily = 12 * units.KilowattHour
	}
	if c.Occupants == 0 {
		c.Occupants = int(min(max(c.Daily/(4*units.KilowattHour), 1), 6))
	}
	if c.Daily < 2*units.KilowattHour || c.Daily > 60*units.KilowattHour || c.Occupants < 0 || c.Occupants > 8 {
		return nil, fmt.Errorf("house: %d people using %v a day are outside of 1 to 8 people and 2 to 60 kWh", c.Occupants, c.Daily)
	}
	h := &Household{
		config:  c,
		Weather: Weather{Seed: c.Seed, Zone: c.Zone, Latitude: c.Latitude, Mean: 15, Amplitude: 8},
		scale:   1000,
	}
	// Fit to every eighth day of two years: all seasons, days of the week and
	// most cold snaps.
	var sum units.Energy
	const sample = 92
	start := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	for i := range sample {
		sum += h.day(start.AddDate(0, 0, i*8)).total
	}
	h.scale = units.MulDiv(int64(c.Daily), 1000, int64(sum)/sample)
	return h, nil
}

// Energy implements Base; it always knows.
func (h *Household) Energy(from, to time.Time) (units.Energy, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var e units.Energy
	for from.Before(to) {
		d := h.cached(from)
		end := to
		if d.to.Before(to) {
			end = d.to
		}
		e += d.until(end) - d.until(from)
		from = end
	}
	return e, true
}

// Power is what is drawn at t.
func (h *Household) Power(t time.Time) units.Power {
	h.mu.Lock()
	defer h.mu.Unlock()
	d := h.cached(t)
	return d.power[d.index(t)]
}

// cached is the day that holds t; a few days are kept.
func (h *Household) cached(t time.Time) *profile {
	for _, d := range slices.Backward(h.recent) {
		if !t.Before(d.from) && t.Before(d.to) {
			return d
		}
	}
	if len(h.recent) >= 4 {
		h.recent = slices.Delete(h.recent, 0, 1)
	}
	d := h.day(t)
	h.recent = append(h.recent, d)
	return d
}

// index is the stretch of constant power that holds t.
func (d *profile) index(t time.Time) int {
	i, found := slices.BinarySearchFunc(d.at, t, time.Time.Compare)
	if !found {
		i--
	}
	return max(i, 0)
}

// until is the energy from the begin of the day to t.
func (d *profile) until(t time.Time) units.Energy {
	if !t.Before(d.to) {
		return d.total
	}
	i := d.index(t)
	return d.sum[i] + d.power[i].Over(t.Sub(d.at[i]))
}

// day lays out the local day that holds t.
func (h *Household) day(t time.Time) *profile {
	z := h.config.Zone
	b := &builder{
		h: h, r: dayRand(mix(h.config.Seed, "household"), dayNumber(t, z)), noon: atClock(t, z, clock(12, 0)),
		from: units.LocalMidnight(t, z), to: units.NextLocalMidnight(t, z),
	}
	b.live()
	return b.profile()
}

// step is a change of the power drawn.
type step struct {
	at time.Time
	by int64 // mW
}

// profile adds up the steps.
func (b *builder) profile() *profile {
	slices.SortStableFunc(b.steps, func(x, y step) int { return x.at.Compare(y.at) })
	d := &profile{from: b.from, to: b.to}
	d.at, d.power, d.sum = append(d.at, b.from), append(d.power, 0), append(d.sum, 0)
	var now int64
	for _, s := range b.steps {
		now += s.by
		last := len(d.at) - 1
		if !s.at.After(d.at[last]) {
			d.power[last] = units.Power(now)
			continue
		}
		d.sum = append(d.sum, d.sum[last]+d.power[last].Over(s.at.Sub(d.at[last])))
		d.at = append(d.at, s.at)
		d.power = append(d.power, units.Power(now))
	}
	last := len(d.at) - 1
	d.total = d.sum[last] + d.power[last].Over(d.to.Sub(d.at[last]))
	return d
}

// poisson is a small random count with mean m (Knuth's method).
func (b *builder) poisson(m float64) int {
	limit, p, n := math.Exp(-m), b.r.Float64(), 0
	for p > limit && n < 50 {
		p *= b.r.Float64()
		n++
	}
	return n
}
