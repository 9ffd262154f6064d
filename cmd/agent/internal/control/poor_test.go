package control

import (
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// buyer is what a home buys, asked each hour.
type buyer func(now time.Time, left float64) (amount int)

// poorDays are what a home got.
type poorDays struct {
	water, washed, off float64 // hours
	offs               int
	spent              float64
	short              int // plans that named a shortfall for want of credit
	plans              int
}

// lives runs the bench's home for days after a month in which it learns, with what it
// buys.
func (b *bench) lives(shift bool, opening float64, learn, days int, buys buyer) poorDays {
	b.site.Shift, b.plain = shift, true
	// It is read each ten minutes, which is no gap: else no forecast is learned.
	b.site.Limits.MaxGap, b.site.SilentAfter = 15*time.Minute, 20*time.Minute
	b.st.Credit.Balance = units.FromFloat(opening)
	rng := rand.New(rand.NewPCG(7, 7))
	var got poorDays
	n, was := 0, true
	const step = 10 * time.Minute
	for k := range (learn + days) * 144 {
		h := b.now.In(b.site.Zone).Hour()
		p := 300.0
		if h >= 6 && h < 9 {
			p = 700
		}
		if h >= 17 && h < 22 {
			p = 1100
		}
		b.power = units.Power(p*(0.7+0.6*rng.Float64())) * units.Watt
		before := b.balance().Float()
		b.reading(step)
		if after := b.balance().Float(); k >= learn*144 {
			got.spent += max(0, before-after)
			if !b.states[loads.SupplyID] {
				got.off += step.Hours()
				if was {
					got.offs++
				}
			}
			if b.drawing("geyser") {
				got.water += step.Hours()
			}
			if b.drawing("washer") {
				got.washed += step.Hours()
			}
			if b.last.AskPlan && b.st.Plan != nil {
				got.plans++
				for _, f := range b.st.Plan.Short {
					if f.Load != "" && f.Cause == "credit" {
						got.short++
						break
					}
				}
			}
		}
		was = b.states[loads.SupplyID]
		if m := b.now.In(b.site.Zone).Minute(); m < 10 {
			if amount := buys(b.now.In(b.site.Zone), b.balance().Float()); amount > 0 {
				n++
				b.step(Input{What: Token{Text: tokenFor(b.t, n, amount), Source: "page"}})
			}
		}
	}
	return got
}

// low buys an amount when there is less than so much, looked at at seven and at six.
func low(below float64, amount int) buyer {
	return func(now time.Time, left float64) int {
		if h := now.Hour(); (h == 7 || h == 18) && left < below {
			return amount
		}
		return 0
	}
}

// Who buys little and often has hot water, and is not in the dark for it.
func TestAHomeThatBuysWhenItIsLowHasHotWaterAndLight(t *testing.T) {
	if os.Getenv("KEEPLIT_LONG") != "1" {
		t.Skip("a month of plans, several times over")
	}
	for _, below := range []float64{15, 45} {
		for _, amount := range []int{20, 40, 80} {
			t.Run(fmt.Sprintf("%d below %.0f", amount, below), func(t *testing.T) {
				t.Parallel()
				var got [2]poorDays
				for i, shift := range []bool{false, true} {
					got[i] = newBench(t).lives(shift, 100, 18, 12, low(below, amount))
					g := got[i]
					t.Logf("shift %-5v: water %.1f of 24 h, washed %.1f of 18 h, off %.1f h in %d, spent %.1f a day, short of credit in %d of %d plans",
						shift, g.water, g.washed, g.off, g.offs, g.spent/12, g.short, g.plans)
				}
				// 40 a day are no more than the light takes: both are not to be had, and all the hot water
				// at night would take 192 hours of darkness.  It is half as long at most as it was.
				if amount < 40 && got[1].off > got[0].off/2 {
					t.Error("it is as dark as without shifting")
				}
				if amount >= 40 && (got[1].water < 23.5 || got[1].off > got[0].off) {
					t.Error("it is short of hot water, or of light")
				}
			})
		}
	}
}
