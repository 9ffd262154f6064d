package config

import (
	"strings"
	"testing"
)

func TestHowLongHabitsAreKept(t *testing.T) {
	for _, c := range []struct {
		situation, text string
		want            Keep
		fault           string
	}{
		{"nothing is said", "", Keep{1096, 400, 60}, ""},
		{"one of them", "keep: {half_hours: 400}", Keep{400, 400, 60}, ""},
		{"half hours for ever", "keep: {half_hours: 0}", Keep{0, 400, 60}, ""},
		{"less than forecasts learn from", "keep: {half_hours: 69}", Keep{}, "keep.half_hours"},
		{"no events at all", "keep: {events: 0}", Keep{}, "keep.events"},
		{"plans of less than a day", "keep: {plans: 1}", Keep{}, "keep.plans"},
		{"more than a century", "keep: {events: 40000}", Keep{}, "keep.events"},
		{"a word", "keep: {events: long}", Keep{}, "keep.events"},
		{"what is not kept", "keep: {ledger: 30}", Keep{}, "ledger"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			cfg, faults := Parse([]byte("log: {level: info}\n"+c.text+"\n"), ".", testSecrets(), testDrivers())
			said := faults.Error() + "\n" + cfg.Check().Error()
			if c.fault != "" {
				if !strings.Contains(said, c.fault) {
					t.Error(said)
				}
				return
			}
			if strings.Contains(said, "keep") || cfg.Keep != c.want {
				t.Errorf("%+v: %s", cfg.Keep, said)
			}
		})
	}
}
