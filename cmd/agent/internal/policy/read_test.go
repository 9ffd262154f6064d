package policy

import (
	"crypto/ed25519"
	"fmt"
	"slices"
	"testing"
	"time"
)

func readOf(id, from, to, series string, registers bool) string {
	return fmt.Sprintf(`{"read":{"id":%q,"from":%q,"to":%q,"intervals":[%s],"registers":%v}}`, id, from, to, series, registers)
}

func TestReadingsAreAskedForAndAnswered(t *testing.T) {
	const from, to = "2026-11-30T00:00:00Z", "2026-12-01T00:00:00Z"
	sharing := func() *site {
		h := home(t)
		h.r.Reads = ReadRules{Intervals: true, Registers: true, Series: []string{"site", "geyser"}}
		return h
	}
	t.Run("a request waits until it is answered, and that is acknowledged", func(t *testing.T) {
		h := sharing()
		if out := h.say(Read, readOf("r1", from, to, `"site","geyser"`, true)); out.Code != Taken {
			t.Fatalf("%+v", out)
		}
		if len(h.s.Reads) != 1 || !slices.Equal(h.s.Reads[0].Intervals, []string{"site", "geyser"}) {
			t.Fatalf("%+v", h.s.Reads)
		}
		var was bool
		if h.s, was = h.s.Answered(h.s.Reads[0].Of, h.now); !was || len(h.s.Reads) != 1 || !h.s.Reads[0].Sent {
			t.Errorf("%+v", h.s.Reads)
		}
		h.pass(time.Minute)
		if len(h.s.Reads) != 1 {
			t.Error("it is forgotten before the utility has confirmed it")
		}
		if got := h.acks("read-1-1"); !slices.Equal(got, []string{"received", "applied"}) {
			t.Errorf("%q", got)
		}
		body, err := ReceiptBody(h.s.AckSince, []uint64{1, 2})
		must(t, err)
		h.say(Receipt, string(body))
		if len(h.s.Reads) != 0 {
			t.Errorf("confirmed: %+v", h.s.Reads)
		}
		h.stored()
	})
	t.Run("one that nobody answers is given up after a day", func(t *testing.T) {
		h := sharing()
		h.say(Read, readOf("r1", from, to, `"site"`, false))
		h.jump(25 * time.Hour)
		if got := h.acks("read-1-1"); len(h.s.Reads) != 0 || !slices.Equal(got, []string{"received", "rejected expired"}) {
			t.Errorf("%q, %+v", got, h.s.Reads)
		}
	})
	t.Run("what the household does not share any more is not answered", func(t *testing.T) {
		h := sharing()
		h.say(Read, readOf("r1", from, to, `"site"`, false))
		h.r.Reads.Intervals = false
		h.pass(time.Second)
		if len(h.s.Reads) != 0 {
			t.Errorf("%+v", h.s.Reads)
		}
	})
	for name, c := range map[string]struct {
		share ReadRules
		body  string
		code  Code
	}{
		"registers alone":             {ReadRules{Registers: true}, readOf("r1", from, to, "", true), Taken},
		"intervals that stay at home": {ReadRules{Registers: true}, readOf("r1", from, to, `"site"`, true), NotShared},
		"registers that stay at home": {ReadRules{Intervals: true}, readOf("r1", from, to, `"site"`, true), NotShared},
		"a load that is not there":    {ReadRules{Intervals: true, Series: []string{"site"}}, readOf("r1", from, to, `"tv"`, false), Inapplicable},
		"a year":                      {ReadRules{Intervals: true}, readOf("r1", "2025-12-01T00:00:00Z", to, `"site"`, false), Unsafe},
		"from the end":                {ReadRules{Intervals: true}, readOf("r1", to, from, `"site"`, false), Unreadable},
		"nothing":                     {ReadRules{Intervals: true}, readOf("r1", from, to, "", false), Unreadable},
		"no id":                       {ReadRules{Intervals: true}, readOf("", from, to, `"site"`, false), Unreadable},
		"another body":                {ReadRules{Intervals: true}, `{"event":{}}`, Unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			h := home(t)
			h.r.Reads = c.share
			if out := h.say(Read, c.body); out.Code != c.code || len(h.s.Reads) > 0 != (c.code == Taken) {
				t.Errorf("%+v, %+v", out, h.s.Reads)
			}
		})
	}
	t.Run("more than wait, and for a group", func(t *testing.T) {
		h := sharing()
		for i := range mostReads {
			h.say(Read, readOf(fmt.Sprint("r", i), from, to, `"site"`, false))
		}
		if out := h.say(Read, readOf("r1", from, to, `"geyser"`, false)); out.Code != Taken { // in the place of the one of that id
			t.Errorf("%+v", out)
		}
		if out := h.say(Read, readOf("r9", from, to, `"site"`, false)); out.Code != TooMany {
			t.Errorf("%+v", out)
		}
		e := h.envelope(Read, readOf("r1", from, to, `"site"`, false))
		e.Audience = "group:feeder-7"
		if out := h.take(h.sign(e, key(operator))); out.Code != StreamNotAllowed {
			t.Errorf("%+v", out)
		}
	})
}

func TestReadingsAreTheSites(t *testing.T) {
	full := Readings{Site: "home-12", ID: "r1", Series: "site", At: noon}
	for i := range MostReadings {
		full.Intervals = append(full.Intervals, ReadInterval{Start: noon.Add(time.Duration(i) * 30 * time.Minute), Seconds: 1800, ImportKWh: 12.345678901234, ExportKWh: 12.345678901234, CoveredS: 1800, Quality: 1 << 15})
	}
	texts, err := SignReadings([]Readings{{Site: "home-12", ID: "r1", Registers: &ReadRegisters{noon, 1.5, 0}}, full}, key(50))
	must(t, err)
	public := key(50).Public().(ed25519.PublicKey)
	back, err := OpenReadings([]byte(texts[1]), public)
	if err != nil || back.Part != 2 || back.Parts != 2 || len(back.Intervals) != MostReadings || len(texts[1]) > MostBytes {
		t.Errorf("%d bytes, part %d of %d: %v", len(texts[1]), back.Part, back.Parts, err)
	}
	if _, err := OpenReadings([]byte(texts[0]), key(51).Public().(ed25519.PublicKey)); err == nil {
		t.Error("another site's key is believed")
	}
	if h := home(t); h.take(texts[0]).Code != Unreadable && h.take(texts[0]).Code != Forged {
		t.Error("readings are taken for an envelope")
	}
	if c, err := Explain([]byte(texts[0])); err != nil || !slices.Contains(c.Words(), "registers at 2026-12-01T12:00:00Z: import 1.500 kWh, export 0.000 kWh") {
		t.Errorf("%q %v", c.Words(), err)
	}
}

// A word on the time is taken whatever our clock says, and sets nothing.
func TestAWordOnTheTimeSetsNothing(t *testing.T) {
	for _, by := range []time.Duration{0, time.Minute, -time.Minute, time.Hour, -time.Hour, 400 * 24 * time.Hour} {
		h := home(t)
		e := h.envelope(Clock, `{}`)
		e.Issued, e.Expires = h.now.Add(by), h.now.Add(by+HeartbeatLives)
		now, before := h.now, len(h.s.Events)
		out := h.take(h.sign(e, key(operator)))
		if out.Code != Taken || out.Ahead == nil || *out.Ahead != by || out.Changes && out.Ahead == nil || !h.now.Equal(now) || len(h.s.Events) != before {
			t.Errorf("%s: %+v", by, out)
		}
		if want := by.Abs() > 2*time.Minute; Differs(by) != want {
			t.Errorf("%s differs: %v", by, Differs(by))
		}
		if again := h.take(h.sign(e, key(operator))); again.Code != Duplicated {
			t.Errorf("once more: %+v", again)
		}
	}
	h := home(t)
	e := h.envelope(Clock, `{}`)
	if out := h.take(h.sign(e, key(operator))); out.Code != Unsafe {
		t.Errorf("good for an hour: %+v", out)
	}
	if out := h.say(Clock, `{"now":1}`); out.Code != Unreadable {
		t.Errorf("another body: %+v", out)
	}
}
