package control

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// A home that was off while two documents came into force says of each what became of it, in order: the
// last that the utility hears of the first is that it is over.
func TestTwoTariffDocumentsThatBeganWhileTheHomeWasOff(t *testing.T) {
	u := priced(t)
	u.reading(time.Minute)
	u.rates("a", day(1), flatTariff(3))
	u.rates("b", day(2), flatTariff(4))
	u.rates("c", day(3), flatTariff(5))
	u.st.Policy.Acks = nil
	u.now = u.now.Add(80 * time.Hour)
	st, err := u.site.Resume(u.st)
	must(t, err)
	u.st = st
	u.reading(time.Minute)
	if got := u.heardOf(); got != "applied 1, completed 1, applied 2, completed 2, applied 3" {
		t.Errorf("the utility hears %q", got)
	}
}

// A clock that goes back over the midnight of a change, and over it again, charges nothing twice and tells
// nothing twice.
func TestTheClockGoesBackOverTheMidnightOfAChange(t *testing.T) {
	for _, row := range []struct {
		back time.Duration
		cost units.Money // of that and 12 hours more
	}{{time.Hour, 77 * units.One / 2}, {24 * time.Hour, 169 * units.One / 2}} {
		t.Run(row.back.String(), func(t *testing.T) {
			u := priced(t)
			u.rates("a", day(1), flatTariff(3))
			u.run(24*time.Hour+30*time.Minute, 5*time.Minute)
			before := u.spent()
			if want := 2*24*units.One + 3*units.One/2; before != want {
				t.Fatalf("%s is charged in place of %s", before, want)
			}
			u.now = u.now.Add(-row.back)
			u.run(row.back+12*time.Hour, 5*time.Minute)
			if got := u.spent() - before; got != row.cost {
				t.Errorf("%s is charged in place of %s", got, row.cost)
			}
			if got := u.heardOf(); got != "received 1, applied 1" {
				t.Errorf("the utility hears %q", got)
			}
		})
	}
}
