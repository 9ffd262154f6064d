package control

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// blackout is a bench that its utility has disconnected until so long from now.
func blackout(t testing.TB, mode credit.ControlMode, lasts time.Duration) *utility {
	t.Helper()
	u := cuttable(t, mode)
	u.due()
	u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(lasts))}})
	u.wants("ordered", credit.Disconnected, credit.ByUtility, false)
	return u
}

// A supply that waits for somebody goes on waiting, whatever comes in between: nothing starts
// in an empty house.
func TestNothingInBetweenClosesASupplyThatWaits(t *testing.T) {
	for name, between := range map[string]func(u *utility){
		"the credit is spent meanwhile, and bought by somebody who is away": func(u *utility) {
			u.leave(-10_000_000)
			u.run(time.Minute, time.Minute)
			u.say(policy.Supply, `{"ready":true}`)
			u.wants("without credit", credit.Disconnected, credit.ForNoCredit, false)
			u.run(time.Minute, time.Minute)
			u.step(Input{What: Token{Text: tokenFor(u.t, 1, 40), Source: "page"}})
		},
		"a credit that ends while it waits": func(u *utility) {
			u.say(policy.Supply, `{"ready":true}`)
			u.leave(-10_000_000)
			u.run(time.Minute, time.Minute)
			u.wants("without credit", credit.Disconnected, credit.ForNoCredit, false)
			u.step(Input{What: Token{Text: tokenFor(u.t, 1, 40), Source: "page"}})
		},
		"a restart": func(u *utility) {
			u.say(policy.Supply, `{"ready":true}`)
			u.st = u.restarted()
			u.step(Input{Fresh: true})
		},
		"the configuration names no utility any more": func(u *utility) { u.site.Policy = nil; u.step(Input{}) },
	} {
		t.Run(name, func(t *testing.T) {
			u := blackout(t, 1, 48*time.Hour)
			u.run(time.Minute, time.Minute)
			between(u)
			u.run(10*time.Minute, time.Minute)
			if s := u.st.Credit.Supply; s.Position != credit.Ready || u.states[loads.SupplyID] {
				t.Fatalf("the supply is %s by %q", s.Position, s.Cause)
			}
			u.step(Input{What: Request{Kind: Reconnect, By: "page"}})
			u.wants("somebody has pressed", credit.Connected, credit.NoCause, true)
			if u.st.Credit.Supply.Armed {
				t.Error("it is remembered after that")
			}
		})
	}
}

// What the configuration has ended is over: no warning stays, the log says what it was, and it
// does not come back.
func TestAPolicyThatIsTakenAwayLeavesNothingBehind(t *testing.T) {
	u := blackout(t, 2, 48*time.Hour)
	u.say(policy.Message, wordsBody("m1", "words", "PT40H"))
	was := u.site.Policy
	u.site.Policy = nil
	u.step(Input{})
	u.run(time.Minute, time.Minute)
	if s := u.st.Credit.Supply; s.Position == credit.Disconnected {
		t.Fatalf("the home is dark: %+v", s)
	}
	for _, w := range u.st.Health.Active {
		if slices.Contains(ofUtility(), w.Code) {
			t.Errorf("the warning %s of a utility that nobody knows: %s", w.Code, w.Cause)
		}
	}
	ended := ""
	for _, e := range u.events {
		if e.Code == "disconnection_ended" {
			ended = string(e.Says[0].Kind)
		}
	}
	if ended != "policy.cut_ended_rules" {
		t.Errorf("the log says %q", ended)
	}
	u.site.Policy = was
	u.run(time.Hour, time.Minute)
	if s := u.st.Credit.Supply; s.Position == credit.Disconnected || u.st.Policy.Supply.Off != nil {
		t.Errorf("it is dark again without an order: %+v", s)
	}
}

// A machine whose clock no time server keeps may have any: what waited at the broker for days
// would be in time by it.
func TestAClockThatNobodyKeepsDisconnectsNobody(t *testing.T) {
	u := cuttable(t, 1)
	u.due()
	u.site.Wall, u.plain, u.st.Clock.Raw, u.st.Clock.Up = true, true, u.now, time.Hour
	if eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}}); eff.Reply.Policy.Code != policy.Inapplicable {
		t.Fatalf("%+v", eff.Reply.Policy)
	}
	if eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}, Synced: true}); eff.Reply.Policy.Code != policy.Taken {
		t.Fatalf("%+v", eff.Reply.Policy)
	}
}

// What is drawn is not known: whether the switch may break it, neither.
func TestASwitchThatMayNotBreakEverythingBreaksNothingUnknown(t *testing.T) {
	u := cuttable(t, 1)
	u.due()
	u.site.Supply.Breaks = 20 * units.Kilowatt
	u.now = u.now.Add(time.Hour) // without a reading
	if eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}}); eff.Reply.Policy.Code != policy.Inapplicable {
		t.Fatalf("%+v", eff.Reply.Policy)
	}
	u.reading(time.Second)
	u.reading(time.Second)
	if eff := u.step(Input{What: PolicyEnvelope{Text: u.order("d1", u.now.Add(48*time.Hour))}}); eff.Reply.Policy.Code != policy.Taken {
		t.Fatalf("%+v", eff.Reply.Policy)
	}
}

// The part that lets the time of a disconnection pass is broken: it ends all the same.
func TestABrokenPolicyKeepsNobodyInTheDark(t *testing.T) {
	u := blackout(t, 2, 2*time.Hour)
	u.plain = true
	u.st.Policy.Events = []policy.Event{{ID: "broken", Of: policy.Ref{Stream: policy.Message, Audience: "site:test"}}} // has no steps
	u.run(time.Hour, time.Minute)
	if !u.st.Health.Has(health.PartFailed, policyPart) {
		t.Fatal("an event without steps breaks nothing: break the policy in another way")
	}
	u.wants("before its time", credit.Disconnected, credit.ByUtility, false)
	u.run(2*time.Hour, time.Minute)
	u.wants("after it", credit.Connected, credit.NoCause, true)
}

// The ledger is the evidence: it says who, why and until when.
func TestTheLedgerSaysWhoDisconnected(t *testing.T) {
	u := blackout(t, 1, 48*time.Hour)
	off := u.st.Policy.Supply.Off
	want := "off by order of the utility: d1 of utility, until " + off.Until.Format(time.RFC3339) + ": unpaid since March"
	if !slices.ContainsFunc(u.ledger, func(e credit.Entry) bool { return e.Kind == credit.Supply && e.Cause == want }) {
		t.Errorf("no entry says %q", want)
	}
	must(t, credit.Verify(u.ledger))
}

// The storage fails: what gives the light back has its effect all the same, whoever sent it is
// told that it is not recorded, and no order to disconnect counts.
func TestAFailingStorageKeepsNobodyInTheDark(t *testing.T) {
	for _, mode := range []credit.ControlMode{1, 2} {
		for name, fail := range map[string]func(h *slowHouse){
			"it is full":         func(h *slowHouse) { h.disk.failWith(ErrJournalFull) },
			"it does not answer": func(h *slowHouse) { h.disk.set(0, true) },
		} {
			t.Run(fmt.Sprintf("mode %d, %s", mode, name), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					h := newSlowHouse(t, func(s *Site) {
						s.Policy = theRules()
						s.Policy.Streams = []policy.Stream{policy.Supply, policy.Message}
						s.Policy.Disconnect = &policy.DisconnectRules{Mode: mode, Zone: s.Zone, Own: &credit.ProtectedDocument{Alerts: []string{"FREEZING"}}}
					})
					h.draw(t, 300*units.Watt, 10*time.Second)
					n := uint64(0)
					feed := func(text []byte) (Reply, error) {
						t.Helper()
						done := make(chan answer, 1)
						go func() {
							reply, err := h.Feed(t.Context(), Input{What: PolicyEnvelope{Text: text}})
							done <- answer{reply, err}
						}()
						for range 60 {
							select {
							case a := <-done:
								return a.reply, a.err
							default:
								h.draw(t, 300*units.Watt, time.Second)
							}
						}
						t.Fatal("nobody answers")
						return Reply{}, nil
					}
					say := func(keys int, body string) []byte {
						n++
						e := policy.Envelope{
							V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Supply, Epoch: 1, Seq: n, ID: fmt.Sprint("s", n),
							Issued: time.Now().UTC(), Expires: time.Now().UTC().Add(10 * time.Minute), Body: []byte(body),
						}
						text, err := e.Sign(utilityKey(2))
						if keys == 2 {
							text, err = e.Sign(utilityKey(2), utilityKey(3))
						}
						must(t, err)
						return []byte(text)
					}
					set, err := policy.SignKeys("utility", time.Now(), policy.KeySet{
						Version: 1, Epoch: 1, Roots: theRules().Roots, Threshold: 1, Expires: time.Now().AddDate(1, 0, 0),
						Signers: []policy.Signer{{Key: publicKey(utilityKey(2)), Streams: policy.Streams()}, {Key: publicKey(utilityKey(3)), Streams: policy.Streams()}},
					}, utilityKey(1))
					must(t, err)
					order := func() []byte {
						return say(2, fmt.Sprintf(`{"disconnect":{"id":"d1","until":%q}}`, time.Now().UTC().Add(48*time.Hour).Format(time.RFC3339)))
					}
					for i, text := range [][]byte{[]byte(set), say(1, fmt.Sprintf(`{"notice":{"id":"d1","why":"unpaid","from":%q}}`, time.Now().UTC().Format(time.RFC3339))), order()} {
						if reply, err := feed(text); err != nil || reply.Policy.Code != policy.Taken {
							t.Fatalf("%d: %v %+v", i, err, reply.Policy)
						}
					}
					h.draw(t, 0, 10*time.Second)
					off := func() bool { return h.Snapshot().State.Credit.Supply.Position == credit.Disconnected }
					if !off() {
						t.Fatal("it is not disconnected")
					}
					fail(h)
					ready := say(1, `{"ready":true}`)
					_, last := feed(ready)
					h.draw(t, 0, time.Minute)
					if off() {
						t.Fatalf("the home stays dark for the storage: %v", last)
					}
					if mode == 1 {
						var err error
						for range 6 {
							done := make(chan error, 1)
							go func() {
								_, err := h.Feed(t.Context(), Input{What: Request{Kind: Reconnect, By: "page"}})
								done <- err
							}()
							for waits := true; waits; {
								select {
								case err = <-done:
									waits = false
								default:
									h.draw(t, 0, time.Second)
								}
							}
							if err == nil {
								break
							}
						}
						if err != nil {
							t.Errorf("nobody can switch it on: %v", err)
						}
					}
					h.draw(t, 0, time.Minute)
					if p := h.Snapshot().State.Credit.Supply.Position; p != credit.Connected {
						t.Errorf("the supply is %s", p)
					}
					// And while it fails nobody is disconnected.
					if _, err := feed(say(1, fmt.Sprintf(`{"notice":{"id":"d2","why":"unpaid","from":%q}}`, time.Now().UTC().Format(time.RFC3339)))); !errors.Is(err, ErrNotRecorded) && !errors.Is(err, ErrNotKnown) {
						t.Errorf("%v", err)
					}
					if off() {
						t.Error("it is dark again")
					}
				})
			})
		}
	}
}

// What is said of the end of a disconnection is what has ended it.
func TestTheEndOfADisconnectionIsToldAsItWas(t *testing.T) {
	for want, end := range map[string]func(u *utility){
		"policy.cut_ended_ready":   func(u *utility) { u.say(policy.Supply, `{"ready":true}`) },
		"policy.cut_ended_until":   func(u *utility) { u.run(3*time.Hour, 10*time.Minute) },
		"policy.cut_ended_at_risk": func(u *utility) { u.site.Policy.Disconnect.Own.AtRisk = "2999-01-01"; u.step(Input{}) },
		"policy.cut_ended_rules":   func(u *utility) { u.site.Policy.Disconnect = nil; u.step(Input{}) },
		"policy.cut_ended_clock":   func(u *utility) { u.now = u.now.Add(-90 * time.Minute); u.step(Input{}) },
		"policy.cut_ended_alert": func(u *utility) {
			u.say(policy.Message, strings.Replace(wordsBody("m1", "frost", "PT1H"), "X_PREPAY_MESSAGE", "ALERT_FREEZING", 1))
		},
	} {
		u := blackout(t, 2, 2*time.Hour)
		end(u)
		var told []string
		for _, e := range u.events {
			if e.Code == "disconnection_ended" {
				told = append(told, string(e.Says[0].Kind))
			}
		}
		if !slices.Equal(told, []string{want}) {
			t.Errorf("%q, want %s", told, want)
		}
	}
}

// Records that are old, or that can be read in part alone, keep nobody in the dark, and let
// nobody be disconnected whose rules may be what was lost.
func TestRecordsThatAreDoubtedKeepNobodyInTheDark(t *testing.T) {
	t.Run("old ones", func(t *testing.T) {
		u := blackout(t, 2, 48*time.Hour)
		u.plain = true
		u.st.MarkOld(u.now, "a test")
		u.run(time.Minute, time.Minute)
		u.wants("after old records were put back", credit.Connected, credit.NoCause, true)
	})
	t.Run("what can be read of them", func(t *testing.T) {
		u := blackout(t, 2, 48*time.Hour)
		u.seq[policy.Supply]++
		e := policy.Envelope{
			V: 1, Issuer: "utility", Audience: "site:test", Stream: policy.Supply, Epoch: 1, Seq: u.seq[policy.Supply], ID: "rules",
			Issued: u.now, Expires: u.now.Add(time.Hour), Body: []byte(`{"rules":{"until":"2027-12-01T00:00:00Z","alerts":["FREEZING"],"holidays":["12-25"]}}`),
		}
		text, err := e.Sign(utilityKey(2), utilityKey(3))
		must(t, err)
		u.step(Input{What: PolicyEnvelope{Text: []byte(text)}})
		if u.st.Policy.Supply.Rules == nil {
			t.Fatal("no signed rules")
		}
		broken := strings.Replace(u.text(u.st), `"holidays":["12-25"]`, `"holidays":"12-25"`, 1)
		st, lost := u.site.SalvageState([]byte(broken), u.now)
		if len(lost) == 0 || st.Policy.Supply.Off != nil {
			t.Fatalf("%q, and the home stays dark: %+v", lost, st.Policy.Supply.Off)
		}
		if r := st.Policy.Supply.Rules; r != nil && r.Until.After(u.now) {
			t.Errorf("rules of which a part is lost are good until %s", r.Until)
		}
	})
}
