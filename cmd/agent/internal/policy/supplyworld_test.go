package policy

import (
	"crypto/ed25519"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// world is a site, the model of it, and what was signed so far.
type world struct {
	t     fataler
	s     State
	r     Rules
	m     model
	now   time.Time
	sets  uint64 // key sets so far
	words []word
	seq   map[string]uint64
	log   []string
	cuts  int
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
}

func newWorld(t fataler) *world {
	w := &world{t: t, r: rules(), now: time.Date(2026, 10, 20, 9, 0, 0, 0, time.UTC), seq: map[string]uint64{}} // a Tuesday, 11:00
	own := faces{from: "16:00", to: "08:00", frost: true, notice: 24 * time.Hour}
	w.r.Disconnect = &DisconnectRules{Mode: 1, Zone: berlin, Own: own.document()}
	w.m = model{own: &own, hears: true, may: true, top: map[string]uint64{}, used: map[string]bool{}}
	w.rotate()
	return w
}

// with is a copy of the world that shares nothing that is changed in place.
func (w *world) with(t fataler) *world {
	c := *w
	c.t, c.s = t, w.s.clone()
	c.words, c.log, c.seq = slices.Clone(w.words), slices.Clone(w.log), maps.Clone(w.seq)
	c.m.top, c.m.used = maps.Clone(w.m.top), maps.Clone(w.m.used)
	return &c
}

// clock is the utility's: that of the site, but where that is set to no time there is.
func (w *world) clock() time.Time {
	if w.now.Year() < 2020 {
		return time.Date(2026, 10, 22, 9, 0, 0, 0, time.UTC)
	}
	return w.now
}

func (w *world) rotate() {
	w.t.Helper()
	w.sets++
	set := firstKeys()
	set.Signers[1].Streams, set.Signers[1].Audiences = []Stream{Token, Supply}, nil
	set.Version, set.Epoch, set.Expires = w.sets, w.sets, time.Date(2150, 1, 1, 0, 0, 0, 0, time.UTC)
	text, err := SignKeys(w.r.Issuer, w.now, set, key(rootA), key(rootB))
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	var out Outcome
	if w.s, out = w.r.Take(w.s, In{Text: []byte(text), Now: w.now}); out.Code != Taken {
		w.t.Fatalf("%+v", out)
	}
	w.m.epoch, w.m.top = w.sets, map[string]uint64{}
	w.seq = map[string]uint64{}
	w.pass(0)
}

// sign signs a word with the next number; it is not sent.
func (w *world) sign(x word, body string, good time.Duration) word {
	w.t.Helper()
	stream := Supply
	if x.kind == "alert" {
		stream = Message
	}
	w.seq[string(stream)]++
	x.epoch, x.n = w.m.epoch, w.seq[string(stream)]
	x.signed = x.signed.UTC().Truncate(time.Second)
	x.over = x.signed.Add(good)
	if x.keys == 0 {
		x.keys = 1
	}
	e := Envelope{
		V: 1, Issuer: w.r.Issuer, Audience: "site:home-12", Stream: stream, Epoch: x.epoch, Seq: x.n, ID: fmt.Sprintf("%s-%d-%d", stream, x.epoch, x.n),
		Issued: x.signed, Expires: x.over, Ack: AckApplied, Body: []byte(body),
	}
	keys := []ed25519.PrivateKey{key(operator), key(supply)}
	text, err := e.Sign(keys[:x.keys]...)
	if err != nil {
		w.t.Fatalf("%v", err)
	}
	x.text = text
	w.words = append(w.words, x)
	return x
}

func (w *world) order(id string, lasts time.Duration, keys int) word {
	until := w.clock().Add(lasts).UTC().Truncate(time.Second)
	return w.sign(word{kind: "order", id: id, until: until, keys: keys, signed: w.clock()},
		fmt.Sprintf(`{"disconnect":{"id":%q,"until":%q}}`, id, until.Format(time.RFC3339)), CutLives)
}

func (w *world) announce(id string, from time.Time) word {
	from = from.UTC().Truncate(time.Second)
	return w.sign(word{kind: "notice", id: id, from: from, signed: w.clock()}, fmt.Sprintf(`{"notice":{"id":%q,"why":"unpaid","from":%q}}`, id, from.Format(time.RFC3339)), time.Hour)
}

func (w *world) ready() word {
	return w.sign(word{kind: "ready", signed: w.clock()}, `{"ready":true}`, time.Hour)
}

func (w *world) ruled(f faces, lasts time.Duration, keys int) word {
	until := w.clock().Add(lasts).UTC().Truncate(time.Second)
	return w.sign(word{kind: "rules", rules: f, until: until, keys: keys, signed: w.clock()}, f.body(until), time.Hour)
}

func (w *world) frost(lasts time.Duration) word {
	return w.sign(word{kind: "alert", lasts: lasts, signed: w.clock()},
		fmt.Sprintf(`{"event":{"id":"frost","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT%dS"},"intervals":[{"id":0,"payloads":[{"type":"ALERT_FREEZING","values":["frost"]}]}]}}`, int(lasts.Seconds())), time.Hour)
}

// agree holds the site against the model.
func (w *world) agree() {
	w.t.Helper()
	if is, want := w.s.Supply.Off != nil, w.m.off != nil; is != want {
		w.t.Fatalf("at %s: off by the utility: %v; the document says %v\nmodel: %+v\nsite: %+v\nafter %q", w.now.In(berlin), is, want, w.m, w.s.Supply, w.log)
	}
	if off := w.s.Supply.Off; off != nil && (off.ID != w.m.off.id || !off.Until.Equal(w.m.off.until) || !off.Since.Equal(w.m.since)) {
		w.t.Fatalf("at %s: %+v, and in the model %+v since %s\nafter %q", w.now.In(berlin), off, w.m.off, w.m.since, w.log)
	}
}

// pass lets time go by, or back.
func (w *world) pass(d time.Duration) {
	w.t.Helper()
	w.now = w.now.Add(d)
	w.log = append(w.log, "pass "+d.String())
	w.s, _ = w.r.Pass(w.s, w.now)
	w.m.passes(w.now)
	w.agree()
}

// send has a word heard.
func (w *world) send(x word, d doubts) {
	w.t.Helper()
	w.log = append(w.log, fmt.Sprintf("%s %s %d/%d of %s at %s with %+v", x.kind, x.id, x.epoch, x.n, x.signed.Format(time.DateTime), w.now.Format(time.DateTime), d))
	was := w.m.off
	w.m.passes(w.now)
	w.s, _ = w.r.Pass(w.s, w.now)
	w.s, _ = w.r.Take(w.s, In{Text: []byte(x.text), Now: w.now, Dateless: d.dateless, Held: d.held, NoCut: d.bar})
	w.m.hear(x, w.now, d)
	w.agree()
	if w.m.off != nil && was == nil {
		w.cuts++
	}
	w.pass(0)
}

// reads has the site's state stored and read again.
func (w *world) reads() {
	h := site{t: nopT{}, s: w.s}
	h.stored()
	w.s = h.s
}

// nopT is for what cannot fail.
type nopT struct{ testing.TB }

func (nopT) Helper() {}

// configure changes the configuration.
func (w *world) configure(change func(m *model)) {
	w.t.Helper()
	own := *w.m.own
	w.m.own = &own
	change(&w.m)
	w.r.Streams = Streams()
	if !w.m.hears {
		w.r.Streams = slices.DeleteFunc(w.r.Streams, func(s Stream) bool { return s == Message })
	}
	w.r.Disconnect = nil
	if w.m.may {
		w.r.Disconnect = &DisconnectRules{Mode: 1, Zone: berlin, Own: w.m.own.document()}
	}
	w.log = append(w.log, fmt.Sprintf("configure %+v hears %v may %v", *w.m.own, w.m.hears, w.m.may))
	w.pass(0)
}

func (w *world) day(later int) string {
	return w.now.In(berlin).AddDate(0, 0, later).Format(time.DateOnly)
}

// due lets time go by until nothing would be against a good order, if that is soon.
func (w *world) due(id string) {
	for range 60 {
		x := word{id: id, keys: 2, signed: w.now, until: w.now.Add(24 * time.Hour)}
		if w.m.mayCut(x, w.now, doubts{}) {
			return
		}
		w.pass(3 * time.Hour)
	}
}

// moves are what may happen.
func moves() map[string]func(w *world) {
	return map[string]func(w *world){
		"a second":           func(w *world) { w.pass(time.Second) },
		"three hours":        func(w *world) { w.pass(3 * time.Hour) },
		"a day":              func(w *world) { w.pass(25 * time.Hour) },
		"forty days":         func(w *world) { w.pass(40 * 24 * time.Hour) },
		"ten years":          func(w *world) { w.pass(3653 * 24 * time.Hour) },
		"ten minutes back":   func(w *world) { w.pass(-10 * time.Minute) },
		"a day back":         func(w *world) { w.pass(-24 * time.Hour) },
		"1970":               func(w *world) { w.pass(time.Unix(0, 0).Sub(w.now)) },
		"a restart":          func(w *world) { w.reads() },
		"announced":          func(w *world) { w.send(w.announce("d1", w.clock()), doubts{}) },
		"another announced":  func(w *world) { w.send(w.announce("d2", w.clock().Add(2*time.Hour)), doubts{}) },
		"announced long ago": func(w *world) { w.send(w.announce("d1", w.clock().Add(-32*24*time.Hour)), doubts{}) },
		"announced without a sure clock": func(w *world) {
			w.send(w.announce("d1", w.clock()), doubts{bar: NoTime})
		},
		"ordered":                func(w *world) { w.send(w.order("d1", 6*24*time.Hour, 2), doubts{}) },
		"ordered when it is due": func(w *world) { w.due("d1"); w.send(w.order("d1", 6*24*time.Hour, 2), doubts{}) },
		"another ordered":        func(w *world) { w.due("d2"); w.send(w.order("d2", 2*24*time.Hour, 2), doubts{}) },
		"ordered by one":         func(w *world) { w.send(w.order("d1", 6*24*time.Hour, 1), doubts{}) },
		"ordered while the records are held": func(w *world) {
			w.send(w.order("d1", 6*24*time.Hour, 2), doubts{held: true})
		},
		"ordered without a sure clock": func(w *world) {
			w.send(w.order("d1", 6*24*time.Hour, 2), doubts{bar: NoTime})
		},
		"ordered without a date": func(w *world) {
			w.send(w.order("d1", 6*24*time.Hour, 2), doubts{dateless: true, bar: NoTime})
		},
		"ordered, ten minutes on its way": func(w *world) { x := w.order("d1", 6*24*time.Hour, 2); w.pass(10 * time.Minute); w.send(x, doubts{}) },
		"ordered five minutes before the hours are over": func(w *world) {
			w.due("d1")
			at := w.now.In(berlin)
			next := time.Date(at.Year(), at.Month(), at.Day()+1, 7, 55, 0, 0, berlin)
			w.pass(next.Sub(w.now))
			x := w.order("d1", 6*24*time.Hour, 2)
			w.pass(10 * time.Minute)
			w.send(x, doubts{})
		},
		"announced for tomorrow, ordered five minutes too early": func(w *world) {
			w.send(w.announce("d1", w.clock().Add(26*time.Hour)), doubts{})
			if w.m.notice == nil {
				return
			}
			w.pass(26*time.Hour - 5*time.Minute)
			x := w.order("d1", 6*24*time.Hour, 2)
			w.pass(10 * time.Minute)
			w.send(x, doubts{})
		},
		"ordered, for a past time":     func(w *world) { w.send(w.order("d1", -time.Hour, 2), doubts{}) },
		"allowed":                      func(w *world) { w.send(w.ready(), doubts{}) },
		"allowed without a date":       func(w *world) { w.send(w.ready(), doubts{dateless: true, bar: NoTime}) },
		"allowed, two days on its way": func(w *world) { x := w.ready(); w.pass(48 * time.Hour); w.send(x, doubts{}) },
		"allowed, overtaken":           func(w *world) { x := w.ready(); w.send(w.announce("d2", w.clock()), doubts{}); w.send(x, doubts{}) },
		"all that was said again": func(w *world) {
			for _, x := range slices.Clone(w.words) {
				w.send(x, doubts{})
			}
		},
		"the last word again": func(w *world) {
			if n := len(w.words); n > 0 {
				w.send(w.words[n-1], doubts{})
			}
		},
		"a word that is never sent": func(w *world) { w.ready() },
		"frost":                     func(w *world) { w.send(w.frost(5*time.Hour), doubts{}) },
		"frost while the records are held": func(w *world) {
			w.send(w.frost(5*time.Hour), doubts{held: true})
		},
		"a person at risk, as the utility says": func(w *world) {
			w.send(w.ruled(faces{risk: w.day(3)}, 90*24*time.Hour, 2), doubts{})
		},
		"rules for an hour":           func(w *world) { w.send(w.ruled(faces{frost: true}, time.Hour, 2), doubts{}) },
		"rules by one":                func(w *world) { w.send(w.ruled(faces{}, 90*24*time.Hour, 1), doubts{}) },
		"a holiday, by signed rules":  func(w *world) { w.send(w.ruled(faces{holiday: w.day(1)}, 90*24*time.Hour, 2), doubts{}) },
		"a longer notice":             func(w *world) { w.send(w.ruled(faces{notice: 4 * 24 * time.Hour}, 90*24*time.Hour, 2), doubts{}) },
		"new keys":                    func(w *world) { w.rotate() },
		"a person at risk moves in":   func(w *world) { w.configure(func(m *model) { m.own.risk = w.day(2) }) },
		"a person at risk moves out":  func(w *world) { w.configure(func(m *model) { m.own.risk = "" }) },
		"messages are heard no more":  func(w *world) { w.configure(func(m *model) { m.hears = false }) },
		"messages are heard":          func(w *world) { w.configure(func(m *model) { m.hears = true }) },
		"no disconnection is allowed": func(w *world) { w.configure(func(m *model) { m.may = false }) },
		"a disconnection is allowed":  func(w *world) { w.configure(func(m *model) { m.may = true }) },
	}
}

// states are those that a disconnection can be in, by how one comes there.
func states() map[string][]string {
	return map[string][]string{
		"nothing":                   {},
		"announced":                 {"announced"},
		"announced and due":         {"announced", "a day"},
		"announced, and taken back": {"announced", "a day", "allowed"},
		"off":                       {"announced", "ordered when it is due"},
		"off, another announced":    {"announced", "ordered when it is due", "another announced"},
		"off, ordered anew":         {"announced", "ordered when it is due", "a second", "ordered"},
		"off, a ready under way":    {"announced", "ordered when it is due", "a word that is never sent"},
		"off, with signed rules":    {"announced", "ordered when it is due", "a longer notice"},
		"ended":                     {"announced", "ordered when it is due", "allowed"},
		"ended by frost":            {"announced", "ordered when it is due", "frost"},
		"rules that are over":       {"rules for an hour", "announced", "a day"},
	}
}

// TestEveryStateAndEveryEventAreAsTheDocumentSays walks every state of a disconnection through
// every event, and every event after that: the site is off where the model says so, and
// nowhere else.
func TestEveryStateAndEveryEventAreAsTheDocumentSays(t *testing.T) {
	all := moves()
	names := slices.Sorted(maps.Keys(all))
	cuts, ends := 0, 0
	for state, way := range states() {
		base := newWorld(t)
		for _, m := range way {
			all[m](base)
		}
		if off := base.m.off != nil; off != (state[:3] == "off") {
			t.Fatalf("%s: off: %v", state, off)
		}
		for _, first := range names {
			one := base.with(t)
			all[first](one)
			if testing.Short() {
				continue
			}
			for _, second := range names {
				two := one.with(t)
				was := two.m.off
				all[second](two)
				switch is := two.m.off; {
				case was == nil && is != nil:
					cuts++
				case was != nil && is == nil:
					ends++
				}
			}
		}
	}
	if cuts < 20 || ends < 200 {
		t.Errorf("%d disconnections and %d ends: the walk goes nowhere", cuts, ends)
	}
}

// TestAnyWayOfEventsIsAsTheDocumentSays goes longer ways by chance.
func TestAnyWayOfEventsIsAsTheDocumentSays(t *testing.T) {
	all := moves()
	names := slices.Sorted(maps.Keys(all))
	start := newWorld(t)
	cuts := 0
	rapid.Check(t, func(rt *rapid.T) {
		w := start.with(rt)
		for range rapid.IntRange(1, 40).Draw(rt, "steps") {
			move := rapid.OneOf(rapid.SampledFrom(names), rapid.SampledFrom([]string{"announced", "ordered when it is due", "another announced", "another ordered", "a second"})).Draw(rt, "what")
			w.log = append(w.log, "-- "+move)
			all[move](w)
			if rapid.IntRange(0, 7).Draw(rt, "withheld") == 0 && len(w.words) > 0 {
				w.send(rapid.SampledFrom(w.words).Draw(rt, "handed on"), doubts{})
			}
		}
		cuts += w.cuts
	})
	if cuts == 0 && !t.Failed() {
		t.Error("nobody was ever disconnected")
	}
}
