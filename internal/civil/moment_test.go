package civil

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata"
)

func zone(t testing.TB, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func TestAMomentIsWhatAPersonMeans(t *testing.T) {
	for _, c := range []struct{ zone, now, text, want string }{
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "Fri 18:00", "2026-12-04T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "friday 18:00", "2026-12-04T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "Sun 18:00", "2026-11-29T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T16:00:00Z", "Sun 18:00", "2026-12-06T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "18:00", "2026-11-29T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "7:00", "2026-11-30T05:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", " Tomorrow 07:00 ", "2026-11-30T05:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "today 09:00", "2026-11-29T07:00:00Z"}, // over: who asks is told so
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "2026-12-04 18:00", "2026-12-04T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "2026-12-04T18:00", "2026-12-04T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "2026-12-04T18:00:00", "2026-12-04T16:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "2026-12-04T18:00:00+01:00", "2026-12-04T17:00:00Z"},
		{"Africa/Johannesburg", "2026-11-29T10:00:00Z", "Fri 24:00", "2026-12-04T22:00:00Z"},
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "tomorrow 18:00", "2026-03-29T16:00:00Z"},      // a day of 23 hours
		{"Europe/Berlin", "2026-03-28T12:00:00Z", "Sun 02:30", "2026-03-29T01:00:00Z"},           // which has no 02:30
		{"Europe/Berlin", "2026-03-27T17:30:00Z", "Fri 18:00", "2026-04-03T16:00:00Z"},           // over the change
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "Sun 18:00", "2026-10-25T17:00:00Z"},           // a day of 25 hours
		{"Europe/Berlin", "2026-10-24T12:00:00Z", "Sun 02:30", "2026-10-25T01:30:00Z"},           // which has two: the later
		{"Europe/Berlin", "2026-10-25T00:45:00Z", "02:30", "2026-10-25T01:30:00Z"},               // between them
		{"America/Sao_Paulo", "2018-11-03T12:00:00Z", "Sun 00:00", "2018-11-04T03:00:00Z"},       // no midnight
		{"Asia/Kathmandu", "2026-11-29T10:00:00Z", "tomorrow 07:00", "2026-11-30T01:15:00Z"},     // 05:45 ahead
		{"Pacific/Apia", "2011-12-29T12:00:00Z", "2011-12-30 12:00", "2011-12-30T10:00:00Z"},     // a date that was left out
		{"Pacific/Kiritimati", "2026-11-29T10:00:00Z", "tomorrow 07:00", "2026-11-30T17:00:00Z"}, // it is Monday there
	} {
		now, _ := time.Parse(time.RFC3339, c.now)
		got, err := Moment(c.text, now, zone(t, c.zone))
		if err != nil || got.Format(time.RFC3339) != c.want {
			t.Errorf("%q at %s in %s is %s (%v), want %s", c.text, c.now, c.zone, got.Format(time.RFC3339), err, c.want)
		}
	}
	for _, text := range []string{"", "soon", "Fri", "Fry 18:00", "25:00", "2026-13-04 18:00", "2026-02-30 18:00", "1969-12-31 18:00", "Fri 18:00 please", "Fr 18:00", "18.00", strings.Repeat("x", 1000)} {
		if at, err := Moment(text, time.Now(), time.UTC); err == nil || !strings.Contains(err.Error(), "write it like Fri 18:00") {
			t.Errorf("%q is %s, %v", text, at, err)
		}
	}
}

func FuzzMoment(f *testing.F) {
	for _, s := range []string{"Fri 18:00", "tomorrow 07:00", "2026-12-04T18:00", "18:00", "2026-12-04T18:00:00+02:00", "T", "----------T"} {
		f.Add(s)
	}
	loc := zone(f, "Europe/Berlin")
	f.Fuzz(func(t *testing.T, text string) {
		now := time.Date(2026, 10, 24, 12, 0, 0, 0, time.UTC)
		if at, err := Moment(text, now, loc); err == nil && at.IsZero() {
			t.Errorf("%q is no time and no error", text)
		}
	})
}

func TestAWeekKnowsWhenAShopWasLastOpen(t *testing.T) {
	week := func(texts ...string) (w Week) {
		for _, s := range texts {
			var h Hours
			if err := h.SetText(s); err != nil {
				t.Fatal(err)
			}
			var again Hours
			if err := again.SetText(h.String()); err != nil || again != h {
				t.Errorf("%s comes back as %s (%v)", h, again, err)
			}
			w = append(w, h)
		}
		return w
	}
	shop := week("Mon-Fri 08:00-18:00", "Sat 09:00-13:00")
	for _, c := range []struct {
		name       string
		w          Week
		zone, at   string
		open, till string
	}{
		{"on Sunday night", shop, "Africa/Johannesburg", "2026-11-29T01:00:00Z", "2026-11-28T07:00:00Z", "2026-11-28T11:00:00Z"},
		{"while it is open", shop, "Africa/Johannesburg", "2026-11-27T10:00:00Z", "2026-11-27T06:00:00Z", "2026-11-27T10:00:00Z"},
		{"before it opens", shop, "Africa/Johannesburg", "2026-11-27T05:00:00Z", "2026-11-26T06:00:00Z", "2026-11-26T16:00:00Z"},
		{"over midnight", week("Fri 20:00-02:00"), "UTC", "2026-11-28T12:00:00Z", "2026-11-27T20:00:00Z", "2026-11-28T02:00:00Z"},
		{"in two parts that meet", week("Mon 08:00-12:00", "Mon 12:00-18:00"), "UTC", "2026-12-01T00:00:00Z", "2026-11-30T08:00:00Z", "2026-11-30T18:00:00Z"},
		{"always", week("Mon-Sun 00:00-24:00"), "UTC", "2026-12-01T10:00:00Z", "2026-11-23T00:00:00Z", "2026-12-01T10:00:00Z"},
		{"over the week's end", week("Sat-Mon 10:00-11:00"), "UTC", "2026-12-01T00:00:00Z", "2026-11-30T10:00:00Z", "2026-11-30T11:00:00Z"},
		{"on a day of 23 hours", week("Sun 01:00-04:00"), "Europe/Berlin", "2026-03-29T12:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T02:00:00Z"},
	} {
		at, _ := time.Parse(time.RFC3339, c.at)
		open, till, ok := c.w.Before(at, zone(t, c.zone))
		if !ok || open.Format(time.RFC3339) != c.open || till.Format(time.RFC3339) != c.till {
			t.Errorf("%s: %v from %s to %s, want %s to %s", c.name, ok, open, till, c.open, c.till)
		}
	}
	if _, _, ok := (Week{}).Before(time.Now(), time.UTC); ok {
		t.Error("a shop that is never open was open")
	}
	for _, s := range []string{"", "Mon", "08:00-18:00", "Mon 08:00", "Mon 8-18", "Mo-Fr 08:00-18:00", "Mon-Fri 08:00-25:00", "Mon- 08:00-18:00"} {
		if err := new(Hours).SetText(s); err == nil {
			t.Errorf("%q is taken", s)
		}
	}
}

func TestADayAloneIsTheWholeOfIt(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	now := time.Date(2026, 3, 27, 15, 0, 0, 0, berlin) // a Friday
	for _, c := range []struct {
		text, from, to string
	}{
		{"2026-12-20", "2026-12-20T00:00:00+01:00", "2026-12-21T00:00:00+01:00"},
		{"20 Dec", "2026-12-20T00:00:00+01:00", "2026-12-21T00:00:00+01:00"},
		{"3 Jan", "2027-01-03T00:00:00+01:00", "2027-01-04T00:00:00+01:00"},
		{"29 Feb", "2028-02-29T00:00:00+01:00", "2028-03-01T00:00:00+01:00"},
		{"Fri", "2026-03-27T00:00:00+01:00", "2026-03-28T00:00:00+01:00"},
		{"sunday", "2026-03-29T00:00:00+01:00", "2026-03-30T00:00:00+02:00"}, // of 23 hours
		{" today", "2026-03-27T00:00:00+01:00", "2026-03-28T00:00:00+01:00"},
		{"tomorrow", "2026-03-28T00:00:00+01:00", "2026-03-29T00:00:00+01:00"},
		{"Sun 12:00", "2026-03-29T12:00:00+02:00", "2026-03-29T12:00:00+02:00"},
		{"2026-12-20T08:00", "2026-12-20T08:00:00+01:00", "2026-12-20T08:00:00+01:00"},
		{"31 Feb", "", ""},
		{"Christmas", "", ""},
		{"", "", ""},
	} {
		from, to, err := Span(c.text, now, berlin)
		if c.from == "" {
			if err == nil {
				t.Errorf("%q is read as %s", c.text, from)
			}
			continue
		}
		if f, u := from.In(berlin).Format(time.RFC3339), to.In(berlin).Format(time.RFC3339); err != nil || f != c.from || u != c.to {
			t.Errorf("%q is %s to %s: %v", c.text, f, u, err)
		}
	}
}
