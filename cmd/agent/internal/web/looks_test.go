package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/internal/units"
)

// TestBrowserLooks looks at every page on every screen, and at the house in every state.
func TestBrowserLooks(t *testing.T) {
	b := webtest.Start(t)
	phone, desktop := webtest.Phone(), webtest.Desktop()

	t.Run("every page on every screen", func(t *testing.T) {
		t.Parallel()
		f := priced()
		url := serve(t, f, func(c *Config) { c.OpenChanges = true })
		small := webtest.Screen{Width: 320, Height: 640, Phone: true}
		for _, s := range []webtest.Screen{phone, phone.InDark(), desktop, desktop.InDark(), small} {
			p := b.Page(t, s)
			for _, path := range []string{"/", "/topup", "/account", "/account?by=topups", "/account?by=entries", "/account?day=2026-11-21", "/account/print", "/system", "/tariff", "/settings"} {
				name := orDefault(strings.NewReplacer("/", "-", "?", "-", "=", "-").Replace(strings.Trim(path, "/")), "home") + "-" + s.Name()
				p.Open(url + path)
				if path != "/account/print" {
					drawn(p)
				}
				p.Wait("where it went", "!document.querySelector('#where > a')")
				p.Screenshot(name, true)
				p.Screenshot("screen-"+name, false)
				p.Eval("document.querySelectorAll('details').forEach(d => d.open = true)", nil)
				clean(t, p, name)
				if s == small || s == desktop { // the least room, and the other arrangement
					for _, x := range p.CheckFocus(20) {
						t.Errorf("%s: %s", name, x)
					}
				}
			}
		}
	})

	t.Run("the hours above the plan have room between them", func(t *testing.T) {
		t.Parallel()
		url := serve(t, priced(), func(c *Config) { c.OpenChanges = true })
		for _, width := range []int64{320, 360, 379, 380, 390, 430, 479, 480, 600, 899, 900, 1280} {
			p := b.Page(t, webtest.Screen{Width: width, Height: 700, Phone: width < 600})
			for _, lang := range []string{"en", "ar"} {
				p.Open(url + "/language/" + lang + "?back=/")
				var at struct {
					Hours int
					Least float64
					Along bool // the first of them is where now is drawn, in either direction of writing
				}
				p.Eval(`(() => { const r = [...document.querySelectorAll('.tlhours p > span')].filter(e => e.offsetWidth).map(e => e.getBoundingClientRect()).sort((a, b) => a.left - b.left);
					const x = e => e.getBoundingClientRect().left, far = e => Math.abs(x(e) - x(document.querySelector('.tl .nowline')));
					const p = document.querySelector('.tlhours p');
					return { Along: far(p.firstElementChild) < far(p.lastElementChild), Hours: r.length, Least: Math.min(...r.slice(1).map((x, i) => x.left - r[i].right)) } })()`, &at)
				if at.Hours != 5 || at.Least < 8 || !at.Along {
					t.Errorf("%d px wide, %s: %d hours, the closest two %.1f px from each other, along what they are of: %v", width, lang, at.Hours, at.Least, at.Along)
				}
			}
		}
	})

	t.Run("other languages", func(t *testing.T) {
		t.Parallel()
		pages := []string{"/", "/topup", "/account", "/account/print", "/system", "/tariff", "/settings"}
		for _, c := range []struct {
			lang   string
			screen webtest.Screen
			paths  []string
		}{
			{"ar", phone, pages}, // from right to left
			{"ar", desktop.InDark(), pages},
			{"zu", phone, pages}, // the longest words
			{"de", phone.InDark(), pages},
			{"de", desktop, pages},
		} {
			f := priced()
			url := serve(t, f, func(c *Config) { c.OpenChanges = true })
			p := b.Page(t, c.screen)
			p.Open(url + "/language/" + c.lang + "?back=/")
			for _, path := range c.paths {
				name := c.lang + "-" + orDefault(strings.ReplaceAll(strings.Trim(path, "/"), "/", "-"), "home") + "-" + c.screen.Name()
				p.Open(url + path)
				if path != "/account/print" {
					drawn(p)
				}
				p.Screenshot(name, true)
				p.Eval("document.querySelectorAll('details').forEach(d => d.open = true)", nil)
				clean(t, p, name)
			}
		}
	})

	t.Run("every state of the house", func(t *testing.T) {
		t.Parallel()
		for _, c := range []struct {
			name       string
			everywhere bool // every page is looked at, not the home page only
			set        func(v *picture.View)
			see        string // on the home page
		}{
			{"the first second", true, func(v *picture.View) { *v = picture.View{Seq: 1, At: fakeNow} }, "Starting – The first figures come in a moment."},
			{"the first minutes", false, func(v *picture.View) { v.RunOut, v.Plan, v.Loads = picture.RunOut{}, picture.Plan{}, nil }, "There is no forecast now"},
			{"no credit, two troubles", true, func(v *picture.View) {
				v.Supply = present.Supply{State: present.Disconnected, Cause: present.ByCredit, Since: fakeNow.Add(-20 * time.Minute)}
				v.Credit.Balance, v.Credit.Energy = 0, 0
				v.Credit.Emergency = picture.Emergency{State: picture.EmergencyOffered, Amount: units.FromFloat(20), Threshold: units.FromFloat(15)}
				v.RunOut = picture.RunOut{Known: true, At: fakeNow}
				v.Power = picture.PowerNow{At: fakeNow.Add(-5 * time.Minute), Freshness: picture.Silent}
				v.Warnings = append([]picture.Warning{
					{Code: "meter-silent", Severity: picture.Critical, Since: fakeNow.Add(-5 * time.Minute), Title: "The meter is silent", Cause: "No answer on /dev/ttyUSB0 for five minutes.", Remedy: "Check the cable between the meter and the box."},
					{Code: "clock-unset", Severity: picture.Caution, Since: fakeNow.Add(-time.Hour), Title: "The clock is not set", Cause: "No time server was reached since the start.", Remedy: "Connect the box to the internet once."},
				}, v.Warnings...)
				v.Loads[0].State, v.Loads[0].Why = present.LoadShed, "Held back: the supply is off."
				v.Loads[1].State, v.Loads[1].Why = present.LoadFault, "The plug does not answer since 15:40. Look whether it is in its socket."
			}, "Credit is spent"},
			{"protected hours", false, func(v *picture.View) {
				v.Supply.CutAt = fakeNow.Add(15 * time.Hour)
				v.Credit.Balance, v.Credit.Debt, v.RunOut = units.FromFloat(-12.4), units.FromFloat(12.4), picture.RunOut{Known: true, At: fakeNow}
			}, "The supply goes off tomorrow 07:07"},
			{"low, and the limits drawn", false, func(v *picture.View) {
				v.RunOut = picture.RunOut{Known: true, At: fakeNow.Add(40 * time.Hour), Early: fakeNow.Add(31 * time.Hour), Late: fakeNow.Add(52 * time.Hour)}
				v.Plan.Shortfalls = []picture.Shortfall{{Text: "Geyser gets 4.5 of 6 kWh by 06:30: the credit does not last for more.", Load: "geyser", At: fakeNow.Add(2 * time.Hour), Len: time.Hour}}
				for i := range v.Plan.Slots {
					v.Plan.Slots[i].Limit = units.FromKW(4)
				}
			}, "Electricity lasts until Tue 08:07"},
			{"an account in kWh, with much on it", false, func(v *picture.View) {
				v.Unit = present.Unit{Energy: true, Decimals: 1}
				v.Credit = picture.Credit{Balance: units.FromFloat(12345.6), SpentToday: units.FromFloat(12.3), EnergyToday: units.FromKWh(12.3)}
				v.RunOut = picture.RunOut{Known: true, Beyond: true, At: fakeNow.Add(30 * 24 * time.Hour)}
				v.Tariff = picture.Tariff{}
			}, "Electricity lasts beyond Tue 22 Dec 12 345.6 kWh · more than 30 days"},
			{"long names and great sums", true, func(v *picture.View) {
				v.Site = "Wohngemeinschaft Donaudampfschifffahrtsgesellschaft"
				v.Credit.Balance, v.Credit.Energy = units.FromFloat(-1234567.89), units.FromKWh(123456)
				v.Unit = present.Unit{Code: "NGN", Decimals: 2}
				v.Loads[0].Name, v.Loads[0].Cost = "Warmwasserbereitungsanlage im Untergeschoss links", units.FromFloat(12345.67)
				v.Loads[0].Override, v.Loads[0].OverrideUntil = picture.OverrideRun, fakeNow.Add(30*time.Hour)
				v.Demo = &picture.Demo{Speed: 1440, Token: goodToken}
			}, "1 234 567.89 NGN"},
		} {
			f := priced()
			c.set(&f.v)
			url := serve(t, f, func(c *Config) { c.OpenChanges = true })
			p := b.Page(t, phone)
			paths := []string{"/"}
			if c.everywhere {
				paths = []string{"/system", "/tariff", "/account", "/topup", "/"}
			}
			for _, path := range paths {
				p.Open(url + path)
				clean(t, p, c.name+" "+path)
			}
			p.See("main", c.see)
			drawn(p)
			name := "state-" + strings.ReplaceAll(strings.ReplaceAll(c.name, " ", "-"), ",", "")
			p.Screenshot(name+"-"+phone.Name(), true)
			p.SetDark(true)
			clean(t, p, c.name+" in the dark")
			p.Screenshot(name+"-"+phone.InDark().Name(), true)
		}
	})
}
