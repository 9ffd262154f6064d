package control

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/internal/unraced"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/tariffs"
)

// walker is an agent and the home that the documents speak of, side by side: each event is told to
// both, and what they come to is held against each other.
type walker struct {
	u     *utility // its bench has the configuration and the state below
	st    State
	h     home
	now   time.Time // what the machine's clock shows
	reg   units.Energy
	on    bool // what the contactor did
	seq   uint64
	sold  int          // tokens
	kept  units.Energy // in half hours that are over
	wrong int
}

// price is that of a kWh.
const price = 2 * units.One

// walk is a walker at noon, whose agent runs long enough for its clock to be of some weight.
func walk(t testing.TB, mode credit.ControlMode, restore credit.Restore, above units.Money) *walker {
	u := cuttable(t, mode)
	doc := credit.Defaults()
	doc.Opening, doc.Restore, doc.RestoreAbove = 8*units.One, restore, above
	doc.Emergency.Amount, doc.Emergency.OfferBelow = 4*units.One, 5*units.One
	doc.Friendly.Windows = []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: 20 * 60, To: 22 * 60}}
	tariff, err := tariffs.New(tariffs.Document{
		Name: "flat", Currency: "ZAR", Zone: "Africa/Johannesburg",
		Versions: []tariffs.Version{{Energy: []tariffs.EnergyCharge{{Name: "energy", Price: 2_000_000}}}},
	})
	must(t, err)
	scheme := testScheme(t)
	u.site.Credit, err = credit.New(doc, u.site.Zone, scheme)
	must(t, err)
	u.site.Tariff, u.site.Loads, u.site.Wall, u.site.Limits.MaxPower, u.site.PointEvery = tariff, nil, true, 30*units.Kilowatt, 0
	u.plain, u.synced, u.power = true, true, 0
	u.now = begin().Add(12 * time.Hour)
	st, _ := u.site.Begin(u.now)
	u.st = st
	w := &walker{u: u, st: st, now: u.now, on: true}
	w.h = home{
		zone: u.site.Zone, mode: int(mode), armed: restore == credit.Armed, above: above, lends: 4 * units.One, offers: 5 * units.One, low: 5 * units.One, policy: true,
		balance: 8 * units.One, synced: true, raw: u.now,
	}
	text, err := policy.SignKeys("utility", w.now, policy.KeySet{
		Version: 1, Epoch: 1, Roots: theRules().Roots, Threshold: 1, Expires: w.now.AddDate(20, 0, 0),
		Signers: []policy.Signer{{Key: publicKey(utilityKey(2)), Streams: policy.Streams()}, {Key: publicKey(utilityKey(3)), Streams: []policy.Stream{policy.Supply}}},
	}, utilityKey(1))
	must(t, err)
	w.step(Input{What: PolicyEnvelope{Text: []byte(text)}})
	if err := w.rest(16*time.Minute, 10*time.Second); err != nil {
		t.Fatal(err)
	}
	return w
}

// copy is a walker that goes its own way from here.
func (w walker) copy() *walker { return &w }

// step makes one step of the agent.
func (w *walker) step(in Input) Effects {
	u := w.u
	b := *u.bench
	site := *b.site
	b.site = &site
	if !w.h.policy {
		site.Policy = nil
	}
	b.st, b.now, b.register, b.synced, b.record = w.st, w.now, w.reg, w.h.synced, RecordFirst
	if w.h.failing {
		b.record = RecordLater
	}
	b.states = map[string]bool{loads.SupplyID: w.on}
	b.ledger, b.events = nil, nil
	eff := b.step(in)
	w.st, w.on = b.st, b.states[loads.SupplyID]
	for _, iv := range eff.Intervals {
		if iv.Series == planning.SiteSeries {
			w.kept += iv.Import
		}
	}
	return eff
}

// holds tells where the two differ.
func (w *walker) holds(what string) error {
	st, h := &w.st, &w.h
	a := st.Credit
	if st.Decision.Close != h.lit() {
		return fmt.Errorf("after %s at %s: on %v, and by the documents %v (%q): %+v, credit %s, %+v", what, h.now().In(h.zone).Format("Mon 15:04:05"), st.Decision.Close, h.lit(), h.cause, a.Supply, a.Available(), st.Policy.Supply)
	}
	if d := a.Available() - h.balance; d > 1 || d < -1 {
		return fmt.Errorf("after %s: the credit is %s, and by the documents %s", what, a.Available(), h.balance)
	}
	open := units.Energy(0)
	if st.Meter.Intervals.Open != nil {
		open = st.Meter.Intervals.Open.Import
	}
	if w.kept+open != st.Meter.Registers.Import || st.Meter.Registers.Import != w.reg {
		return fmt.Errorf("after %s: the meter has moved by %s, %s are counted and the half hours hold %s", what, w.reg, st.Meter.Registers.Import, w.kept+open)
	}
	for code, want := range h.told() {
		if is := st.Health.Has(health.Code(code), ""); is != want {
			return fmt.Errorf("after %s at %s: %s is %v, and by the documents %v: credit %s, %q, skew %s, %+v", what, h.now().In(h.zone).Format("Mon 15:04:05"), code, is, want, a.Available(), h.cause, h.skew, st.Health.Active)
		}
	}
	return nil
}

// rest lets time go by, with a reading at each step.
func (w *walker) rest(d, by time.Duration) error { return w.draws(0, d, by) }

func (w *walker) draws(power units.Power, d, by time.Duration) error {
	for end := w.now.Add(d); w.now.Before(end); {
		p := units.Power(0)
		if w.on {
			p = power
		}
		w.now = w.now.Add(by)
		w.reg += p.Over(by)
		w.h.uses(units.Money(int64(p.Over(by)) / (int64(units.KilowattHour) / int64(price))))
		if err := w.reads(p); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) reads(power units.Power) error {
	w.step(Input{What: Reading{Sample: metering.Sample{At: w.now, Has: metering.HasImport | metering.HasPower, Import: w.reg, Power: power, Step: 1}}})
	w.h.sees(w.now)
	w.h.hears()
	w.h.settle(false)
	return w.holds("a reading")
}

// tells hands something to the agent; then what it comes to is held against the home.
func (w *walker) tells(what string, in Happening, home func(Effects)) error {
	eff := w.step(Input{What: in})
	w.h.sees(w.now)
	if home != nil {
		home(eff)
	}
	w.h.settle(false)
	return w.holds(what)
}

// says signs something for the utility.
func (w *walker) says(st policy.Stream, body string) PolicyEnvelope {
	w.seq++
	return PolicyEnvelope{Text: signed(w.u.t, st, 1000+w.seq, w.h.now(), body)}
}

// event is something that happens; ok is false where it makes no sense now.
type event struct {
	name string
	do   func(w *walker) (ok bool, err error)
}

func presses(kind RequestKind, home func(h *home)) func(*walker) (bool, error) {
	return func(w *walker) (bool, error) {
		if w.h.failing {
			return false, nil // the loop answers that nothing can be recorded
		}
		return true, w.tells(string(kind), Request{Kind: kind, By: "test"}, func(Effects) { home(&w.h) })
	}
}

func events() []event {
	return []event{
		{"minutes go by", func(w *walker) (bool, error) { return true, w.rest(10*time.Minute, 2*time.Minute) }},
		{"hours go by", func(w *walker) (bool, error) { return true, w.rest(4*time.Hour, 4*time.Minute) }},
		{"a day goes by", func(w *walker) (bool, error) { return true, w.rest(26*time.Hour, 4*time.Minute) }},
		{"it becomes evening", func(w *walker) (bool, error) {
			local := w.h.now().In(w.h.zone)
			if local.Hour() >= 20 {
				return false, nil
			}
			at := time.Date(local.Year(), local.Month(), local.Day(), 20, 4, 0, 0, w.h.zone)
			return true, w.rest(at.Sub(local), 4*time.Minute)
		}},
		{"energy is used", func(w *walker) (bool, error) {
			if !w.on || w.h.balance < -8*units.One {
				return false, nil
			}
			return true, w.draws(15*units.Kilowatt, 8*time.Minute, 4*time.Minute) // 2 kWh, 4 of credit
		}},
		{"the meter is silent", func(w *walker) (bool, error) {
			w.now = w.now.Add(4 * time.Minute)
			w.step(Input{})
			w.h.sees(w.now)
			w.h.settle(false)
			return true, w.holds("silence")
		}},
		{"a token", func(w *walker) (bool, error) {
			if w.h.failing || w.h.balance > 10*units.One {
				return false, nil
			}
			w.sold++
			return true, w.tells("a token", Token{Text: tokenFor(w.u.t, w.sold, 8), Source: "page"}, func(Effects) { w.h.buys(8 * units.One) })
		}},
		{"a wrong token", func(w *walker) (bool, error) {
			if w.h.failing || w.wrong > 1 {
				return false, nil
			}
			w.wrong++
			return true, w.tells("a wrong token", Token{Text: "000000001", Source: "mqtt"}, func(Effects) {
				if w.h.refused.IsZero() {
					w.h.refused = w.h.now()
				}
			})
		}},
		{"a used token", func(w *walker) (bool, error) {
			if w.h.failing || w.sold == 0 {
				return false, nil
			}
			return true, w.tells("a used token", Token{Text: tokenFor(w.u.t, w.sold, 8), Source: "mqtt"}, nil)
		}},
		{"emergency credit is accepted", presses(AcceptEmergency, (*home).accepts)},
		{"switched off at home", presses(SupplyOff, func(h *home) { h.customer = true })},
		{"switched on at home", presses(SupplyOn, func(h *home) { h.customer = false })},
		{"reconnect", presses(Reconnect, func(h *home) {
			if h.cause == "waits" {
				h.settle(true)
			}
		})},
		{"announced", func(w *walker) (bool, error) {
			if !w.h.policy || w.h.failing {
				return false, nil
			}
			from := w.h.now().Add(time.Hour).Truncate(time.Second)
			return true, w.tells("announced", w.says(policy.Supply, fmt.Sprintf(`{"notice":{"id":"d1","why":"unpaid","from":%q}}`, from.Format(time.RFC3339))), func(Effects) { w.h.announces(from) })
		}},
		{"ordered", func(w *walker) (bool, error) {
			if !w.h.policy || w.h.failing { // the loop takes none that is not recorded
				return false, nil
			}
			until := w.h.now().Add(6 * time.Hour).Truncate(time.Second)
			w.seq++
			e := policy.Envelope{
				V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Supply, Epoch: 1, Seq: 1000 + w.seq, ID: fmt.Sprintf("supply-%d", w.seq),
				Issued: w.h.now(), Expires: w.h.now().Add(10 * time.Minute), Ack: policy.AckApplied, Body: []byte(fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, until.Format(time.RFC3339))),
			}
			text, err := e.Sign(utilityKey(2), utilityKey(3))
			must(w.u.t, err)
			return true, w.tells("ordered", PolicyEnvelope{Text: []byte(text)}, func(Effects) { w.h.orders(until) })
		}},
		{"allowed again", func(w *walker) (bool, error) {
			if !w.h.policy {
				return false, nil
			}
			return true, w.tells("allowed again", w.says(policy.Supply, `{"ready":true}`), func(Effects) { w.h.ready() })
		}},
		{"frost", func(w *walker) (bool, error) {
			if !w.h.policy {
				return false, nil
			}
			until := w.h.now().Add(2 * time.Hour)
			body := strings.Replace(wordsBody("m1", "frost", "PT2H"), "X_PREPAY_MESSAGE", "ALERT_FREEZING", 1)
			return true, w.tells("frost", w.says(policy.Message, body), func(Effects) { w.h.alerts(until) })
		}},
		{"the utility is taken out", func(w *walker) (bool, error) {
			w.h.forgets()
			return true, w.tells("the utility is taken out", nil, nil)
		}},
		{"the storage fails", func(w *walker) (bool, error) {
			w.h.failing = true
			return true, w.tells("the storage fails", nil, nil)
		}},
		{"the storage is well", func(w *walker) (bool, error) {
			w.h.failing = false
			return true, w.tells("the storage is well", nil, nil)
		}},
		{"a restart", func(w *walker) (bool, error) {
			w.u.st = w.st
			w.st = w.u.restarted()
			w.step(Input{Fresh: true})
			w.h.up = 0
			w.h.sees(w.now)
			w.h.settle(false)
			return true, w.holds("a restart")
		}},
		{"the clock leaps ahead by hours", leaping(5 * time.Hour)},
		{"the clock leaps ahead by a year", leaping(365 * 24 * time.Hour)},
		{"the clock leaps back", leaping(-5 * time.Hour)},
		{"the clock is right again", func(w *walker) (bool, error) {
			if w.h.skew == 0 {
				return false, nil
			}
			w.now = w.h.now()
			err := w.reads(0)
			w.h.synced = true
			return true, err
		}},
		{"a person says that the clock is right", func(w *walker) (bool, error) {
			code := health.ClockAhead
			if w.h.skew < 0 {
				code = health.ClockBack
			}
			if w.h.skew == 0 || w.h.failing {
				return false, nil
			}
			w.step(Input{What: Request{Kind: Acknowledge, Code: code, By: "test"}})
			w.h.sees(w.now)
			w.h.right()
			return true, w.reads(0) // by the new time
		}},
	}
}

// A reading may be taken just before the clock is set, and come after it: its half hour is that of
// now, and not one of years ago.
func TestAReadingFromBeforeTheClockWasSetIsOfNow(t *testing.T) {
	w := walk(t, 1, credit.Automatic, 0)
	w.h.synced = false
	must(t, w.draws(10*units.Kilowatt, 4*time.Minute, time.Minute))
	for _, by := range []time.Duration{10 * 365 * 24 * time.Hour, -56 * 365 * 24 * time.Hour, 26 * time.Hour} {
		taken := w.now.Add(2 * time.Second)
		w.now = taken.Add(by)
		w.reg += (10 * units.Kilowatt).Over(2 * time.Second)
		eff := w.step(Input{What: Reading{Sample: metering.Sample{At: taken, Has: metering.HasImport | metering.HasPower, Import: w.reg, Power: 10 * units.Kilowatt, Step: 1}}})
		eff.Intervals = append(eff.Intervals, w.step(Input{What: Reading{Sample: metering.Sample{At: w.now, Has: metering.HasImport | metering.HasPower, Import: w.reg, Power: 10 * units.Kilowatt, Step: 1}}}).Intervals...)
		for _, iv := range eff.Intervals {
			if off := iv.Slot.Start.Sub(w.st.Now); off > time.Hour || off < -time.Hour {
				t.Errorf("set by %s: a half hour of %s is kept, and it is %s", by, iv.Slot.Start, w.st.Now)
			}
		}
	}
	if err := w.holds("the clock was set"); err != nil && strings.Contains(err.Error(), "half hours") {
		t.Error(err)
	}
}

// That the clock leaps, or that a leap is said to be right, is no silence of a meter that was heard a second
// ago; and one that says nothing from then on is told as late as any other.
func TestALeapOfTheClockIsNoSilenceOfTheMeter(t *testing.T) {
	for _, by := range []time.Duration{26 * time.Hour, 60 * 24 * time.Hour, -26 * time.Hour} {
		w := walk(t, 1, credit.Automatic, 0)
		w.h.synced = false
		must(t, w.rest(30*time.Minute, time.Minute))
		silent := func() bool { return w.st.Health.Has(health.MeterSilent, "") }
		w.now = w.now.Add(by + time.Second)
		w.step(Input{})
		if silent() {
			t.Errorf("the clock leapt by %s, and the meter is called silent", by)
		}
		code := health.ClockAhead
		if by < 0 {
			code = health.ClockBack
		}
		w.step(Input{What: Request{Kind: Acknowledge, Code: code, By: "page"}})
		for range 30 {
			w.now = w.now.Add(time.Second)
			w.step(Input{})
		}
		if silent() {
			t.Errorf("a leap by %s was said to be right, and the meter is called silent after half a minute", by)
		}
		for range 5 {
			w.now = w.now.Add(time.Minute)
			w.step(Input{})
		}
		if !silent() {
			t.Errorf("a leap by %s was said to be right, nobody has heard the meter since, and it is not called silent", by)
		}
	}
}

func leaping(by time.Duration) func(*walker) (bool, error) {
	return func(w *walker) (bool, error) {
		if w.h.skew != 0 || w.h.leapt || w.h.up < 15*time.Minute {
			return false, nil
		}
		w.h.synced = false
		w.now = w.now.Add(by)
		return true, w.reads(0)
	}
}

// TestTheAgentIsAsTheDocumentsSay has anything happen in any order to an agent and to the home that
// the documents speak of.
func TestTheAgentIsAsTheDocumentsSay(t *testing.T) {
	var starts []*walker
	for _, mode := range []credit.ControlMode{1, 2} {
		for _, restore := range []credit.Restore{credit.Automatic, credit.Armed} {
			for _, above := range []units.Money{0, 3 * units.One} {
				w := walk(t, mode, restore, above)
				short := w.copy() // of credit, with what is lent at hand: that is rare by itself
				must(t, short.draws(15*units.Kilowatt, 8*time.Minute, 4*time.Minute))
				must(t, short.tells("emergency credit", Request{Kind: AcceptEmergency, By: "test"}, func(Effects) { short.h.accepts() }))
				starts = append(starts, w, short)
			}
		}
	}
	all := events()
	seen := map[string]int{}
	live := func(rt *rapid.T) {
		w := starts[rapid.IntRange(0, len(starts)-1).Draw(rt, "home")].copy()
		for range rapid.IntRange(1, 25).Draw(rt, "events") {
			e := rapid.SampledFrom(all).Draw(rt, "event")
			_, err := e.do(w)
			if err != nil {
				rt.Fatalf("%s: %v", e.name, err)
			}
			seen[w.h.cause]++
			for code, is := range w.h.told() {
				if is {
					seen[code]++
				}
			}
		}
	}
	whats := []string{
		"", "utility", "customer", "credit", "waits", "credit_spent", "cut_waits", "credit_low", "emergency_offered", "emergency_in_use", "disconnection_near",
		"clock_ahead", "clock_back", "token_rejected", "meter_silent",
	}
	// The rarest is missed by a hundred homes now and then, by a thousand never.
	for range 10 {
		rapid.Check(t, live)
		whats = slices.DeleteFunc(whats, func(what string) bool { return seen[what] > 0 })
		if len(whats) == 0 || t.Failed() {
			return
		}
	}
	t.Errorf("no home was ever seen with %q", whats)
}

// key is what tells two walkers apart but for the time: of the agent's state and of the home's.
func (w *walker) key() string {
	a, h := w.st.Credit, &w.h
	now := h.now()
	local := now.In(h.zone)
	sign := 0
	switch {
	case h.skew < 0:
		sign = -1
	case h.skew > followed:
		sign = 2
	case h.skew > 0:
		sign = 1
	}
	notice := 0
	if !h.notice.IsZero() {
		notice = 1
		if !now.Before(h.notice) {
			notice = 2
		}
	}
	stretch, in := h.friendly()
	return fmt.Sprint(h.balance/units.One, h.lent, h.cause, h.spent, h.waits, h.customer, in, in && h.stretch == stretch && h.covered, local.Hour() >= 22, h.policy, notice, h.until.IsZero(), now.Before(h.frost),
		h.failing, sign, h.leapt, h.sure(), h.silent > 3*time.Minute,
		a.Supply.Position, a.Supply.Cause, a.Supply.NoCredit, a.Supply.Spared, a.Supply.Armed, a.Emergency.Stage, w.on)
}

// TestEveryStateOfTheAgentAgainstEveryEvent walks all states of credit, supply, storage, clock and
// the utility's orders that the events lead to, each with each of the events, and holds what the
// agent comes to against what the documents say.
func TestEveryStateOfTheAgentAgainstEveryEvent(t *testing.T) {
	unraced.Only(t)
	all := slices.DeleteFunc(events(), func(e event) bool {
		return slices.Contains([]string{"a day goes by", "a wrong token", "a used token", "a restart", "minutes go by", "the clock leaps ahead by a year"}, e.name)
	})
	starts := []*walker{walk(t, 1, credit.Armed, 0)}
	most := 400 // of some 34,000
	if os.Getenv("KEEPLIT_LONG") != "" {
		starts = append(starts, walk(t, 2, credit.Automatic, 0), walk(t, 1, credit.Automatic, 3*units.One), walk(t, 2, credit.Armed, 3*units.One))
		most = 1_000_000
	}
	for _, start := range starts {
		n, moves := walkAll(t, start, all, most)
		t.Logf("%d states, %d moves", n, moves)
	}
}

// walkAll walks from one home, the nearest states first.
func walkAll(t *testing.T, start *walker, all []event, most int) (states, moves int) {
	type step struct {
		w    *walker
		from int
		by   string
	}
	steps, seen := []step{{start, -1, ""}}, map[string]bool{start.key(): true}
	for at := 0; at < len(steps) && at < most; at++ {
		for _, e := range all {
			w := steps[at].w.copy()
			ok, err := e.do(w)
			if err != nil {
				path := []string{e.name}
				for i := at; i > 0; i = steps[i].from {
					path = append(path, steps[i].by)
				}
				slices.Reverse(path)
				t.Fatalf("%s: %v", strings.Join(path, ", "), err)
			}
			if !ok {
				continue
			}
			moves++
			if k := w.key(); !seen[k] {
				seen[k] = true
				steps = append(steps, step{w, at, e.name})
			}
		}
	}
	return len(steps), moves
}
