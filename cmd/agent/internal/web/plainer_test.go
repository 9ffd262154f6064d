package web

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

func modelOf(t *testing.T, lang string, v *picture.View) *model {
	t.Helper()
	c, err := present.Open(lang)
	if err != nil {
		t.Fatal(err)
	}
	return &model{Format: formatFor(c, v), V: v}
}

// Where it may end tonight in one case of ten, nothing says that there are days.
func TestCreditThatMayEndTonightIsNotOfTheNextDays(t *testing.T) {
	v := picture.View{At: fakeNow, Zone: fakeNow.Location(), Supply: present.Supply{State: present.Connected}, Credit: picture.Credit{Balance: units.One}}
	m := modelOf(t, "en", &v)
	for _, mid := range []time.Duration{30 * time.Hour, 80 * time.Hour} {
		v.RunOut = picture.RunOut{Known: true, At: fakeNow.Add(mid), Early: fakeNow.Add(6 * time.Hour)}
		if h := m.Hero(); h.Level != "low" || !strings.Contains(h.Tip, "may end as early as ") || strings.Contains(h.Tip, "next days") || strings.Contains(h.Tip, "Enough") {
			t.Errorf("the middle in %s: %+v", mid, h)
		}
		v.RunOut.Early = fakeNow.Add(25 * time.Hour)
		if h := m.Hero(); strings.Contains(h.Tip, "as early as") {
			t.Errorf("the middle in %s, early tomorrow: %+v", mid, h)
		}
	}
}

// What pressing a button costs stands on it, and is what the rest of the page says.
func TestTheButtonSaysWhatARunCostsBeforeItIsPressed(t *testing.T) {
	x := newSite(t, nil)
	x.f.change(func(v *picture.View) {
		l := &v.Loads[0]
		l.State, l.RunEnergy, l.RunSooner = present.LoadWaiting, 900*units.WattHour, 49*time.Minute
		l.Ahead = []picture.Start{{At: fakeNow, Cost: units.FromFloat(4.71), Sooner: 86 * time.Minute}}
		v.Meter.Window = 0
		v.Tariff.Known, v.Tariff.Price, v.Tariff.NextAt = true, 4_715_000, time.Time{}
		v.Tariff.Block = &picture.Block{Number: 1, Used: 300 * units.KilowattHour, UpTo: 350 * units.KilowattHour, NextPrice: 5_233_333}
	})
	page := x.get("/")
	x.want(page, 200, `<span class="price">R`+"\u00a0"+`4.71 · 1`+"\u00a0"+`h`+"\u00a0"+`26`+"\u00a0"+`min of credit</span>`,
		"One run uses 0.90\u00a0kWh and takes 1\u00a0h\u00a026\u00a0min of credit",
		"That is R\u00a05.233 a kWh, not the R\u00a04.715 of this moment: with it more of this month&#39;s use falls into the next block.")
	if strings.Contains(page.body, "49\u00a0min") {
		t.Error("two times of one run stand on the page")
	}
	x.f.change(func(v *picture.View) { v.Tariff.NextAt, v.Tariff.NextPrice = fakeNow.Add(time.Hour), 6_000_000 })
	x.want(x.get("/"), 200, "falls into the next block") // it is just its price
	x.f.change(func(v *picture.View) { v.Tariff.Block.NextPrice = 5_900_000 })
	x.want(x.get("/"), 200, "it depends on the hours in which it runs and on what is used besides") // it may be either
	x.f.change(func(v *picture.View) { v.Tariff.Block = nil })
	x.want(x.get("/"), 200, "it runs on into hours with another price")
	x.f.change(func(v *picture.View) { v.Tariff.Price = 5_233_333 })
	if page := x.get("/"); strings.Contains(page.body, "of this moment") {
		t.Error("it is explained where nothing is to be explained")
	}
	x.f.change(func(v *picture.View) { v.Loads[0].State = present.LoadRunning })
	if page := x.get("/"); strings.Contains(page.body, `min of credit</span>`) {
		t.Error("what runs already has the price of a run more")
	}
}

// Of fifteen things that are left out the two that matter most are said, and the rest behind one tap.
func TestWhatIsLeftOutIsFoldedToWhatMattersMost(t *testing.T) {
	v := picture.View{At: fakeNow, Zone: fakeNow.Location()}
	for i, class := range []loads.Class{loads.CanWait, loads.NiceToHave, loads.MustHave} {
		id := string(rune('a' + i))
		v.Loads = append(v.Loads, picture.Load{ID: id, Name: id, Class: class, CanRun: true})
		for n := range 5 {
			v.Plan.Shortfalls = append(v.Plan.Shortfalls, picture.Shortfall{Text: id + string(rune('1'+n)), Load: id})
		}
	}
	m := modelOf(t, "en", &v)
	texts := func(all []leftOut) (out []string) {
		for _, x := range all {
			out = append(out, x.Text)
		}
		return out
	}
	if got := texts(m.LeftFirst()); !slices.Equal(got, []string{"c1", "c2"}) {
		t.Errorf("at once: %v", got)
	}
	if got := texts(m.LeftRest()); len(got) != 13 || got[0] != "c3" || got[12] != "a5" {
		t.Errorf("behind the tap: %v", got)
	}
	v.Plan.Shortfalls = v.Plan.Shortfalls[:1]
	if got := m.LeftRest(); len(got) != 0 {
		t.Errorf("one alone is folded: %v", got)
	}
	x := newSite(t, nil)
	x.f.change(func(w *picture.View) {
		for range 4 {
			w.Plan.Shortfalls = append(w.Plan.Shortfalls, picture.Shortfall{Text: "Pool pump is left out", Load: w.Loads[2].ID})
		}
	})
	x.want(x.get("/"), 200, `<details class="twin leftrest"><summary>`, " more)")
}

// A period with one of the usual names is said in the reader's language, and one with a name of its
// own as the tariff has it.
func TestPeriodsWithUsualNamesAreTranslated(t *testing.T) {
	for lang, want := range map[string][]string{"fr": {"heures de pointe", "heures creuses", "Fenêtre"}, "en": {"Peak", "off-peak", "Fenêtre"}} {
		m := modelOf(t, lang, &picture.View{At: fakeNow})
		for i, name := range []string{"Peak", "off-peak", "Fenêtre"} {
			if got := m.PeriodName(name); got != want[i] {
				t.Errorf("%s: %s is %q, want %q", lang, name, got, want[i])
			}
		}
	}
	m := modelOf(t, "fr", &picture.View{At: fakeNow})
	if text := m.TipText(Tip{Kind: TipLoad, Name: "night"}); strings.Contains(text, "nuit") {
		t.Errorf("an appliance is taken for a period: %s", text)
	}
	if text := m.TipText(Tip{Kind: TipShift, Name: "peak", Other: "off-peak"}); !strings.Contains(text, "heures de pointe") || !strings.Contains(text, "heures creuses") {
		t.Errorf("%s", text)
	}
}

// What programs call a thing is no word for people.
func TestNoCodeOfAWarningOrOfAnEventIsShown(t *testing.T) {
	x := newSite(t, nil)
	x.form("/signin", "pin", testPIN)
	x.f.change(func(v *picture.View) {
		v.Warnings = []picture.Warning{{Code: "buy_before", Severity: picture.Caution, Title: "Buy credit while the shop is open", Cause: "It may end"}}
	})
	for _, path := range []string{"/", "/system", "/settings"} {
		page := x.get(path)
		if strings.Contains(page.body, "<code>buy_before") || strings.Contains(page.body, ">buy_before<") || strings.Contains(page.body, "<code>plan_made") {
			t.Errorf("%s shows a code", path)
		}
	}
}

// A top-up of this moment has nothing to show for itself, and the page of top-ups the last one.
func TestATopUpOfThisMomentAndTheLastOne(t *testing.T) {
	x := newSite(t, nil)
	page := x.get("/topup")
	x.want(page, 200, "Last top-up: ")
	all, err := x.f.Purchases(t.Context(), 0, 1)
	if err != nil || len(all) == 0 {
		t.Fatal(err)
	}
	x.want(page, 200, "Last top-up: R\u00a0")
	m := modelOf(t, "en", &picture.View{At: all[0].At.Add(3 * time.Minute)})
	all[0].Since.Charged, all[0].Since.Energy = 0, 0
	var b strings.Builder
	m.Page, m.Body = "account", accountBody{TopUps: all}
	if err := x.s.pages.ExecuteTemplate(&b, "bytopups", m); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "What was used since then is not in the records yet. · entry ") || strings.Contains(got, "0.00\u00a0kWh") {
		t.Errorf("of a top-up of this moment it is said: %s", got)
	}
}

// A token that was refused is told again, for it makes room for the next one; what the answer says of
// the tries is not said a second time below it.
func TestARefusedTokenIsToldAndMakesRoom(t *testing.T) {
	x := newSite(t, nil)
	x.form("/signin", "pin", testPIN)
	x.f.change(func(v *picture.View) { v.TopUp.TriesLeft = 2 })
	htmx := []string{"Content-Type", "application/x-www-form-urlencoded", "HX-Request", "true"}
	a := x.do("POST", "/topup", "token=1234+5678+9012+3456+7890", htmx...)
	x.want(a, 200, "This token is not for this meter", "You entered 1234 5678 9012 3456 7890.", `class="notice lv-bad gate"`)
	if got := a.Header.Get("HX-Trigger"); got != "keeplit:refused" {
		t.Errorf("the page is told %q", got)
	}
	if got := x.do("POST", "/topup", "token=1234", htmx...).Header.Get("HX-Trigger"); got != "" {
		t.Errorf("what is to be put right is taken away: %q", got)
	}
	if got := bareDigits("call 1234 5678"); got != "" {
		t.Errorf("of a message %q is told", got)
	}
}

func TestThePageSaysWhyTheEndMoved(t *testing.T) {
	x := newSite(t, nil)
	x.f.change(func(v *picture.View) {
		v.RunOut.Moved = picture.Moved{Was: fakeNow.Add(80 * time.Hour), At: fakeNow.Add(-time.Hour), By: picture.MovedUsedMore, Energy: 4 * units.KilowattHour}
	})
	x.want(x.get("/"), 200, "Until today 15:07 this said Thu 00:07; it is another time now because 4.00\u00a0kWh more was used than expected.")
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []picture.MovedBy{
		picture.MovedBought, picture.MovedAsked, picture.MovedUsedMore, picture.MovedUsedLess, picture.MovedRunsMore, picture.MovedRunsLess,
		picture.MovedPriceUp, picture.MovedPriceDown, picture.MovedMore, picture.MovedLess, picture.MovedForecast,
	} {
		if !c.Has("moved." + string(by)) {
			t.Errorf("there are no words for %s", by)
		}
	}
}
