package forecast

import (
	"math"
	"slices"
	"time"
)

// takenOut is a load that observations before a slot of the grid hold and those from there on do not.
type takenOut struct {
	id     string
	before int64
	kwh    float64 // a day, as was told
	most   float64 // kWh a slot
	share  float64 // the chance that they hold it
}

// Figures of what is taken out.
const (
	joinBefore = 28  // days before that are compared with those after
	joinAfter  = 7   // days after that tell
	joinLeast  = 5   // days before it, of less nothing is taken out
	joinPeak   = 0.6 // of a load's energy in a slot: one that is that much over its day's median may hold it
	joinShare  = 0.5 // of its energy: a day may hold the load that has so much in such slots
	joinChance = 0.2 // of less nothing is taken out
	joinDoubt  = 0.5 // days after one another tell half of what as many apart would
)

// JoinLeast is of how long something must be known before a load can be taken out of it.
const JoinLeast = joinLeast * day

// TakeOut tells that a load of about kwhPerDay, and of at most kwhPerSlot in a slot, has a meter of its own since an
// instant: observations from then on are without it, and those before may hold it.  What is learned
// from those is what is left without it, taken from the highest slots of each day, as
// far as it is likely that it was there: by whether the days before had slots of that size,
// and whether the days since used less.  The last word on a load counts.
func (f *Forecaster) TakeOut(id string, since time.Time, kwhPerDay, kwhPerSlot float64) {
	before := floorDiv(held(since).Unix(), f.hist.step)
	i := slices.IndexFunc(f.taken, func(t takenOut) bool { return t.id == id })
	if i < 0 {
		if !(kwhPerDay > 0 && kwhPerSlot > 0) || before-f.hist.first < joinLeast*86400/f.hist.step {
			return
		}
		i, f.taken = len(f.taken), append(slices.Clip(f.taken), takenOut{id: id})
	} else if t := f.taken[i]; t.before == before && t.kwh == kwhPerDay && t.most == kwhPerSlot {
		return
	}
	if f.whole == nil {
		f.whole = &history{step: f.hist.step, first: f.hist.first, v: slices.Clone(f.hist.v)}
	}
	f.taken = slices.Clone(f.taken) // a fork has the other one
	t := takenOut{id: id, before: before, kwh: max(0, kwhPerDay), most: kwhPerSlot}
	t.share = f.whole.holds(&t)
	f.taken[i] = t
	f.without()
}

// without lays out the history anew without what is taken out.
func (f *Forecaster) without() {
	copy(f.hist.v, f.whole.v)
	for i := range f.taken {
		f.hist.takeOut(&f.taken[i])
	}
	f.engine = nil
	f.changed(f.hist.first)
}

// day is what the k-th day before a slot of the grid (after it: negative) used, where three
// quarters of it are known, and how much of it a load of so much a slot may have used.
func (h *history) day(g int64, k int, most float64) (sum, may float64, ok bool) {
	perDay := 86400 / h.step
	var known []float32
	for _, x := range h.part(g-int64(k+1)*perDay, g-int64(k)*perDay) {
		if x == x {
			known = append(known, x)
			sum += float64(x)
		}
	}
	n := int64(len(known))
	if n*4 < perDay*3 || g-int64(k+1)*perDay < h.first {
		return 0, 0, false
	}
	slices.Sort(known)
	for _, x := range known {
		if over := float64(x - known[n/2]); over >= joinPeak*most {
			may += min(most, over)
		}
	}
	return sum * float64(perDay) / float64(n), may, true
}

// holds is the chance that a load is in what was observed before.
func (h *history) holds(t *takenOut) float64 {
	var use []float64
	may := 0.0 // days
	for k := range joinBefore {
		if sum, of, ok := h.day(t.before, k, t.most); ok && sum > 0 {
			use = append(use, sum)
			if of >= joinShare*t.kwh {
				may++
			}
		}
	}
	if len(use) < joinLeast || t.kwh <= 0 {
		return 0
	}
	slices.Sort(use)
	usual := use[len(use)/2]
	off := make([]float64, len(use))
	for i, x := range use {
		off[i] = math.Abs(math.Log(x / usual))
	}
	slices.Sort(off)
	typical := max(leastError, sortedQuantile(off, 0.8)/1.53)
	chance := 0.05 + 0.85*may/float64(len(use))
	odds := chance / (1 - chance)
	left := max(0.05*usual, usual-t.kwh)
	for k := 1; k <= joinAfter; k++ {
		sum, _, ok := h.day(t.before, -k, t.most)
		if !ok {
			continue
		}
		x := math.Log(max(sum, 0.01*usual))
		odds *= math.Pow(likely(x-math.Log(left), typical)/likely(x-math.Log(usual), typical), joinDoubt)
	}
	if chance = odds / (1 + odds); chance < joinChance {
		return 0
	}
	return chance
}

// takeOut takes a load out of the days before it: of each so much from the highest slots, down to one
// level, and of none more than the load can use in it.
func (h *history) takeOut(t *takenOut) {
	perDay := 86400 / h.step
	for to := min(t.before, h.end()); to > h.first; to -= perDay {
		v := h.part(to-perDay, to)
		most, known := 0.0, 0.0
		for _, x := range v {
			if x == x {
				most = max(most, float64(x))
				known++
			}
		}
		want := t.share * t.kwh * known / float64(perDay)
		over := func(x float32, level float64) float64 {
			if d := float64(x) - level; d > 0 { // false where it is not known
				return min(t.most, d)
			}
			return 0
		}
		lo, hi := 0.0, most
		for range 24 {
			level, sum := (lo+hi)/2, 0.0
			for _, x := range v {
				sum += over(x, level)
			}
			if sum > want {
				lo = level
			} else {
				hi = level
			}
		}
		for i, x := range v {
			v[i] = x - float32(over(x, hi))
		}
	}
}
