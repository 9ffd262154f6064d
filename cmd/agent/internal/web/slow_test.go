package web

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/internal/unraced"
)

// What a page may weigh, in kB over the wire with all that it loads and its heads: with nothing in the browser's
// cache, and behind another page of the site.
var heaviest = map[string][2]float64{ //nolint:gochecknoglobals // a test's table
	"/": {73, 41}, "/topup": {41, 6}, "/account": {74, 41}, "/system": {42, 9}, "/tariff": {43, 9}, "/settings": {44, 9}, "/signin": {39, 5},
}

// A page is of use once the first figures and its buttons are painted: they work without scripts.  It is wholly so
// once its scripts are in force, charts aside.
func TestBrowserSlowLinks(t *testing.T) {
	unraced.Only(t)
	b := webtest.Start(t)
	url := serve(t, newFake(), func(c *Config) { c.OpenChanges = true })
	for _, c := range []struct {
		link         webtest.Link
		use, scripts float64 // milliseconds
	}{
		{webtest.Slow3G(), 1500, 2500},
		{webtest.Slow2G(), 5000, 8000},
	} {
		p := b.Page(t, webtest.Phone())
		p.Over(c.link)
		for _, path := range []string{"/", "/topup", "/account"} {
			var least struct{ Painted, Scripted float64 }
			// What else this machine does can only make a page slower: the quickest of some counts.
			for try := range 6 {
				p.Forget()
				p.Open(url + path)
				p.Wait("its scripts", "window.scripted && performance.getEntriesByName('first-contentful-paint').length")
				var at struct{ Painted, Scripted float64 }
				p.Eval("({ Painted: performance.getEntriesByName('first-contentful-paint')[0].startTime, Scripted: window.scripted })", &at)
				if try == 0 || at.Painted < least.Painted {
					least.Painted = at.Painted
				}
				if try == 0 || at.Scripted < least.Scripted {
					least.Scripted = at.Scripted
				}
				if least.Painted < c.use && least.Scripted < c.scripts {
					break
				}
			}
			t.Logf("%s, %s: of use after %.0f ms, scripts after %.0f ms", c.link.Name, path, least.Painted, least.Scripted)
			if least.Painted >= c.use || least.Scripted >= c.scripts {
				t.Errorf("%s, %s: of use after %.0f ms, scripts after %.0f ms; no more than %.0f and %.0f may it be", c.link.Name, path, least.Painted, least.Scripted, c.use, c.scripts)
			}
		}
	}
}

func TestBrowserWeights(t *testing.T) {
	unraced.Only(t)
	b := webtest.Start(t)
	url := serve(t, newFake(), func(c *Config) { c.OpenChanges = true })
	p := b.Page(t, webtest.Phone())
	for path, most := range heaviest {
		for i, before := range []string{"", "/topup"} {
			p.Forget()
			if before != "" {
				p.Open(url + before)
				p.Wait("all of it", "document.readyState === 'complete'")
				p.Weigh()
			}
			p.Open(url + path)
			p.Wait("all of it", "document.readyState === 'complete'")
			p.Wait("what it fetches", "!document.querySelector('#where > a') && [...document.querySelectorAll('[data-chart]')].filter(c => !c.closest('[hidden], details:not([open])')).every(c => c.dataset.drawn)")
			total := 0.0
			for u, n := range p.Weight() {
				if !strings.Contains(u, "/events?") {
					total += n / 1000
				}
			}
			t.Logf("%s: %.1f kB (behind %q)", path, total, before)
			if total > most[i] {
				t.Errorf("%s weighs %.1f kB (behind %q), more than %.0f", path, total, before, most[i])
			}
		}
	}
}
