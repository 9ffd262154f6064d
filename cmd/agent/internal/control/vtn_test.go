package control

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/units"
)

// server is an OpenADR server's list for a bench.
func server(b *bench, streams ...policy.Stream) func(events ...string) Effects {
	b.site.VTN = &policy.Rules{
		Site: b.site.ID, Issuer: "vtn.example", Streams: streams, VTN: true, Devices: []policy.Device{{ID: "geyser"}, {ID: "car"}},
		Limit: policy.LimitRules{FailSafe: 4200 * units.Watt, Minimum: 2 * time.Hour, Floor: 2300 * units.Watt},
	}
	return func(events ...string) Effects {
		v := VTNList{}
		for _, e := range events {
			v.List.Events = append(v.List.Events, []byte(e))
		}
		return b.step(Input{What: v})
	}
}

func listed(id, kind, value, length string) string {
	return fmt.Sprintf(`{"id":%q,"programID":"p","payloadDescriptors":[{"payloadType":"PRICE","units":"KWH","currency":"ZAR"}],"intervalPeriod":{"start":"0001-01-01","duration":%q},"intervals":[{"id":0,"payloads":[{"type":%q,"values":[%s]}]}]}`, id, length, kind, value)
}

func TestAServerAsksAndTheHouseholdOptsOutOfThatToo(t *testing.T) {
	b := garage(t)
	list := server(b, policy.Demand, policy.Message)
	b.run(10*time.Minute, 5*time.Second)
	has := func(situation string, code health.Code, want bool) {
		t.Helper()
		if got := slices.ContainsFunc(b.st.Health.Active, func(w health.Warning) bool { return w.Code == code }); got != want {
			t.Errorf("%s: %s is %t", situation, code, got)
		}
	}
	list(listed("e-1", "SIMPLE", "2", "PT2H"), listed("e-2", "ALERT_FIRE", `"leave"`, "PT2H"), listed("e-3", "GHG", "7", "PT2H"))
	b.run(time.Minute, 5*time.Second)
	if got := b.told("car"); got != "off" {
		t.Errorf("level 2: %s", got)
	}
	has("asked", health.UtilityEvent, true)
	has("told", health.UtilityAlert, true)
	if b.st.Policy.Supply.Off != nil || len(b.st.Policy.Events) != 0 {
		t.Error("it is remembered as if a utility had signed it")
	}
	if out := b.step(Input{What: OptOut{Of: policy.OptGrid, By: "page"}}); out.Reply.Err != nil {
		t.Fatal(out.Reply.Err)
	}
	b.run(10*time.Minute, 5*time.Second)
	if got := b.told("car"); got != "on 7360 W" {
		t.Errorf("out of it: %s", got)
	}
	b.step(Input{What: OptOut{Of: policy.OptNone, By: "page"}})
	list()
	b.run(time.Minute, 5*time.Second)
	has("deleted", health.UtilityEvent, false)
	has("deleted", health.UtilityAlert, false)
	b.site.VTN = nil
	b.run(5*time.Second, 5*time.Second)
	if b.st.VTN.Served != nil || b.st.VTN.Events != nil {
		t.Errorf("a server that the configuration does not name any more is remembered: %+v", b.st.VTN)
	}
	if out := list(); out.Reply.Err == nil {
		t.Error("nobody's list was taken")
	}
}

func TestAServersLimitHoldsWhileItIsGone(t *testing.T) {
	b := garage(t)
	list := server(b, policy.Limit)
	at := func(situation string, phase policy.Phase, limit units.Power) {
		t.Helper()
		for _, f := range b.site.LimitsInForce(&b.st) {
			if f.Source == policy.Served && f.Phase == phase && f.Limit == limit {
				return
			}
		}
		t.Errorf("%s: %+v", situation, b.site.LimitsInForce(&b.st))
	}
	b.run(time.Minute, 5*time.Second)
	at("nothing heard", policy.Init, 4200*units.Watt)
	list(listed("e-1", "IMPORT_CAPACITY_LIMIT", "5", "PT30M"))
	at("limited", policy.Limited, 5*units.Kilowatt)
	for _, w := range b.st.Health.Active {
		if w.Code == health.LimitInForce && w.Subject != "openadr" {
			t.Errorf("the limit is told as one of %q", w.Subject)
		}
	}
	b.run(10*time.Minute, 5*time.Second)
	at("gone", policy.FailSafe, 4200*units.Watt)
	b.run(3*time.Hour, 30*time.Second)
	at("gone for long", policy.FailSafe, 4200*units.Watt)
	b.st = b.restarted()
	b.run(time.Minute, 5*time.Second)
	at("and the agent began anew", policy.FailSafe, 4200*units.Watt)
	list()
	at("back, and it lists no limit", policy.Unlimited, 0)
}

func TestAServersPricesAreChargedAndTakenBack(t *testing.T) {
	b := newBench(t)
	still(b)
	b.power = units.Kilowatt
	list := server(b, policy.Tariff)
	hour := func(situation string, price float64) {
		t.Helper()
		if got, want := b.spent(func() { b.run(time.Hour, time.Minute) }), units.FromFloat(price*1.15); got != want {
			t.Errorf("%s: an hour of 1 kW cost %s, want %s", situation, got, want)
		}
	}
	hour("the document's", 1)
	if out := list(listed("e-1", "PRICE", "7", "PT6H")); out.Reply.Err != nil || out.Reply.VTN.Prices == nil || !out.Durable {
		t.Fatalf("%+v", out.Reply)
	}
	hour("the server's", 7)
	list(listed("e-1", "PRICE", "7", "PT6H"))
	hour("the same list again", 7)
	list(listed("e-1", "PRICE", "5", "PT6H"))
	hour("changed", 5)
	if out := list(listed("e-2", "PRICE", `"high"`, "PT6H")); out.Reply.VTN.Prices != nil || !b.happened("openadr_refused") {
		t.Errorf("%+v", out.Reply.VTN)
	}
	hour("deleted", 1)
	foreign := strings.Replace(listed("e-3", "PRICE", "0.1", "PT6H"), "ZAR", "USD", 1)
	if out := list(foreign); !strings.Contains(fmt.Sprint(out.Reply.VTN.Fresh), "USD") {
		t.Errorf("%+v", out.Reply.VTN.Fresh)
	}
	hour("in another currency", 1)
	list(listed("e-4", "PRICE", "7", "PT6H"))
	b.site.VTN = nil
	b.reading(time.Second)
	hour("the configuration names no server any more, and it is the morning's price", 3)
}
