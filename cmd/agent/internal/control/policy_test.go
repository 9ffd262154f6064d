package control

import (
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// utility signs for a bench's site.
type utility struct {
	*bench
	seq map[policy.Stream]uint64
}

func utilityKey(n byte) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0] = n
	return ed25519.NewKeyFromSeed(seed)
}

func publicKey(k ed25519.PrivateKey) string {
	public, _ := k.Public().(ed25519.PublicKey)
	return policy.EncodeKey(public)
}

// governed is a bench whose utility has sent its keys.
func governed(t testing.TB) *utility { return govern(t, newBench(t)) }

// theRules are those of the tests' utility.
func theRules() *policy.Rules {
	return &policy.Rules{
		Site: "test", Issuer: "utility", Roots: []string{publicKey(utilityKey(1))}, Threshold: 1, Streams: policy.Streams(),
		Limit: policy.LimitRules{FailSafe: 3 * units.Kilowatt, Minimum: 2 * time.Hour, Floor: units.Kilowatt},
	}
}

// theKeys are its first key set.
func theKeys(t testing.TB, now time.Time) string {
	t.Helper()
	text, err := policy.SignKeys("utility", now, policy.KeySet{
		Version: 1, Epoch: 1, Roots: theRules().Roots, Threshold: 1, Expires: now.AddDate(1, 0, 0),
		Signers: []policy.Signer{{Key: publicKey(utilityKey(2)), Streams: policy.Streams()}},
	}, utilityKey(1))
	must(t, err)
	return text
}

// govern gives a bench a utility.
func govern(t testing.TB, b *bench) *utility {
	b.site.Policy = theRules()
	u := &utility{bench: b, seq: map[policy.Stream]uint64{}}
	text := theKeys(t, b.now)
	if eff := b.step(Input{What: PolicyEnvelope{Text: []byte(text)}}); eff.Reply.Policy == nil || eff.Reply.Policy.Keys == nil || !eff.Durable {
		t.Fatalf("%+v", eff.Reply)
	}
	return u
}

func (u *utility) envelope(st policy.Stream, body string) []byte {
	u.t.Helper()
	u.seq[st]++
	return signed(u.t, st, u.seq[st], u.now, body)
}

// signed is the n-th envelope of a stream.
func signed(t testing.TB, st policy.Stream, n uint64, now time.Time, body string) []byte {
	t.Helper()
	e := policy.Envelope{
		V: 1, Issuer: "utility", Audience: "site:test", Stream: st, Epoch: 1, Seq: n, ID: fmt.Sprintf("%s-%d", st, n),
		Issued: now, Expires: now.Add(time.Hour), Ack: policy.AckApplied, Body: json.RawMessage(body),
	}
	if st == policy.Heartbeat {
		e.Expires, e.Ack = now.Add(policy.HeartbeatLives), policy.AckNone
	}
	text, err := e.Sign(utilityKey(2))
	must(t, err)
	return []byte(text)
}

func (u *utility) say(st policy.Stream, body string) policy.Outcome {
	u.t.Helper()
	eff := u.step(Input{What: PolicyEnvelope{Text: u.envelope(st, body)}})
	if eff.Reply.Policy == nil {
		u.t.Fatalf("%+v", eff.Reply)
	}
	return *eff.Reply.Policy
}

func (u *utility) limit(id string, kw float64, length string) policy.Outcome {
	u.t.Helper()
	return u.say(policy.Limit, fmt.Sprintf(`{"event":{"id":%q,"programID":"dim","intervalPeriod":{"start":"0001-01-01","duration":%q},"intervals":[{"id":0,"payloads":[{"type":"IMPORT_CAPACITY_LIMIT","values":[%g]}]}]}}`, id, length, kw))
}

// heard lets time go by while the utility's heart beats.
func (u *utility) heard(d time.Duration) {
	u.t.Helper()
	for end := u.now.Add(d); u.now.Before(end); {
		u.say(policy.Heartbeat, `{}`)
		u.reading(min(time.Minute, end.Sub(u.now)))
	}
}

func (u *utility) runGeyser() {
	u.t.Helper()
	u.step(Input{What: Request{Kind: RunLoad, Load: "geyser", By: "page"}})
}

func TestAUtilitysLimitHoldsOffWhatCanWaitAndNothingElse(t *testing.T) {
	u := governed(t)
	u.heard(2 * time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	u.runGeyser()
	u.heard(3 * time.Minute)
	if !u.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	if out := u.limit("e1", 2, "PT1H"); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	u.heard(2 * time.Minute)
	if u.states["geyser"] {
		t.Fatal("3.5 kW are drawn where 2 kW are allowed, and the geyser stays on")
	}
	if !u.states[loads.SupplyID] || u.st.Credit.Supply.Position != credit.Connected {
		t.Fatal("a limit has taken the light away")
	}
	i := slices.IndexFunc(u.st.Health.Active, func(w health.Warning) bool { return w.Code == health.LimitInForce })
	if i < 0 || !strings.Contains(u.st.Health.Active[i].Cause.String(), "utility") {
		t.Fatalf("%+v", u.st.Health.Active)
	}
	if f := u.site.Limited(&u.st); f.Limit != 2*units.Kilowatt || f.Issuer != "utility" || f.Until.IsZero() {
		t.Errorf("%+v", f)
	}
	// It does not come on every few minutes to be shed again.
	starts := 0
	on := false
	for range 40 {
		u.heard(time.Minute)
		if u.states["geyser"] && !on {
			starts++
		}
		on = u.states["geyser"]
	}
	if starts != 0 {
		t.Errorf("under the limit the geyser was started %d times", starts)
	}
	u.runGeyser() // the householder's word does not go beyond it
	u.heard(2 * time.Minute)
	if u.states["geyser"] {
		t.Error("the geyser runs beyond the limit")
	}
	// The household's own use is never dimmed, however much it is.
	u.power = 6 * units.Kilowatt
	u.heard(5 * time.Minute)
	if !u.states[loads.SupplyID] {
		t.Fatal("the household is dark for want of obedience to a limit")
	}
	u.power = 500 * units.Watt
	u.heard(15 * time.Minute)
	u.runGeyser()
	u.heard(3 * time.Minute)
	if !u.states["geyser"] {
		t.Error("the limit is over and the geyser stays off")
	}
	if u.st.Health.Has(health.LimitInForce, "") {
		t.Error("the warning stays")
	}
}

func TestALostConnectionIsTheFailSafeLimit(t *testing.T) {
	u := governed(t)
	u.heard(2 * time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	u.runGeyser()
	u.heard(3 * time.Minute)
	if !u.states["geyser"] {
		t.Fatal("the geyser does not run")
	}
	u.run(4*time.Minute, time.Minute)
	if u.states["geyser"] || !u.st.Health.Has(health.LimitFailSafe, "") {
		t.Fatalf("nobody is heard, 3.5 kW are drawn and 3 kW are agreed: %+v", u.site.Limited(&u.st))
	}
	if !u.states[loads.SupplyID] {
		t.Fatal("fail-safe has taken the light away")
	}
	u.heard(time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	if u.st.Health.Has(health.LimitFailSafe, "") || u.site.Limited(&u.st).Limit != 0 {
		t.Errorf("%+v", u.site.Limited(&u.st))
	}
}

func TestWhatAUtilitySignsHasItsEffectAndIsAcknowledged(t *testing.T) {
	u := governed(t)
	u.planner = nil
	t.Run("a token", func(t *testing.T) {
		before := u.balance()
		text := u.envelope(policy.Token, fmt.Sprintf(`{"event":{"id":"t1","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":[%q]}]}]}}`, tokenFor(t, 1, 40)))
		eff := u.step(Input{What: PolicyEnvelope{Text: text}})
		if u.balance()-before != 40*units.One || len(eff.Credited) != 1 || !eff.Durable {
			t.Fatalf("%s came of it: %+v", u.balance()-before, eff.Reply)
		}
		again := u.step(Input{What: PolicyEnvelope{Text: text}})
		if u.balance()-before != 40*units.One || again.Reply.Policy.Code != policy.Duplicated {
			t.Fatalf("once more: %+v", again.Reply.Policy)
		}
		u.say(policy.Token, fmt.Sprintf(`{"event":{"id":"t2","programID":"prepay","intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_TOKEN","values":[%q]}]}]}}`, tokenFor(t, 1, 40)))
		if u.balance()-before != 40*units.One {
			t.Fatal("the same token in another envelope is credited twice")
		}
	})
	t.Run("prices", func(t *testing.T) {
		body := `{"event":{"id":"p","programID":"tou","payloadDescriptors":[{"payloadType":"PRICE","units":"KWH","currency":"ZAR"}],"intervalPeriod":{"start":"0001-01-01","duration":"PT2H"},"intervals":[{"id":0,"payloads":[{"type":"PRICE","values":[7]}]}]}}`
		if out := u.say(policy.Tariff, body); out.Code != policy.Taken {
			t.Fatalf("%+v", out)
		}
		if p, _ := u.site.TariffOf(&u.st).PriceAt(u.st.Tariff, u.now.Add(time.Hour)); p != 8_050_000 { // with VAT of 15 %
			t.Errorf("the price is %s", p)
		}
		if out := u.say(policy.Tariff, strings.Replace(body, "ZAR", "EUR", 1)); out.Code != policy.Inapplicable {
			t.Errorf("in another currency: %+v", out)
		}
	})
	t.Run("words", func(t *testing.T) {
		u.say(policy.Message, `{"event":{"id":"m1","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT1H"},"intervals":[{"id":0,"payloads":[{"type":"ALERT_POSSIBLE_OUTAGE","values":["works on Thursday"]}]}]}}`)
		u.say(policy.Message, `{"event":{"id":"m2","programID":"news","intervalPeriod":{"start":"0001-01-01","duration":"PT2H"},"intervals":[{"id":0,"payloads":[{"type":"X_PREPAY_MESSAGE","values":["good day"]}]}]}}`)
		if !u.st.Health.Has(health.UtilityAlert, "m1") || !u.st.Health.Has(health.UtilityMessage, "m2") {
			t.Fatalf("%+v", u.st.Health.Active)
		}
		u.run(61*time.Minute, time.Minute)
		if u.st.Health.Has(health.UtilityAlert, "m1") || !u.st.Health.Has(health.UtilityMessage, "m2") {
			t.Errorf("%+v", u.st.Health.Active)
		}
	})
	var got []string
	for _, a := range u.st.Policy.Acks {
		got = append(got, fmt.Sprintf("%s %s %s", a.Of.ID, a.State, a.Code))
	}
	want := []string{
		"token-1 received ", "token-1 applied ", "token-2 received ", "token-2 rejected inapplicable",
		"tariff-1 received ", "tariff-1 applied ", "tariff-2 received ", "tariff-2 rejected inapplicable",
		"message-1 received ", "message-1 applied ", "message-2 received ", "message-2 applied ", "message-1 completed ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

func TestARefusalIsToldOnceForEachCodeAndWritesNothing(t *testing.T) {
	u := governed(t)
	for range 50 {
		eff := u.step(Input{What: PolicyEnvelope{Text: []byte("x.y.z")}})
		if eff.Durable {
			t.Fatal("whoever sends rubbish has the disk written to")
		}
	}
	n := 0
	for _, e := range u.events {
		if e.Code == string(health.PolicyRefused) {
			n++
		}
	}
	if n != 1 || !u.st.Health.Has(health.PolicyRefused, string(policy.Unreadable)) {
		t.Errorf("told %d times: %+v", n, u.st.Health.Active)
	}
}

// TestAFaultInThePolicyTakesNothingElseDown breaks what is remembered of it, so that
// every look at it panics.
func TestAFaultInThePolicyTakesNothingElseDown(t *testing.T) {
	u := governed(t)
	u.heard(3 * time.Minute)
	u.limit("e1", 2, "PT1H")
	u.plain = true // such a state cannot come from storage
	broken := u.st.Policy.Events[0]
	broken.Steps, broken.Ends, broken.Period = nil, time.Time{}, 0
	u.st.Policy.Events = []policy.Event{broken} // it has no last step to look at
	spent := u.balance()
	u.run(5*time.Minute, time.Minute)
	if !u.st.Health.Has(health.PartFailed, policyPart) {
		t.Fatal("nothing is told of it: the test breaks nothing")
	}
	if u.balance() >= spent || u.st.Health.Has(health.StepFailed, "") {
		t.Errorf("metering does not go on: %s, then %s", spent, u.balance())
	}
	before := u.balance()
	u.step(Input{What: Token{Text: tokenFor(t, 1, 40), Source: "page"}})
	if u.balance()-before != 40*units.One {
		t.Errorf("a top-up does not go on: %s came of it", u.balance()-before)
	}
	u.runGeyser()
	u.power = 2 * units.Kilowatt
	u.run(3*time.Minute, time.Minute)
	if u.states["geyser"] {
		t.Error("nobody knows what holds, and the fail-safe limit does not")
	}
	u.st.Policy.Events = nil
	u.run(2*time.Minute, time.Minute)
	u.step(Input{})
	if u.st.Health.Has(health.PartFailed, policyPart) {
		t.Error("it works again, and the warning stays")
	}
}

func TestWithoutAConfiguredPolicyNothingIsTaken(t *testing.T) {
	u := governed(t)
	text := u.envelope(policy.Limit, `{"clear":true}`)
	u.site.Policy = nil
	if eff := u.step(Input{What: PolicyEnvelope{Text: text}}); eff.Reply.Err == nil {
		t.Error("it was taken")
	}
	if f := u.site.Limited(&u.st); f.Phase != policy.NotLimited {
		t.Errorf("%+v", f)
	}
}

// A meter that is read once a minute has not seen yet what was just switched off: nothing
// more is shed for what it says until then.
func TestNoMoreIsShedThanIsTooMuch(t *testing.T) {
	u := governed(t)
	u.heard(2 * time.Minute)
	u.say(policy.Limit, `{"clear":true}`)
	u.runGeyser()
	u.heard(2 * time.Minute)
	u.step(Input{What: Request{Kind: RunLoad, Load: "washer", By: "page"}})
	u.heard(2 * time.Minute)
	if !u.states["geyser"] || !u.states["washer"] {
		t.Fatalf("%v", u.states)
	}
	u.limit("e1", 4, "PT1H") // 0.5 + 3 + 1 kW are drawn
	on := 0
	for range 50 {
		u.now = u.now.Add(time.Second)
		u.step(Input{})
	}
	for _, id := range []string{"geyser", "washer"} {
		if u.states[id] {
			on++
		}
	}
	if on != 1 {
		t.Errorf("of two loads %d are on, and one is enough to be off: %v", on, u.states)
	}
}
