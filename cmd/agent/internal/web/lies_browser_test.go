package web

import (
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/internal/units"
)

// priced is the fake house with what a run costs on its buttons.
func priced() *fakeAgent {
	f := newFake()
	f.v.Loads[0].Ahead = []picture.Start{{At: fakeNow, Cost: units.FromFloat(24.15), Sooner: 3*time.Hour + 35*time.Minute}}
	f.v.Loads[2].Ahead = []picture.Start{{At: fakeNow, Cost: units.FromFloat(2.90), Sooner: 28 * time.Minute}}
	return f
}

// TestBrowserNothingLiesOverAnother looks at what once lay over what it was about, or at the end
// of the page where nobody found it.
func TestBrowserNothingLiesOverAnother(t *testing.T) {
	b := webtest.Start(t)

	t.Run("an answer lies over nothing that it is about", func(t *testing.T) {
		t.Parallel()
		for _, s := range []webtest.Screen{webtest.Phone(), webtest.Desktop()} {
			p := b.Page(t, s)
			signIn(p, serve(t, priced(), nil))
			p.Click(".hero .lasts summary")
			p.Click("#until-ask")
			p.Wait("an answer", "document.querySelector('#notice .notice') && document.querySelector('#r-until .short')")
			p.Wait("neither the answer nor the end is below it "+s.Name(), `(() => { const n = document.querySelector('#notice .notice').getBoundingClientRect();
				return n.top >= 0 && n.bottom <= innerHeight && ['#r-until .short', '.until .when'].every(s => { const r = document.querySelector(s).getBoundingClientRect(); return r.bottom <= n.top || r.top >= n.bottom; }); })()`)
			p.Screenshot("answer-"+s.Name(), false)
			clean(t, p, "an answer")
		}
	})

	t.Run("the button of a refused token lies over no key", func(t *testing.T) {
		t.Parallel()
		p := b.Page(t, webtest.Phone())
		signIn(p, serve(t, priced(), nil))
		p.Open(p.URL() + "topup")
		p.Type("#token", "12345678901234567890")
		p.Click("#topup-send")
		p.See("#notice", "You entered 1234 5678 9012 3456 7890.")
		p.Screenshot("topup-refused", false)
		p.Wait("all keys and the button are on the screen, beside each other", `(() => { const send = document.getElementById('topup-send').getBoundingClientRect();
			return send.bottom <= document.querySelector('.tabs').getBoundingClientRect().top && [...document.querySelectorAll('.keypad button')].every(k => { const r = k.getBoundingClientRect(); return r.top >= 0 && r.height >= 56 && r.bottom <= send.top; }); })()`)
	})

	t.Run("buttons of an appliance have room", func(t *testing.T) {
		t.Parallel()
		url := serve(t, priced(), nil)
		for _, width := range []int64{320, 390, 1280} {
			p := b.Page(t, webtest.Screen{Width: width, Height: 844, Phone: width < 600})
			for _, lang := range []string{"en", "de", "zu", "ar"} {
				p.Open(url + "/language/" + lang + "?back=/")
				var bad []string
				p.Eval(`[...document.querySelectorAll('.acts button')].filter(b => { const r = b.getBoundingClientRect(), c = b.closest('.load').getBoundingClientRect();
					return r.height < 44 || r.height > (innerWidth < 390 ? 84 : 64) || r.left < c.left - 1 || r.right > c.right + 1 || b.scrollWidth > b.clientWidth; }).map(b => b.id + ' ' + b.offsetWidth + 'x' + b.offsetHeight)`, &bad)
				if len(bad) > 0 {
					t.Errorf("%d px wide, %s: %v", width, lang, bad)
				}
			}
		}
	})

	t.Run("the languages are at the top, within the screen, and go with what is done elsewhere", func(t *testing.T) {
		t.Parallel()
		url := serve(t, priced(), nil)
		for _, s := range []webtest.Screen{{Width: 320, Height: 640, Phone: true}, webtest.Phone().InDark(), webtest.Desktop()} {
			p := b.Page(t, s)
			for _, lang := range []string{"en", "ar"} {
				p.Open(url + "/language/" + lang + "?back=/")
				p.Click(".tongue summary")
				p.Wait("all of them are on the screen, "+lang+" "+s.Name(), `[...document.querySelectorAll('.tongue a')].length >= 10 && [...document.querySelectorAll('.tongue a')].every(a => { const r = a.getBoundingClientRect(), at = document.elementFromPoint(r.x + r.width / 2, r.y + r.height / 2);
					return r.left >= 0 && r.right <= innerWidth && r.top >= 0 && r.bottom <= innerHeight && r.height >= 44 && at === a; })`)
				p.Screenshot("languages-"+lang+"-"+s.Name(), false)
				clean(t, p, "languages")
				p.Keys("\x1b")
				p.Wait("Escape closes them", "!document.querySelector('.tongue[open]')")
				p.Click(".tongue summary")
				p.Wait("open", "document.querySelector('.tongue[open]')")
				p.Click(".plan h2")
				p.Wait("a tap elsewhere closes them", "!document.querySelector('.tongue[open]')")
			}
			p.Click(".tongue summary")
			p.Click(".tongue a[hreflang=de]")
			p.Wait("German", "document.documentElement.lang === 'de'")
		}
	})
}
