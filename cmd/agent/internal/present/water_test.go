package present

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads/heat"
)

func TestHotWaterInWords(t *testing.T) {
	say := NewWords().For(Unit{Code: "ZAR", Decimals: 2}, time.UTC, time.Date(2026, 6, 1, 0, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		situation string
		water     *Water
		want      string
	}{
		{"it heats no water", nil, ""},
		{"for two", &Water{Known: true, Showers: 2.3}, "Hot water for about 2 showers."},
		{"for one", &Water{Known: true, Showers: 0.6}, "Hot water for about one shower."},
		{"for none", &Water{Known: true, Showers: 0.4}, "Hardly any hot water."},
		{"still learning", &Water{Known: true, Showers: 3, Doubt: heat.Learning}, "Hot water for about 3 showers. It is on in all the hours in which hot water is usual until it is learned when it is drawn."},
		{"nobody measures", &Water{Doubt: heat.Unseen}, "How much hot water there is is not known. Nobody measures what it draws, so it is on in all the hours in which hot water is usual."},
		{"too long without being hot", &Water{Doubt: heat.Lost, Must: true, Within: 7 * 24 * time.Hour}, "How much hot water there is is not known. It has not been hot for too long, so it is on in all the hours in which hot water is usual. It has to be hot once in 7 days, against legionella: it is heated however little credit there is."},
		{"found cold", &Water{Known: true, Doubt: heat.TooCold}, "Hardly any hot water. It was colder than it should have been, so it is on for some days in all the hours in which hot water is usual."},
	} {
		t.Run(c.situation, func(t *testing.T) {
			if got := say.Water(c.water); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}
