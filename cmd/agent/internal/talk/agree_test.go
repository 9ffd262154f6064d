package talk

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/testsite"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// What MQTT says of a state, and the picture that HTTP sends of it.
func bothWays(t *testing.T, site *control.Site, st control.State) (said func(topic string, into any), view api.View) {
	t.Helper()
	a := New(site, control.NewLoop(control.LoopConfig{Site: site, State: st}), &testsite.Records{}, picture.New(site, picture.About{Name: "Home", Unit: present.Unit{Code: "ZAR", Decimals: 2}}))
	messages, err := a.retained(broker.NewTopics("test"), 0)
	must(t, err)
	snap := a.loop.Snapshot()
	v := a.maker.Of(&snap)
	return func(topic string, into any) {
		t.Helper()
		for _, m := range messages {
			if strings.HasSuffix(m.Topic, "/"+topic) {
				must(t, json.Unmarshal(m.Payload, into))
				return
			}
		}
		t.Fatalf("nothing was said on %s", topic)
	}, api.ViewOf(a.words.For(v.Unit, v.Zone, v.At), &v)
}

func TestMQTTAndHTTPSayTheSameOfOneState(t *testing.T) {
	site := testsite.New(t)
	at := time.Date(2026, 11, 3, 6, 0, 0, 0, time.UTC)
	begun, _ := site.Begin(at)

	t.Run("before the first reading there is no register, and not one of 0 kWh", func(t *testing.T) {
		said, view := bothWays(t, site, begun)
		state := map[string]any{}
		said("state", &state)
		if kwh, ok := state["import_kwh"]; ok || view.Meter.ImportKWh != nil {
			t.Errorf("MQTT says %v, HTTP %v", kwh, view.Meter.ImportKWh)
		}
	})

	st, _, _ := testsite.Drive(t, site, begun, at, 10*time.Minute)
	t.Run("a switch that is on against its command is on", func(t *testing.T) {
		st := st
		st.Loads = slices.Clone(st.Loads)
		st.Loads[0].Seen = loads.Observation{On: true, Known: true, At: st.Now}
		if st.Guard.Unit("geyser").Set.On {
			t.Fatal("it was told to be on")
		}
		said, view := bothWays(t, site, st)
		var load api.LoadState
		said("load/geyser/state", &load)
		if !load.On || load.State != "running" || view.Loads[0].State != load.State || load.PowerW != view.Loads[0].W {
			t.Errorf("MQTT says %+v, HTTP %+v", load, view.Loads[0])
		}
	})

	t.Run("where the records do not agree no plan is in force", func(t *testing.T) {
		st := st
		st.Hold = &control.Hold{Since: st.Now, Why: "the ledger is shorter"}
		said, view := bothWays(t, site, st)
		var plan api.Plan
		said("plan", &plan)
		if plan.MadeAt != nil || view.Plan.MadeAt != nil || len(plan.Slots) != len(view.Plan.Slots) || plan.Version != api.PlanVersion {
			t.Errorf("MQTT has a plan of %v, HTTP of %v", plan.MadeAt, view.Plan.MadeAt)
		}
	})

	t.Run("two warnings of one code each have their own cause", func(t *testing.T) {
		st := st
		for i, subject := range []string{"keeplit/test/token", "keeplit/test/prices"} {
			st, _ = site.Step(st, control.Input{Now: st.Now.Add(time.Duration(i+1) * time.Second), What: control.Edge{Code: health.BadMessage, Subject: subject, Cause: said.Words("it was " + subject)}})
		}
		said, view := bothWays(t, site, st)
		var notices []api.Notice
		said("warnings", &notices)
		if len(notices) != len(view.Warnings) {
			t.Fatalf("%d and %d", len(notices), len(view.Warnings))
		}
		n := 0
		for i, w := range notices {
			if x := view.Warnings[i]; x.Code != w.Code || x.Subject != w.Subject || x.Cause != w.Cause || x.Remedy != w.Remedy {
				t.Errorf("MQTT says %+v, HTTP %+v", w, x)
			}
			if w.Code == string(health.BadMessage) {
				n++
			}
		}
		if n != 2 {
			t.Errorf("%d warnings of messages", n)
		}
	})

	t.Run("the balance, the run-out, the price and the plan", func(t *testing.T) {
		said, view := bothWays(t, site, st)
		var state api.State
		var plan api.Plan
		said("state", &state)
		said("plan", &plan)
		if state.Balance != view.Credit.Balance || state.Price != *view.Tariff.Price || state.Why != view.Supply.Says ||
			view.RunOut.At != nil && !view.RunOut.Beyond && !state.RunOut.Equal(*view.RunOut.At) {
			t.Errorf("MQTT says %+v, HTTP %+v", state, view)
		}
		if len(plan.Slots) == 0 || len(plan.Slots) != len(view.Plan.Slots) || plan.Cost != view.Plan.Cost || plan.Slots[0].Price != units.Price(3_000_000).String() {
			t.Errorf("MQTT plans %+v", plan)
		}
	})
}
