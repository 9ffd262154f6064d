package limit

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

const kW = units.Kilowatt

var noon = time.Date(2026, 12, 1, 12, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // an instant

func rules() Rules {
	own := policy.LimitRules{FailSafe: 4200 * units.Watt, Minimum: 2 * time.Hour, Floor: 4200 * units.Watt}
	contact := own
	contact.Wired, contact.Devices = true, true
	return Rules{Contact: &contact, Own: &own}
}

// teller is one source through time, which stores and reads back what is remembered at
// every step.
type teller struct {
	t    *testing.T
	r    Rules
	s    State
	now  time.Time
	from policy.Source
}

func (h *teller) pass(d time.Duration) {
	h.t.Helper()
	h.now = h.now.Add(d)
	h.s, _ = h.r.Pass(h.s, h.now)
	data, err := json.Marshal(h.s)
	if err != nil {
		h.t.Fatal(err)
	}
	var again State
	if err := json.Unmarshal(data, &again); err != nil || !reflect.DeepEqual(again, h.s) {
		h.t.Fatalf("%+v comes back as %+v: %v", h.s, again, err)
	}
	h.s = again
}

func (h *teller) says(w Word) error {
	h.t.Helper()
	w.From = h.from
	var err error
	h.s, err = h.r.Say(h.s, h.now, w)
	h.pass(0)
	return err
}

// alive lets time go by while the source is heard, and says nothing of a limit.
func (h *teller) alive(d time.Duration) {
	h.t.Helper()
	for end := h.now.Add(d); h.now.Before(end); h.pass(min(time.Minute, end.Sub(h.now))) {
		_ = h.says(Word{Alive: true})
	}
	_ = h.says(Word{Alive: true})
}

func (h *teller) wants(what string, phase policy.Phase, limit units.Power) {
	h.t.Helper()
	for _, f := range h.r.Curbs(h.s, nil) {
		if f.Source == h.from {
			if f.Phase != phase || f.Limit != limit {
				h.t.Errorf("%s: %s with %s, want %s with %s", what, f.Phase, f.Limit, phase, limit)
			}
			return
		}
	}
	h.t.Errorf("%s: nothing is known of %s", what, h.from)
}

// The faults that users of other programs have met, one a row.
func TestFaultsOfOthersAreNotOurs(t *testing.T) {
	const safe = 4200 * units.Watt
	for _, row := range []struct {
		name string
		live func(h *teller)
	}{
		{"a negative limit is refused, and what held holds", func(h *teller) {
			_ = h.says(Word{Limit: 6 * kW})
			if h.says(Word{Limit: -kW}) == nil {
				h.t.Error("it was taken")
			}
			h.wants("after it", policy.Limited, 6*kW)
		}},
		{"nothing at all, and less than the floor, are refused", func(h *teller) {
			_ = h.says(Word{Limit: 6 * kW})
			if h.says(Word{Limit: 0}) == nil || h.says(Word{Limit: safe - 1}) == nil {
				h.t.Error("one was taken")
			}
			h.wants("after them", policy.Limited, 6*kW)
		}},
		{"the heartbeat is back without a limit: fail-safe for its least time, then what was said before", func(h *teller) {
			_ = h.says(Word{Limit: 6 * kW})
			h.pass(3 * time.Minute)
			h.wants("silent", policy.FailSafe, safe)
			h.alive(time.Hour)
			h.wants("heard for an hour", policy.FailSafe, safe)
			h.alive(90 * time.Minute)
			h.wants("heard for long", policy.Limited, 6*kW)
		}},
		{"the heartbeat is back without a limit, and there was none: the site's own after the least time", func(h *teller) {
			_ = h.says(Word{None: true})
			h.pass(3 * time.Minute)
			h.alive(3 * time.Hour)
			h.wants("heard for long", policy.Autonomous, 0)
		}},
		{"the heartbeat is back with a limit: that, at once", func(h *teller) {
			_ = h.says(Word{None: true})
			h.pass(time.Hour)
			h.pass(time.Second)
			_ = h.says(Word{Limit: 9 * kW})
			h.wants("at once", policy.Limited, 9*kW)
		}},
		{"a lower limit goes on in fail-safe", func(h *teller) {
			h.r.Own.Floor, h.r.Contact.Floor = kW, kW
			_ = h.says(Word{Limit: 2 * kW})
			h.pass(time.Hour)
			h.wants("silent", policy.FailSafe, 2*kW)
		}},
		{"never back in a day and a half: fail-safe all the same", func(h *teller) {
			_ = h.says(Word{None: true})
			for range 36 {
				h.pass(time.Hour)
				h.wants("silent", policy.FailSafe, safe)
			}
		}},
		{"begun anew within fail-safe: fail-safe", func(h *teller) {
			_ = h.says(Word{None: true})
			h.pass(5 * time.Minute)
			h.pass(20 * time.Hour) // it was switched off
			h.wants("back", policy.FailSafe, safe)
		}},
		{"begun anew after it was not limited, and nobody is heard: fail-safe", func(h *teller) {
			_ = h.says(Word{None: true})
			h.wants("before", policy.Unlimited, 0)
			h.pass(10 * time.Minute)
			h.wants("back", policy.FailSafe, safe)
		}},
		{"nothing is known yet, which is not that there is no limit", func(h *teller) {
			h.wants("at the start", policy.Init, safe)
			h.pass(119 * time.Second)
			h.wants("before two minutes", policy.Init, safe)
		}},
		{"a clock that was set back makes nobody heard", func(h *teller) {
			_ = h.says(Word{None: true})
			h.pass(-time.Hour)
			h.pass(3 * time.Minute)
			h.wants("silent", policy.FailSafe, safe)
		}},
	} {
		for _, from := range []policy.Source{policy.Contact, policy.Own} {
			t.Run(string(from)+": "+row.name, func(t *testing.T) {
				h := &teller{t: t, r: rules(), now: noon, from: from}
				h.pass(0)
				row.live(h)
			})
		}
	}
}

func TestOneThatWasNeverHeard(t *testing.T) {
	h := &teller{t: t, r: rules(), now: noon, from: policy.Own}
	h.pass(0)
	h.pass(3 * time.Minute)
	h.wants("nobody sends limits here", policy.Autonomous, 0)
	h.from = policy.Contact
	h.wants("a wire that is not heard is broken", policy.FailSafe, 4200*units.Watt)
}

func TestWhoIsNotConfiguredSaysNothing(t *testing.T) {
	r := Rules{Own: rules().Own}
	s, err := r.Say(State{}, noon, Word{From: policy.Contact, Limit: 5 * kW})
	if err == nil || !reflect.DeepEqual(s, State{}) {
		t.Errorf("%v, %+v", err, s)
	}
	s, _ = rules().Pass(State{}, noon)
	if s, _ = (Rules{}).Pass(s, noon); !reflect.DeepEqual(s, State{}) {
		t.Errorf("what is not configured any more is remembered: %+v", s)
	}
}

// Whatever is heard in whatever order, a source that has been heard and is lost has the site
// held to the fail-safe limit or less.
func TestALostSourceNeverMeansNoLimit(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		r, s, now := rules(), State{}, noon
		from := rapid.SampledFrom([]policy.Source{policy.Contact, policy.Own}).Draw(rt, "from")
		s, _ = r.Pass(s, now)
		heard := time.Time{}
		for range rapid.IntRange(1, 50).Draw(rt, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, 59 * time.Second, 121 * time.Second, time.Hour, 26 * time.Hour}).Draw(rt, "wait"))
			w := Word{From: from, Limit: units.Power(rapid.IntRange(-1, 9).Draw(rt, "kW")) * kW, None: rapid.Bool().Draw(rt, "none"), Alive: rapid.Bool().Draw(rt, "alive")}
			if rapid.Bool().Draw(rt, "heard") {
				var err error
				if s, err = r.Say(s, now, w); err == nil {
					heard = now
				}
			}
			s, _ = r.Pass(s, now)
			for _, f := range r.Curbs(s, nil) {
				lost := !heard.IsZero() && now.Sub(heard) > policy.HeartbeatLost
				if f.Source == from && lost && f.Phase != policy.Autonomous && (f.Limit <= 0 || f.Limit > 4200*units.Watt) {
					rt.Fatalf("lost, and held to %s in %s", f.Limit, f.Phase)
				}
				if f.Limit < 0 || f.Limit > 0 && f.Limit < 4200*units.Watt {
					rt.Fatalf("held to %s", f.Limit)
				}
			}
		}
	})
}
