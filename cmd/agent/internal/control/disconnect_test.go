package control

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/loads"
)

// order is a disconnection that two keys sign.
func (u *utility) order(id string, until time.Time) []byte {
	u.t.Helper()
	u.seq[policy.Supply]++
	e := policy.Envelope{
		V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Supply, Epoch: 1, Seq: u.seq[policy.Supply], ID: fmt.Sprintf("supply-%d", u.seq[policy.Supply]),
		Issued: u.now, Expires: u.now.Add(10 * time.Minute), Ack: policy.AckApplied, Body: []byte(fmt.Sprintf(`{"disconnect":{"id":%q,"until":%q}}`, id, until.Format(time.RFC3339))),
	}
	text, err := e.Sign(utilityKey(2), utilityKey(3))
	must(u.t, err)
	return []byte(text)
}

// cuttable is a bench whose utility may disconnect it at any hour an hour after it has said
// so, and has said so.
func cuttable(t testing.TB, mode credit.ControlMode) *utility {
	b := newBench(t)
	b.planner = nil
	b.site.Policy = theRules()
	b.site.Policy.Streams = []policy.Stream{policy.Supply, policy.Message, policy.Token}
	b.site.Policy.Disconnect = &policy.DisconnectRules{Mode: mode, Zone: b.site.Zone, Own: &credit.ProtectedDocument{Alerts: []string{"FREEZING"}, Notice: time.Hour}}
	u := &utility{bench: b, seq: map[policy.Stream]uint64{}}
	text, err := policy.SignKeys("utility", b.now, policy.KeySet{
		Version: 1, Epoch: 1, Roots: theRules().Roots, Threshold: 1, Expires: b.now.AddDate(1, 0, 0),
		Signers: []policy.Signer{{Key: publicKey(utilityKey(2)), Streams: policy.Streams()}, {Key: publicKey(utilityKey(3)), Streams: []policy.Stream{policy.Supply}}},
	}, utilityKey(1))
	must(t, err)
	b.step(Input{What: PolicyEnvelope{Text: []byte(text)}})
	if out := u.say(policy.Supply, fmt.Sprintf(`{"notice":{"id":"d1","why":"unpaid since March","from":%q}}`, u.now.Add(time.Hour).Format(time.RFC3339))); out.Code != policy.Taken {
		t.Fatalf("%+v", out)
	}
	return u
}

// due lets the time of the announcement go by.
func (u *utility) due() {
	u.t.Helper()
	u.run(time.Hour, time.Minute)
}

// wants is where the supply is to be.
func (u *utility) wants(what string, p credit.Position, c credit.Cause, on bool) {
	u.t.Helper()
	s := u.st.Credit.Supply
	if s.Position != p || s.Cause != c || u.states[loads.SupplyID] != on {
		u.t.Fatalf("%s: the supply is %s by %q and %v; want %s by %q and %v", what, s.Position, s.Cause, u.states[loads.SupplyID], p, c, on)
	}
}

func TestAUtilityDisconnectsAndAllowsTheSupplyAgain(t *testing.T) {
	for _, mode := range []credit.ControlMode{1, 2, 3, 4, 5, 6} {
		t.Run(fmt.Sprintf("mode %d", mode), func(t *testing.T) {
			u := cuttable(t, mode)
			if !u.st.Health.Has(health.DisconnectionNear, "") {
				t.Fatal("nothing is told of what is announced")
			}
			if eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}}); eff.Reply.Policy.Code != policy.Unannounced {
				t.Fatalf("%+v", eff.Reply.Policy)
			}
			u.due()
			entries := len(u.ledger)
			eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}})
			if eff.Reply.Policy.Code != policy.Taken || !eff.Durable {
				t.Fatalf("%+v", eff.Reply.Policy)
			}
			u.wants("ordered", credit.Disconnected, credit.ByUtility, false)
			if len(u.ledger) == entries || !u.st.Health.Has(health.DisconnectedByUtility, "") || !u.happened("disconnection_ordered") {
				t.Error("the ledger, the warnings or the log say nothing of it")
			}
			if err := func() (err error) { u.step(Input{What: Request{Kind: Reconnect, By: "page"}}); return u.last.Reply.Err }(); err == nil {
				t.Error("a person closes what the utility has opened")
			}
			u.step(Input{What: Token{Text: tokenFor(t, 1, 40), Source: "page"}})
			u.wants("credit is bought", credit.Disconnected, credit.ByUtility, false)
			u.run(time.Minute, 10*time.Second)
			if a := u.st.Policy.Acks; a[len(a)-1].State != policy.Applied {
				t.Errorf("%+v", a[len(a)-1])
			}
			u.st = u.restarted()
			u.run(10*time.Minute, time.Minute)
			u.wants("after a restart", credit.Disconnected, credit.ByUtility, false)
			u.say(policy.Supply, `{"ready":true}`)
			if mode.Closes() {
				u.wants("allowed", credit.Connected, credit.NoCause, true)
			} else {
				u.wants("allowed", credit.Ready, credit.ByUtility, false)
				u.run(10*time.Minute, time.Minute)
				u.wants("nobody has pressed", credit.Ready, credit.ByUtility, false)
				u.step(Input{What: Request{Kind: Reconnect, By: "page"}})
				u.wants("somebody has", credit.Connected, credit.NoCause, true)
			}
			if u.st.Health.Has(health.DisconnectedByUtility, "") || !u.happened("disconnection_ended") {
				t.Error("the warning stays, or the log does not say that it is over")
			}
			must(t, credit.Verify(u.ledger))
		})
	}
}

// The causes of a dark home are told apart, and each ends by its own word.
func TestEachCauseOfADarkHomeEndsByItsOwnWord(t *testing.T) {
	u := cuttable(t, 2)
	u.due()
	u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}})
	u.wants("ordered", credit.Disconnected, credit.ByUtility, false)
	u.leave(-10_000_000)
	u.run(time.Minute, time.Minute)
	u.say(policy.Supply, `{"ready":true}`)
	u.run(time.Minute, time.Minute)
	u.wants("allowed, without credit", credit.Disconnected, credit.ForNoCredit, false)
	u.step(Input{What: Token{Text: tokenFor(t, 1, 40), Source: "page"}})
	u.wants("credit is bought", credit.Connected, credit.NoCause, true)
	u.step(Input{What: Request{Kind: SupplyOff, By: "page"}})
	u.wants("a person switches it off", credit.Disconnected, credit.ByCustomer, false)
	u.run(time.Minute, time.Minute)
	u.step(Input{What: Request{Kind: SupplyOn, By: "page"}})
	u.wants("and on", credit.Connected, credit.NoCause, true)
}

// Any doubt keeps the light on.
func TestNothingDoubtfulDisconnectsAHome(t *testing.T) {
	for name, doubt := range map[string]func(u *utility){
		"an alert is in force": func(u *utility) {
			u.say(policy.Message, strings.Replace(wordsBody("m1", "frost", "PT1H"), "X_PREPAY_MESSAGE", "ALERT_FREEZING", 1))
		},
		"the clock is young": func(u *utility) { u.site.Wall, u.st.Clock.Young, u.plain = true, true, true },
		"the clock is doubted": func(u *utility) {
			u.site.Wall, u.st.Clock.Skew, u.st.Clock.Left, u.st.Clock.Raw, u.plain = true, 48*time.Hour, 20*time.Hour, u.now.Add(48*time.Hour), true
			u.now = u.now.Add(48 * time.Hour)
		},
		"the clock stands before":    func(u *utility) { u.now = u.now.Add(-2 * time.Minute) },
		"there is no switch":         func(u *utility) { u.site.Contactor = false },
		"the records are held":       func(u *utility) { u.st, _ = u.site.Held(u.st, u.now, "a fault of the test") },
		"no rules are known":         func(u *utility) { u.site.Policy.Disconnect.Own = nil },
		"too much is drawn to break": func(u *utility) { u.site.Supply.Breaks = 1 },
		"no utility disconnects":     func(u *utility) { u.site.Policy.Disconnect = nil },
	} {
		t.Run(name, func(t *testing.T) {
			u := cuttable(t, 1)
			u.due()
			doubt(u)
			eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}})
			if p := eff.Reply.Policy; p == nil || p.Code == policy.Taken {
				t.Errorf("%+v", eff.Reply)
			}
			if !u.states[loads.SupplyID] || u.st.Policy.Supply.Off != nil {
				t.Error("the home is dark")
			}
		})
	}
}

// What protects comes while the home is dark, or the order's time is over.
func TestADisconnectionEndsByItself(t *testing.T) {
	for name, end := range map[string]func(u *utility){
		"an alert comes": func(u *utility) {
			u.say(policy.Message, strings.Replace(wordsBody("m1", "frost", "PT1H"), "X_PREPAY_MESSAGE", "ALERT_FREEZING", 1))
		},
		"a person at risk": func(u *utility) { u.site.Policy.Disconnect.Own.AtRisk = "2999-01-01"; u.step(Input{}) },
		"its time is over": func(u *utility) { u.run(2*time.Hour, 10*time.Minute) },
		"the configuration names no utility any more": func(u *utility) { u.site.Policy = nil; u.step(Input{}) },
	} {
		t.Run(name, func(t *testing.T) {
			u := cuttable(t, 2)
			u.due()
			u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(2*time.Hour))}})
			u.wants("ordered", credit.Disconnected, credit.ByUtility, false)
			u.run(time.Minute, time.Minute)
			end(u)
			u.step(Input{})
			if u.st.Credit.Supply.Cause == credit.ByUtility && u.st.Credit.Supply.Position == credit.Disconnected {
				t.Error("the home stays dark")
			}
		})
	}
}
