package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// What a server lists and cannot be taken takes back no limit that was: else its mistake, or
// a limit of 0, would leave the home without any.
func TestWhatCannotBeTakenTakesNoLimitBack(t *testing.T) {
	later := `"modificationDateTime":"2026-12-01T12:00:01Z",`
	many := []string{}
	for i := range 2 * MostListed {
		many = append(many, anEvent(fmt.Sprintf("b-%03d", i), "GHG", "1"))
	}
	for situation, list := range map[string][]string{
		"a limit of 0":             {anEvent("e-1", TypeLimit, "0", later)},
		"below the floor":          {anEvent("e-1", TypeLimit, "1", later)},
		"negative":                 {anEvent("e-1", TypeLimit, "-3", later)},
		"more than any home draws": {anEvent("e-1", TypeLimit, "1e9", later)},
		"no number":                {anEvent("e-1", TypeLimit, `"3"`, later)},
		"two values":               {anEvent("e-1", TypeLimit, "3,4", later)},
		"a length that is none":    {strings.Replace(anEvent("e-1", TypeLimit, "4", later), "PT1H", "1h", 1)},
		"a date that is none":      {strings.Replace(anEvent("e-1", TypeLimit, "4", later), "0001-01-01T00:00:00", "2026-02-31T00:00:00Z", 1)},
		"a priority in words":      {anEvent("e-1", TypeLimit, "4", `"priority":"high",`)},
		"longer than is looked at": {anEvent("e-1", TypeLimit, "4", `"x":"`+strings.Repeat("x", MostEventBytes)+`",`)},
		"after many others":        append(many, anEvent("e-1", TypeLimit, "3")),
	} {
		for _, stream := range []Stream{Limit, Demand} {
			v := aVTN(t, stream)
			v.list(anEvent("e-1", TypeLimit, "3"))
			want := v.holds()
			out := v.list(list...)
			if !slices.ContainsFunc(out.Fresh, func(x Verdict) bool { return x.Code != Taken }) {
				t.Errorf("%s, %s: nothing is said: %+v", situation, stream, out.Fresh)
			}
			for range 30 {
				v.pass(time.Minute)
				if out := v.list(list...); len(out.Fresh) > 0 || out.Changed {
					t.Fatalf("%s, %s: said again: %+v", situation, stream, out.Fresh)
				}
			}
			if got := v.holds(); got != want || !strings.Contains(got, "3000 W") {
				t.Errorf("%s, %s: %q holds; it was %q", situation, stream, got, want)
			}
			v.pass(31 * time.Minute)
			v.pass(time.Second)
			v.list(list...)
			if got := v.holds(); got != "" {
				t.Errorf("%s, %s: after its end %q holds", situation, stream, got)
			}
		}
	}
}

// A server that lists each hour by itself has the present one remembered, whatever it calls
// them and wishes beside.
func TestOfManyEventsThoseThatHoldSoonestAreRemembered(t *testing.T) {
	v := aVTN(t, Limit, Demand)
	var all []string
	for i := range 60 {
		from := v.now.Add(time.Duration(59-i) * time.Hour)
		all = append(all,
			strings.Replace(anEvent(fmt.Sprintf("e-%02d", i), TypeLimit, "3", `"priority":5,`), "0001-01-01T00:00:00", from.Format(time.RFC3339), 1),
			anEvent(fmt.Sprintf("a-%02d", i), "SIMPLE", "0", `"priority":0,`))
	}
	for hour := range 60 {
		v.list(all...)
		v.list(all...) // that the server is heard is known a step later
		if got := v.holds(); !strings.Contains(got, "openadr 3000 W") || len(v.s.Events) > mostEvents {
			t.Fatalf("hour %d: %q, %d are remembered", hour, got, len(v.s.Events))
		}
		v.pass(time.Hour)
	}
}

// What is wrong with a list is said once, and again where something else is.
func TestWhatIsWrongWithAListIsSaidOnce(t *testing.T) {
	price := func(id, currency string) string {
		return anEvent(id, "PRICE", "0.3", fmt.Sprintf(`"payloadDescriptors":[{"payloadType":"PRICE","currency":%q,"units":"KWH"}],`, currency))
	}
	old := anEvent("e-3", "SIMPLE", "1", `"modificationDateTime":"2026-12-01T11:00:00Z",`)
	v := aVTN(t, Demand, Tariff)
	v.list(anEvent("e-3", "SIMPLE", "2"))
	wrong := []string{`7`, `{"id":"e-1","intervals":7}`, `{"id":"` + strings.Repeat("x", 10_000) + `"}`, price("p-1", "EUR"), price("p-2", "USD"), old}
	if out := v.list(wrong...); len(out.Fresh) != 7 {
		t.Errorf("%d are said: %+v", len(out.Fresh), out.Fresh)
	}
	for range 5 {
		v.pass(time.Minute)
		out := v.list(wrong...)
		if len(out.Fresh) > 0 || out.Changed {
			t.Fatalf("said again: %+v", out.Fresh)
		}
	}
	out := v.list(append(wrong, `8`)...)
	if len(out.Fresh) == 0 {
		t.Error("another that cannot be read: nothing is said")
	}
	for _, x := range out.Fresh {
		if len(x.Says()) > 300 {
			t.Errorf("a verdict of %d characters", len(x.Says()))
		}
	}
	if out := v.list(anEvent("e-3", "SIMPLE", "2")); slices.ContainsFunc(out.Fresh, func(x Verdict) bool { return x.Code != Taken }) {
		t.Errorf("all is well again: %+v", out.Fresh)
	}
}

// However much a server prices, and whatever it writes instead of intervals, a list is looked
// at in a time in which nobody misses the meter.
func TestALongListIsLookedAtQuickly(t *testing.T) {
	v := aVTN(t, Tariff)
	var all []string
	for i := range MostListed {
		var ivs []string
		for k := range 15 {
			ivs = append(ivs, fmt.Sprintf(`{"id":%d,"intervalPeriod":{"start":%q,"duration":"PT96S"},"payloads":[{"type":"PRICE","values":[%s1]}]}`, k, v.now.Add(time.Duration(15*i+k)*2*time.Minute).Format(time.RFC3339), strings.Repeat("1,", 95)))
		}
		all = append(all, fmt.Sprintf(`{"id":"e-%03d","programID":"p","priority":%d,"intervals":[%s]}`, i, i, strings.Join(ivs, ",")))
	}
	began := time.Now()
	if out := v.list(all...); strings.Count(string(out.Prices), `"start"`) != mostIntervals {
		t.Errorf("%d prices", strings.Count(string(out.Prices), `"start"`))
	}
	e, err := ReadVTNEvent([]byte(`{"id":"e","intervals":[{}` + strings.Repeat(",{}", 80_000) + `]}`))
	must(t, err)
	if got := e.Places(v.now, v.now, v.now.Add(time.Hour)); len(got) > 0 {
		t.Errorf("%d places", len(got))
	}
	if d := time.Since(began); d > 10*time.Second {
		t.Errorf("it takes %s", d)
	}
}
