package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// household is what a home's light should be, by what the documents say of the utility's
// orders, the credit, protected hours, the customer's own switch and a supply that waits for
// somebody.  Of the agent it is told the credit alone.
type household struct {
	mode     credit.ControlMode
	notice   *time.Time // from when an order counts
	until    time.Time  // of the disconnection in force; zero: none
	frost    time.Time  // the end of the alert
	policy   bool       // the configuration names a utility
	customer bool       // has it switched off
	spent    bool       // it is cut for want of credit
	stretch  string     // the protected hours that were entered last
	covered  bool       // and there was credit then
	waits    bool       // somebody at home must switch it on
	cause    string     // what keeps it off
	lit      bool
}

// step is one step at now; left tells that there is credit to use, back that it is enough to
// come back after a cut (one's own, or emergency credit that is not used up), pressed that
// somebody has asked for the light.
func (h *household) step(now time.Time, zone *time.Location, left, back, pressed bool) {
	cut := h.policy && now.Before(h.until) && !now.Before(h.frost)
	if !cut {
		h.until = time.Time{}
	}
	local := now.In(zone)
	protected := local.Hour() >= 20 && local.Hour() < 22
	if day := local.Format(time.DateOnly); protected && h.stretch != day {
		h.stretch, h.covered = day, left && !h.spent
	}
	switch {
	case back:
		h.spent = false
	case left || h.spent:
	case !protected || !h.covered:
		h.spent = true
	}
	h.waits = h.waits || cut && !h.mode.Closes()
	was := h.cause
	switch {
	case cut:
		h.cause = "utility"
	case h.customer:
		h.cause = "customer"
	case h.spent:
		h.cause = "credit"
	case was == "customer", !h.waits, pressed:
		h.cause, h.waits = "", false
	default:
		h.cause = "waits"
	}
	h.lit = h.cause == ""
}

// TestNoHomeIsDarkWithoutACauseAndNoneIsLitAgainstOne has everything at once that can keep a
// light off or give it back, in any order, over restarts.
func TestNoHomeIsDarkWithoutACauseAndNoneIsLitAgainstOne(t *testing.T) {
	seen := map[string]int{}
	benches := map[credit.ControlMode]*utility{}
	for _, mode := range []credit.ControlMode{1, 2} {
		u := cuttable(t, mode)
		doc := credit.Defaults()
		doc.Emergency.Amount, doc.Emergency.OfferBelow = 10*units.One, 5*units.One
		doc.Friendly.Windows = []credit.FriendlyWindow{{Days: []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}, From: 20 * 60, To: 22 * 60}}
		var err error
		u.site.Credit, err = credit.New(doc, u.site.Zone)
		must(t, err)
		u.site.Loads, u.st.Loads = nil, nil
		u.step(Input{})
		u.plain = true
		benches[mode] = u
	}
	causes := []string{"", "utility", "customer", "credit", "waits"}
	live := func(rt *rapid.T) {
		mode := rapid.SampledFrom([]credit.ControlMode{1, 2}).Draw(rt, "mode")
		start := benches[mode]
		b := *start.bench
		site := *b.site
		b.site = &site
		b.t = t
		b.states = map[string]bool{}
		for k, v := range start.states {
			b.states[k] = v
		}
		u := &utility{bench: &b, seq: map[policy.Stream]uint64{policy.Supply: start.seq[policy.Supply]}}
		rules := site.Policy
		due := u.st.Policy.Supply.Notice.From
		h := household{mode: mode, notice: &due, policy: true, lit: true}
		check := func(what string, pressed bool) {
			a := u.st.Credit
			left, back := a.Available() > a.Floor(), a.Available() > 0
			if a.Emergency.Stage == credit.Taken {
				back = left
			}
			h.step(u.now, site.Zone, left, back, pressed)
			seen[h.cause]++
			if got := u.st.Decision.Close; got != h.lit {
				rt.Fatalf("after %s at %s: lit %v, and by the documents %v (%s, waits %v): %+v, credit %s, %+v", what, u.now.In(site.Zone).Format("Mon 15:04:05"), got, h.lit, h.cause, h.waits, a.Supply, a.Available(), u.st.Policy.Supply)
			}
		}
		pass := func(d, by time.Duration) {
			for end := u.now.Add(d); u.now.Before(end); {
				u.reading(by)
				check("a reading", false)
			}
		}
		for range rapid.IntRange(1, 20).Draw(rt, "steps") {
			what := rapid.SampledFrom([]string{
				"minutes", "hours", "day", "notice", "order", "order", "due", "ready", "frost", "spend", "some", "top up", "off", "on", "press", "press", "emergency", "restart", "no policy", "policy",
			}).Draw(rt, "what")
			switch what {
			case "minutes":
				pass(10*time.Minute, time.Minute)
			case "hours":
				pass(3*time.Hour, 20*time.Minute)
			case "day":
				pass(26*time.Hour, 40*time.Minute)
			case "notice":
				if !h.policy {
					continue
				}
				u.say(policy.Supply, fmt.Sprintf(`{"notice":{"id":"d1","why":"unpaid","from":%q}}`, u.now.Format(time.RFC3339)))
				if u.last.Reply.Policy != nil && u.last.Reply.Policy.Code == policy.Taken {
					from := u.now.Add(time.Hour)
					h.notice = &from
				}
				check(what, false)
			case "due":
				pass(70*time.Minute, 10*time.Minute)
			case "order":
				lasts := rapid.SampledFrom([]time.Duration{2 * time.Hour, 30 * time.Hour}).Draw(rt, "lasts")
				until := u.now.Add(lasts).Truncate(time.Second)
				in := h.policy && !u.now.Before(h.frost) && (!h.until.IsZero() && u.now.Before(h.until) || h.notice != nil && !u.now.Before(*h.notice))
				u.step(Input{What: PolicyEnvelope{Text: u.order("d1", until)}})
				if in {
					h.until = until
				}
				check(what, false)
			case "ready":
				if !h.policy {
					continue
				}
				u.say(policy.Supply, `{"ready":true}`)
				h.until, h.notice = time.Time{}, nil
				check(what, false)
			case "frost":
				if !h.policy {
					continue
				}
				u.say(policy.Message, strings.Replace(wordsBody("m1", "frost", "PT2H"), "X_PREPAY_MESSAGE", "ALERT_FREEZING", 1))
				h.frost = u.now.Add(2 * time.Hour)
				check(what, false)
			case "spend", "some":
				to := units.Money(-units.One)
				if what == "some" {
					to = units.One / 2
				}
				a, entries, err := u.site.Credit.Adjust(u.st.Credit, u.now, credit.Adjustment, to-u.balance(), "test")
				must(t, err)
				u.st.Credit = a
				u.ledger = append(slices.Clone(u.ledger), entries...)
				u.step(Input{})
				check(what, false)
			case "top up":
				a, entries, err := u.site.Credit.Adjust(u.st.Credit, u.now, credit.Adjustment, 40*units.One, "test")
				must(t, err)
				u.st.Credit = a
				u.ledger = append(slices.Clone(u.ledger), entries...)
				u.step(Input{})
				check(what, false)
			case "off", "on":
				kind := SupplyOff
				if what == "on" {
					kind = SupplyOn
				}
				h.customer = what == "off"
				u.step(Input{What: Request{Kind: kind, By: "test"}})
				check(what, false)
			case "press":
				eff := u.step(Input{What: Request{Kind: Reconnect, By: "test"}})
				check(what, eff.Reply.Err == nil && h.cause == "waits")
			case "emergency":
				u.step(Input{What: Request{Kind: AcceptEmergency, By: "test"}})
				check(what, false)
			case "restart":
				u.st = u.restarted()
				u.step(Input{Fresh: true})
				check(what, false)
			case "no policy":
				u.site.Policy, h.policy = nil, false
				h.waits = h.waits || h.cause == "utility" // nobody says any more that it closes by itself
				h.until, h.notice = time.Time{}, nil
				u.step(Input{})
				check(what, false)
			case "policy":
				u.site.Policy, h.policy = rules, true
				u.step(Input{})
				check(what, false)
			}
			// An end of a disconnection uses up what it was announced by.
			if h.until.IsZero() && u.st.Policy.Supply.Notice == nil {
				h.notice = nil
			}
		}
	}
	// The rarest cause is missed by a hundred homes now and then, by a thousand never.
	for range 10 {
		rapid.Check(t, live)
		unseen := slices.DeleteFunc(slices.Clone(causes), func(cause string) bool { return seen[cause] > 0 })
		if len(unseen) == 0 || t.Failed() {
			return
		}
	}
	for _, cause := range causes {
		if seen[cause] == 0 {
			t.Errorf("no home was ever lit or dark by %q", cause)
		}
	}
}
