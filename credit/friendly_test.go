package credit_test

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/unraced"

	"github.com/keeplit/keeplit/credit"
)

func clockTime(t tb, s string) credit.TimeOfDay {
	t.Helper()
	var v credit.TimeOfDay
	if err := v.SetText(s); err != nil {
		t.Fatalf("%v", err)
	}
	return v
}

// typical is Monday to Thursday 16:00 to 10:00 the next day, and the weekend
// from Friday 16:00 to Monday 10:00.
func typical(t tb, d *credit.Document) {
	four, ten, day := clockTime(t, "16:00"), clockTime(t, "10:00"), clockTime(t, "00:00")
	d.Friendly.Windows = []credit.FriendlyWindow{
		{Days: []string{"mon", "tue", "wed", "thu"}, From: four, To: ten},
		{Days: []string{"fri"}, From: four, To: day},
		{Days: []string{"sat", "sun"}, From: day, To: day},
		{Days: []string{"mon"}, From: day, To: ten},
	}
}

// The credit ends on Friday evening; the light stays on to Monday morning and
// what was used is owed.
func TestFriendlyHoursOverAWeekend(t *testing.T) {
	london, err := time.LoadLocation("Europe/London")
	if err != nil {
		t.Fatal(err)
	}
	doc := credit.Defaults()
	doc.Opening = one
	typical(t, &doc)
	s := open(t, nil)
	s.engine, err = credit.New(doc, london, s.scheme)
	if err != nil {
		t.Fatal(err)
	}
	local := func(day, hour, minute int) time.Time { return time.Date(2026, 3, day, hour, minute, 0, 0, london) }
	s.keep(s.engine.Open("meter 1", local(27, 15, 0)))
	s.ledger = s.ledger[1:] // of the account just opened

	s.now = local(27, 15, 59)
	s.lit(true, credit.NoCause)
	s.now = local(27, 16, 0)
	s.lit(true, credit.NoCause)
	s.now = local(27, 20, 0)
	s.use(3 * one)
	// The clocks go forward on Sunday 29 March 2026.
	if d := s.lit(true, credit.NoCause); !d.Protected || !d.Until.Equal(local(30, 10, 0)) {
		t.Errorf("%+v, want protected until Monday 10:00 local", d)
	}
	s.now = local(30, 9, 59)
	s.lit(true, credit.NoCause)
	s.now = local(30, 10, 0)
	s.lit(false, credit.ForNoCredit)
	s.has(-2 * one)

	// Off when the next friendly hours begin, it stays off.
	s.now = local(30, 17, 0)
	s.lit(false, credit.ForNoCredit)
	s.topUp(2 * one)
	s.lit(false, credit.ForNoCredit)
	s.topUp(one)
	s.lit(true, credit.NoCause)
}

func TestFriendlyHoursNeedCreditWhenTheyBegin(t *testing.T) {
	for _, c := range []struct {
		name     string
		opening  int
		facts    credit.Facts
		jump     time.Duration // of the clock, at 15:00 on Monday
		want     bool
		backward bool
	}{
		{name: "with credit", opening: 1, want: true},
		{name: "without", opening: 0, want: false},
		{name: "the clock is not to be trusted", opening: 1, facts: credit.Facts{Doubtful: true}, want: false},
		{name: "the clock went back a week into them", opening: 1, jump: -7*24*time.Hour + 2*time.Hour, want: false},
		{name: "1970 at boot", opening: 1, jump: time.Date(1970, 1, 5, 17, 0, 0, 0, time.UTC).Sub(noon().Add(3 * time.Hour)), want: false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, func(d *credit.Document) { typical(t, d) })
			s.now = noon().Add(3 * time.Hour)
			if c.opening > 0 {
				s.topUp(one)
			}
			s.lit(c.opening > 0, map[bool]credit.Cause{true: credit.NoCause, false: credit.ForNoCredit}[c.opening > 0])
			s.now = noon().Add(5 * time.Hour)
			if c.jump != 0 {
				s.now = noon().Add(3 * time.Hour).Add(c.jump)
			}
			s.supply(c.facts)
			s.use(one)
			if d := s.supply(c.facts); d.Close != c.want {
				t.Errorf("supply %v (%s), want %v", d.Close, d.Why, c.want)
			}
		})
	}
}

func TestSpecialDaysAreFriendlyWhole(t *testing.T) {
	s := open(t, func(d *credit.Document) {
		d.Opening = one
		d.Friendly.SpecialDays = []string{"2026-03-03"}
	})
	s.use(one / 2)
	s.now = noon().Add(11*time.Hour + 59*time.Minute)
	s.lit(true, credit.NoCause)
	s.now = noon().Add(12 * time.Hour)
	s.lit(true, credit.NoCause)
	s.use(one)
	s.now = noon().Add(35 * time.Hour)
	s.lit(true, credit.NoCause)
	s.now = noon().Add(36 * time.Hour)
	s.lit(false, credit.ForNoCredit)
}

func TestTimeOfDayIsReadStrictly(t *testing.T) {
	for _, s := range []string{"", "9:00", "24:01", "12:60", "12-00", "12:0", "ab:cd", "-1:00", "012:0", "12:000"} {
		var v credit.TimeOfDay
		if err := v.SetText(s); err == nil {
			t.Errorf("%q was read as %s", s, v)
		}
	}
	if v := clockTime(t, "24:00"); v.String() != "24:00" {
		t.Errorf("24:00 came back as %s", v)
	}
}

func TestDocumentFaultsAreNamedAllAtOnce(t *testing.T) {
	doc := credit.Document{
		Mode: "gold", KWhPrice: -1, Opening: -1, MaximumBalance: -1, Restore: "maybe",
		Debt:     credit.DebtDocument{SharePercent: 101, Cap: -1, Period: "year"},
		Friendly: credit.FriendlyDocument{Windows: []credit.FriendlyWindow{{Days: []string{"someday"}}}, SpecialDays: []string{"Christmas"}},
		Lockout:  credit.LockoutDocument{Tries: 0, First: 0, Longest: -1},
	}
	found := map[string]bool{}
	for _, f := range doc.Check() {
		found[f.Path] = true
		if f.Remedy == "" {
			t.Errorf("%s has no remedy", f.Path)
		}
	}
	for _, path := range []string{
		"mode", "kwh_price", "opening", "maximum_balance", "restore", "debt.share_percent", "debt.cap", "debt.period",
		"friendly_hours.windows[0].days[0]", "friendly_hours.special_days[0]", "lockout.tries", "lockout.first", "lockout.longest",
	} {
		if !found[path] {
			t.Errorf("no fault at %s", path)
		}
	}
	if l := credit.Defaults().Check(); len(l) > 0 {
		t.Errorf("the defaults have faults: %v", l)
	}
}

// An overload in protected hours ends by itself, and so does the dark: the
// credit that ended meanwhile is no cause before the hours are over.
func TestAnOverloadInFriendlyHoursDoesNotBecomeACutForCredit(t *testing.T) {
	s := open(t, func(d *credit.Document) { typical(t, d); d.Opening = one })
	s.now = noon().Add(5 * time.Hour)
	s.lit(true, credit.NoCause)
	s.use(2 * one)
	s.lit(true, credit.NoCause)
	if d := s.supply(credit.Facts{Overload: true}); d.Close || d.Cause != credit.ByOverload {
		t.Fatalf("%+v, want off for overload", d)
	}
	s.lit(true, credit.NoCause)
	s.now = noon().Add(22 * time.Hour)
	s.lit(false, credit.ForNoCredit)
}

// While the clock shows a time of a window it is friendly, also where the clock is
// changed: an hour that comes twice is within it twice, and what is left of one that is
// passed over is within it.  Beside the window it is friendly for an hour at the most.
func TestFriendlyHoursHaveNoHoleWhereTheClockIsChanged(t *testing.T) {
	unraced.Only(t)
	for _, zone := range []string{"Europe/Berlin", "Europe/London", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Africa/Johannesburg"} {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range [][2]string{{"02:00", "03:00"}, {"02:30", "03:30"}, {"01:30", "02:15"}, {"00:30", "01:30"}, {"22:00", "02:30"}, {"01:00", "02:00"}, {"23:30", "00:30"}, {"03:00", "01:45"}} {
			doc := credit.Defaults()
			from, to := clockTime(t, w[0]), clockTime(t, w[1])
			doc.Friendly.Windows = []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: from, To: to}}
			s := open(t, nil)
			e, err := credit.New(doc, loc, s.scheme)
			if err != nil {
				t.Fatal(err)
			}
			shows := func(at time.Time) bool {
				l := at.In(loc)
				now := credit.TimeOfDay(l.Hour()*60 + l.Minute())
				if to <= from {
					return now >= from || now < to
				}
				return now >= from && now < to
			}
			near := func(at time.Time) bool {
				for by := -time.Hour; by <= time.Hour; by += 5 * time.Minute {
					if shows(at.Add(by)) {
						return true
					}
				}
				return false
			}
			for day := time.Date(2026, 1, 1, 0, 0, 0, 0, loc); day.Year() == 2026; day = day.AddDate(0, 0, 1) {
				_, was := day.Zone()
				if _, is := day.AddDate(0, 0, 2).Zone(); was == is && day.YearDay()%40 != 0 {
					continue // of the days without a change a few are enough
				}
				for at := day; at.Before(day.AddDate(0, 0, 2)); at = at.Add(5 * time.Minute) {
					switch friendly := e.Friendly(at); {
					case shows(at) && !friendly:
						t.Fatalf("%s, %s to %s: %s is not friendly", zone, w[0], w[1], at.In(loc))
					case friendly && !near(at):
						t.Fatalf("%s, %s to %s: %s is friendly", zone, w[0], w[1], at.In(loc))
					}
				}
			}
		}
	}
}
