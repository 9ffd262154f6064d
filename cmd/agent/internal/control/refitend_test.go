package control

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
)

func TestLoopEndsWithItsRefits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := runLoop(t)
		whole, _ := r.cfg.Planner.(*failing)
		site := r.cfg.Site
		f, err := forecast.New(forecast.Options{Zone: site.Zone, Step: site.Interval, Background: true})
		must(t, err)
		p := planning.New(site.Rules(), f, nil)
		whole.Plans = p
		now := time.Now().UTC().Truncate(site.Interval)
		for _, o := range planning.Observations(habits(site, now.AddDate(0, 0, -35), now), site.Interval, false) {
			must(t, f.Update(o))
		}
		f.Refit(now.AddDate(0, 0, -8)) // as far as the weekly learning has come
		if !f.RefitDue(now) || !f.Learned(now) {
			t.Fatal("the last refit is more than a week old, and none is due")
		}
		r.read(t, 0)
		for range 3 { // the loop asks for its first plan
			time.Sleep(time.Second)
			r.read(t, 0)
		}
		r.stop()
		st := r.Snapshot().State
		if st.Plan == nil || !f.RefitDue(now) {
			t.Fatal("the loop's plan has not begun a refit")
		}
		if _, err := p.Make(t.Context(), site.Brief(&st), 0); err != nil { // takes over what is learned
			t.Fatal(err)
		}
		if f.RefitDue(now) {
			t.Error("the loop has ended and a refit of it has not")
		}
	})
}
