package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// ends is the warning that the credit ends, on a rung of the ladder.
func ends(rung time.Duration) []picture.Warning {
	return []picture.Warning{
		{Code: "credit_ends", Grade: health.Serious, OfCredit: true, Rung: rung, Since: fakeNow, Title: "The credit will soon be spent", Cause: "It ends tonight", Remedy: "Top up before the time shown."},
		{Code: "meter_silent", Grade: health.Critical, Since: fakeNow, Title: "The meter does not answer"},
		{Code: "credit_low", Grade: health.Info, OfCredit: true, Since: fakeNow, Title: "Credit is getting low"},
	}
}

func TestABrowserIsToldOfTheCreditAlone(t *testing.T) {
	x := newSite(t, nil)
	x.f.change(func(v *picture.View) { v.Warnings = ends(4 * time.Hour) })
	a := x.get("/bells.json")
	x.want(a, 200, `"title":"The credit will soon be spent","text":"It ends tonight. Top up before the time shown."`, `/4h0m0s"`)
	if strings.Contains(a.body, "meter") || strings.Contains(a.body, "low") {
		t.Errorf("it is told of more: %s", a.body)
	}
	x.f.change(func(v *picture.View) { v.Warnings[0].Seen = true })
	if a := x.get("/bells.json"); strings.TrimSpace(a.body) != "[]" {
		t.Errorf("of what was acknowledged: %s", a.body)
	}
	x.want(x.get("/bell.js"), 200, "notificationclick")
	closed := newSite(t, func(c *Config) { c.OpenReading = false })
	if a := closed.get("/bells.json"); a.StatusCode == 200 {
		t.Errorf("whoever may not look is told: %s", a.body)
	}
}

// A browser that was granted it shows each cause once, also where several pages are open, and the next rung anew.
func TestBrowserNotifies(t *testing.T) {
	b := webtest.Start(t)
	f := newFake()
	url := serve(t, f, nil)
	p := b.Page(t, webtest.Phone())
	signIn(p, url)
	p.Open(url + "/settings")
	p.Wait("it is asked for by a button", "!document.querySelector('[data-bell=on]').hidden || !document.querySelector('[data-bell=denied]').hidden")
	p.Grant(url, "notifications")
	p.Open(url + "/settings")
	p.Click("[data-bell=on]")
	p.Wait("it is on", "document.querySelector('[data-bell=on]').hidden && !document.querySelector('[data-bell=off]').hidden")
	p.Screenshot("settings-bell", true)
	const shown = `(async () => { const w = await navigator.serviceWorker.getRegistration(); window.shown = w ? (await w.getNotifications()).map(n => n.title + ': ' + n.body) : []; })()`
	const count = "(() => { " + shown + "; return (window.shown || []).length; })()"
	f.change(func(v *picture.View) { v.Warnings = ends(4 * time.Hour) })
	// A page that could not show it has told nobody: the next one does.
	p.Eval(`(() => { ServiceWorkerRegistration.prototype.showNotification = () => Promise.reject(new Error('the page is left'));
		const ask = window.fetch; window.asked = 0; window.fetch = (...a) => { window.asked++; return ask(...a); }; })()`, nil)
	p.Click("[data-bell=off]")
	p.Click("[data-bell=on]")
	p.Wait("it was asked what there is", "window.asked > 0")
	time.Sleep(time.Second) // it would be told by then
	p.Open(url + "/")
	p.Wait("it rings", count+" === 1")
	p.Wait("with the words", "window.shown[0] === 'The credit will soon be spent: It ends tonight. Top up before the time shown.'")
	p.Eval("navigator.serviceWorker.getRegistration().then(w => w.getNotifications()).then(all => all.forEach(n => n.close()))", nil)
	p.Open(url + "/topup")
	time.Sleep(time.Second) // it would be there by then
	p.Wait("not a second time", count+" === 0")
	f.change(func(v *picture.View) { v.Warnings = ends(time.Hour) })
	p.Open(url + "/")
	p.Wait("the next rung", count+" === 1")
	clean(t, p, "a page that notifies")
	p.Open(url + "/settings")
	p.Click("[data-bell=off]")
	f.change(func(v *picture.View) { v.Warnings = ends(10 * time.Minute) })
	p.Eval("navigator.serviceWorker.getRegistration().then(w => w.getNotifications()).then(all => all.forEach(n => n.close()))", nil)
	p.Open(url + "/")
	time.Sleep(time.Second)
	p.Wait("nothing after it was switched off", count+" === 0")
}
