package policy

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
)

func (h *site) wants(what string, phase Phase, limit units.Power) {
	h.t.Helper()
	if f := h.force(); f.Phase != phase || f.Limit != limit {
		h.t.Fatalf("%s: %s with %s, want %s with %s", what, f.Phase, f.Limit, phase, limit)
	}
}

const safe, four, three = 4_200_000, 4_000_000, 3_000_000

func TestTheLimitFollowsTheUtilityAndFailsSafe(t *testing.T) {
	t.Run("begun and never heard: the site's own after two minutes", func(t *testing.T) {
		h := home(t)
		h.wants("at the beginning", Init, safe)
		h.pass(119 * time.Second)
		h.wants("before two minutes", Init, safe)
		h.pass(2 * time.Second)
		h.wants("after", Autonomous, 0)
	})
	t.Run("begun, heard, and never heard again: fail-safe", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.pass(90 * time.Second)
		h.wants("heard without a limit", Init, safe)
		h.pass(31 * time.Second)
		if f := h.force(); f.Phase == Unlimited || f.Phase == Limited {
			t.Fatalf("%+v", f)
		}
	})
	t.Run("limited at once, and until the limit is over", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT10M")
		h.wants("at once", Limited, four)
		h.alive(9 * time.Minute)
		h.wants("before its end", Limited, four)
		h.alive(2 * time.Minute)
		h.wants("after its end", Unlimited, 0)
	})
	t.Run("taken back in three ways", func(t *testing.T) {
		for _, body := range []string{
			`{"cancel":"e1"}`, `{"clear":true}`,
			`{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":"0001-01-01T00:00:00Z","duration":"PT0S"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[4]}]}]}}`,
		} {
			h := home(t)
			h.beat()
			h.limit("e1", "4", "PT10M")
			if out := h.say(Limit, body); out.Code != Taken {
				t.Fatalf("%s: %+v", body, out)
			}
			h.wants(body, Unlimited, 0)
		}
	})
	t.Run("the heartbeat stays away: the fail-safe limit, for 24 h and longer", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "9", "P2D")
		h.pass(121 * time.Second)
		h.wants("lost", FailSafe, safe)
		h.pass(25 * time.Hour)
		h.wants("after a day", FailSafe, safe)
	})
	t.Run("fail-safe never raises a limit that still holds", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "3", "PT1H")
		h.pass(10 * time.Minute)
		h.wants("lost", FailSafe, three)
		h.pass(time.Hour)
		h.wants("after its end", FailSafe, safe)
	})
	t.Run("lost while nothing was limited: fail-safe, not unlimited", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.say(Limit, `{"clear":true}`)
		h.wants("free", Unlimited, 0)
		h.pass(121 * time.Second)
		h.wants("lost", FailSafe, safe)
	})
	t.Run("the heartbeat comes back with a limit: at once", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT1M")
		h.pass(10 * time.Minute)
		h.beat()
		h.wants("heard, and nothing said", FailSafe, safe)
		h.limit("e2", "9", "PT1H")
		h.wants("said", Limited, 9_000_000)
	})
	t.Run("the heartbeat comes back and the limit is lifted: at once", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT1M")
		h.pass(10 * time.Minute)
		h.say(Limit, `{"clear":true}`)
		h.wants("said without a heartbeat", FailSafe, safe)
		h.beat()
		h.wants("heard", Unlimited, 0)
	})
	t.Run("the heartbeat comes back without a limit: after the least time of fail-safe", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT1M")
		h.pass(10 * time.Minute)
		h.alive(20 * time.Minute)
		h.wants("after 20 minutes", FailSafe, safe)
		h.alive(90 * time.Minute)
		h.wants("before two hours", FailSafe, safe)
		h.alive(10 * time.Minute)
		h.wants("after", Autonomous, 0)
		h.limit("e2", "4", "PT1H")
		h.wants("and a limit", Limited, four)
	})
	t.Run("the heartbeat comes back with an older limit: it is not the utility's word of now", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("now", "4", "PT1M")
		e := h.envelope(Limit, limitBody("old", "9", fromNow, "PT12H"))
		e.Expires = h.now.Add(12 * time.Hour)
		old := h.sign(e, key(operator)) // it waits in the network
		h.pass(10 * time.Minute)
		h.beat()
		if out := h.take(old); out.Code != Taken {
			t.Fatalf("%+v", out)
		}
		h.wants("with an older one", FailSafe, safe)
		h.alive(3 * time.Hour)
		h.wants("when fail-safe has lasted its time, the older one holds to its end", Limited, 9_000_000)
	})
	t.Run("begun anew within fail-safe: still fail-safe, and its time goes on", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT1M")
		h.pass(10 * time.Minute)
		h.wants("lost", FailSafe, safe)
		h.stored() // as after a restart
		h.jump(3 * time.Hour)
		h.wants("after a restart", FailSafe, safe)
		h.alive(3 * time.Minute)
		h.wants("heard, the least time is over", Autonomous, 0)
	})
	t.Run("begun anew while limited: fail-safe where nothing was heard for two minutes", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "9", "PT5H")
		h.stored()
		h.jump(time.Minute)
		h.wants("after a short restart", Limited, 9_000_000)
		h.stored()
		h.jump(2 * time.Hour)
		h.wants("after a long one", FailSafe, safe)
	})
	t.Run("the clock goes back a year: no heartbeat lives for a year", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "9", "P9999Y")
		h.jump(-365 * 24 * time.Hour)
		h.pass(121 * time.Second)
		h.wants("two minutes on", FailSafe, safe)
	})
	t.Run("a limit of several parts", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.say(Limit, `{"event":{"id":"e1","programID":"dim","priority":2,"payloadDescriptors":[{"payloadType":"IMPORT_CAPACITY_LIMIT","units":"KW"}],
			"intervalPeriod":{"start":"2026-12-01T12:10:00Z","duration":"PT10M"},
			"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[4]}]},{"id":1,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[3]}]}]}}`)
		h.wants("before", Unlimited, 0)
		h.alive(11 * time.Minute)
		h.wants("first", Limited, four)
		if f := h.force(); !f.Until.Equal(noon.Add(20*time.Minute)) || f.Event != "e1" || f.Issuer != "utility.example" {
			t.Errorf("%+v", f)
		}
		h.alive(10 * time.Minute)
		h.wants("second", Limited, three)
		h.alive(10 * time.Minute)
		h.wants("after", Unlimited, 0)
	})
	t.Run("an event that comes again every day", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.say(Limit, `{"event":{"id":"e1","programID":"dim","duration":"P9999Y","intervalPeriod":{"start":"2026-12-01T18:00:00Z"},
			"intervals":[{"id":0,"intervalPeriod":{"start":"0001-01-01","duration":"PT2H"},"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[4]}]},
			{"id":1,"intervalPeriod":{"start":"0001-01-01","duration":"PT22H"},"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[20]}]}]}}`)
		e := h.s.Events[0]
		for at, want := range map[time.Duration]units.Power{5 * time.Hour: 0, 6 * time.Hour: four, 8 * time.Hour: 20_000_000, 54*time.Hour - 1: 20_000_000, 54 * time.Hour: four, 24*1000*time.Hour + 7*time.Hour: four} {
			if s, _ := e.At(noon.Add(at)); s.Limit != want {
				t.Errorf("after %s: %s, want %s", at, s.Limit, want)
			}
		}
	})
	t.Run("of two, the one of the higher priority; of equals, the lower", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "4", "PT1H")
		h.limit("e2", "3", "PT1H")
		h.wants("of equals", Limited, three)
		h.say(Limit, `{"event":{"id":"e3","programID":"dim","priority":0,"intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[8]}]}]}}`)
		h.wants("with a higher one", Limited, 8_000_000)
	})
	t.Run("the event is sent again with another limit", func(t *testing.T) {
		h := home(t)
		h.beat()
		h.limit("e1", "3", "PT1H")
		h.limit("e1", "4", "PT1H")
		h.wants("its new limit", Limited, four)
		if len(h.s.Events) != 1 {
			t.Errorf("%d events", len(h.s.Events))
		}
	})
}

// TestALostConnectionNeverMeansUnlimited tries orders of events that nobody thought of:
// once the utility has been heard and has gone, the site is limited.
func TestALostConnectionNeverMeansUnlimited(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := LimitRules{FailSafe: safe, Minimum: 2 * time.Hour, Floor: 1}
		s := State{}
		now := noon
		s.Limit = r.Step(s.Limit, now, false)
		controlled := false
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(rapid.SampledFrom([]time.Duration{time.Second, 59 * time.Second, 2 * time.Minute, time.Hour, 26 * time.Hour, -time.Hour}).Draw(t, "wait"))
			switch rapid.IntRange(0, 4).Draw(t, "what") {
			case 0:
				s.Limit.Heard = now
			case 1:
				s.Limit.Wrote = civil.Later(s.Limit.Wrote, now)
				s.Events = []Event{{ID: "e", Of: Ref{Stream: Limit}, Start: now, Ends: now.Add(time.Hour), Steps: []Step{{Length: time.Hour, Limit: four}}}}
			case 2:
				s.Limit.Wrote = civil.Later(s.Limit.Wrote, now)
				s.Events = nil
			}
			active := s.limited(now)
			s.Limit = r.Step(s.Limit, now, active)
			f := (Rules{Streams: []Stream{Limit}, Limit: r}).InForce(s, now)
			controlled = controlled || f.Phase == Limited || f.Phase == Unlimited
			if f.Phase == Unlimited && (!s.Limit.alive(now) || active) {
				t.Fatalf("unlimited: %+v", s.Limit)
			}
			if (f.Phase == FailSafe || f.Phase == Init) && (f.Limit <= 0 || f.Limit > safe) {
				t.Fatalf("%s with %s", f.Phase, f.Limit)
			}
			if f.Phase == NotLimited {
				t.Fatal("no phase")
			}
			if controlled && f.Phase == Autonomous && !s.Limit.alive(now) && now.Sub(s.Limit.Since) < time.Second {
				t.Fatalf("let go without being heard: %+v", s.Limit)
			}
		}
	})
}
