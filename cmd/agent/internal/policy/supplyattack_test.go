package policy

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/credit"
)

// lateReady is the utility's word that the supply may be closed, as it was signed now.
func (h *site) readied(e func(*Envelope)) string {
	h.t.Helper()
	env := h.envelope(Supply, `{"ready":true}`)
	if e != nil {
		e(&env)
	}
	return h.sign(env, key(operator))
}

// Whatever the way does to the word that gives the light back, it is taken.
func TestNothingOnItsWayTakesAReadyAway(t *testing.T) {
	for name, send := range map[string]func(h *site) Outcome{
		"in time": func(h *site) Outcome { return h.take(h.readied(nil)) },
		"it waited for two days": func(h *site) Outcome {
			text := h.readied(nil)
			h.jump(48 * time.Hour)
			return h.take(text)
		},
		"the site's clock is an hour behind": func(h *site) Outcome {
			text := h.readied(func(e *Envelope) { e.Issued, e.Expires = h.now.Add(time.Hour), h.now.Add(2*time.Hour) })
			return h.take(text)
		},
		"nobody knows what time it is": func(h *site) Outcome {
			text := h.readied(nil)
			var out Outcome
			h.s, out = h.r.Take(h.s, In{Text: []byte(text), Now: h.now, Dateless: true, NoCut: NoTime})
			return out
		},
		"an announcement overtakes it": func(h *site) Outcome {
			text := h.readied(nil)
			h.notice("d2", h.now.Add(72*time.Hour))
			return h.take(text)
		},
		"an order that is refused overtakes it": func(h *site) Outcome {
			text := h.readied(nil)
			h.jump(5 * time.Hour)
			if out := h.disconnect("d1"); out.Code != Protected {
				h.t.Fatalf("%+v", out)
			}
			return h.take(text)
		},
		"the keys of a new epoch overtake it": func(h *site) Outcome {
			text := h.readied(nil)
			h.rotate(2)
			return h.take(text)
		},
		"it overtakes the keys of a new epoch": func(h *site) Outcome {
			return h.take(h.readied(func(e *Envelope) { e.Epoch, e.Seq = 2, 1 }))
		},
		"the records are held": func(h *site) Outcome { h.held = true; return h.take(h.readied(nil)) },
	} {
		t.Run(name, func(t *testing.T) {
			h := disconnected(t)
			last := h.s.seen("site:home-12", Supply).Last
			out := send(h)
			if out.Code != Taken || h.s.Supply.Off != nil || h.s.Supply.Ended != EndReady {
				t.Fatalf("the home stays dark: %+v", out)
			}
			if again := h.s.seen("site:home-12", Supply).Last; h.epoch == 1 && out.Envelope.Epoch == 1 && again < last {
				t.Errorf("the numbers went back from %d to %d", last, again)
			}
			// And nothing that was said comes back by it.
			if h.s.Supply.Notice != nil && h.s.Supply.Notice.ID != "d2" {
				t.Errorf("%+v", h.s.Supply.Notice)
			}
		})
	}
}

// rotate sends a key set of a new epoch.
func (h *site) rotate(epoch uint64) {
	h.t.Helper()
	set := firstKeys()
	set.Signers[1].Streams, set.Signers[1].Audiences = []Stream{Token, Supply}, nil
	set.Version, set.Epoch = h.s.Keys.Version+1, epoch
	set.Expires = h.now.AddDate(1, 0, 0)
	text, err := SignKeys(h.r.Issuer, h.now, set, key(rootA), key(rootB))
	must(h.t, err)
	if out := h.take(text); out.Code != Taken {
		h.t.Fatalf("%+v", out)
	}
	if epoch != h.epoch {
		h.epoch, h.seq = epoch, map[string]uint64{}
	}
}

// A ready from before the order, or one that was taken, gives no light.
func TestAnOldReadyEndsNoNewDisconnection(t *testing.T) {
	again := func(h *site) {
		h.t.Helper()
		h.notice("d2", h.now)
		for h.jump(48 * time.Hour); h.r.shield(h.s, h.now) != credit.NoShield; h.jump(time.Hour) {
		}
		if out := h.disconnect("d2"); out.Code != Taken {
			h.t.Fatalf("%+v", out)
		}
	}
	for name, old := range map[string]func(h *site) string{
		"never sent": func(h *site) string {
			text := h.readied(nil)
			h.take(h.readied(nil))
			return text
		},
		"taken": func(h *site) string {
			text := h.readied(nil)
			h.take(text)
			return text
		},
		"of the epoch before": func(h *site) string {
			text := h.readied(nil)
			h.take(h.readied(nil))
			h.rotate(2)
			return text
		},
		"by a key that is no signer any more": func(h *site) string {
			e := h.envelope(Supply, `{"ready":true}`)
			e.Seq = 900
			return h.sign(e, key(stranger))
		},
		"with a number that leaps ahead": func(h *site) string {
			h.take(h.readied(nil))
			return h.readied(func(e *Envelope) { e.Seq += 2 * mostJump; h.seq["site:home-12supply"]-- })
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := disconnected(t)
			text := old(h)
			if h.s.Supply.Off == nil {
				again(h)
			}
			if out := h.take(text); out.Code == Taken || h.s.Supply.Off == nil {
				t.Errorf("it ends a disconnection: %+v", out)
			}
		})
	}
}

// An alert is heard however many other events are remembered.
func TestNoFloodOfEventsKeepsAnAlertOut(t *testing.T) {
	h := disconnected(t)
	for i := range mostEvents {
		if out := h.say(Message, fmt.Sprintf(`{"event":{"id":"m%d","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"P9D"},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":["words"]}]}]}}`, i)); out.Code != Taken {
			t.Fatalf("%+v", out)
		}
	}
	if out := h.limit("e", "5", "PT1H"); out.Code != TooMany {
		t.Fatalf("%+v", out)
	}
	h.alert("PT1H")
	if h.s.Supply.Off != nil {
		t.Error("the home is dark in the frost")
	}
	// Nor does one of their names: an alert that becomes words makes no room for both.
	for i := range mostEvents - 1 {
		h.say(Message, fmt.Sprintf(`{"event":{"id":"a%d","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"P9D"},"intervals":[{"id":0,"payloads":[{"type":"ALERT_WIND","values":["wind"]}]}]}}`, i))
	}
	if len(h.s.Events) != 2*mostEvents {
		t.Fatalf("%d events", len(h.s.Events))
	}
	if out := h.say(Message, `{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"ALERT_WIND","values":["wind"]}]}]}}`); out.Code != TooMany || len(h.s.Events) != 2*mostEvents {
		t.Errorf("%+v, %d events", out, len(h.s.Events))
	}
}

// Doubts that an order has nothing to do with: each leaves the light on.
func TestDoubtsThatKeepTheLightOn(t *testing.T) {
	for name, c := range map[string]struct {
		do   func(h *site) Outcome
		want Code
	}{
		"alerts protect, and none is heard": {func(h *site) Outcome { h.r.Streams = []Stream{Supply, Receipt}; return h.disconnect("d1") }, NoRules},
		"signed rules name alerts, and none is heard": {func(h *site) Outcome {
			h.r.Streams = []Stream{Supply, Receipt}
			h.r.Disconnect.Own.Alerts = nil
			h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z","alerts":["OTHER"]}}`)
			return h.disconnect("d1")
		}, NoRules},
		"rules that cannot be read any more": {func(h *site) Outcome { h.r.Disconnect.Own.Dates = []string{"winter"}; return h.disconnect("d1") }, NoRules},
		"it was signed while the home was protected, by the utility's clock": {func(h *site) Outcome {
			h.jump(-(3*time.Hour + 55*time.Minute)) // 8:05
			e := h.envelope(Supply, fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, h.now.Add(24*time.Hour).Format(time.RFC3339)))
			e.Issued, e.Expires = h.now.Add(-10*time.Minute), h.now.Add(3*time.Minute)
			text, err := e.Sign(key(operator), key(supply))
			must(h.t, err)
			h.s.Supply.Notice.Heard = h.now.Add(-72 * time.Hour)
			return h.take(text)
		}, Protected},
		"it was signed before the announced time, by the utility's clock": {func(h *site) Outcome {
			h.s.Supply.Notice.From = h.now.Add(-5 * time.Minute)
			e := h.envelope(Supply, fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, h.now.Add(24*time.Hour).Format(time.RFC3339)))
			e.Issued, e.Expires = h.now.Add(-10*time.Minute), h.now.Add(3*time.Minute)
			text, err := e.Sign(key(operator), key(supply))
			must(h.t, err)
			return h.take(text)
		}, Unannounced},
		"it was announced while nobody knew the time": {func(h *site) Outcome {
			h.say(Supply, `{"ready":true}`)
			h.noCut = NoTime
			if out := h.notice("d1", h.now); out.Code != NoClock {
				h.t.Fatalf("%+v", out)
			}
			h.noCut = Free
			for h.jump(48 * time.Hour); h.r.shield(h.s, h.now) != credit.NoShield; h.jump(time.Hour) {
			}
			return h.disconnect("d1")
		}, Unannounced},
		"it was announced for a time long past": {func(h *site) Outcome {
			h.say(Supply, `{"ready":true}`)
			return h.notice("d1", h.now.Add(-32*24*time.Hour))
		}, Expired},
		"its announcement served for the one before": {func(h *site) Outcome {
			h.disconnect("d1")
			h.alert("PT1H")
			h.jump(2 * time.Hour)
			return h.disconnect("d1")
		}, Unannounced},
	} {
		t.Run(name, func(t *testing.T) {
			h := announced(t)
			if out := c.do(h); out.Code != c.want {
				t.Errorf("%q: %s", out.Code, out.Detail)
			}
			if h.s.Supply.Off != nil {
				t.Error("the home is dark")
			}
		})
	}
}

// A disconnection that the configuration ended does not come back with the configuration, and
// who is at risk stays known.
func TestADisconnectionThatTheConfigurationEndedStaysEnded(t *testing.T) {
	for name, change := range map[string]func(r *Rules){
		"another stream":   func(r *Rules) { r.Streams = []Stream{Limit} },
		"no disconnection": func(r *Rules) { r.Disconnect = nil },
		"other roots":      func(r *Rules) { r.Threshold = 1 },
	} {
		t.Run(name, func(t *testing.T) {
			h := disconnected(t)
			h.signedRules(`{"rules":{"until":"2027-12-01T00:00:00Z","holidays":["2026-12-24"]}}`)
			was := h.r
			change(&h.r)
			h.s, _ = h.r.Pass(h.s, h.now)
			if h.s.Supply.Off != nil || h.s.Supply.Ended != EndRules {
				t.Fatalf("%+v", h.s.Supply)
			}
			h.r = was
			h.s, _ = h.r.Pass(h.s, h.now)
			if h.s.Supply.Off != nil || h.s.Supply.Notice != nil {
				t.Errorf("it comes back: %+v", h.s.Supply)
			}
			if h.s.Supply.Rules == nil {
				t.Error("the signed rules of protection are forgotten")
			}
		})
	}
	t.Run("no policy at all", func(t *testing.T) {
		h := disconnected(t)
		var changed bool
		if h.s, changed = h.s.Unheard(h.now); !changed || h.s.Supply.Off != nil || h.s.Supply.Notice != nil {
			t.Fatalf("%+v", h.s.Supply)
		}
		if _, changed = h.s.Unheard(h.now); changed {
			t.Error("it is told at each step")
		}
		if got := h.acks("supply-1-2"); !slices.Equal(got, []string{"received", "rejected expired"}) {
			t.Errorf("%q", got)
		}
	})
}

// One order takes the place of another: each is told what became of it, and why the home is
// dark is that of the one in force.
func TestAnOrderTakesThePlaceOfAnother(t *testing.T) {
	h := disconnected(t)
	h.s, _ = h.r.Opened(h.s, h.now)
	if out := h.say(Supply, fmt.Sprintf(`{"notice":{"id":"d2","why":"the meter is unsafe","from":%q}}`, h.now.Format(time.RFC3339))); out.Code != Taken {
		t.Fatalf("%+v", out)
	}
	for h.jump(48 * time.Hour); h.r.shield(h.s, h.now) != credit.NoShield; h.jump(time.Hour) {
	}
	if out := h.disconnect("d2"); out.Code != Taken {
		t.Fatalf("%+v", out)
	}
	off := h.s.Supply.Off
	if off.Why != "the meter is unsafe" || !off.Since.Equal(thursday) {
		t.Errorf("%+v", off)
	}
	if got := h.acks("supply-1-2"); !slices.Equal(got, []string{"received", "applied", "superseded"}) {
		t.Errorf("%q", got)
	}
	if got := h.s.Supply.Off.Record(); got != "d2 of utility.example, until "+off.Until.Format(time.RFC3339)+": the meter is unsafe" {
		t.Errorf("%q", got)
	}
}

// A clock that stands before the disconnection, and by how much.
func TestAClockThatWentBackEndsADisconnection(t *testing.T) {
	for back, dark := range map[time.Duration]bool{time.Minute: true, 59 * time.Minute: true, 61 * time.Minute: false, 20 * 24 * time.Hour: false} {
		h := disconnected(t)
		h.jump(-back)
		if (h.s.Supply.Off != nil) != dark {
			t.Errorf("back by %s: dark: %v", back, !dark)
		}
		if !dark && h.s.Supply.Ended != EndClock {
			t.Errorf("it ended by %s", h.s.Supply.Ended)
		}
	}
}

// What is stored of a disconnection reads back, an older state without the new parts too.
func TestAStoredDisconnectionReadsBack(t *testing.T) {
	h := disconnected(t)
	data, err := json.Marshal(h.s.Supply)
	must(t, err)
	var back SupplyState
	must(t, json.Unmarshal(data, &back))
	if *back.Off != *h.s.Supply.Off {
		t.Errorf("%+v", back.Off)
	}
}

// The records are lost, or old ones are put back: numbers begin anew, and what the utility has
// confirmed of those before confirms none of those after.
func TestANumberOfALostCountIsNoneOfTheNext(t *testing.T) {
	h := home(t)
	h.limit("e1", "4", "PT1H")
	h.pass(time.Second)
	body, err := ReceiptBody(h.s.AckSince, []uint64{1, 2})
	must(t, err)
	e := h.envelope(Receipt, string(body))
	e.Expires = h.now.Add(7 * 24 * time.Hour)
	receipt := h.sign(e, key(operator))
	said := map[string]Ref{}
	for _, a := range h.s.Acks {
		said[fmt.Sprint(a.Since.UnixNano(), " ", a.N)] = a.Of
	}

	for name, lose := range map[string]func() State{
		"lost":                     func() State { return State{} },
		"old ones, nothing to say": func() State { s := h.s.clone(); s.Acks = nil; return s.Old(h.now.Add(time.Minute)) },
		"old ones":                 func() State { return h.s.Old(h.now.Add(time.Minute)) },
	} {
		t.Run(name, func(t *testing.T) {
			again := &site{t: t, r: h.r, s: lose(), now: h.now.Add(time.Minute), seq: map[string]uint64{}, epoch: 1}
			text, err := SignKeys(h.r.Issuer, again.now, firstKeys(), key(rootA), key(rootB))
			must(t, err)
			again.take(text)
			again.seq["site:home-12limit"] = 50
			if out := again.limit("e9", "5", "PT1H"); out.Code != Taken {
				t.Fatalf("%+v", out)
			}
			for _, a := range again.s.Acks {
				if of, ever := said[fmt.Sprint(a.Since.UnixNano(), " ", a.N)]; ever {
					t.Errorf("number %d was of %s and is of %s", a.N, of.ID, a.Of.ID)
				}
			}
			before := len(again.s.Acks)
			if again.take(receipt); len(again.s.Acks) < before {
				t.Errorf("an old receipt takes acknowledgements away: %+v", again.s.Acks)
			}
		})
	}
}

// Old records may hold a disconnection that was taken back after them.
func TestOldRecordsKeepNobodyInTheDark(t *testing.T) {
	h := disconnected(t)
	h.s = h.s.Old(h.now)
	h.stored()
	if h.s.Supply.Off != nil || h.s.Supply.Notice != nil || h.s.Supply.Ended != EndOld {
		t.Errorf("%+v", h.s.Supply)
	}
	for i, a := range h.s.Acks {
		if a.N != uint64(i+1) || !a.Since.Equal(h.s.AckSince) || a.At.After(h.now) {
			t.Errorf("%+v", a)
		}
	}
}
