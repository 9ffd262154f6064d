package tariffs

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func TestAPriceIsAwaitedWhereWholeDaysAreSent(t *testing.T) {
	midnight := time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)
	hours := func(spans ...[2]int) (o Overlay) {
		for _, s := range spans {
			for h := s[0]; h < s[1]; h++ {
				o.Prices = append(o.Prices, SlotPrice{Slot: units.Slot{Start: midnight.Add(time.Duration(h) * time.Hour), Len: time.Hour}})
			}
		}
		return o
	}
	for name, c := range map[string]struct {
		sent    Overlay
		now, at int // hours
		awaited bool
	}{
		"none were ever sent":                       {hours(), 10, 30, false},
		"tomorrow's are not there":                  {hours([2]int{0, 24}), 10, 30, true},
		"the first hour that is not there":          {hours([2]int{0, 24}), 10, 24, true},
		"today's are there":                         {hours([2]int{0, 24}), 10, 23, false},
		"tomorrow's are there":                      {hours([2]int{0, 48}), 14, 30, false},
		"what is gone was dropped":                  {hours([2]int{12, 24}, [2]int{24, 48}), 14, 50, true},
		"dear hours among the document's":           {hours([2]int{17, 21}), 18, 30, false},
		"between two such, now by the document":     {hours([2]int{0, 4}, [2]int{17, 21}), 10, 30, false},
		"none came for two days":                    {hours([2]int{0, 24}), 70, 80, false},
		"a day, a gap, and a few hours that are on": {hours([2]int{0, 14}, [2]int{20, 23}), 21, 30, false},
	} {
		at := func(h int) time.Time { return midnight.Add(time.Duration(h) * time.Hour) }
		if got := c.sent.Awaited(at(c.now), at(c.at)); got != c.awaited {
			t.Errorf("%s: awaited is %t", name, got)
		}
	}
}
