package web

import (
	"net/http"
	"testing"
	"time"
)

// Five tests an hour, from the page and from programs together; then it is said when the next may be sent.
func TestTrialAlertsAreLimited(t *testing.T) {
	x := newSite(t, nil)
	x.form("/signin", "pin", testPIN)
	bearer := []string{"Authorization", "bEARER " + testPIN} // in any letter case
	for range 3 {
		x.form("/settings/alerts", "to", "my phone")
	}
	x.want(x.json("/api/v1/alerts/trial", map[string]string{"to": "nobody"}, bearer...), 404) // is none
	for range 2 {
		x.want(x.json("/api/v1/alerts/trial", map[string]string{"to": "my phone"}, bearer...), 200, `"sent":true`)
	}
	a := x.json("/api/v1/alerts/trial", map[string]string{}, bearer...)
	x.want(a, http.StatusTooManyRequests, `"code":"too_many"`, "5 tests an hour are enough: the next one can be sent in ")
	if s := a.Header.Get("Retry-After"); s != "3600" {
		t.Errorf("to wait %s s", s)
	}
	x.form("/settings/alerts")
	x.want(x.get("/settings"), 200, "5 tests an hour are enough")
	box := x.s.cfg.Box.(*fakeBox)
	box.mu.Lock()
	defer box.mu.Unlock()
	if len(box.sent) != 5 {
		t.Errorf("%d were sent", len(box.sent))
	}
}

func TestAnHourAfterTheFirstTrialThereIsRoomForOne(t *testing.T) {
	var l trials
	now := fakeNow
	for i := range mostTrials {
		if err := l.take(now.Add(time.Duration(i) * time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	if l.take(now.Add(59*time.Minute)) == nil {
		t.Error("a sixth within the hour")
	}
	if err := l.take(now.Add(time.Hour)); err != nil {
		t.Error(err)
	}
	if l.take(now.Add(time.Hour)) == nil {
		t.Error("two in the place of one")
	}
}
