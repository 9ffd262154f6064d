package present

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// fakeNow is a Sunday afternoon.
var fakeNow = time.Date(2026, 11, 22, 14, 7, 30, 0, time.UTC)

func testFormat(t *testing.T, unit Unit) Format {
	t.Helper()
	c, err := Open("en")
	if err != nil {
		t.Fatal(err)
	}
	zone, err := time.LoadLocation("Africa/Johannesburg")
	if err != nil {
		t.Fatal(err)
	}
	return NewFormat(c, unit, zone, fakeNow)
}

// plainSpaces makes the spaces that no line breaks at readable in a test.
func plainSpaces(s string) string {
	return strings.NewReplacer(NoBreak, " ", Narrow, " ", "\u2060", "", Minus, "-").Replace(s)
}

func TestMoney(t *testing.T) {
	for _, c := range []struct {
		name string
		unit Unit
		m    units.Money
		want string
	}{
		{"rand", Unit{Symbol: "R", Decimals: 2}, units.FromFloat(12.5), "R 12.50"},
		{"thousands", Unit{Symbol: "R", Decimals: 2}, units.FromFloat(1234567.891), "R 1 234 567.89"},
		{"owed", Unit{Symbol: "R", Decimals: 2}, units.FromFloat(-12.5), "-R 12.50"},
		{"a trace below nothing is nothing", Unit{Symbol: "R", Decimals: 2}, -1, "R 0.00"},
		{"code only", Unit{Code: "KES", Decimals: 0}, units.FromFloat(1999.5), "2 000 KES"},
		{"kWh account", Unit{Energy: true, Decimals: 1}, units.FromFloat(55.25), "55.2 kWh"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := plainSpaces(testFormat(t, c.unit).Money(c.m)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	f := testFormat(t, Unit{Symbol: "R", Decimals: 2})
	if got := plainSpaces(f.Price(2_405_000)); got != "R 2.405/kWh" {
		t.Error(got)
	}
	if got := plainSpaces(f.Price(2_400_000)); got != "R 2.40/kWh" {
		t.Error(got)
	}
}

func TestTimesNearNow(t *testing.T) {
	f := testFormat(t, Unit{})
	for _, c := range []struct {
		ahead time.Duration
		want  string
	}{
		{0, "today 16:07"},
		{7*time.Hour + 52*time.Minute, "today 23:59"},
		{7*time.Hour + 53*time.Minute, "tomorrow 00:00"},
		{48 * time.Hour, "Tue 16:07"},
		{6 * 24 * time.Hour, "Sat 16:07"},
		{7 * 24 * time.Hour, "Sun 29 Nov 16:07"},
		{60 * 24 * time.Hour, "Thu 21 Jan 2027 16:07"},
		{-24 * time.Hour, "yesterday 16:07"},
		{-72 * time.Hour, "Thu 19 Nov 16:07"},
	} {
		if got := f.When(fakeNow.Add(c.ahead)); got != c.want {
			t.Errorf("%s ahead: %q, want %q", c.ahead, got, c.want)
		}
	}
}

func TestSpanOfTheRunOut(t *testing.T) {
	f := testFormat(t, Unit{})
	for _, c := range []struct {
		a, b time.Duration
		want string
	}{
		{30 * time.Hour, 78 * time.Hour, "Mon\u2013Wed"},
		{60 * time.Hour, 65 * time.Hour, "04:07\u201309:07"},
		{4 * time.Hour, 12 * time.Hour, "today 20:07 \u2013 tomorrow 04:07"},
		{5 * 24 * time.Hour, 9 * 24 * time.Hour, "Fri 27 Nov \u2013 Tue 1 Dec"},
	} {
		if got := plainSpaces(f.Span(fakeNow.Add(c.a), fakeNow.Add(c.b))); got != c.want {
			t.Errorf("%s to %s: %q, want %q", c.a, c.b, got, c.want)
		}
	}
}

func TestDurations(t *testing.T) {
	f := testFormat(t, Unit{})
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 45 * time.Second: "45 s", 10 * time.Minute: "10 min", 59*time.Minute + 50*time.Second: "60 min",
		200 * time.Minute: "3 h 20 min", 14*time.Hour + 5*time.Minute: "14 h", 50 * time.Hour: "2 days",
	} {
		if got := plainSpaces(f.Duration(d)); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}

// A topic has no capital that it has not: whoever copies it would listen to another.
func TestATopicKeepsItsLetters(t *testing.T) {
	for text, want := range map[string]string{
		"keeplit/home/meter/reading: no number": "keeplit/home/meter/reading: no number.",
		"no number: keeplit/home/meter/reading": "No number: keeplit/home/meter/reading.",
		"/var/lib/keeplit is full":              "/var/lib/keeplit is full.",
	} {
		if got := (Format{}).Sentence(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestWhatIsSaidEndsWithItsOwnPoint(t *testing.T) {
	if got, want := Sentences("Accepted: +R 50.00", "", "Your balance is now R 146.76.", "Is it?"), "Accepted: +R 50.00. Your balance is now R 146.76. Is it?"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
