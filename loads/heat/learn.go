package heat

import (
	"slices"
	"time"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

const (
	mostDays  = 35
	enough    = 5 // days of a kind, to tell what is drawn in nine of ten
	learnDays = 10
	fewDays   = 20
)

// Loses is what a full tank loses.  From full to full it takes what was lost and what was
// drawn, so that it loses no more than the least of that: what it takes while nobody is at
// home.  Where it would lose more than is usual that cannot be told from what is drawn, and
// is counted with it.
func (k Tank) Loses(s State) units.Power {
	if len(s.Losses) == 0 {
		return k.Loss
	}
	return max(k.Loss/3, min(k.Loss, slices.Min(s.Losses)))
}

// hour is an hour of the local calendar, counted on.
func (k Tank) hour(t time.Time) (int, civil.Date) {
	d := civil.DateIn(t, k.Zone)
	return int(d)*24 + t.In(k.Zone).Hour(), d
}

// learn notes what was drawn between two times at which the tank was full: while its
// thermostat was seen open nothing was.  In a long time it was drawn when it is usual.
func (k Tank) learn(s State, at time.Time, drawn units.Energy) []Day {
	first, _ := k.hour(s.Full)
	from := first
	if s.Open.After(s.Full) {
		from, _ = k.hour(s.Open)
	}
	last, today := k.hour(at)
	days := slices.Clone(s.Days)
	if n := len(days); n > 0 && (days[n-1].Date < today-mostDays || days[n-1].Date > today) {
		days = nil // of long ago, or of a clock that was wrong
	}
	for n := len(days); n == 0 || days[n-1].Date < today; n = len(days) {
		date := civil.Date(first / 24)
		if n > 0 {
			date = days[n-1].Date + 1
		}
		days = append(days, Day{Date: min(date, today)})
	}
	of := func(h int) *Day {
		i := h/24 - int(days[0].Date)
		if i < 0 || i >= len(days) {
			return nil
		}
		return &days[i]
	}
	for h := first; h < last; h++ {
		if d := of(h); d != nil {
			d.Known |= 1 << (h % 24)
		}
	}
	wh := int32(drawn / units.WattHour)
	add := func(h int, wh int32) {
		if d := of(h); d != nil {
			d.Drawn[h%24] += wh
		}
	}
	if last-from <= 2 {
		add(from, wh)
	} else {
		usual := k.usual(s)
		sum := 0.0
		for h := from; h < last; h++ {
			sum += usual.weight(h)
		}
		given := int32(0)
		for h, up := from, 0.0; h < last; h++ {
			up += usual.weight(h)
			part := int32(float64(wh)*up/sum) - given
			add(h, part)
			given += part
		}
	}
	return slices.Clone(days[max(0, len(days)-mostDays):])
}

// weekend tells whether a day is no working day.
func weekend(d civil.Date) bool {
	w := d.Weekday()
	return w == time.Saturday || w == time.Sunday
}

// habit is what is drawn on the mean, by hour, on a working day and at the weekend, in Wh.
type habit struct {
	mean [2][24]float64
	days int // that were seen
}

func kindOf(d civil.Date) int {
	if weekend(d) {
		return 1
	}
	return 0
}

// weight is how likely it is that something was drawn in an hour.
func (h habit) weight(hour int) float64 {
	mean := &h.mean[kindOf(civil.Date(hour/24))]
	sum := 0.0
	for _, x := range mean {
		sum += x
	}
	return mean[hour%24] + sum/24/20 + 1e-6
}

// usual is the habit, as far as it is learned: until then what is given, by which the
// tank is used up once a day.
func (k Tank) usual(s State) habit {
	var h habit
	var seen [2][24]int
	for _, d := range s.Days {
		for i := range 24 {
			if d.Known&(1<<i) != 0 {
				seen[kindOf(d.Date)][i]++
				h.mean[kindOf(d.Date)][i] += float64(d.Drawn[i])
			}
		}
		if d.Known == 1<<24-1 {
			h.days++
		}
	}
	minutes := 0
	for _, x := range k.Usual {
		minutes += x.To - x.From
	}
	for kind := range 2 {
		for i := range 24 {
			if n := seen[kind][i]; n >= 2 {
				h.mean[kind][i] /= float64(n)
				continue
			}
			h.mean[kind][i] = 0
			for _, x := range k.Usual {
				for m := x.From; m < x.To; m += 60 {
					if m/60%24 == i {
						h.mean[kind][i] = float64(k.Usable/units.WattHour) * 60 / float64(minutes)
					}
				}
			}
		}
	}
	return h
}

// Learned is how many whole days are known.
func (k Tank) Learned(s State) int { return k.usual(s).days }

// Daily is what is drawn on a day, on the mean and in nine of ten.
func (k Tank) Daily(s State) (mean, high units.Energy) {
	var all []int32
	for _, d := range s.Days {
		if d.Known == 1<<24-1 {
			sum := int32(0)
			for _, x := range d.Drawn {
				sum += x
			}
			all = append(all, sum)
			mean += units.Energy(sum) * units.WattHour
		}
	}
	if len(all) == 0 {
		return k.Usable, k.Usable
	}
	slices.Sort(all)
	return mean / units.Energy(len(all)), units.Energy(all[nineOfTen(len(all))]) * units.WattHour
}

// nineOfTen is which of n sorted values nine of ten do not pass; of few the greatest.
func nineOfTen(n int) int {
	if n < fewDays {
		return n - 1
	}
	return (9*n+9)/10 - 1
}

// path is what is drawn from an instant on, on the mean and in nine of ten.
type path struct {
	from       time.Time
	mean, high []units.Energy // up to the end of the first hour, the second, ...
}

// path looks so far ahead.
func (k Tank) path(s State, from time.Time, ahead time.Duration) path {
	first, date := k.hour(from)
	n := int(ahead/time.Hour) + 2
	out := path{from: from, mean: make([]units.Energy, n), high: make([]units.Energy, n)}
	local := from.In(k.Zone)
	left := 60 - float64(local.Minute()) // of the first hour, minutes
	walks := k.walks(s, first%24, n, kindOf(date), left/60)
	if len(walks) < enough {
		walks = k.walks(s, first%24, n, -1, left/60)
	}
	if len(walks) < enough {
		usual, sum := k.usual(s), 0.0
		for i := range n {
			part := usual.mean[kindOf(civil.Date((first+i)/24))][(first+i)%24]
			if i == 0 {
				part *= left / 60
			}
			sum += part
			out.mean[i] = units.Energy(sum) * units.WattHour
			out.high[i] = out.mean[i] * 3 / 2
		}
		return out
	}
	at := make([]float64, len(walks))
	for i := range n {
		sum := 0.0
		for w := range walks {
			at[w] = walks[w][i]
			sum += at[w]
		}
		slices.Sort(at)
		out.mean[i] = units.Energy(sum/float64(len(walks))) * units.WattHour
		out.high[i] = units.Energy(at[nineOfTen(len(at))]) * units.WattHour
	}
	return out
}

// walks are what was drawn up to each of n hours from an hour of the day on, of the days of a
// kind that are known so far on.
func (k Tank) walks(s State, hour, n, kind int, part float64) [][]float64 {
	var out [][]float64
	for i, d := range s.Days {
		if kind >= 0 && kindOf(d.Date) != kind {
			continue
		}
		walk, sum := make([]float64, 0, n), 0.0
		for h := hour; h < hour+n; h++ {
			at := i + h/24
			if at >= len(s.Days) || s.Days[at].Known&(1<<(h%24)) == 0 {
				break
			}
			x := float64(s.Days[at].Drawn[h%24])
			if h == hour {
				x *= part
			}
			sum += x
			walk = append(walk, sum)
		}
		if len(walk) == n {
			out = append(out, walk)
		}
	}
	return out
}

// by is what is drawn by an instant, on the mean and in nine of ten.
func (p path) by(t time.Time) (mean, high units.Energy) {
	if !t.After(p.from) {
		return 0, 0
	}
	begin := p.from.Truncate(time.Hour) // zones that are off by half an hour see it half an hour late
	i := min(int(t.Sub(begin)/time.Hour), len(p.mean)-1)
	left := t.Sub(begin.Add(time.Duration(i) * time.Hour))
	whole := time.Hour
	var m0, h0 units.Energy
	if i > 0 {
		m0, h0 = p.mean[i-1], p.high[i-1]
	} else {
		gone := p.from.Sub(begin)
		left, whole = left-gone, whole-gone
	}
	left = min(left, whole)
	return m0 + (p.mean[i]-m0).Part(int64(left), int64(whole)), h0 + (p.high[i]-h0).Part(int64(left), int64(whole))
}
