package control

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

func tokenBody(id string, tokens ...string) string {
	values := ""
	for i, t := range tokens {
		if i > 0 {
			values += ","
		}
		values += fmt.Sprintf("%q", t)
	}
	return fmt.Sprintf(`{"event":{"id":%q,"programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":[%s]}]}]}}`, id, values)
}

func wordsBody(id, text, length string) string {
	return fmt.Sprintf(`{"event":{"id":%q,"programID":"news","intervalPeriod":{"start":"0001-01-01","duration":%q},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":[%q]}]}]}}`, id, length, text)
}

// site draws its base and what is on.
func (u *utility) draws() units.Power {
	p := u.power
	for _, l := range u.site.Loads {
		if u.states[l.ID] {
			p += u.bench.draws(l)
		}
	}
	return p
}

// A set-point that is raised has no more room than a start has.
func TestASetPointIsNotRaisedBeyondTheLimit(t *testing.T) {
	u := govern(t, garage(t))
	u.heard(2 * time.Minute)
	u.plans("car", 1840*units.Watt)
	u.limit("e1", 5, "PT1H")
	u.heard(8 * time.Minute) // what was shed for the limit is over
	if got := u.told("car"); got != "on 1840 W" {
		t.Fatalf("before: told %s", got)
	}
	keepsBelow := func() {
		t.Helper()
		for range 60 {
			u.reading(time.Second)
			if u.draws() > 5*units.Kilowatt {
				t.Fatalf("%s are drawn under a limit of 5 kW: the car was told %s", u.draws(), u.told("car"))
			}
		}
	}
	u.plans("car", 7360*units.Watt)
	keepsBelow()
	if got := u.told("car"); got != "on 4370 W" {
		t.Errorf("told %s where there is room for 4500 W", got)
	}
	u.say(policy.Heartbeat, `{}`)
	u.plans("car", 0)
	u.heard(2 * time.Minute)
	u.plans("car", 7360*units.Watt)
	keepsBelow()
	if got := u.told("car"); got != "on 4370 W" {
		t.Errorf("begun with %s where there is room for 4500 W", got)
	}
	u.say(policy.Limit, `{"clear":true}`)
	u.heard(2 * time.Minute)
	if got := u.told("car"); got != "on 7360 W" {
		t.Errorf("the limit is lifted: told %s", got)
	}
}

// While the records are held a token is not entered, a limit is not obeyed, and neither is
// lost.
func TestWhatIsSignedWhileTheRecordsAreHeldIsNotLost(t *testing.T) {
	u := governed(t)
	u.heard(2 * time.Minute)
	before := u.balance()
	u.st, _ = u.site.Held(u.st, u.now, "a fault of the test")
	token := u.envelope(policy.Token, tokenBody("t1", tokenFor(t, 1, 40)))
	eff := u.step(Input{What: PolicyEnvelope{Text: token}})
	if eff.Reply.Err != nil || eff.Reply.Policy == nil || eff.Reply.Policy.Code != policy.Held || len(eff.Credited) > 0 || !eff.Durable {
		t.Fatalf("%+v", eff.Reply)
	}
	prices := u.envelope(policy.Tariff, `{"event":{"id":"p","programID":"tou","payloadDescriptors":[{"payloadType":"PRICE","units":"KWH","currency":"ZAR"}],"intervalPeriod":{"start":"0001-01-01","duration":"PT2H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[7]}]}]}}`)
	if eff := u.step(Input{What: PolicyEnvelope{Text: prices}}); eff.Reply.Policy.Code != policy.Held || u.st.Prices != nil {
		t.Fatalf("%+v", eff.Reply)
	}
	if out := u.limit("e1", 2, "PT1H"); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	if !u.st.Health.Has(health.PolicyRefused, string(policy.Held)) {
		t.Errorf("%+v", u.st.Health.Active)
	}
	for _, a := range u.st.Policy.Acks {
		if a.State == policy.Applied {
			t.Errorf("nothing is switched, and it says %+v", a)
		}
	}
	st, _, err := u.site.Adopt(u.st, u.now, u.ledger[len(u.ledger)-1], nil, "the test decides")
	must(t, err)
	u.st = st
	u.heard(time.Minute)
	if f := u.site.Limited(&u.st); f.Limit != 2*units.Kilowatt {
		t.Errorf("the limit is lost: %+v", f)
	}
	if eff := u.step(Input{What: PolicyEnvelope{Text: token}}); eff.Reply.Policy.Code != policy.Taken {
		t.Fatalf("the token is lost: %+v", eff.Reply.Policy)
	}
	if got := u.balance(); got < before+39*units.One || got > before+40*units.One {
		t.Errorf("%s, then %s", before, got)
	}
	if eff := u.step(Input{What: PolicyEnvelope{Text: prices}}); eff.Reply.Policy.Code != policy.Taken || u.st.Prices == nil {
		t.Errorf("the prices are lost: %+v", eff.Reply.Policy)
	}
}

// TestASignedTokenThatTheRecordsKnowIsAnswered: the account's memory has lost a token that
// the records have.  The others in its envelope are good.
func TestASignedTokenThatTheRecordsKnowIsAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &memory{}
		r := runLoopWith(t, journal, func(s *Site) { s.Policy = theRules() }, quiet())
		r.read(t, 0)
		_, err := r.Feed(t.Context(), Input{What: PolicyEnvelope{Text: []byte(theKeys(t, time.Now()))}})
		must(t, err)
		time.Sleep(time.Second)
		before := r.Snapshot().State.Credit.Available()
		journal.knows()
		body := tokenBody("t1", tokenFor(t, 1, 40), tokenFor(t, 2, 7))
		reply, err := r.Feed(t.Context(), Input{What: PolicyEnvelope{Text: signed(t, policy.Token, 1, time.Now(), body)}})
		must(t, err)
		if reply.Policy == nil || reply.Policy.Code != policy.Inapplicable {
			t.Errorf("%+v", reply.Policy)
		}
		if got := r.Snapshot().State.Credit.Available() - before; got != 7*units.One {
			t.Errorf("%s came of a token of 40 that the records have and one of 7 that they have not", got)
		}
	})
}

// TestAnAcknowledgementsNumberIsUsedOnce ends the agent, without a word, at each instant at
// which something is to be said that is not stored yet.
func TestAnAcknowledgementsNumberIsUsedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		journal := &memory{}
		r := runLoopWith(t, journal, func(s *Site) { s.Policy = theRules() }, quiet())
		said := map[uint64]policy.Ack{}
		say := func(snap Snapshot) {
			for _, a := range snap.State.Policy.Acks {
				if a.N > snap.Acks {
					continue // not to be sent
				}
				if was, ever := said[a.N]; ever && was != a {
					t.Errorf("number %d was %+v and is %+v", a.N, was, a)
				}
				said[a.N] = a
			}
		}
		feed := func(what Happening) {
			t.Helper()
			_, err := r.Feed(t.Context(), Input{What: what})
			must(t, err)
			say(r.Snapshot())
		}
		r.read(t, 0)
		feed(PolicyEnvelope{Text: []byte(theKeys(t, time.Now()))})
		feed(PolicyEnvelope{Text: signed(t, policy.Message, 1, time.Now(), wordsBody("m1", "good day", "PT1M"))})
		time.Sleep(2 * time.Second)
		say(r.Snapshot())
		if len(said) != 2 {
			t.Fatalf("%d acknowledgements of one message that is told: %+v", len(said), said)
		}
		journal.failWith(errTest)
		time.Sleep(2 * time.Minute) // the message is over, and that cannot be stored
		snap := r.Snapshot()
		if last := snap.State.Policy.Acks; last[len(last)-1].State != policy.Completed {
			t.Fatalf("%+v", last)
		}
		say(snap)
		if len(said) != 2 {
			t.Errorf("what is not stored is said: %+v", said)
		}
		// The power fails.  What is stored comes back, and something else happens.
		state := journal.batches[len(journal.batches)-1].State
		site := testSite(t)
		site.Policy = theRules()
		b := &bench{t: t, site: site, now: time.Now(), states: map[string]bool{}, plain: true}
		b.st = state
		b.step(Input{What: PolicyEnvelope{Text: signed(t, policy.Message, 2, time.Now(), wordsBody("m2", "good night", "PT1M"))}})
		say(Snapshot{State: b.st, Acks: b.st.Policy.AckSeq}) // once it is stored
		if !slices.ContainsFunc(b.st.Policy.Acks, func(a policy.Ack) bool { return a.N == 3 }) {
			t.Error("no number is used again: the test proves nothing")
		}
		journal.failWith(nil)
	})
}

// planned is how much of a load's energy the plan puts into a time.
func (b *bench) planned(id string, from, to time.Time) (e units.Energy) {
	for at := from; at.Before(to); at = at.Add(time.Minute) {
		if p := b.st.Plan.Setpoint(id, at); p.On {
			e += p.Power.Over(time.Minute)
		}
	}
	return e
}

// TestAPlanKnowsALimit: a limit that is known is planned around, and its end is used.
func TestAPlanKnowsALimit(t *testing.T) {
	u := governed(t)
	u.heard(2 * time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	u.heard(3 * time.Minute)
	day := 24 * time.Hour
	total := u.planned("geyser", u.now, u.now.Add(day))
	if total < 5*units.KilowattHour {
		t.Fatalf("%s are planned", total)
	}
	from := u.now
	for ; u.planned("geyser", from, from.Add(time.Minute)) == 0; from = from.Add(time.Minute) {
	}
	to := from.Add(3 * time.Hour)
	before := u.st.Plan.MadeAt
	out := u.say(policy.Limit, fmt.Sprintf(`{"event":{"id":"e1","programID":"dim","intervalPeriod":{"start":%q,"duration":"PT3H"},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[2]}]}]}}`, from.Format(time.RFC3339)))
	if out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	u.heard(2 * time.Minute)
	if !u.st.Plan.MadeAt.After(before) {
		t.Fatal("no plan was made for the limit")
	}
	if e := u.planned("geyser", from, to); e != 0 {
		t.Errorf("%s are planned for a geyser of 3 kW where 2 kW may be drawn", e)
	}
	if e := u.planned("geyser", u.now, u.now.Add(day)); e < total-units.KilowattHour/10 {
		t.Errorf("%s are planned, %s before there was a limit", e, total)
	}
	u.say(policy.Limit, `{"cancel":"e1"}`)
	back := u.now
	u.heard(2 * time.Minute)
	if u.st.Plan.MadeAt.Before(back) || len(u.site.Brief(&u.st).Limits) > 0 {
		t.Error("the limit is taken back, and the plan does not know")
	}
}
