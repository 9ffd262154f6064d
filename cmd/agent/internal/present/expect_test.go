package present

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/units"
)

// What was told by days is noted by the days that were told, and not from one midnight to another.
func TestWhatIsToldByDaysIsNotedByThem(t *testing.T) {
	zone := time.FixedZone("", 2*60*60)
	p := WordsIn("en").Plain(&control.Site{Zone: zone})
	at := func(day, hour int) time.Time { return time.Date(2026, 12, day, hour, 0, 0, 0, zone) }
	for _, c := range []struct {
		what     forecast.Told
		from, to time.Time
		want     string
	}{
		{forecast.Away, at(3, 0), at(6, 0), "nobody is there from the evening of Wed 2 Dec 2026 to the morning of Sun 6 Dec 2026"},
		{forecast.Away, at(3, 10), at(6, 0), "nobody is there from Thu 3 Dec 2026 10:00 to the morning of Sun 6 Dec 2026"},
		{forecast.Away, at(3, 0), at(6, 18), "nobody is there from the evening of Wed 2 Dec 2026 until Sun 6 Dec 2026 18:00"},
		{forecast.Away, at(3, 9), at(6, 18), "nobody is there from Thu 3 Dec 2026 09:00 until Sun 6 Dec 2026 18:00"},
		{forecast.Guests, at(4, 0), at(7, 0), "guests are there from Fri 4 Dec 2026 to the end of Sun 6 Dec 2026"},
		{forecast.Guests, at(4, 9), at(7, 0), "guests are there from Fri 4 Dec 2026 09:00 to the end of Sun 6 Dec 2026"},
		{forecast.Extra, at(6, 0), at(7, 0), "3.000 kWh on top from Sun 6 Dec 2026 to the end of Sun 6 Dec 2026"},
	} {
		if got := p.Say(p.days(control.ExpectState{What: c.what, From: c.from, To: c.to, Energy: 3 * units.KilowattHour})); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
	for _, lang := range []string{"de", "fr", "es", "pt", "sw", "zu", "bn", "hi", "ar"} {
		words := WordsIn(lang).Plain(&control.Site{Zone: zone})
		told := words.days(control.ExpectState{What: forecast.Away, From: at(3, 0), To: at(6, 0)})
		if got := words.Say(told); got == p.Say(told) || goesOn(got) {
			t.Errorf("%s: %q", lang, got)
		}
	}
}
