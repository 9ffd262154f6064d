package civil

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestDateIsTheCalendars(t *testing.T) {
	for d := DateOf(1890, 1, 1); d < DateOf(2210, 1, 1); d++ {
		y, m, day := d.Civil()
		at := time.Date(y, m, day, 0, 0, 0, 0, time.UTC)
		if int64(d)*secondsADay != at.Unix() || at.Day() != day || at.Month() != m || d.Weekday() != at.Weekday() || DateOf(y, m, day) != d {
			t.Fatalf("%d is %s, a %s", d, d, d.Weekday())
		}
	}
}

// A document has no date before 1970; what is stored may, by a clock that was
// never set.
func TestWhatIsWrittenIsReadBackAlsoOfBefore1970(t *testing.T) {
	for d := DateOf(1890, 1, 1); d < DateOf(2210, 1, 1); d += 17 {
		text, err := d.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var back, written Date
		if err := back.UnmarshalText(text); err != nil || back != d {
			t.Fatalf("%s is read back as %s: %v", d, back, err)
		}
		if err := written.SetText(string(text)); (err == nil) != (d >= 0) {
			t.Fatalf("%s in a document: %v", d, err)
		}
	}
}

func TestEasterSunday(t *testing.T) {
	for year, want := range map[int]string{1961: "1961-04-02", 2000: "2000-04-23", 2008: "2008-03-23", 2024: "2024-03-31", 2025: "2025-04-20", 2038: "2038-04-25"} {
		if got := Easter(year).String(); got != want {
			t.Errorf("%d: %s, want %s", year, got, want)
		}
	}
	for year := 1583; year < 5000; year++ {
		e := Easter(year)
		if e.Weekday() != time.Sunday || e < DateOf(year, time.March, 22) || e > DateOf(year, time.April, 25) {
			t.Fatalf("%d: %s is a %s", year, e, e.Weekday())
		}
	}
}

func TestTheDayOfAnInstantBeginsBeforeItAndEndsAfter(t *testing.T) {
	zones := []string{"UTC", "Europe/London", "Asia/Kolkata", "America/Santiago", "Australia/Lord_Howe", "Pacific/Apia"}
	rapid.Check(t, func(t *rapid.T) {
		zone, err := time.LoadLocation(rapid.SampledFrom(zones).Draw(t, "zone"))
		if err != nil {
			t.Fatal(err)
		}
		at := time.Unix(rapid.Int64Range(0, 4e9).Draw(t, "at"), 0)
		d := DateIn(at, zone)
		if at.Before(d.Start(zone)) || !at.Before((d + 1).Start(zone)) {
			t.Fatalf("%s is not on %s in %s", at.UTC(), d, zone)
		}
	})
}
