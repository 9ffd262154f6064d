package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/house"
	"github.com/keeplit/keeplit/cmd/agent/internal/panel"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit/keypad"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// TestEverySentenceIsTrue walks through the states that a home can be in and
// writes down what the page, the command line, MQTT, the keypad and the log say
// in each.  testdata/words holds it for a person to read: after -update, read
// every line and ask whether it is true of its situation.
func TestEverySentenceIsTrue(t *testing.T) {
	t.Parallel()
	for _, c := range situations() {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := aHome(t, c.home)
			c.story(h)
			name := filepath.Join("testdata", "words", strings.ReplaceAll(c.name, " ", "_")+".golden")
			if *update {
				if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(name, []byte(h.out.String()), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			if got := h.out.String(); got != string(want) {
				t.Errorf("what is said has changed; run with -update and read %s:\n%s", name, firstDifference(got, string(want)))
			}
		})
	}
}

func firstDifference(got, want string) string {
	g, w := strings.Split(got, "\n"), strings.Split(want, "\n")
	situation := ""
	for i := range g {
		if strings.HasPrefix(g[i], "==") {
			situation = g[i]
		}
		if i >= len(w) || g[i] != w[i] {
			was := "(nothing)"
			if i < len(w) {
				was = w[i]
			}
			return situation + "\n is  " + g[i] + "\n was " + was
		}
	}
	return "it ends too early"
}

type situation struct {
	name  string
	home  string // lines of its configuration
	story func(h *home)
}

const one = units.One

// enter enters a token by the page, and the same one by the keypad's and MQTT's
// way of saying what became of it.
func (h *home) enter(token string) {
	h.Helper()
	h.press("/topup", "token="+token)
}

// type enters a token at the keypad and keeps what the display shows.
func (h *home) typed(token string) {
	h.Helper()
	p := panel.Keys{Loop: h.s.Loop(), Credit: h.s.Site().Credit, Words: present.NewWords().Keypad(h.s.Site()), Show: func(a, b string) { h.last += "<p>keypad: " + a + " | " + b + "</p>" }}
	p.Pressed(h.Context(), keypad.Event{Kind: keypad.Enter, Token: token})
}

// set is a person at an appliance.
func (h *home) set(id, text string) {
	h.Helper()
	to, err := loads.ParseSetpoint(text)
	if err != nil {
		h.Fatal(err)
	}
	sw, ok := h.s.Plant().Switch(id)
	if !ok {
		h.Fatalf("no appliance %q", id)
	}
	if err := sw.Set(h.Context(), to); err != nil {
		h.Fatal(err)
	}
}

func situations() []situation {
	return []situation{
		{"an ordinary day", "", func(h *home) {
			h.tell("the first moment: nothing has been read")
			h.pass(2 * time.Minute)
			h.tell("credit for a day or two, the geyser waits for the night")
			h.press("/loads/geyser/run")
			h.tell("run now, while it has to rest")
			h.pass(20 * time.Minute)
			h.tell("it runs because somebody asked")
			h.press("/loads/geyser/skip")
			h.tell("skipped while it runs")
			h.pass(5 * time.Minute)
			h.tell("a little after the skip")
			h.press("/loads/geyser/run")
			h.tell("run again at once")
			h.press("/loads/geyser/auto")
			h.until("23:30")
			h.tell("in the night")
		}},
		{"a programme", "credit: {opening: 400}\n", func(h *home) {
			h.until("08:00")
			h.press("/loads/washer/run")
			h.pass(time.Minute)
			h.tell("the washer runs by hand")
			h.pass(100 * time.Minute)
			h.tell("its programme is over")
			h.until("22:45")
			h.tell("the geyser runs as planned")
			if err := h.s.Plant().Break("geyser", house.Offline); err != nil {
				h.Fatal(err)
			}
			h.pass(20 * time.Minute)
			h.tell("its plug is out of the wall")
			if err := h.s.Plant().Break("geyser", house.Sound); err != nil {
				h.Fatal(err)
			}
			h.until("02:00")
			h.tell("the geyser has all it needs")
		}},
		{"the credit ends", "credit: {opening: 20, warn_at: [10], restore_above: 5, debt: {share_percent: 20}}\ntokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money, value_divider: 100, extended: true}}\n" +
			strings.Replace(wordsTariff, "{name: service, amount: 2, due: day}", "{name: service, amount: 2, due: day}\n          - {name: network, amount: 80, due: first_purchase}", 1), func(h *home) {
			h.pass(2 * time.Minute)
			h.tell("credit is short: what is needed waits for more")
			h.balance(6 * one)
			h.pass(2 * time.Minute)
			h.tell("credit is low")
			h.order(nil, control.Owe("old bill", 100*one, true, "agreed"), control.Owe("reconnection", 30*one, false, "agreed"))
			h.balance(-one / 2)
			h.pass(2 * time.Minute)
			h.tell("no credit: the supply is off, with debts and a charge taken at purchase")
			h.press("/loads/geyser/run")
			h.tell("run now while the supply is off")
			h.press("/supply/reconnect")
			h.tell("reconnect while it is not ready")
			h.enter("123456789012")
			h.tell("a wrong token")
			h.enter("12345")
			h.tell("a token with digits missing")
			h.enter(h.token(50 * one))
			h.tell("a token that is too small: still dark")
			st := h.s.Loop().Snapshot().State
			short := h.s.Site().ForLight(&st).Amount
			h.typed(h.token(short - one/100))
			h.tell("one cent less than is asked for, at the keypad: still dark")
			h.byMQTT(h.token(one / 100))
			h.tell("another cent over MQTT: the debts take their part, still dark")
			st = h.s.Loop().Snapshot().State
			h.enter(h.token(h.s.Site().ForLight(&st).Amount))
			h.tell("exactly what is asked for: light again")
			h.pass(30 * time.Minute)
			h.tell("half an hour later")
		}},
		{"protected hours", "credit: {opening: 1, emergency: {amount: 5, offer_below: 0}, friendly_hours: {windows: [{days: [mon], from: \"06:00\", to: \"12:00\"}]}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.balance(-2 * one)
			h.pass(2 * time.Minute)
			h.tell("no credit within protected hours, emergency credit on offer")
			h.balance(-7 * one)
			h.pass(2 * time.Minute)
			h.tell("more is owed than emergency credit would give")
			h.until("12:15")
			h.tell("the protected hours are over")
		}},
		{"emergency credit", "credit: {opening: 2, restore: armed, emergency: {amount: 20, offer_below: 10}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.tell("it is offered while there is credit")
			h.press("/emergency/accept")
			h.tell("it is taken, and own credit is left")
			h.press("/emergency/accept")
			h.tell("accepted twice")
			h.balance(-8 * one)
			h.pass(2 * time.Minute)
			h.tell("eight of it are used")
			h.balance(-20 * one)
			h.pass(2 * time.Minute)
			h.tell("it is spent: the supply is off")
			h.enter(h.token(30 * one))
			h.tell("topped up: the supply is armed")
			h.press("/supply/reconnect")
			h.pass(time.Minute)
			h.tell("switched on by the householder")
		}},
		{"no supply switch", "supply: {switch: {driver: none}}\ncredit: {opening: 20}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.tell("credit is there")
			h.balance(-3 * one)
			h.pass(2 * time.Minute)
			h.tell("the credit is spent, nothing is switched")
			h.enter(h.token(2 * one))
			h.tell("a top-up that does not pay what is owed")
			h.enter(h.token(50 * one))
			h.tell("a top-up that does")
		}},
		{"off for other causes", "credit: {opening: 50}\nsupply: {switch: {driver: house}, limit: {limit: 4 kW}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.request(control.SupplyOff, "")
			h.pass(2 * time.Minute)
			h.tell("the customer switched it off")
			h.enter(h.token(20 * one))
			h.tell("a top-up while the customer has it off")
			h.balance(-one)
			h.pass(time.Minute)
			h.tell("off by the customer, and the credit is spent as well")
			h.balance(30 * one)
			h.request(control.SupplyOn, "")
			h.pass(2 * time.Minute)
			h.tell("on again")
			h.order(func(st *control.State) {
				st.Supply.Limit.Off, st.Supply.Limit.Trip, st.Supply.Limit.Last = time.Minute, 3, h.s.Plant().Now()
			})
			h.pass(2 * time.Minute)
			h.tell("too much power was drawn")
			h.pass(15 * time.Minute)
			h.tell("it came back by itself")
			if err := h.s.Plant().Break(loads.SupplyID, house.Stuck); err != nil {
				h.Fatal(err)
			}
			h.request(control.SupplyOff, "")
			h.pass(5 * time.Minute)
			h.tell("told to open, and welded")
			if err := h.s.Plant().Break(loads.SupplyID, house.Offline); err != nil {
				h.Fatal(err)
			}
			h.pass(15 * time.Minute)
			h.tell("the supply switch does not answer")
		}},
		{"a utility disconnects", "credit: {opening: 50}\nmqtt: {url: \"mqtt://127.0.0.1:1\"}\npolicy: {issuer: utility.example, roots: [" + strings.Repeat("A", 43) + "], streams: [supply, message], disconnect: {protected: {alerts: [FREEZING]}}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			of := policy.Ref{Issuer: "utility.example", Audience: "site:words", Stream: policy.Supply, Epoch: 1, Seq: 1, ID: "supply-1-1"}
			from := h.s.Plant().Now()
			h.order(func(st *control.State) {
				st.Policy.Supply.Notice = &policy.Notice{ID: "debt-7", Of: of, Why: "unpaid since March", From: from.Add(time.Hour), Heard: from}
			})
			h.pass(2 * time.Minute)
			h.tell("it is announced")
			h.order(func(st *control.State) {
				st.Policy.Supply.Off = &policy.CutOff{ID: "debt-7", Of: of, Why: "unpaid since March", Since: from, Until: from.Add(3 * time.Hour)}
			})
			h.pass(2 * time.Minute)
			h.tell("it is off")
			h.balance(-one)
			h.pass(2 * time.Minute)
			h.tell("and the credit is spent")
			h.enter(h.token(20 * one))
			h.tell("a top-up meanwhile")
			h.pass(4 * time.Hour)
			h.tell("its time is over: somebody must switch it on")
			h.press("/supply/reconnect")
			h.pass(time.Minute)
			h.tell("on again")
		}},
		{"tamper", "supply: {switch: {driver: house}, tamper: cut}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.order(func(st *control.State) { st.Credit.Tampered = true })
			h.pass(2 * time.Minute)
			h.tell("tampering was reported and cuts")
			h.order(func(st *control.State) { st.Credit.Tampered = false })
			h.pass(2 * time.Minute)
			h.tell("it was cleared: ready")
		}},
		{"the meter", "credit: {opening: 100}\n", func(h *home) {
			h.err = metering.Fail(metering.Offline, "open /dev/ttyUSB0", "check the cable and the adapter", "no such file or directory")
			h.pass(10 * time.Minute)
			h.tell("never plugged in")
			h.err = nil
			h.pass(2 * time.Minute)
			h.tell("plugged in")
			h.err = metering.Fail(metering.Offline, "read input registers 0x0048", "check the cable and the adapter", "read /dev/ttyUSB0: input/output error")
			h.pass(10 * time.Minute)
			h.tell("unplugged")
			h.err = metering.Fail(metering.Silent, "read input registers 0x0048", "check the address, the speed, and that A and B are not swapped", "i/o timeout")
			h.pass(2 * time.Minute)
			h.tell("it does not answer")
			h.err = nil
			h.pass(time.Minute)
			h.err = metering.Fail(metering.Checksum, "read input registers 0x0048", "check the wiring, the speed and that the line is terminated", "crc 0x1234, want 0x4321")
			h.pass(time.Minute)
			h.tell("it answers with wrong check sums")
		}},
		{"the meter beside ours", "credit: {opening: 300}\n", func(h *home) {
			h.pass(10 * time.Minute)
			h.press("/meter/readings", "shown=4210.3")
			h.tell("it was read for the first time")
			h.pass(5 * time.Hour)
			h.press("/meter/readings", "shown=421.9")
			h.tell("a digit was forgotten")
			h.press("/meter/readings", "shown=4230.9")
			h.tell("a digit was wrong")
			h.press("/meter/readings", "shown=4230.9", "sure=1")
			h.tell("it was looked at twice")
			h.press("/meter/readings/2/withdraw")
			h.tell("it was wrong all the same")
			h.press("/meter/readings", "shown=4211.3", "at=2026-11-02+08:00")
			h.press("/meter/readings", "shown=4212.6")
			h.tell("one of some hours ago, and one of now")
		}},
		{"tokens", "credit: {opening: 10, maximum_balance: 100}\ntokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: money, value_divider: 100, extended: true}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.enter(h.token(95 * one))
			h.tell("a true token that the account cannot hold")
			again := h.token(20 * one)
			h.enter(again)
			h.tell("a good token")
			h.enter(again)
			h.tell("the same again")
			for range 3 {
				h.last = ""
				h.enter("123456789012")
			}
			h.tell("the third wrong one")
			h.enter(h.token(5 * one))
			h.tell("a good one while entry is locked")
		}},
		{"paid off", "credit: {opening: 1}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.order(func(st *control.State) { st.Credit.Unlocked = true })
			h.balance(-4 * one)
			h.pass(time.Hour)
			h.tell("paid off, and nothing on the account")
		}},
		{"held back", "credit: {opening: 300}\nsupply: {switch: {driver: house}, shed: [{below: 50, priority: 3}]}\n", func(h *home) {
			h.until("10:00")
			h.balance(40 * one)
			h.pass(2 * time.Minute)
			h.tell("the washer is held back for want of credit")
			h.press("/loads/washer/run")
			h.pass(time.Minute)
			h.tell("run all the same")
			h.order(func(st *control.State) {
				st.Shed.IDs, st.Shed.Until = []string{"geyser"}, h.s.Plant().Now().Add(5*time.Minute)
			})
			h.tell("the geyser is held back: the site drew too much")
		}},
		{"not together", "credit: {opening: 400}\nloads:\n  - {id: oven, name: Oven, power: 2 kW, not_with: [kettle], switch: {driver: house}}\n  - {id: kettle, name: Kettle, power: 1 kW, class: can_wait, switch: {driver: house}}\n", func(h *home) {
			h.pass(5 * time.Minute)
			h.press("/loads/kettle/run")
			h.pass(time.Minute)
			h.press("/loads/oven/run")
			h.pass(time.Minute)
			h.tell("the oven waits for the kettle")
			h.press("/loads/kettle/skip")
			h.pass(3 * time.Minute)
			h.tell("and runs when that is off")
		}},
		{"a car", "credit: {opening: 400}\nloads:\n  - {id: car, name: Car, kind: power, power: {min: 6 A, max: 32 A, step: 1 A}, need: {energy: 20 kWh, between: [\"18:00-07:00\"]}, switch: {driver: house}}\n", func(h *home) {
			h.until("20:00")
			h.tell("the car waits for the night")
			h.until("01:20")
			h.tell("it charges as planned, at what it was told")
			h.order(func(st *control.State) {
				st.Shed.Bounds, st.Shed.Until = []control.Bound{{ID: "car", Power: 1840 * units.Watt}}, h.s.Plant().Now().Add(5*time.Minute)
			})
			h.pass(time.Minute)
			h.tell("it is held to less: the site drew too much")
			h.pass(10 * time.Minute)
			h.set("car", "on 2300 W")
			h.pass(2 * time.Minute)
			h.tell("somebody turned it down at the charger")
			h.set("car", "off")
			h.pass(2 * time.Minute)
			h.tell("somebody switched it off at the charger")
			h.press("/loads/car/auto")
			h.pass(3 * time.Minute)
			h.tell("back to the plan")
			h.press("/loads/car/run")
			h.pass(5 * time.Minute)
			h.tell("run now")
			h.until("07:30")
			h.tell("in the morning it has what it needs")
		}},
		{"an account in kWh", "credit: {mode: kwh, opening: 12, restore_above: 1}\ntokens: {openpaygo: {key: {env: K}, starting_code: 516959010, unit: kwh, value_divider: 10, extended: true}}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.tell("credit is there")
			h.balance(-one / 4)
			h.pass(2 * time.Minute)
			h.tell("no credit")
			h.enter(h.token(one / 100))
			h.tell("a token of a tenth of what is needed")
			st := h.s.Loop().Snapshot().State
			h.enter(h.token(h.s.Site().ForLight(&st).Amount / 10))
			h.tell("exactly what is asked for")
		}},
		{"records that do not agree", "", func(h *home) {
			h.pass(2 * time.Minute)
			h.order(func(st *control.State) { st.Credit.Balance += 900 * one })
			h.tell("nine hundred more than the ledger says")
			h.press("/loads/geyser/run")
			h.tell("run now, which is not done")
			h.enter(h.token(20 * one))
			h.tell("a good token, which is not taken")
			h.typed(h.token(20 * one))
			h.byMQTT(h.token(20 * one))
			h.tell("by the keypad and over MQTT")
		}},
		{"a clock in doubt", "credit: {opening: 100}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.wall = true
			h.order(func(st *control.State) { st.Clock = control.ClockState{Raw: st.Now, Up: time.Hour} })
			h.pass(2 * time.Minute)
			h.shift = 100 * 24 * time.Hour
			h.pass(2 * time.Minute)
			h.tell("the clock leapt ahead by a hundred days")
			h.shift = 0
			h.pass(2 * time.Minute)
			h.tell("the clock is right again")
			h.shift = -3 * time.Hour
			h.pass(2 * time.Minute)
			h.tell("the clock went back by three hours")
			h.feed(control.Input{What: control.Request{Kind: control.Acknowledge, Code: health.ClockBack, By: "page"}})
			h.pass(2 * time.Minute)
			h.tell("somebody says that it is right")
		}},
		{"records that cannot be written", "credit: {opening: 20}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.feed(control.Input{What: control.Edge{Code: health.StoreFull, Cause: said.Of("store.full", said.Bytes("kept", 8<<20))}})
			h.tell("the disk is full, and the reserve holds")
			h.enter(h.token(5 * one))
			h.tell("a top-up out of the reserve")
			h.balance(one / 2)
			h.pass(2 * time.Minute)
			well := h.noRecords()
			h.enter(h.token(7 * one))
			h.typed(h.token(7 * one))
			h.tell("nothing can be written: a top-up by page and keypad")
			h.press("/loads/geyser/run")
			h.tell("run now while nothing can be written")
			h.press("/loads/geyser/auto")
			h.until("08:30")
			h.tell("the credit is spent, and no top-up could be recorded")
			well()
			h.feed(control.Input{What: control.Edge{Code: health.StoreFull}})
			h.press("/loads/geyser/skip")
			h.pass(5 * time.Minute)
			h.tell("it can be written again: what was put off is done")
		}},
		{"prices that are sent", "credit: {opening: 100}\n", func(h *home) {
			h.pass(2 * time.Minute)
			at := h.s.Plant().Now().Truncate(time.Hour)
			text := fmt.Sprintf(`{"currency": "ZAR", "tax_included": true, "prices": [{"start": %q, "import": 2}, {"start": %q, "import": 4}]}`,
				at.Format(time.RFC3339), at.Add(time.Hour).Format(time.RFC3339))
			h.feed(control.Input{What: control.PriceDocument{Text: []byte(text)}})
			h.pass(2 * time.Minute)
			h.tell("prices were sent for two hours")
			h.until("09:00")
			h.tell("they have come to an end")
		}},
		{"no plan", "credit: {opening: 100}\n", func(h *home) {
			h.pass(2 * time.Minute)
			h.order(func(st *control.State) { st.Plan, st.Asking, st.WantPlan, st.AskedAt = nil, false, false, st.Now })
			h.tell("there is no plan yet")
			h.order(func(st *control.State) {
				st.Plan, st.Asking, st.WantPlan, st.AskedAt = nil, false, false, st.Now
				st.Health, _ = st.Health.Raise(st.Now.Add(-15*time.Minute), health.PlanFailed, "", said.Words("it took too long"))
			})
			h.tell("no plan comes: loads run by their own hours")
			h.pass(20 * time.Minute)
			h.tell("the geyser runs by its own hours")
		}},
	}
}
