package planning

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"slices"

	"github.com/keeplit/keeplit/optimizer"
)

// lot is where a job's run is to be among the hours that cost it the same.
type lot struct {
	first, end int     // the stretch of slots that cost the least
	middle     float64 // of the run; of a programme, its first slot
}

// draw draws by lot where in its cheapest hours a job is to run: homes that are given one cheap
// window would otherwise all begin with it, and make a peak of their own.  It is drawn from the
// site, the load and the day by which it is to be done, so that nobody is always first, and a
// plan made anew draws the same.  What is on already stays as it is, and where all hours cost
// the same nothing calls homes together.
func (s *Rules) draw(p *optimizer.Problem, j job) (l lot, ok bool) {
	a := j.asks()
	to := min(a.to, p.N)
	if d := j.job.Deadline; d != nil {
		to = min(to, d.Slot) // no lot makes it late
	}
	if a.from >= to || len(a.kw) == 0 || j.runs() {
		return lot{}, false
	}
	least, most := slices.Min(p.ImportPrice[a.from:to]), slices.Max(p.ImportPrice[a.from:to])
	if most-least < 1e-9 {
		return lot{}, false
	}
	for t := a.from; t < to; t++ { // the longest stretch
		from := t
		for t < to && p.ImportPrice[t]-least < 1e-9 && !a.isShut(t) {
			t++
		}
		if t-from > l.end-l.first {
			l.first, l.end = from, t
		}
	}
	slack := l.end - l.first - len(a.kw)
	if slack <= 0 {
		return lot{}, false
	}
	l.middle = float64(l.first + drawnAt(s.ticket(j.job.ID), len(a.kw), slack))
	if j.job.Cycle == nil {
		l.middle += float64(len(a.kw)-1) / 2
	}
	return l, true
}

// spares tells whether credit is not short, whatever is planned: who may run out is not to
// pay for others.
func (b *Brief) spares(o outlook, p *optimizer.Problem) bool {
	return b.Until.IsZero() && (b.Unlocked || o.cost(p, earliest(p, nil)) <= b.Left)
}

// cost is what a slot is worth beside the drawn ones, of a slot's energy.
func (l lot) cost(t int) float64 {
	return lotShare * math.Abs(float64(t)-l.middle) / float64(l.end-l.first)
}

// seen tells whether a plan saw all the slots that were drawn from: where a run stands by a
// shorter sight it is drawn anew.
func (l lot) seen(last *Plan, o outlook) bool { return !o.slots[l.end-1].End().After(last.Ends()) }

// runs tells whether the job's load is on as the plan begins: it is not stopped.
func (j job) runs() bool {
	return j.job.OnOff != nil && bool(j.job.OnOff.InitOn) || j.job.Variable != nil && bool(j.job.Variable.InitOn)
}

// ticket is what a job's place is drawn by.
func (s *Rules) ticket(job string) (out [sha256.Size]byte) {
	h := hmac.New(sha256.New, []byte(s.ID))
	_ = binary.Write(h, binary.BigEndian, s.Seed) // a hash takes all
	h.Write([]byte(job))
	h.Sum(out[:0])
	return out
}

// drawnAt is how much later than the first of slack+1 starts a run of so many slots begins.
// Runs are laid like tiles, as many behind each other as there is room for, and the tiles
// pushed by what is left over: drawn evenly over the slack, runs of half the window would
// all be on in its middle.
func drawnAt(ticket [sha256.Size]byte, length, slack int) int {
	tiles := 1 + slack/length
	left := slack - (tiles-1)*length
	at := func(i int) uint64 { return binary.BigEndian.Uint64(ticket[8*i:]) }
	return int(at(0)%uint64(tiles))*length + int(at(1)%uint64(left+1)) //nolint:gosec // small
}
