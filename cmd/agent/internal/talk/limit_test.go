package talk

import (
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/units"
)

// TestTheHouseholdLimitsItselfOverMQTT says each word over a broker.
func TestTheHouseholdLimitsItselfOverMQTT(t *testing.T) {
	url, sender := aBroker(t)
	site := testsite.New(t)
	site.Curbs = control.LimitRules{Own: &policy.LimitRules{FailSafe: 8 * units.Kilowatt, Minimum: 2 * time.Hour, Floor: 2 * units.Kilowatt}}
	h := newHouseOf(t, site, url, nil, nil)
	send := func(word string) {
		t.Helper()
		body := fmt.Sprintf(`{"order":%q,"at":%q}`, word, time.Now().UTC().Format(time.RFC3339Nano))
		if err := sender.Publish(t.Context(), sender.Topics().Limit(), 1, false, []byte(body)); err != nil {
			t.Fatal(err)
		}
	}
	holds := func(phase policy.Phase, limit units.Power) func() bool {
		return func() bool {
			st := h.loop.Snapshot().State
			for _, f := range site.LimitsInForce(&st) {
				if f.Source == policy.Own {
					return f.Phase == phase && f.Limit == limit
				}
			}
			return false
		}
	}
	eventually(t, "a limit", func() bool { send("3 kW"); return holds(policy.Limited, 3*units.Kilowatt)() })
	send("alive")
	send("none")
	eventually(t, "no limit", holds(policy.Unlimited, 0))
	for _, bad := range []string{"-1 kW", "0 W", "1.9 kW", "plenty", "2 GW"} {
		send(bad)
	}
	eventually(t, "the warning of those that are none", func() bool { return h.warned(health.BadMessage) })
	if !holds(policy.Unlimited, 0)() {
		t.Error("one of them was obeyed")
	}
	send("2 kW")
	eventually(t, "the floor itself", holds(policy.Limited, 2*units.Kilowatt))
	v := h.view()
	if len(v.Limits) != 1 || v.Limits[0].Source != "mqtt" || v.Power.Limit != 2*units.Kilowatt || v.Limited.State != "" {
		t.Errorf("%+v, %s", v.Limits, v.Power.Limit)
	}
}
