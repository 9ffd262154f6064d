package sts

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// A token made before the account was opened is old, unless the configuration
// says from when tokens count: records that were begun anew take none of those
// that were ever sold.
func TestATokenMadeBeforeTheAccountWasOpenedIsOld(t *testing.T) {
	for _, row := range []struct {
		name    string
		from    time.Time // accept_from
		opened  time.Time
		set     time.Time // the clock is set to this soon after; zero: it was right
		made    int
		entered int
		want    credit.Code
	}{
		{"made before", time.Time{}, minute(0), time.Time{}, -1, 1, credit.Old},
		{"made in the minute of the opening", time.Time{}, minute(0), time.Time{}, 0, 1, credit.Accept},
		{"made after", time.Time{}, minute(0), time.Time{}, 5, 6, credit.Accept},
		{"made before, and asked for", minute(-100), minute(0), time.Time{}, -1, 1, credit.Accept},
		{"made before what is asked for", minute(-100), minute(0), time.Time{}, -101, 1, credit.Old},
		{"the clock was not set at the opening", time.Time{}, time.Unix(0, 0), minute(0), -1, 1, credit.Old},
		{"the clock was years ahead at the opening and is set", time.Time{}, minute(2_000_000), minute(0), 1, 2, credit.Accept},
		{"the clock was years ahead at the opening and comes right later", time.Time{}, minute(2_000_000), time.Time{}, 1, 2, credit.Accept},
	} {
		t.Run(row.name, func(t *testing.T) {
			d := setupA()
			d.BaseDate, d.AcceptFrom = 2014, row.from
			s, v := meter(t, d), vendor(t, d)
			doc := credit.Defaults()
			doc.Mode = credit.InKWh
			e, err := credit.New(doc, time.UTC, s)
			if err != nil {
				t.Fatal(err)
			}
			a, _ := e.OpenUnset("1", row.opened)
			if !row.set.IsZero() {
				a, _ = e.Reclock(a, row.set)
			}
			_, _, r := e.TopUp(a, minute(row.entered), v.must(t)(v.Credit(minute(row.made), 10, 0)), "page")
			if r.Token.Code != row.want {
				t.Errorf("%s: %s", r.Token.Code, r.Says)
			}
		})
	}
}
