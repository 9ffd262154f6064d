package present

import (
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/forecast"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
)

// Expected is what somebody has told of the use in a time.
type Expected struct {
	N        int // by which it is taken back
	What     string
	From, To time.Time
	Energy   units.Energy // used on top; 0 of any other
	By       string
	Since    time.Time
	Lit      bool   // an outage that has not come
	Kept     bool   // it is the configuration's, and cannot be taken back
	Says     string // in words
}

// Expected is what is told of now and of times to come.
func (p Plain) Expected(st *control.State) (out []Expected) {
	for _, e := range st.Expecting() {
		out = append(out, Expected{N: e.N, What: string(e.What), From: e.From, To: e.To, Energy: e.Energy, By: e.By, Since: e.Since, Lit: e.Lit, Kept: e.Configured(), Says: p.Say(p.days(e))})
	}
	return out
}

// days is what is told, where it is told by days, as people mean them: away from the evening of
// one day to the morning of another, guests to the end of a day, and not from one midnight to
// another.
func (p Plain) days(e control.ExpectState) said.Said {
	midnight := func(t time.Time) bool { return units.LocalMidnight(t, p.zone).Equal(t) }
	day := func(t time.Time) time.Time { return t.Add(-12 * time.Hour) } // the one that ends with t
	begins, ends := midnight(e.From), midnight(e.To)
	from, until := said.Time("from", e.From), said.Time("until", e.To)
	eve, last := said.Time("from", day(e.From)), said.Time("until", day(e.To))
	switch e.What {
	case forecast.Away, forecast.Usual:
		switch {
		case begins && ends:
			return said.Of("expect.away.days", eve, until)
		case ends:
			return said.Of("expect.away.back", from, until)
		case begins:
			return said.Of("expect.away.leave", eve, until)
		}
	case forecast.Guests:
		switch {
		case begins && ends:
			return said.Of("expect.guests.days", from, last)
		case ends:
			return said.Of("expect.guests.end", from, last)
		}
	case forecast.Extra:
		if begins && ends {
			return said.Of("expect.extra.days", said.Energy("energy", e.Energy), from, last)
		}
	case forecast.Outage: // by the hour
	}
	return e.Says()
}
