package house

import (
	"math"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// makes is what panels give in a stretch of time: as high as the sun stands, and as clear as the sky is, which
// changes from day to day and from hour to hour.
func (d *device) makes(from, to time.Time) units.Energy {
	var sum units.Energy
	for from.Before(to) {
		end := from.Truncate(time.Minute).Add(time.Minute)
		if end.After(to) {
			end = to
		}
		sum += d.shine(from.Add(end.Sub(from) / 2)).Over(end.Sub(from))
		from = end
	}
	return sum
}

// Sun is what panels will make, for who knows what will be.
func Sun(a Appliance, seed uint64, zone *time.Location) func(from, to time.Time) units.Energy {
	d := &device{Appliance: a, seed: mix(seed, a.ID), zone: zone}
	return d.makes
}

// shine is the power of panels at an instant.
func (d *device) shine(at time.Time) units.Power {
	w := Weather{Zone: d.zone, Latitude: d.Latitude}
	rise, set := w.sun(at)
	local := at.In(d.zone)
	since := time.Duration(local.Hour())*time.Hour + time.Duration(local.Minute())*time.Minute + time.Duration(local.Second())*time.Second
	if since <= rise || since >= set {
		return 0
	}
	x := (float64(since) - float64(rise+set)/2) / (float64(set-rise) / 2)
	high := math.Pow(math.Cos(x*math.Pi/2), 1.2)
	// Clear at best: the longer the day, the higher the sun.
	high *= min(1, 0.55+0.45*(set-rise).Hours()/14)
	return units.FromW(d.Power.W() * high * d.clear(local))
}

// clear is the share of a clear sky's light: three days of five are clear, one is changing and one is dull.
func (d *device) clear(local time.Time) float64 {
	day := dayRand(mix(d.seed, "sky"), dayNumber(local, d.zone))
	kind, level := day.Float64(), day.Float64()
	hour := dayRand(mix(d.seed, "cloud"), dayNumber(local, d.zone)*24+int64(local.Hour())).Float64()
	switch {
	case kind < 0.6:
		return 0.85 + 0.15*level
	case kind < 0.8:
		return 0.35 + 0.3*level + 0.35*hour
	}
	return 0.1 + 0.15*level + 0.1*hour
}

// held is what a battery holds.
func (d *device) held() units.Energy { return d.Store.Capacity - d.state.Deficit }

// flows lets time pass for a battery beside a house that draws so much without it (or gives, below zero), and says what
// it took (gave).  It does as it was told; left to itself it takes what is over and gives what is needed, down to
// its reserve.  Without supply it rests.
func (d *device) flows(house units.Energy, t time.Duration, supply bool) units.Energy {
	d.state.Flow = 0
	if t <= 0 || !supply {
		return 0
	}
	s, each := d.Store, d.Store.EachWay()
	wants, floor := -house.Mean(t), s.Holds(s.Reserve)
	if d.state.On {
		wants, floor = d.state.Told, 0
	}
	most := units.FromW(max(0, (s.Capacity-d.held()).KWh()) * 1000 / t.Hours() / each)
	least := units.FromW(max(0, (d.held()-floor).KWh()) * 1000 / t.Hours() * each)
	flow := max(min(wants, s.Charge, most), -s.Discharge, -least)
	e := flow.Over(t)
	if flow >= 0 {
		d.state.Deficit -= units.FromKWh(e.KWh() * each)
	} else {
		d.state.Deficit -= units.FromKWh(e.KWh() / each)
	}
	d.state.Deficit = min(max(0, d.state.Deficit), s.Capacity)
	d.state.Flow = flow
	d.state.Used += e
	return e
}

// charge is how full a battery is, in thousandths.
func (d *device) charge() int {
	return int(units.MulDiv(int64(d.held()), 1000, int64(d.Store.Capacity)))
}

// takes is what its switch can be told.
func (d *device) takes() loads.Capability {
	if d.Kind == Battery {
		return loads.Load{Kind: loads.Battery, Powers: d.Powers}.Takes().Proven()
	}
	return loads.Capability{Powers: d.Powers, ReadBack: len(d.Powers) > 0}
}
