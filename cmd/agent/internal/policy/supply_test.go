package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/credit"
)

// switched is a site that its utility may disconnect.  Noon is a Tuesday.
func switched(t testing.TB) *site {
	h := &site{t: t, r: rules(), now: noon, seq: map[string]uint64{}, epoch: 1}
	h.r.Disconnect = &DisconnectRules{Mode: 1, Zone: time.UTC, Own: &credit.ProtectedDocument{
		Windows:  []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: 16 * 60, To: 8 * 60}, {Days: []string{"fri", "sat", "sun"}, From: 0, To: 1440}},
		Dates:    []string{"12-20 to 01-05"},
		Holidays: []string{"12-10", "easter+1"}, Eves: true,
		Alerts: []string{"FREEZING"}, Notice: 48 * time.Hour,
	}}
	h.pass(0)
	set := firstKeys()
	set.Signers[1].Streams, set.Signers[1].Audiences = []Stream{Token, Supply}, nil
	text, err := SignKeys(h.r.Issuer, h.now, set, key(rootA), key(rootB))
	must(t, err)
	h.take(text)
	return h
}

func (h *site) notice(id string, from time.Time) Outcome {
	return h.say(Supply, fmt.Sprintf(`{"notice":{"id":%q,"why":"unpaid since March","from":%q}}`, id, from.Format(time.RFC3339)))
}

// order is a disconnection, signed twice.
func (h *site) order(id string, until time.Time) string {
	h.t.Helper()
	e := h.envelope(Supply, fmt.Sprintf(`{"disconnect":{"id":%q,"until":%q}}`, id, until.Format(time.RFC3339)))
	e.Expires = h.now.Add(10 * time.Minute)
	text, err := e.Sign(key(operator), key(supply))
	must(h.t, err)
	return text
}

func (h *site) disconnect(id string) Outcome {
	h.t.Helper()
	return h.take(h.order(id, h.now.Add(7*24*time.Hour)))
}

func (h *site) alert(length string) {
	h.t.Helper()
	out := h.say(Message, fmt.Sprintf(`{"event":{"id":"frost","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":%q},"intervals":[{"id":0,"payloads":[{"type":"ALERT_FREEZING","values":["frost tonight"]}]}]}}`, length))
	if out.Code != Taken {
		h.t.Fatalf("%+v", out)
	}
}

// thursday is two days on, when a disconnection that was announced at noon on Tuesday is due.
var thursday = noon.Add(48 * time.Hour)

// announced is a site to which a disconnection was announced, at the instant at which it is
// due.
func announced(t testing.TB) *site {
	h := switched(t)
	if out := h.notice("d1", noon); out.Code != Taken {
		t.Fatalf("%+v", out)
	}
	h.jump(thursday.Sub(h.now))
	return h
}

// disconnected is a site that is disconnected.
func disconnected(t testing.TB) *site {
	h := announced(t)
	if out := h.disconnect("d1"); out.Code != Taken || h.s.Supply.Off == nil {
		t.Fatalf("%+v", out)
	}
	return h
}

// TestEveryStateAndEventOfADisconnection walks each state through each event with each thing
// that is against a disconnection: a home goes dark only where nothing is.
func TestEveryStateAndEventOfADisconnection(t *testing.T) {
	states := map[string]func(testing.TB) *site{
		"nothing announced": func(t testing.TB) *site { h := switched(t); h.jump(thursday.Sub(h.now)); return h },
		"announced just now": func(t testing.TB) *site {
			h := switched(t)
			h.jump(thursday.Sub(h.now))
			h.notice("d1", h.now)
			return h
		},
		"announced for tomorrow": func(t testing.TB) *site {
			h := switched(t)
			h.notice("d1", thursday.Add(24*time.Hour))
			h.jump(thursday.Sub(h.now))
			return h
		},
		"another one announced": func(t testing.TB) *site {
			h := switched(t)
			h.notice("d2", noon)
			h.jump(thursday.Sub(h.now))
			return h
		},
		"announced": announced,
		"announced, and taken back": func(t testing.TB) *site {
			h := announced(t)
			h.say(Supply, `{"ready":true}`)
			return h
		},
		"announced long ago": func(t testing.TB) *site { h := announced(t); h.jump(34 * 24 * time.Hour); h.jump(0); return h },
		"disconnected":       disconnected,
	}
	against := map[string]struct {
		do   func(h *site)
		ends bool // and ends one that is in force
	}{
		"nothing":  {func(*site) {}, false},
		"the hour": {func(h *site) { h.jump(5 * time.Hour) }, false},
		"a Saturday": {func(h *site) {
			for h.now.Weekday() != time.Saturday {
				h.jump(24 * time.Hour)
			}
		}, false},
		"a holiday": {func(h *site) { h.r.Disconnect.Own.Holidays = []string{h.now.Format(time.DateOnly)} }, false},
		"the day before a holiday": {func(h *site) {
			h.r.Disconnect.Own.Holidays = []string{h.now.AddDate(0, 0, 1).Format("01-02")}
		}, false},
		"the time of the year": {func(h *site) {
			h.r.Disconnect.Own.Dates = []string{h.now.AddDate(0, 0, -1).Format("01-02") + " to " + h.now.Format("01-02")}
		}, false},
		"an alert":         {func(h *site) { h.alert("PT1H") }, true},
		"a person at risk": {func(h *site) { h.r.Disconnect.Own.AtRisk = h.now.Format(time.DateOnly) }, true},
		"a person at risk, as the utility has signed": {func(h *site) {
			h.signedRules(fmt.Sprintf(`{"rules":{"until":"2027-12-01T00:00:00Z","at_risk":%q}}`, h.now.Format(time.DateOnly)))
		}, true},
		"signed hours": {func(h *site) {
			h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z","windows":[{"days":["mon","tue","wed","thu","fri","sat","sun"],"from":"00:00","to":"24:00"}]}}`)
		}, false},
		"a longer notice that is signed": {func(h *site) { h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z","notice":"P60D"}}`) }, false},
		"no rules":                       {func(h *site) { h.r.Disconnect.Own = nil }, false},
		"signed rules whose time is over": {func(h *site) {
			h.signedRules(fmt.Sprintf(`{"rules":{"until":%q}}`, h.now.Add(time.Minute).Format(time.RFC3339)))
			h.jump(time.Minute)
		}, false},
		"records that are held":  {func(h *site) { h.held = true }, false},
		"no switch, or no clock": {func(h *site) { h.noCut = NoTime }, false},
		"no control":             {func(h *site) { h.r.Disconnect.Mode = credit.NoControl }, true},
	}
	due := []string{"announced"}
	events := map[string]func(h *site) Outcome{
		"time":       func(h *site) Outcome { h.jump(0); return Outcome{} },
		"disconnect": func(h *site) Outcome { return h.disconnect("d1") },
		"disconnect, signed once": func(h *site) Outcome {
			e := h.envelope(Supply, fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, h.now.Add(time.Hour).Format(time.RFC3339)))
			e.Expires = h.now.Add(10 * time.Minute)
			return h.take(h.sign(e, key(operator)))
		},
		"notice": func(h *site) Outcome { return h.notice("d9", h.now) },
		"ready":  func(h *site) Outcome { return h.say(Supply, `{"ready":true}`) },
		"rules":  func(h *site) Outcome { return h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z"}}`) },
	}
	cuts := 0
	for state, make := range states {
		for hazard, a := range against {
			for event, do := range events {
				t.Run(state+"/"+hazard+"/"+event, func(t *testing.T) {
					h := make(t)
					was := h.s.Supply.Off != nil
					a.do(h)
					before := h.s.Supply.Off != nil
					if before && a.ends {
						h.jump(0)
						before = h.s.Supply.Off != nil
					}
					out := do(h)
					is := h.s.Supply.Off != nil
					switch {
					case is && !before:
						cuts++
						if hazard != "nothing" || !slices.Contains(due, state) || event != "disconnect" {
							t.Errorf("the home goes dark: %+v", h.s.Supply)
						}
					case is && a.ends:
						t.Errorf("the home stays dark: %+v", h.s.Supply)
					case !is && before && event != "ready":
						t.Errorf("the disconnection is forgotten: %+v", h.s.Supply)
					case !is && event == "disconnect" && out.Code == Taken:
						t.Error("it was taken, and has no effect")
					case is && event == "ready":
						t.Errorf("the home stays dark after ready: %+v", out)
					case was && !before && !a.ends:
						t.Errorf("%s ends it", hazard)
					}
				})
			}
		}
	}
	if cuts != 1 {
		t.Errorf("of all ways %d lead into the dark, want 1", cuts)
	}
}

func (h *site) signedRules(body string) Outcome {
	h.t.Helper()
	text, err := h.envelope(Supply, body).Sign(key(operator), key(supply))
	must(h.t, err)
	return h.take(text)
}

func TestADisconnectionIsTakenInNoOtherWay(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(h *site) Outcome
		want Code
	}{
		{"as it should be", func(h *site) Outcome { return h.disconnect("d1") }, Taken},
		{"signed once", func(h *site) Outcome {
			e := h.envelope(Supply, `{"disconnect":{"id":"d1","until":"2026-12-05T12:00:00Z"}}`)
			e.Expires = h.now.Add(time.Minute)
			return h.take(h.sign(e, key(operator)))
		}, Forged},
		{"signed by a stranger besides", func(h *site) Outcome {
			e := h.envelope(Supply, `{"disconnect":{"id":"d1","until":"2026-12-05T12:00:00Z"}}`)
			e.Expires = h.now.Add(time.Minute)
			text, err := e.Sign(key(operator), key(stranger))
			must(h.t, err)
			return h.take(text)
		}, Forged},
		{"one of the two may not", func(h *site) Outcome {
			keys := *h.s.Keys
			keys.Signers = slices.Clone(keys.Signers)
			keys.Signers[1].Streams = []Stream{Token}
			h.s.Keys = &keys
			return h.disconnect("d1")
		}, StreamNotAllowed},
		{"good for an hour", func(h *site) Outcome {
			text, err := h.envelope(Supply, `{"disconnect":{"id":"d1","until":"2026-12-05T12:00:00Z"}}`).Sign(key(operator), key(supply))
			must(h.t, err)
			return h.take(text)
		}, Unsafe},
		{"for a year", func(h *site) Outcome { return h.take(h.order("d1", h.now.AddDate(1, 0, 0))) }, Unsafe},
		{"until yesterday", func(h *site) Outcome { return h.take(h.order("d1", h.now.AddDate(0, 0, -1))) }, Expired},
		{"a quarter of an hour late", func(h *site) Outcome {
			text := h.order("d1", h.now.AddDate(0, 0, 3))
			h.jump(11 * time.Minute)
			return h.take(text)
		}, Expired},
		{"handed on again after it ended", func(h *site) Outcome {
			text := h.order("d1", h.now.AddDate(0, 0, 3))
			h.take(text)
			h.say(Supply, `{"ready":true}`)
			return h.take(text)
		}, Replayed},
		{"refused for the hour, and handed on when that is over", func(h *site) Outcome {
			h.jump(20*time.Hour - 5*time.Minute) // Friday 7:55
			text := h.order("d1", h.now.AddDate(0, 0, 3))
			if out := h.take(text); out.Code != Protected {
				h.t.Fatalf("%+v", out)
			}
			h.r.Disconnect.Own.Windows = nil
			return h.take(text)
		}, Duplicated},
		{"two in one", func(h *site) Outcome {
			text, err := h.envelope(Supply, `{"ready":true,"disconnect":{"id":"d1","until":"2026-12-05T12:00:00Z"}}`).Sign(key(operator), key(supply))
			must(h.t, err)
			return h.take(text)
		}, Unreadable},
		{"a notice of nothing", func(h *site) Outcome {
			return h.say(Supply, `{"notice":{"id":"d2","why":" ","from":"2026-12-05T12:00:00Z"}}`)
		}, Unreadable},
		{"a limit that two have signed", func(h *site) Outcome {
			text, err := h.envelope(Limit, limitBody("e", "4", fromNow, "PT1H")).Sign(key(operator), key(supply))
			must(h.t, err)
			return h.take(text)
		}, Forged},
		{"rules that cannot be read", func(h *site) Outcome {
			return h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z","dates":["winter"]}}`)
		}, Unreadable},
		{"rules that one has signed", func(h *site) Outcome { return h.say(Supply, `{"rules":{"until":"2027-12-01T00:00:00Z"}}`) }, Forged},
		{"to a group", func(h *site) Outcome {
			e := h.envelope(Supply, `{"ready":true}`)
			e.Audience = "group:feeder-7"
			return h.take(h.sign(e, key(operator)))
		}, StreamNotAllowed},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := announced(t)
			if out := c.do(h); out.Code != c.want {
				t.Errorf("%q: %s", out.Code, out.Detail)
			}
			if dark := h.s.Supply.Off != nil; dark != (c.want == Taken) {
				t.Errorf("dark: %v", dark)
			}
		})
	}
}

func TestADisconnectionEndsByItselfAndIsAcknowledged(t *testing.T) {
	t.Run("its time is over", func(t *testing.T) {
		h := disconnected(t)
		h.s, _ = h.r.Opened(h.s, h.now)
		h.jump(7*24*time.Hour - time.Second)
		if h.s.Supply.Off == nil {
			t.Fatal("it ends too early")
		}
		h.jump(time.Second)
		if h.s.Supply.Off != nil || h.s.Supply.Ended != EndUntil {
			t.Fatalf("%+v", h.s.Supply)
		}
		if got := h.acks("supply-1-2"); !slices.Equal(got, []string{"received", "applied", "completed"}) {
			t.Errorf("%q", got)
		}
		if out := h.disconnect("d1"); out.Code != Unannounced && out.Code != Protected {
			t.Errorf("the same announcement serves twice: %+v", out)
		}
	})
	t.Run("the supply was never open", func(t *testing.T) {
		h := disconnected(t)
		h.say(Supply, `{"ready":true}`)
		if got := h.acks("supply-1-2"); !slices.Equal(got, []string{"received", "rejected expired"}) {
			t.Errorf("%q", got)
		}
		if got := h.acks("supply-1-3"); !slices.Equal(got, []string{"received", "applied"}) {
			t.Errorf("%q", got)
		}
	})
	t.Run("it is ordered for longer", func(t *testing.T) {
		h := disconnected(t)
		h.jump(time.Hour)
		if out := h.take(h.order("d1", h.now.AddDate(0, 0, 20))); out.Code != Taken || !h.s.Supply.Off.Since.Equal(thursday) || h.s.Supply.Off.Why == "" {
			t.Errorf("%+v %+v", out, h.s.Supply.Off)
		}
	})
	t.Run("the clock goes back a year", func(t *testing.T) {
		h := disconnected(t)
		h.jump(-365 * 24 * time.Hour)
		if h.s.Supply.Off != nil {
			t.Errorf("%+v", h.s.Supply.Off)
		}
	})
	t.Run("other root keys, and no policy of it any more", func(t *testing.T) {
		for _, change := range []func(*Rules){
			func(r *Rules) { r.Roots = []string{public(key(rootC))}; r.Threshold = 1 },
			func(r *Rules) { r.Disconnect = nil },
			func(r *Rules) { r.Streams = []Stream{Limit} },
		} {
			h := disconnected(t)
			change(&h.r)
			h.jump(0)
			if h.s.Supply.Off != nil {
				t.Errorf("%+v", h.s.Supply.Off)
			}
		}
	})
}

// TestNoHomeThatTheRulesProtectGoesDark tries orders of events that nobody thought of.
func TestNoHomeThatTheRulesProtectGoesDark(t *testing.T) {
	start := announced(t)
	rapid.Check(t, func(rt *rapid.T) {
		h := *start
		h.seq = map[string]uint64{"site:home-12" + string(Supply): start.seq["site:home-12"+string(Supply)]}
		own := *start.r.Disconnect.Own
		h.r.Disconnect = &DisconnectRules{Mode: 1, Zone: time.UTC, Own: &own}
		var kept []string
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			h.now = h.now.Add(rapid.SampledFrom([]time.Duration{time.Second, 10 * time.Minute, 3 * time.Hour, 25 * time.Hour, 9 * 24 * time.Hour, -time.Hour}).Draw(rt, "time"))
			h.s, _ = h.r.Pass(h.s, h.now)
			was := h.s.Supply

			take := func(text string) {
				h.s, _ = h.r.Take(h.s, In{Text: []byte(text), Now: h.now})
				h.s, _ = h.r.Pass(h.s, h.now)
			}
			switch rapid.IntRange(0, 6).Draw(rt, "what") {
			case 0:
				take(h.sign(h.envelope(Supply, fmt.Sprintf(`{"notice":{"id":"d1","why":"unpaid","from":%q}}`, h.now.Format(time.RFC3339))), key(operator)))
			case 1, 2:
				text := h.order("d1", h.now.Add(6*24*time.Hour))
				kept = append(kept, text)
				take(text)
			case 3:
				take(h.sign(h.envelope(Supply, `{"ready":true}`), key(operator)))
			case 4:
				if len(kept) > 0 {
					take(rapid.SampledFrom(kept).Draw(rt, "again"))
				}
			case 5:
				own.AtRisk = rapid.SampledFrom([]string{"", h.now.Format(time.DateOnly)}).Draw(rt, "at risk")
				h.s, _ = h.r.Pass(h.s, h.now)
			}
			if off := h.s.Supply.Off; off != nil && (was.Off == nil || *off != *was.Off) {
				// The oracle reads the calendar in its own way.
				at, day := h.now.Hour(), h.now.Weekday()
				free := at >= 8 && at < 16 && day != time.Saturday && day != time.Friday && day != time.Sunday
				md := h.now.Format("01-02")
				winter := md >= "12-20" || md <= "01-05"
				if !free || winter || md == "12-09" || md == "12-10" || own.AtRisk >= h.now.Format(time.DateOnly) {
					rt.Fatalf("dark since %s %s", day, h.now)
				}
				if was.Off == nil && (was.Notice == nil || h.now.Sub(was.Notice.Heard) < 48*time.Hour) {
					rt.Fatalf("dark without an announcement: %+v", was)
				}
			}
			if h.s.Supply.Off != nil && own.AtRisk != "" && own.AtRisk >= h.now.Format(time.DateOnly) {
				rt.Fatalf("a person at risk is in the dark")
			}
		}
		if _, err := json.Marshal(h.s); err != nil {
			rt.Fatal(err)
		}
	})
}
