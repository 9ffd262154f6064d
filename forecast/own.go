package forecast

import (
	"math"
	"slices"
	"sort"

	"github.com/keeplit/keeplit/internal/civil"
)

// Days of a name of the site's own, such as school holidays or a feast that follows the moon, are of a
// kind for each name.  They may follow each other for weeks, so their level is not told by the days beside them, which are
// of the same kind: it is that of the usual days before and after, and what they use is told over that.
const (
	// OwnKinds is how many names of days there can be.
	OwnKinds = 4
	firstOwn = betweenKind + 1
	// enoughOwn is of how many days of such a kind Sundays are no longer asked what those use.
	enoughOwn = 3
)

// own tells the kinds that a site has names of its own for.
func own(kind uint8) bool { return kind >= firstOwn }

// NamedDays are days that a site has a name of its own for.
type NamedDays struct {
	Name     string
	From, To civil.Date // the first and the last
}

// namesOf are the names of days, each once, in order: a kind must not hang on which stands first.
func namesOf(all []NamedDays) (names []string) {
	for _, d := range all {
		names = append(names, d.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// ownKind is the kind of a day that has a name.
func ownKind(all []NamedDays, on civil.Date) (kind uint8, named bool) {
	for _, d := range all {
		if on >= d.From && on <= d.To {
			return uint8(firstOwn + slices.Index(namesOf(all), d.Name)), true
		}
	}
	return 0, false
}

// usual are the running sums of the cells of days that are of no kind of the site's own.
type usual struct {
	sum   []float64
	known []int32
}

// indexUsual builds them, where there is any other day.
func (d *days) indexUsual() {
	some := false
	for i := range d.cells() / d.perDay {
		some = some || own(d.kind(i))
	}
	if !some {
		return
	}
	d.usual = &usual{sum: make([]float64, len(d.v)+1), known: make([]int32, len(d.v)+1)}
	u := d.usual
	for c, x := range d.v {
		u.sum[c+1], u.known[c+1] = u.sum[c], u.known[c]
		if x == x && !own(d.kind(c/d.perDay)) {
			u.sum[c+1] += float64(x)
			u.known[c+1]++
		}
	}
}

// ofKind is how many of the days back from today that have a level are of a kind.
func (d *days) ofKind(kind uint8, level []float64, today int) (n int) {
	for b := 1; b < len(level); b++ {
		if level[b] > 0 && d.kind(today-b) == kind {
			n++
		}
	}
	return n
}

// hasOwn tells whether known cells in [from, to) are of days of the site's own kinds.
func (d *days) hasOwn(from, to int) bool {
	if d.usual == nil {
		return false
	}
	from, to = max(0, min(from, len(d.v))), max(0, min(to, len(d.v)))
	return from < to && d.known[to]-d.known[from] != d.usual.known[to]-d.usual.known[from]
}

// usualAround is the mean of the usual cells around cell mid that are known at origin: of half of them on each
// side, of more on one where the other has fewer, and how many they are.
func (d *days) usualAround(mid, half, origin int) (float64, int) {
	u := d.usual
	origin = max(0, min(origin, len(d.v)))
	mid = max(0, min(mid, origin))
	high := min(u.known[origin], u.known[mid]+int32(half))
	low := max(0, high-2*int32(half))
	high = min(u.known[origin], low+2*int32(half))
	if high == low {
		return math.NaN(), 0
	}
	at := func(k int32) int { return sort.Search(origin, func(c int) bool { return u.known[c] >= k }) }
	return (u.sum[at(high)] - u.sum[at(low)]) / float64(high-low), int(high - low)
}
