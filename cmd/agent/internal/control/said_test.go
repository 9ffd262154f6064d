package control

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// TestWhatAnOutsiderNamesIsBounded: warnings, events and the checkpoint do not
// grow with what somebody sends.
func TestWhatAnOutsiderNamesIsBounded(t *testing.T) {
	b := newBench(t)
	events, points := 0, 0
	for i := range 900 {
		eff := b.step(Input{What: Edge{Code: health.BadMessage, Subject: fmt.Sprintf("load%d", i), Cause: said.Words(fmt.Sprintf("%d", i))}})
		events += len(eff.Events)
		points += len(eff.Points)
		if i%4 == 0 { // a wire that shakes
			for _, cause := range []string{"", "shut", ""} {
				events += len(b.step(Input{What: Edge{Code: health.BrokerGone, Cause: said.Words(cause)}}).Events)
			}
		}
	}
	text, err := json.Marshal(b.st)
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d warnings, %d events, %d points, a checkpoint of %d bytes", len(b.st.Health.Active), events, points, len(text))
	if n := len(b.st.Health.Active); n > 50 {
		t.Errorf("%d warnings", n)
	}
	if events > 4*mostSaid || len(text) > 100_000 {
		t.Errorf("%d events, %d bytes", events, len(text))
	}
	if !b.st.Health.Has(health.BadMessage, health.Others) {
		t.Error("nobody says that there are more")
	}
	// An hour later they are told again.
	b.now = b.now.Add(time.Hour)
	if eff := b.step(Input{What: Edge{Code: health.BrokerGone, Cause: said.Words("shut")}}); len(eff.Events) == 0 {
		t.Error("nothing is told any more")
	}
}
