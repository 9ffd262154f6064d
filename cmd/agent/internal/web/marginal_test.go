package web

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/units"
)

func TestWhatARunCostsAtEachHourIsToldInMoneyAndLight(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/api/v1/marginal"), 200, `{"kwh":{"starts":[]},"loads":[{"id":"geyser"`)
	hour := fakeNow.Truncate(time.Hour)
	at := func(h int, cost float64, light time.Duration) picture.Start {
		return picture.Start{At: hour.Add(time.Duration(h) * time.Hour), Cost: units.FromFloat(cost), Sooner: light}
	}
	x.f.change(func(v *picture.View) {
		v.Credit.Ahead = []picture.Start{at(0, 2.4, 78*time.Minute), at(1, 3.87, 2*time.Hour)}
		v.Loads[0].RunEnergy, v.Loads[0].RunSooner = 2*units.KilowattHour, 3*time.Hour
		v.Loads[0].Ahead = []picture.Start{at(0, 4.1, 3*time.Hour), at(1, 6, 4*time.Hour), at(6, 2.3, 2*time.Hour), at(7, 2.3, 2*time.Hour)}
		v.Loads[1].Ahead = []picture.Start{at(0, 1, 0), at(1, 1.0001, 0)}
		v.Loads[2].Ahead = []picture.Start{at(0, 4, 0), at(6, 2, 0)}
		for i := range v.Loads[2].Ahead { // of both, so much comes later
			v.Loads[2].Ahead[i].Later = units.FromFloat(0.63)
		}
	})
	x.want(x.get("/"), 200,
		"Begun now it costs R\u00a04.10; begun today 22:00 R\u00a02.30 and 2\u00a0h of credit.", "Begun now it costs R\u00a01.00.", "Begun now it costs R\u00a03.37; begun today 22:00 R\u00a01.37. What is used later this month then costs R\u00a00.63 more.",
		"A kWh takes", "<td>1\u00a0h\u00a018\u00a0min</td>", "<td>2\u00a0h</td>")
	x.want(x.get("/api/v1/marginal"), 200,
		`{"at":"2026-11-22T14:00:00Z","cost":"2.400000","later":"0.000000","hours":1.3}`, `"run_kwh":2,"starts":[{"at":"2026-11-22T14:00:00Z","cost":"4.100000","later":"0.000000","hours":3}`, `"hours":null}`)
}
