package civil

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func TestAWeekIsOpenInItsHours(t *testing.T) {
	week := func(all ...string) (w Week) {
		for _, s := range all {
			var h Hours
			if err := h.SetText(s); err != nil {
				t.Fatal(err)
			}
			w = append(w, h)
		}
		return w
	}
	for name, c := range map[string]struct {
		week Week
		on   time.Weekday
		at   units.TimeOfDay
		open bool
	}{
		"no hours are said":              {nil, time.Sunday, 3 * 60, true},
		"it opens":                       {week("Mon-Fri 08:00-18:00"), time.Monday, 8 * 60, true},
		"a minute before":                {week("Mon-Fri 08:00-18:00"), time.Monday, 8*60 - 1, false},
		"it closes":                      {week("Mon-Fri 08:00-18:00"), time.Friday, 18 * 60, false},
		"another day":                    {week("Mon-Fri 08:00-18:00"), time.Saturday, 12 * 60, false},
		"its second hours":               {week("Mon-Fri 08:00-18:00", "Sat 09:00-13:00"), time.Saturday, 12 * 60, true},
		"before midnight":                {week("Sat 20:00-02:00"), time.Saturday, 23 * 60, true},
		"after the midnight of the week": {week("Sat 20:00-02:00"), time.Sunday, 60, true},
		"the early hours of its own day": {week("Sat 20:00-02:00"), time.Saturday, 60, false},
		"all day":                        {week("Sat 00:00-00:00"), time.Saturday, 24*60 - 1, true},
		"the day after all day":          {week("Sat 00:00-00:00"), time.Sunday, 0, false},
	} {
		if got := c.week.Open(c.on, c.at); got != c.open {
			t.Errorf("%s: open is %t", name, got)
		}
	}
}
