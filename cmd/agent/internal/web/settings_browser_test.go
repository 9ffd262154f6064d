package web

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// TestBrowserSettings goes through the page of settings as its reader does, with scripts and without.
func TestBrowserSettings(t *testing.T) {
	b := webtest.Start(t)
	plain := webtest.Phone()
	plain.NoScript = true
	for _, s := range []webtest.Screen{webtest.Phone(), webtest.Desktop().InDark(), plain} {
		var set *settings.Book
		var box *fakeBox
		url := serve(t, newFake(), func(c *Config) { set, box = c.Set, c.Box.(*fakeBox) })
		p := b.Page(t, s)
		look := func(name string) {
			t.Helper()
			if !s.NoScript {
				p.Screenshot("settings-"+name+"-"+s.Name(), true)
				clean(t, p, "settings, "+name)
			}
		}
		p.Open(url + "/system")
		p.Click("a[href='/settings']")
		p.See("main", "Enter your PIN")
		p.Type("#pin", testPIN)
		p.Click("#signin")
		p.See("h1", "Settings")
		look("first")

		p.Click("#programs summary")
		p.Type("#program", "Node-RED")
		p.Click("input[value=control]")
		p.Click("#let-in")
		p.See("#programs", "Token of Node-RED")
		token := ""
		p.Eval("document.getElementById('new-token').textContent", &token)
		if known, ok := set.Known(token, fakeNow); !ok || !known.May(settings.Control) || !known.May(settings.Read) || known.May(settings.TopUp) {
			t.Errorf("%q: %+v", token, known)
		}
		look("token")
		p.Click("#try-alerts")
		p.See("#notice", "A test could not be sent")
		p.See("#notice", "my phone: sent. See whether it has come.")
		look("tried")
		if strings.Contains(p.URL(), token) {
			t.Error(p.URL())
		}
		p.Click("#load-geyser summary")
		p.Eval("document.getElementById('hours-geyser').value = '25:00-26:00'", nil)
		p.Click("#set-geyser")
		p.See("#load-geyser", "Geyser is not set: look at what is marked")
		p.Wait("what is wrong is on the screen", `(() => { const r = document.querySelector('#load-geyser [role=alert]').getBoundingClientRect(); return r.bottom > 0 && r.top < innerHeight; })()`)
		p.See("#load-geyser", `"25:00" is not a time of day. write stretches such as 22:00-06:00`)
		p.Wait("what was entered is there still", "document.getElementById('hours-geyser').value === '25:00-26:00'")
		p.Problems() // Chromium notes the status 422
		look("appliance-wrong")
		p.Eval("document.getElementById('hours-geyser').value = '21:00-06:00'", nil)
		p.Click("#set-geyser")
		p.See("#notice", "It holds from the next start of keeplit on.")
		if got := box.Appliances()[0]; got.Set.Hours != "21:00-06:00" || got.Set.Ready != "06:30" || got.Set.Class != "must_have" || got.Set.Order != "1" || got.Set.Out {
			t.Errorf("it is set to %+v", got.Set)
		}
		p.See("#row-geyser", "Hours: 21:00-06:00 · ready by 06:30")
		p.See("#row-geyser", "It holds from the next start of keeplit on. Until then it is as it was: Hours: 22:00-06:00, 12:00-14:00 · ready by 06:30")
		p.See("#row-pool", "turn to be given up: 1 of 2")
		p.See("#row-geyser", "turn to be given up: 2 of 2")
		p.Click("#load-geyser summary")
		look("appliance-set")
		p.Click("#undo-geyser")
		p.See("#notice", "For Geyser the configuration holds again")
		p.Click("#examine-now")
		p.See("#examine", "9 MiB are left")
		look("examined")
		p.Click("input[value=closed]")
		p.Click("#save-reading")
		p.See("#notice", "Looking needs the PIN now.")
		p.Type("#pin-old", testPIN)
		p.Type("#pin-new", "97531")
		p.Type("#pin-again", "97531")
		p.Click("#save-pin")
		p.See("#notice", "The new PIN holds")
		p.Click("#programs form button.small")
		p.See("#notice", "The token of Node-RED is withdrawn")
		p.Eval("document.getElementById('language').value = 'de'", nil)
		p.Click("#save-language")
		p.See("#notice", "The language is set")
		look("last")
		if got := len(box.changed()); got != 8 {
			t.Errorf("%d changes are on record: %q", got, box.changed())
		}
	}
}
