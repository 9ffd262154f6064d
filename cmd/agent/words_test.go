package main

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/credit/openpaygo"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

var update = flag.Bool("update", false, "write the golden files anew; read them through after")

// home is a whole agent in front of a simulated house, whose time a test moves
// by hand: store, loop, plant, page and all.
type home struct {
	*testing.T
	cfg  config.Config
	s    *service.Service
	url  string
	end  func()
	out  strings.Builder
	seen int64         // the last event told
	step time.Duration // between two readings
	last string        // what was answered
	mqtt *quietBus
	made int    // tokens
	file string // of the configuration; "" none
	// err is what the meter says instead of a reading; nil: it reads.
	err error
	// wall: the clock is one that may be wrong, and shows the house's time and shift.
	wall  bool
	shift time.Duration
}

// aHome opens a home by the lines of a configuration that it is to have.
func aHome(t *testing.T, lines string) *home {
	t.Helper()
	text := "site: {id: words, name: Home, meter: \"1\", zone: Africa/Johannesburg, symbol: R, limit: 8 kW}\nmeter: {driver: house}\n" +
		"simulation: {step: 1m, seed: 3, per_day: 8 kWh, start: 2026-11-02T04:00:00Z}\nschedule: {plan: \"0 * * * *\"}\nplan: {slot: 30m, time: 50ms, run_out: 96h}\n" +
		"web: {listen: \"127.0.0.1:0\", reading: open}\n" + lines
	for _, part := range [][2]string{
		{"tariff", wordsTariff},
		{"supply", "supply: {switch: {driver: house}}\n"},
		{"loads", wordsLoads},
		{"credit", "credit: {opening: 60}\n"},
		{"tokens", "tokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money, value_divider: 100, extended: true}}\n"},
	} {
		if !strings.Contains("\n"+text, "\n"+part[0]+":") {
			text += part[1]
		}
	}
	cfg, faults := config.Parse([]byte(text), ".", config.Secrets{Getenv: func(string) string { return demoKey }, ReadFile: os.ReadFile}, drivers.All())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	cfg.Data = t.TempDir()
	h := &home{T: t, cfg: cfg, step: time.Minute, mqtt: &quietBus{topics: broker.NewTopics("words")}}
	h.start()
	t.Cleanup(func() { h.end() })
	return h
}

// start assembles the agent on what is stored and lets its loop run.
func (h *home) start() {
	h.Helper()
	s, err := service.New(h.Context(), h.cfg, service.Options{Log: slog.New(slog.DiscardHandler), Version: version, Open: true, File: h.file})
	if err != nil {
		h.Fatal(err)
	}
	h.s = s
	s.Site().Wall = h.wall
	ctx, stop := context.WithCancel(context.WithoutCancel(h.Context()))
	done := make(chan error, 1)
	go func() { done <- s.Loop().Run(ctx) }()
	if err := s.Talk().Listen(h.mqtt, slog.New(slog.DiscardHandler)); err != nil {
		h.Fatal(err)
	}
	server := httptest.NewServer(s.Page().Handler())
	h.url = server.URL
	h.end = func() {
		server.Close()
		stop()
		if err := errors.Join(<-done, s.Close()); err != nil {
			h.Error(err)
		}
		h.end = func() {}
	}
}

// order carries out an operator's orders while the agent is stopped, and changes
// what no order changes.
func (h *home) order(change func(*control.State), orders ...control.Order) {
	h.Helper()
	now := h.s.Plant().Now()
	h.end()
	st, err := store.Open(h.Context(), h.cfg.Data, store.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.Fatal(err)
	}
	state, _, err := journal.Resume(h.Context(), st)
	if err != nil {
		h.Fatal(err)
	}
	if state, err = h.s.Site().Resume(state); err != nil {
		h.Fatal(err)
	}
	var effects control.Effects
	for _, o := range orders {
		var eff control.Effects
		if state, eff, err = h.s.Site().Carry(state, now, o); err != nil {
			h.Fatal(err)
		}
		effects.Entries = append(effects.Entries, eff.Entries...)
	}
	if change != nil {
		change(&state)
	}
	if err := journal.New(st, nil, false, present.NewWords().Plain(h.s.Site())).Commit(h.Context(), control.Batch{State: state, Effects: effects, Unstored: 1}); err != nil {
		h.Fatal(err)
	}
	if err := st.Close(); err != nil {
		h.Fatal(err)
	}
	h.start()
	h.feed(control.Input{})
}

// balance moves the available credit to where a situation begins.
func (h *home) balance(to units.Money) {
	h.Helper()
	h.order(nil, control.Adjust(credit.Adjustment, to-h.s.Loop().Snapshot().State.Credit.Available(), "the situation begins here"))
}

const wordsTariff = `tariff:
  document:
    name: Words
    currency: ZAR
    zone: Africa/Johannesburg
    current: example
    calendar:
      periods:
        - {name: night, times: [{from: "22:00", to: "06:00"}]}
        - {name: day}
    versions:
      - name: 2026/27
        energy:
          - {name: night energy, periods: [night], price: 1}
          - {name: day energy, periods: [day], price: 3}
          - {name: blocks, steps: [{to: 40 kWh, price: 0}, {price: 1}]}
        charges:
          - {name: service, amount: 2, due: day}
        taxes:
          - {name: VAT, rate: 15 %}
`

const wordsLoads = `loads:
  - {id: geyser, name: Geyser, power: 3 kW, need: {for: 2h}, min_on: 10m, min_off: 15m, priority: 2, switch: {driver: house}}
  - {id: washer, name: Washing, kind: cycle, power: 600 W, cycle: 1h30m, need: {runs: 1, between: ["08:00-21:00"]}, priority: 3, switch: {driver: house}}
`

// feed gives the loop an input at the house's own time.
func (h *home) feed(in control.Input) control.Reply {
	h.Helper()
	in.Now = h.s.Plant().Now().Add(h.shift)
	reply, err := h.s.Loop().Feed(h.Context(), in)
	if err != nil {
		h.Fatal(err)
	}
	return reply
}

// pass lets time go by, a reading a step.
func (h *home) pass(d time.Duration) {
	h.Helper()
	for end := h.s.Plant().Now().Add(d); h.s.Plant().Now().Before(end); {
		r := h.s.Plant().Advance(h.s.Plant().Now().Add(min(h.step, end.Sub(h.s.Plant().Now()))))
		if h.err != nil {
			r = metering.Reading{Err: h.err}
		}
		if h.shift != 0 {
			r.Sample.At = r.Sample.At.Add(h.shift)
		}
		h.feed(control.Input{What: control.Reading(r)})
	}
}

// until lets time go by until the clock shows at, on this or the next day, with
// a reading every quarter of an hour.
func (h *home) until(clock string) {
	h.Helper()
	h.step = 15 * time.Minute
	defer func() { h.step = time.Minute }()
	at, err := time.Parse("15:04", clock)
	if err != nil {
		h.Fatal(err)
	}
	now := h.s.Plant().Now().In(h.s.Site().Zone)
	to := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), 0, 0, h.s.Site().Zone)
	if !to.After(now) {
		to = to.AddDate(0, 0, 1)
	}
	h.pass(to.Sub(now))
}

func (h *home) request(kind control.RequestKind, load string) control.Reply {
	h.Helper()
	return h.feed(control.Input{What: control.Request{Kind: kind, Load: load, By: "page"}})
}

func (h *home) token(m units.Money) string {
	h.Helper()
	h.made += 2
	key, err := hex.DecodeString(demoKey)
	if err != nil {
		h.Fatal(err)
	}
	text, err := openpaygo.Encode(openpaygo.Key(key), 516959010, h.made, int(m/(units.One/100)), openpaygo.Form{Extended: true})
	if err != nil {
		h.Fatal(err)
	}
	return text
}

// press posts a form of the page and keeps the answer.
func (h *home) press(path string, form ...string) {
	h.Helper()
	body := strings.Join(form, "&")
	r, err := http.NewRequestWithContext(h.Context(), http.MethodPost, h.url+path, strings.NewReader(body))
	if err != nil {
		h.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("HX-Request", "true")
	h.last = h.call(r)
	if i := strings.Index(h.last, `<div id="r-`); i >= 0 {
		h.last = h.last[:i]
	}
}

func (h *home) call(r *http.Request) string {
	h.Helper()
	a, err := http.DefaultClient.Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		h.Fatal(err)
	}
	return string(text)
}

// tell writes down what every surface says.
func (h *home) tell(situation string) {
	h.Helper()
	h.feed(control.Input{})
	st := h.s.Loop().Snapshot().State
	fmt.Fprintf(&h.out, "== %s\n", situation)
	fmt.Fprintf(&h.out, "   (%s, credit %s)\n", st.Now.In(h.s.Site().Zone).Format("Mon 2 Jan 15:04"), st.Credit.Available().Decimal(2))
	if h.last != "" {
		h.lines("answer", plainText(h.last))
		h.last = ""
	}
	r, err := http.NewRequestWithContext(h.Context(), http.MethodGet, h.url+"/", nil)
	if err != nil {
		h.Fatal(err)
	}
	page := h.call(r)
	for _, region := range []string{"chip", "supply", "emergency", "alerts", "hero", "plan"} {
		h.lines("page "+region, plainText(regionOf(page, region)))
	}
	for _, l := range h.s.Site().Loads {
		var all []string
		for _, region := range []string{"load-", "why-", "loadmore-"} {
			all = append(all, plainText(regionOf(page, region+l.ID))...)
		}
		h.lines("page "+l.ID, all)
	}
	h.lines("status", h.status())
	h.publish()
	for _, m := range h.mqtt.words(h) {
		h.lines("mqtt "+m[0], []string{m[1]})
	}
	p := panel.Keys{Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), Show: func(a, b string) { h.lines("keypad B", []string{a + " | " + b}) }}
	p.Pressed(h.Context(), keypad.Event{Kind: keypad.Balance})
	// What a person does is stored at once, and what happened before it, where it can be.
	_, _ = h.s.Loop().Feed(h.Context(), control.Input{Now: h.s.Plant().Now().Add(h.shift), What: control.Request{Kind: control.Acknowledge, By: "page"}})
	events, err := h.s.Records().LastEvents(h.Context(), 0, 200)
	if err != nil {
		h.Fatal(err)
	}
	slices.Reverse(events)
	for _, e := range events {
		if e.ID > h.seen && e.Code != "meter_gap" { // the readings of a test come seldom
			h.seen = e.ID
			h.lines("log", []string{e.Severity + " " + e.Code + ": " + e.Text})
		}
	}
	h.out.WriteString("\n")
}

// noRecords has the records' disk refuse what is written, until well is called.
func (h *home) noRecords() (well func()) {
	h.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.cfg.Data, "keeplit.db"))
	if err != nil {
		h.Fatal(err)
	}
	do := func(text string) {
		h.Helper()
		if _, err := db.ExecContext(h.Context(), text); err != nil {
			h.Fatal(err)
		}
	}
	do(`CREATE TRIGGER refuses BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'the disk does not take it'); END`)
	do(`CREATE TRIGGER refuses2 BEFORE INSERT ON checkpoint BEGIN SELECT RAISE(ABORT, 'the disk does not take it'); END`)
	return func() {
		do(`DROP TRIGGER refuses`)
		do(`DROP TRIGGER refuses2`)
		if err := db.Close(); err != nil {
			h.Fatal(err)
		}
	}
}

func (h *home) lines(surface string, lines []string) {
	for _, l := range lines {
		fmt.Fprintf(&h.out, "%-14s %s\n", surface, strings.NewReplacer(h.cfg.Data, "DATA", present.NoBreak, " ", present.Narrow, " ", "\u2060", "").Replace(l))
		surface = ""
	}
}

var unneeded = regexp.MustCompile(`^(site|to last|power|counted|price|warning|) `)

// status is what "agent status" prints of the same agent, without what is not about words.
func (h *home) status() []string {
	h.Helper()
	var out, fault bytes.Buffer
	err := statusCmd{client: client{URL: h.url}}.Run(&env{Ctx: h.Context(), Stdout: &out, Stderr: &fault, Getenv: func(string) string { return "" }})
	if err != nil {
		h.Fatal(err, fault.String())
	}
	words, _, _ := strings.Cut(out.String(), "\n\n") // below it is the chart
	var lines []string
	for _, l := range strings.Split(strings.TrimSpace(words), "\n") {
		if !unneeded.MatchString(l) {
			lines = append(lines, l)
		}
	}
	return lines
}

// regionOf is the HTML of a live part of the page.
func regionOf(page, id string) string {
	_, rest, ok := strings.Cut(page, `<div id="r-`+id+`"`)
	if !ok {
		return ""
	}
	_, rest, _ = strings.Cut(rest, ">")
	depth := 1
	for at := 0; at < len(rest); at++ {
		switch {
		case strings.HasPrefix(rest[at:], "<div"):
			depth++
		case strings.HasPrefix(rest[at:], "</div>"):
			if depth--; depth == 0 {
				return rest[:at]
			}
		}
	}
	return rest
}

var (
	noText = regexp.MustCompile(`(?s)<svg.*?</svg>|<ul class="legend">.*?</ul>|<progress.*?</progress>|<form.*?</form>`)
	inline = regexp.MustCompile(`</?(b|span|time|a|i|dt|dd|strong)\b[^>]*>`)
	anyTag = regexp.MustCompile(`<[^>]*>`)
)

// plainText is the lines that a reader sees.
func plainText(page string) []string {
	page = noText.ReplaceAllString(page, "")
	page = strings.ReplaceAll(page, "</dt>", ": ")
	page = anyTag.ReplaceAllString(inline.ReplaceAllString(page, ""), "\n")
	var out []string
	for _, l := range strings.Split(html.UnescapeString(page), "\n") {
		if l = strings.Join(strings.FieldsFunc(l, func(r rune) bool { return r == ' ' || r == '\t' }), " "); l != "" && l != "Close this message" {
			out = append(out, l)
		}
	}
	return out
}

// quietBus takes what the agent says over MQTT.
type quietBus struct {
	topics broker.Topics
	token  func(context.Context, broker.Message) error
	mu     sync.Mutex
	said   map[string]string
	last   string // the topic that comes last
	full   func() // called when it has come
}

func (b *quietBus) Topics() broker.Topics { return b.topics }

func (b *quietBus) Connects() int64 { return 1 }

func (b *quietBus) Publish(_ context.Context, topic string, _ byte, _ bool, payload []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.said == nil {
		b.said = map[string]string{}
	}
	b.said[topic] = string(payload)
	if topic == b.last && b.full != nil {
		b.full()
	}
	return nil
}

func (b *quietBus) SubscribeAck(filter string, on func(context.Context, broker.Message) error) (func(), error) {
	if filter == b.topics.Token() {
		b.token = on
	}
	return func() {}, nil
}

func (b *quietBus) SubscribeOrder(string, func(context.Context, broker.Message) error) (func(), error) {
	return func() {}, nil
}

func (b *quietBus) SubscribeState(string, func(context.Context, broker.Message, bool) error) (func(), error) {
	return func() {}, nil
}

func (b *quietBus) SubscribeKept(string, func(context.Context, broker.Message, bool) error) (func(), error) {
	return func() {}, nil
}

// publish has the agent say all its states once.
func (h *home) publish() {
	h.Helper()
	ctx, stop := context.WithCancel(h.Context())
	h.mqtt.last, h.mqtt.full = h.mqtt.topics.State(), stop
	if n := len(h.s.Site().Loads); n > 0 {
		h.mqtt.last = h.mqtt.topics.LoadState(h.s.Site().Loads[n-1].ID)
	}
	done := make(chan error, 1)
	go func() { done <- h.s.Talk().Publish(ctx, h.mqtt) }()
	for ctx.Err() == nil {
		h.feed(control.Input{}) // a sign of life that it waits for
	}
	if err := <-done; err != nil {
		h.Fatal(err)
	}
}

// byMQTT enters a token over MQTT and keeps the words of the answer.
func (h *home) byMQTT(token string) {
	h.Helper()
	if err := h.mqtt.token(h.Context(), broker.Message{Topic: h.mqtt.topics.Token(), Payload: []byte(token)}); err != nil {
		h.Fatal(err)
	}
	var v struct{ Result, Text, Supply, Pay string }
	if err := json.Unmarshal([]byte(h.mqtt.said[h.mqtt.topics.TokenResult()]), &v); err != nil {
		h.Fatal(err)
	}
	h.last += fmt.Sprintf("<p>mqtt: %s: %s (supply %s, pay %q)</p>", v.Result, v.Text, v.Supply, v.Pay)
}

// words is the words among the states said.
func (b *quietBus) words(h *home) (out [][2]string) {
	h.Helper()
	read := func(topic string, into any) {
		h.Helper()
		if err := json.Unmarshal([]byte(b.said[topic]), into); err != nil {
			h.Fatal(topic, err)
		}
	}
	var state struct{ Supply, Why, Pay string }
	read(b.topics.State(), &state)
	text := state.Supply + ": " + state.Why
	if state.Pay != "" {
		text += " (pay " + state.Pay + ")"
	}
	out = append(out, [2]string{"state", text})
	var warnings []struct{ Code, Title, Cause, Remedy string }
	read(b.topics.Warnings(), &warnings)
	for _, w := range warnings {
		out = append(out, [2]string{"warning", fmt.Sprintf("%s: %s. %s %s", w.Code, w.Title, w.Cause, w.Remedy)})
	}
	for _, l := range h.s.Site().Loads {
		var v struct {
			On                   bool
			State, Why, Override string
		}
		read(b.topics.LoadState(l.ID), &v)
		out = append(out, [2]string{l.ID, strings.TrimSpace(fmt.Sprintf("%s on=%v %s", v.State, v.On, v.Override)) + ": " + v.Why})
	}
	return out
}
