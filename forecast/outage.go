package forecast

import (
	"math/rand/v2"
	"time"
)

// What is announced of the mains does not always come: schedules change within the day.  These are priors.
const (
	// outageComes is the chance that an announced outage comes.
	outageComes = 0.9
	// outageBack is the share of what would have been used in an outage that is used after it: what cools and
	// heats catches up, light does not.
	outageBack = 0.3
	// outageAfter is the time after it in which that is used.
	outageAfter = 2 * time.Hour
)

// dark is an announced time without mains, laid on slots: what share of each of the slots from first
// to last lies in it, and up to which slot after it is made up for what it has put off.
type dark struct {
	first, last, until int // until and last are exclusive
	share              []float64
}

// darkness are those of n slots from start on, in order.  Outages that meet are one.
func darkness(all []Expected, start time.Time, step time.Duration, n int) (out []dark) {
	var off stretches
	for _, e := range all {
		if from, to := held(e.From).Unix(), held(e.To).Unix(); e.Told == Outage && from < to {
			off = off.add(from, to)
		}
	}
	begin, length := start.Unix(), int64(step/time.Second)
	for _, x := range off {
		if x[1] <= begin || x[0] >= begin+int64(n)*length {
			continue
		}
		d := dark{first: int(max(0, x[0]-begin) / length), last: min(n, int((x[1]-begin+length-1)/length))}
		d.until = min(n, d.last+int((outageAfter+step-1)/step))
		for i := d.first; i < d.last; i++ {
			g := begin + int64(i)*length
			d.share = append(d.share, float64(stretches{x}.within(g, g+length, nil))/float64(length))
		}
		out = append(out, d)
	}
	return out
}

// lay takes from values what is not drawn in the outage, times by, and adds what is made up for after it.
func (d dark) lay(x func(i int) *float64, by float64) {
	off := 0.0
	for i := d.first; i < d.last; i++ {
		v := x(i)
		less := by * d.share[i-d.first] * *v // where more is fed in than drawn, that is not fed in either
		*v -= less
		off += max(0, less)
	}
	for i := d.last; i < d.until; i++ {
		*x(i) += outageBack * off / float64(d.until-d.last)
	}
}

// Without lays announced outages on a forecast of what is drawn from the mains: nothing is drawn in them, and part
// of what was put off is afterwards.  An outage may not come, so the high end of the range stays.
func (fc *Forecast) Without(all []Expected) {
	if len(fc.Slots) == 0 {
		return
	}
	for _, d := range darkness(all, fc.Slots[0].Start, fc.Slots[0].Len, len(fc.Slots)) {
		was := make([]float64, d.last-d.first)
		for i := range was {
			was[i] = fc.Slots[d.first+i].Q90
		}
		d.lay(func(i int) *float64 { return &fc.Slots[i].Mean }, outageComes)
		for _, q := range []func(i int) *float64{
			func(i int) *float64 { return &fc.Slots[i].Q10 },
			func(i int) *float64 { return &fc.Slots[i].Q50 },
			func(i int) *float64 { return &fc.Slots[i].Q90 },
		} {
			d.lay(q, 1)
		}
		for i, x := range was {
			fc.Slots[d.first+i].Q90 = max(x, fc.Slots[d.first+i].Q50)
		}
	}
	for i := range fc.Slots {
		s := &fc.Slots[i]
		s.Q10 = min(s.Q10, s.Q50)
	}
}

// Without lays announced outages on paths: in nine of ten it comes.
func (s Scenarios) Without(all []Expected, seed uint64) {
	if len(s.Paths) == 0 {
		return
	}
	off := darkness(all, s.Start, s.Step, len(s.Paths[0]))
	if len(off) == 0 {
		return
	}
	for p, path := range s.Paths {
		rng := rand.New(rand.NewPCG(seed, uint64(p)+0x6461726b)) //nolint:gosec // a path's number is small
		for _, d := range off {
			if rng.Float64() < outageComes {
				d.lay(func(i int) *float64 { return &path[i] }, 1)
			}
		}
	}
}
