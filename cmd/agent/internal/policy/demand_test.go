package policy

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func simple(id, level, length string) string {
	return fmt.Sprintf(`{"event":{"id":%q,"programID":"dr","intervalPeriod":{"start":"0001-01-01","duration":%q},"intervals":[{"id":0,"payloads":[{"type":"SIMPLE","values":[%s]}]}]}}`, id, length, level)
}

// asked is a site with two loads that can wait.
func asked(t testing.TB) *site {
	h := home(t)
	h.r.Devices = []Device{{"car", "car"}, {"geyser", "heat"}}
	h.beat()
	return h
}

func (h *site) asks() (out []string) {
	for _, f := range h.r.Asks(h.s, h.now) {
		out = append(out, fmt.Sprint(f.Source, " ", f.Limit, " ", f.Loads))
	}
	return out
}

// out is what the household says.
func (h *site) out(of OptOut) {
	h.s.Opted = &Opted{Of: of, By: "page", Since: h.now}
	h.pass(time.Second)
	h.stored()
}

func TestAnEventAsksAndTheHouseholdMayOptOut(t *testing.T) {
	check := func(t *testing.T, h *site, id string, want ...string) {
		t.Helper()
		if got := h.acks(id); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", id, got, want)
		}
	}
	held := []string{"event 1 W [car geyser]"}
	t.Run("level 2 holds what can wait", func(t *testing.T) {
		h := asked(t)
		if out := h.say(Demand, simple("e1", "2", "PT10M")); out.Code != Taken {
			t.Fatalf("%+v", out)
		}
		if got := h.asks(); !slices.Equal(got, held) {
			t.Errorf("%q", got)
		}
		h.alive(11 * time.Minute)
		if got := h.asks(); got != nil {
			t.Errorf("after it: %q", got)
		}
		check(t, h, "event-1-1", "received", "applied", "completed")
	})
	t.Run("level 1 is for the plan alone", func(t *testing.T) {
		h := asked(t)
		h.say(Demand, simple("e1", "1", "PT10M"))
		ahead := h.r.asksAhead(h.s, h.now, h.now.Add(time.Hour))
		if h.asks() != nil || len(ahead) != 1 || !ahead[0].Devices || ahead[0].Limit != Nothing || ahead[0].To.Sub(ahead[0].From) != 10*time.Minute {
			t.Errorf("%q, the plan knows %+v", h.asks(), ahead)
		}
		check(t, h, "event-1-1", "received", "applied")
	})
	t.Run("a limit for a class", func(t *testing.T) {
		h := asked(t)
		body := strings.Replace(limitBody("e1", "3.5", fromNow, "PT10M"), `"programID"`, `"targets":["class:car"],"programID"`, 1)
		h.say(Demand, body)
		if got := h.asks(); !slices.Equal(got, []string{"event 3500 W [car]"}) {
			t.Errorf("%q", got)
		}
		check(t, h, "event-1-1", "received", "applied 3500 W")
	})
	t.Run("out of it before it comes, and in again", func(t *testing.T) {
		h := asked(t)
		h.out(OptGrid)
		h.say(Demand, simple("e1", "3", "PT10M"))
		if h.asks() != nil || h.r.asksAhead(h.s, h.now, h.now.Add(time.Hour)) != nil {
			t.Errorf("%q", h.asks())
		}
		check(t, h, "event-1-1", "received", "opted_out")
		h.out(OptNone)
		if got := h.asks(); !slices.Equal(got, held) {
			t.Errorf("in again: %q", got)
		}
		check(t, h, "event-1-1", "received", "opted_out", "applied")
		h.out(OptBoth)
		h.pass(10 * time.Minute)
		check(t, h, "event-1-1", "received", "opted_out", "applied", "opted_out")
		if len(h.s.Events) != 0 {
			t.Errorf("%+v is left", h.s.Events)
		}
	})
	t.Run("out of the home's own plan alone", func(t *testing.T) {
		h := asked(t)
		h.out(OptLocal)
		h.say(Demand, simple("e1", "2", "PT10M"))
		if got := h.asks(); !slices.Equal(got, held) || !h.s.Opted.Local() {
			t.Errorf("%q", got)
		}
	})
	t.Run("no limit of the grid is opted out of", func(t *testing.T) {
		h := asked(t)
		h.out(OptBoth)
		h.limit("e1", "4", "PT10M")
		if f := h.force(); f.Limit != 4*units.Kilowatt {
			t.Errorf("%+v", f)
		}
	})
	t.Run("of two the one of the higher priority, among equals the stricter", func(t *testing.T) {
		h := asked(t)
		h.say(Demand, simple("e1", "1", "PT10M"))
		h.say(Demand, simple("e2", "2", "PT10M"))
		if got := h.asks(); !slices.Equal(got, held) {
			t.Errorf("%q", got)
		}
		h.say(Demand, strings.Replace(simple("e3", "0", "PT10M"), `"programID"`, `"priority":0,"programID"`, 1))
		if got := h.asks(); got != nil {
			t.Errorf("level 0 of priority 0: %q", got)
		}
		h.say(Demand, `{"cancel":"e3"}`)
		if got := h.asks(); !slices.Equal(got, held) {
			t.Errorf("taken back: %q", got)
		}
	})
	for name, c := range map[string]struct {
		body string
		code Code
	}{
		"a level that there is not": {simple("e1", "4", "PT1H"), Unreadable},
		"half a level":              {simple("e1", "1.5", "PT1H"), Unreadable},
		"a limit below the floor":   {limitBody("e1", "1", fromNow, "PT1H"), Unsafe},
		"a limit of nothing":        {limitBody("e1", "0", fromNow, "PT1H"), Unsafe},
		"words":                     {strings.Replace(simple("e1", `"x"`, "PT1H"), "SIMPLE", "X_PREPAY_MESSAGE", 1), Unreadable},
		"for a load that is none":   {strings.Replace(simple("e1", "2", "PT1H"), `"programID"`, `"targets":["load:tv"],"programID"`, 1), Inapplicable},
		"every event taken back":    {`{"clear":true}`, Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			h := asked(t)
			if out := h.say(Demand, c.body); out.Code != c.code || h.asks() != nil {
				t.Errorf("%+v, %q", out, h.asks())
			}
		})
	}
	t.Run("what is not listened to asks for nothing", func(t *testing.T) {
		h := asked(t)
		h.say(Demand, simple("e1", "2", "PT10M"))
		h.r.Streams = []Stream{Limit, Heartbeat}
		if out := h.say(Demand, simple("e2", "2", "PT10M")); out.Code != StreamNotAllowed || h.asks() != nil {
			t.Errorf("%+v, %q", out, h.asks())
		}
	})
}
