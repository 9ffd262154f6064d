package policy

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestEachRefusalHasItsCode(t *testing.T) {
	tokens := `{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":["12345678901234567890"]}]}]}}`
	good := limitBody("e1", "4.2", fromNow, "PT1H")
	cases := []struct {
		name string
		do   func(h *site) Outcome
		want Code
	}{
		{"a good one", func(h *site) Outcome { return h.say(Limit, good) }, Taken},
		{"nothing", func(h *site) Outcome { return h.take("") }, Unreadable},
		{"words", func(h *site) Outcome { return h.take("close the supply") }, Unreadable},
		{"longer than is looked at", func(h *site) Outcome { return h.take(strings.Repeat("a", MostBytes+1)) }, Oversize},
		{"a stranger's key", func(h *site) Outcome { return h.take(h.sign(h.envelope(Limit, good), key(stranger))) }, Forged},
		{"a root key signs no envelopes", func(h *site) Outcome { return h.take(h.sign(h.envelope(Limit, good), key(rootA))) }, Forged},
		{"another body under the signature", func(h *site) Outcome {
			a := strings.Split(h.sign(h.envelope(Limit, good), key(operator)), ".")
			b := strings.Split(h.sign(h.envelope(Limit, limitBody("e1", "9", fromNow, "PT1H")), key(operator)), ".")
			return h.take(a[0] + "." + b[1] + "." + a[2])
		}, Forged},
		{"no signature (alg none)", func(h *site) Outcome {
			payload, _ := json.Marshal(h.envelope(Limit, good))
			head := `{"alg":"none","kid":"` + KeyID(key(operator).Public().(ed25519.PublicKey)) + `","typ":"keeplit-policy"}`
			return h.take(base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(payload) + ".")
		}, Forged},
		{"the public key as the secret of HMAC", func(h *site) Outcome {
			payload, _ := json.Marshal(h.envelope(Limit, good))
			pub := key(operator).Public().(ed25519.PublicKey)
			head := `{"alg":"HS256","kid":"` + KeyID(pub) + `","typ":"keeplit-policy"}`
			text := base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString(payload)
			mac := hmac.New(sha256.New, pub)
			mac.Write([]byte(text))
			return h.take(text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)))
		}, Forged},
		{"an acknowledgement", func(h *site) Outcome {
			text, err := SignAck("home-12", Ack{N: 1}, key(operator))
			must(h.t, err)
			return h.take(text)
		}, Unreadable},
		{"bits of base64 that nothing needs", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
			last := strings.IndexByte(digits, text[len(text)-1])
			return h.take(text[:len(text)-1] + string(digits[last^1]))
		}, Unreadable},
		{"readings that the household does not share", func(h *site) Outcome {
			return h.say(Read, `{"read":{"id":"r1","registers":true}}`)
		}, NotShared},
		{"another utility", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.Issuer = "other.example"
			return h.take(h.sign(e, key(operator)))
		}, OtherIssuer},
		{"another site", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.Audience = "site:home-13"
			return h.take(h.sign(e, key(operator)))
		}, OtherAudience},
		{"another group", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.Audience = "group:feeder-8"
			return h.take(h.sign(e, key(operator)))
		}, OtherAudience},
		{"a key for tokens sets a limit", func(h *site) Outcome { return h.take(h.sign(h.envelope(Limit, good), key(supply))) }, StreamNotAllowed},
		{"the site does not listen to it", func(h *site) Outcome {
			h.r.Streams = []Stream{Tariff}
			return h.say(Limit, good)
		}, StreamNotAllowed},
		{"tokens for a group", func(h *site) Outcome {
			e := h.envelope(Token, tokens)
			e.Audience = "group:feeder-7"
			return h.take(h.sign(e, key(operator)))
		}, StreamNotAllowed},
		{"not before tomorrow", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.NotBefore, e.Expires = h.now.Add(24*time.Hour), h.now.Add(25*time.Hour)
			return h.take(h.sign(e, key(operator)))
		}, Early},
		{"signed tomorrow", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.Issued, e.Expires = h.now.Add(24*time.Hour), h.now.Add(25*time.Hour)
			return h.take(h.sign(e, key(operator)))
		}, Early},
		{"a minute ahead of our clock", func(h *site) Outcome {
			e := h.envelope(Limit, good)
			e.Issued = h.now.Add(time.Minute)
			return h.take(h.sign(e, key(operator)))
		}, Taken},
		{"over", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			h.jump(time.Hour)
			return h.take(text)
		}, Expired},
		{"the keys are over", func(h *site) Outcome {
			h.jump(366 * 24 * time.Hour)
			return h.say(Limit, good)
		}, KeysExpired},
		{"nobody knows what time it is", func(h *site) Outcome {
			_, out := h.r.Take(h.s, In{Text: []byte(h.sign(h.envelope(Limit, good), key(operator))), Now: h.now, Dateless: true})
			return out
		}, NoClock},
		{"the same once more", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			h.take(text)
			return h.take(text)
		}, Duplicated},
		{"the same once more, when it is over", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			h.take(text)
			h.jump(2 * time.Hour)
			return h.take(text)
		}, Duplicated},
		{"an old one after others", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			h.take(text)
			h.say(Limit, `{"clear":true}`)
			return h.take(text)
		}, Replayed},
		{"an old one after more others than are remembered", func(h *site) Outcome {
			text := h.sign(h.envelope(Limit, good), key(operator))
			h.take(text)
			for range mostRecent + windowSize {
				h.say(Limit, good)
			}
			return h.take(text)
		}, Replayed},
		{"one that was overtaken", func(h *site) Outcome {
			h.say(Limit, good)
			late := h.sign(h.envelope(Limit, good), key(operator))
			h.say(Limit, `{"clear":true}`)
			return h.take(late)
		}, Reordered},
		{"another with the same number", func(h *site) Outcome {
			h.say(Limit, good)
			h.seq["site:home-12limit"]--
			return h.say(Limit, limitBody("e1", "9", fromNow, "PT1H"))
		}, Reused},
		{"a number that leaps ahead", func(h *site) Outcome {
			h.say(Limit, good)
			h.seq["site:home-12limit"] += mostJump + 1
			return h.say(Limit, good)
		}, FastForwarded},
		{"an epoch that nobody has begun", func(h *site) Outcome {
			h.epoch = 2
			return h.say(Limit, good)
		}, FastForwarded},
		{"an epoch that is over", func(h *site) Outcome {
			k := firstKeys()
			k.Version, k.Epoch = 2, 2
			text, err := SignKeys(h.r.Issuer, h.now, k, key(rootB), key(rootC))
			must(h.t, err)
			h.take(text)
			return h.say(Limit, good)
		}, RolledBack},
		{"a field that nobody knows", func(h *site) Outcome { return h.say(Limit, `{"event":null,"volume":11}`) }, Unreadable},
		{"an event and its end at once", func(h *site) Outcome { return h.say(Limit, `{"cancel":"e1","clear":true}`) }, Unreadable},
		{"a limit in words", func(h *site) Outcome { return h.say(Limit, limitBody("e1", `"low"`, fromNow, "PT1H")) }, Unreadable},
		{"a limit with an exponent", func(h *site) Outcome { return h.say(Limit, limitBody("e1", `4e0`, fromNow, "PT1H")) }, Unreadable},
		{"a limit without a length", func(h *site) Outcome { return h.say(Limit, limitBody("e1", `4.2`, "2026-12-01T13:00:00Z", "PT0S")) }, Unreadable},
		{"a limit of a month", func(h *site) Outcome { return h.say(Limit, limitBody("e1", `4.2`, fromNow, "P1M")) }, Unreadable},
		{"a limit of 0 W", func(h *site) Outcome { return h.limit("e1", "0", "PT1H") }, Unsafe},
		{"a negative limit", func(h *site) Outcome { return h.limit("e1", "-1", "PT1H") }, Unsafe},
		{"a limit below the floor", func(h *site) Outcome { return h.limit("e1", "2.299999", "PT1H") }, Unsafe},
		{"a limit at the floor", func(h *site) Outcome { return h.limit("e1", "2.3", "PT1H") }, Taken},
		{"a limit of a city", func(h *site) Outcome { return h.limit("e1", "1000000", "PT1H") }, Unsafe},
		{"a limit that was over before it came", func(h *site) Outcome {
			return h.say(Limit, limitBody("e1", "4.2", "2026-12-01T09:00:00Z", "PT1H"))
		}, Expired},
		{"a heartbeat for an hour", func(h *site) Outcome { return h.say(Heartbeat, `{}`) }, Unsafe},
		{"the end of an event that nobody knows", func(h *site) Outcome { return h.say(Limit, `{"cancel":"e9"}`) }, Inapplicable},
		{"prices are not taken back", func(h *site) Outcome { return h.say(Tariff, `{"cancel":"e9"}`) }, Inapplicable},
		{"a token while the records are held", func(h *site) Outcome { h.held = true; return h.say(Token, tokens) }, Held},
		{"prices while the records are held", func(h *site) Outcome { h.held = true; return h.say(Tariff, `{"cancel":"e9"}`) }, Held},
		{"a limit while the records are held", func(h *site) Outcome { h.held = true; return h.say(Limit, good) }, Taken},
		{"a home that is protected", func(h *site) Outcome { *h = *announced(h.t); h.jump(5 * time.Hour); return h.disconnect("d1") }, Protected},
		{"no rules of protection", func(h *site) Outcome { *h = *announced(h.t); h.r.Disconnect.Own = nil; return h.disconnect("d1") }, NoRules},
		{"no announcement", func(h *site) Outcome { *h = *announced(h.t); return h.disconnect("d2") }, Unannounced},
		{"more events than are remembered", func(h *site) Outcome {
			for i := range mostEvents {
				if out := h.limit(fmt.Sprint("e", i), "5", "PT5H"); out.Code != Taken {
					h.t.Fatalf("event %d: %+v", i, out)
				}
			}
			return h.limit("last", "5", "PT1H")
		}, TooMany},
	}
	seen := map[Code]bool{}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := home(t)
			out := c.do(h)
			if out.Code != c.want {
				t.Fatalf("%q (%s), want %q", out.Code, out.Detail, c.want)
			}
			if out.Code != Taken && (out.Detail == "" || out.Prices != nil || out.Tokens != nil || out.Keys != nil) {
				t.Errorf("%+v", out)
			}
			seen[c.want] = true
		})
	}
	for _, c := range Codes() {
		if !seen[c] {
			t.Errorf("no case is refused as %q", c)
		}
	}
}

// What is refused before its number is used up leaves nothing behind.
func TestWhatIsRefusedHasNoEffect(t *testing.T) {
	h := home(t)
	h.alive(time.Minute)
	h.limit("e1", "3", "PT5H")
	before, _ := json.Marshal(plain(h.s))
	for name, text := range map[string]string{
		"forged":  h.sign(h.envelope(Limit, `{"clear":true}`), key(stranger)),
		"garbage": "x.y.z",
		"jumped": func() string {
			e := h.envelope(Limit, `{"clear":true}`)
			e.Seq += mostJump + 2
			return h.sign(e, key(operator))
		}(),
	} {
		if out := h.take(text); out.Code == Taken {
			t.Errorf("%s was taken", name)
		}
		if after, _ := json.Marshal(plain(h.s)); string(after) != string(before) {
			t.Errorf("%s left something behind:\n%s\n%s", name, before, after)
		}
	}
	if f := h.force(); f.Limit != 3_000_000 || f.Phase != Limited {
		t.Errorf("%+v", f)
	}
}

// plain is a state without its counts and without what was said of refusals.
func plain(s State) State {
	s.Refused, s.Acks, s.AckSeq = nil, nil, 0
	return s
}

func TestAKeySetIsTakenOnlyFromTheOldRootsAndTheNew(t *testing.T) {
	next := func() KeySet {
		k := firstKeys()
		k.Version, k.Epoch = 2, 2
		k.Roots = []string{public(key(rootB)), public(key(rootC)), public(key(4))}
		return k
	}
	cases := []struct {
		name  string
		keys  func() KeySet
		roots []byte
		want  Code
	}{
		{"signed by two of the old and two of the new", next, []byte{rootB, rootC}, Taken},
		{"by one that is in both and one of each", next, []byte{rootA, rootB, 4}, Taken},
		{"by two of the old and one of the new", next, []byte{rootA, rootB}, Forged},
		{"by one of the old and two of the new", next, []byte{rootB, 4}, Forged},
		{"by one stolen root", next, []byte{rootA}, Forged},
		{"by a stranger and a root", next, []byte{stranger, rootB}, Forged},
		{"a version is left out", func() KeySet { k := next(); k.Version = 3; return k }, []byte{rootB, rootC}, FastForwarded},
		{"a version that is over", func() KeySet { k := next(); k.Version = 1; return k }, []byte{rootB, rootC}, RolledBack},
		{"an operating key signs keys", next, []byte{operator, supply}, Forged},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			h := home(t)
			var keys []ed25519.PrivateKey
			for _, r := range c.roots {
				keys = append(keys, key(r))
			}
			text, err := SignKeys(h.r.Issuer, h.now, c.keys(), keys...)
			must(t, err)
			if out := h.take(text); out.Code != c.want {
				t.Fatalf("%q (%s), want %q", out.Code, out.Detail, c.want)
			}
			if c.want != Taken {
				return
			}
			if out := h.take(text); out.Code != Duplicated {
				t.Errorf("once more: %+v", out)
			}
			if out := h.limit("e1", "4", "PT1H"); out.Code != RolledBack {
				t.Errorf("an envelope of the epoch before: %+v", out)
			}
			h.epoch, h.seq = 2, map[string]uint64{}
			if out := h.limit("e1", "4", "PT1H"); out.Code != Taken {
				t.Errorf("an envelope of the new epoch: %+v", out)
			}
		})
	}
}

// An agent that was away for a month takes the chain of key sets in order, those whose
// time is over among them, and is left with the last.
func TestAfterAMonthTheChainOfKeysIsTaken(t *testing.T) {
	h := home(t)
	stolen := key(operator)
	h.now = h.now.Add(30 * 24 * time.Hour)
	var chain []string
	for v := uint64(2); v <= 4; v++ {
		k := firstKeys()
		k.Version, k.Epoch, k.Expires = v, v, h.now.Add(-time.Hour)
		if v == 4 {
			k.Expires = h.now.AddDate(1, 0, 0)
			k.Signers = []Signer{{Key: public(key(20)), Streams: Streams()}}
		}
		text, err := SignKeys(h.r.Issuer, h.now, k, key(rootA), key(rootC))
		must(t, err)
		chain = append(chain, text)
	}
	for i, text := range chain {
		if out := h.take(text); out.Code != Taken {
			t.Fatalf("key set %d: %+v", i+2, out)
		}
	}
	h.epoch = 4
	if out := h.take(h.sign(h.envelope(Limit, limitBody("e1", "4", fromNow, "PT1H")), stolen)); out.Code != Forged {
		t.Errorf("the stolen key: %+v", out)
	}
	if out := h.take(h.sign(h.envelope(Limit, limitBody("e1", "4", fromNow, "PT1H")), key(20))); out.Code != Taken {
		t.Errorf("the new key: %+v", out)
	}
	if out := h.take(chain[0]); out.Code != Duplicated {
		t.Errorf("the chain once more: %+v", out)
	}
}

func TestOtherConfiguredRootsBeginAnew(t *testing.T) {
	h := home(t)
	h.limit("e1", "4", "PT1H")
	h.r.Roots, h.r.Threshold = []string{public(key(7))}, 1
	if out := h.limit("e2", "4", "PT1H"); out.Code != Forged {
		t.Errorf("what the old roots had let in still holds: %+v", out)
	}
	k := firstKeys()
	k.Roots, k.Threshold = []string{public(key(7))}, 1
	text, err := SignKeys(h.r.Issuer, h.now, k, key(7))
	must(t, err)
	if out := h.take(text); out.Code != Taken {
		t.Errorf("%+v", out)
	}
}

func TestAcknowledgementsWaitUntilTheyAreTaken(t *testing.T) {
	h := home(t)
	h.alive(time.Minute)
	h.limit("e1", "4", "PT10M")
	h.alive(11 * time.Minute)
	h.limit("e2", "-1", "PT1H")
	var got []string
	for _, a := range h.s.Acks {
		got = append(got, string(a.State)+" "+a.Of.ID+" "+string(a.Code))
	}
	want := []string{"received limit-1-1 ", "applied limit-1-1 ", "completed limit-1-1 ", "rejected limit-1-2 unsafe"}
	if !slices.Equal(got, want) {
		t.Fatalf("%q", got)
	}
	for i, a := range h.s.Acks {
		if a.N != uint64(i+1) {
			t.Errorf("acknowledgement %d has number %d", i, a.N)
		}
	}
	if a := h.s.Acks[1]; a.Limit != 4_000_000 {
		t.Errorf("%+v", a)
	}
	body, err := ReceiptBody(h.s.AckSince, []uint64{1, 2, 4, 77})
	must(t, err)
	e := h.envelope(Receipt, string(body))
	e.Ack = AckNone
	h.take(h.sign(e, key(operator)))
	if len(h.s.Acks) != 1 || h.s.Acks[0].N != 3 {
		t.Errorf("%+v", h.s.Acks)
	}
}

func TestAnAcknowledgementIsTheSites(t *testing.T) {
	a := Ack{N: 7, Of: Ref{ID: "x", Stream: Limit, Seq: 3, Epoch: 1, Audience: "site:home-12", Issuer: "u"}, State: Applied, At: noon}
	text, err := SignAck("home-12", a, key(50))
	must(t, err)
	site, back, err := OpenAck([]byte(text), key(50).Public().(ed25519.PublicKey))
	if err != nil || site != "home-12" || back != a {
		t.Errorf("%s %+v %v", site, back, err)
	}
	if _, _, err := OpenAck([]byte(text), key(51).Public().(ed25519.PublicKey)); err == nil {
		t.Error("another site's key is believed")
	}
}

func TestMoreAcknowledgementsThanAreKeptAreCounted(t *testing.T) {
	h := home(t)
	for range mostAcks + 5 {
		h.limit("e1", "-1", "PT1H")
	}
	if len(h.s.Acks) != mostAcks || h.s.Dropped != 5 || h.s.Acks[0].N != 6 {
		t.Errorf("%d kept, %d dropped, the first is %d", len(h.s.Acks), h.s.Dropped, h.s.Acks[0].N)
	}
}
