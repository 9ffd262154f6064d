package control

import (
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// settled is a home that the agent has known for some days, with so much credit.
func settled(t *testing.T, left units.Money) *bench {
	t.Helper()
	b := newBench(t)
	b.site.RunOutOver = 4 * 24 * time.Hour
	b.step(Input{What: Token{Text: tokenFor(t, 1, 900), Source: "page"}})
	b.run(2*24*time.Hour+10*time.Hour, 10*time.Minute)
	b.leave(left)
	return b
}

func (b *bench) ask(text string) Effects {
	return b.step(Input{What: LastUntil{Text: text, By: "page"}})
}

// codes are the codes of events.
func codes(events []Event) (out []string) {
	for _, e := range events {
		out = append(out, e.Code)
	}
	return out
}

func TestAWishThatTheCreditLastsHasALife(t *testing.T) {
	b := settled(t, 100*units.One)
	first := b.st.Plan.MadeAt
	eff := b.ask("tomorrow 20:00")
	if eff.Reply.Err != nil || !eff.Durable || !slices.Equal(codes(eff.Events), []string{"last_until"}) {
		t.Fatalf("asked: %v, durable %v, %v", eff.Reply.Err, eff.Durable, codes(eff.Events))
	}
	at := b.st.Until.At
	if l, ok := b.site.Lasting(&b.st); !ok || l.Known && !b.st.Plan.MadeAt.After(first) {
		t.Fatalf("it is known before a plan is made of it: %+v", l)
	}
	if again := b.ask("tomorrow 20:00"); again.Durable || len(again.Events) > 0 {
		t.Errorf("the same again is recorded: %v", codes(again.Events))
	}
	b.run(2*time.Minute, time.Minute)
	l, ok := b.site.Lasting(&b.st)
	if !ok || !l.Known || !l.Lasts || !l.Until.Equal(at) || l.Sure < 0.9 {
		t.Fatalf("the plan that followed says %+v", l)
	}

	// It survives a restart.
	data, err := json.Marshal(b.st)
	must(t, err)
	st, err := ReadState(data)
	must(t, err)
	st, err = b.site.Resume(st)
	must(t, err)
	if st.Until == nil || *st.Until != *b.st.Until || !b.site.Brief(&st).Until.Equal(at) {
		t.Fatalf("after a restart: %+v", st.Until)
	}
	if l2, _ := b.site.Lasting(&st); l2.Sure != l.Sure {
		t.Errorf("after a restart it says %+v, before %+v", l2, l)
	}

	// It ends by itself.
	var events []Event
	for b.now.Before(at.Add(time.Minute)) {
		b.now = b.now.Add(5 * time.Minute)
		events = append(events, b.step(Input{}).Events...)
	}
	if b.st.Until != nil || !slices.Contains(codes(events), "last_until_over") {
		t.Fatalf("it is over, and %+v is left; %v", b.st.Until, codes(events))
	}
	b.run(2*time.Minute, time.Minute)
	if b.st.Plan.Outlast != nil {
		t.Errorf("the plan after it still has %+v", b.st.Plan.Outlast)
	}

	b.ask("tomorrow 20:00")
	if eff := b.ask("off"); b.st.Until != nil || !eff.Durable || !slices.Equal(codes(eff.Events), []string{"last_until_off"}) {
		t.Errorf("taken back: %+v, %v", b.st.Until, codes(eff.Events))
	}
	if eff := b.ask("off"); eff.Durable || len(eff.Events) > 0 || eff.Reply.Err != nil {
		t.Errorf("taken back twice: %v, %v", codes(eff.Events), eff.Reply.Err)
	}
}

func TestAWishThatCannotBeIsRefusedWithItsReason(t *testing.T) {
	for text, kind := range map[string]string{
		"soon":                     "until.unreadable",
		"":                         "until.unreadable",
		strings.Repeat("x", 10000): "until.unreadable",
		"today 00:01":              "until.past",
		"2020-01-01 00:00":         "until.past",
		"2126-01-01 00:00":         "until.far",
	} {
		b := newBench(t)
		b.step(Input{})
		b.now = b.now.Add(10 * time.Hour)
		b.step(Input{})
		eff := b.ask(text)
		var not *NotTakenError
		if !errors.As(eff.Reply.Err, &not) || not.Says[0].Kind != kind || b.st.Until != nil || eff.Durable && len(eff.Commands) == 0 || len(not.Says.String()) > 300 {
			t.Errorf("%.20q: %v, want %s", text, eff.Reply.Err, kind)
		}
	}
	b := newBench(t)
	b.step(Input{})
	b.st.Credit.Unlocked = true
	if eff := b.ask("tomorrow 20:00"); eff.Reply.Err == nil {
		t.Error("an account that is paid off has no credit that ends")
	}
	b = newBench(t)
	b.step(Input{})
	b.st.Hold = &Hold{Since: b.now, Why: "the ledger and the checkpoint differ"}
	if eff := b.ask("tomorrow 20:00"); !errors.Is(eff.Reply.Err, ErrHeld) {
		t.Errorf("while the records are held: %v", eff.Reply.Err)
	}
	// A clock that was wrong may have set it years ahead.
	b = newBench(t)
	b.step(Input{})
	b.st.Until = &UntilState{At: b.now.AddDate(3, 0, 0), By: "page", Since: b.now}
	if eff := b.step(Input{}); b.st.Until != nil || !slices.Contains(codes(eff.Events), "last_until_over") {
		t.Errorf("a wish for a time years ahead stays: %+v", b.st.Until)
	}
}

// The credit is made to last: with less than all loads take, the light is on at the
// time asked for.
func TestTheCreditLastsUntilWhenItIsAskedTo(t *testing.T) {
	b := settled(t, 90*units.One)
	b.ask("tomorrow 21:00")
	b.run(2*time.Minute, time.Minute)
	o := b.st.Plan.Outlast
	if o == nil || !o.Lasts || len(o.Given) > 0 {
		t.Fatalf("with plenty: %+v", o)
	}
	b.leave(o.Whole * 9 / 10)
	b.run(2*time.Minute, time.Minute)
	if o = b.st.Plan.Outlast; len(o.Given) == 0 {
		t.Fatalf("with %v of %v nothing is given up", b.balance(), o.Whole)
	}
	for b.now.Before(o.Until) {
		if b.reading(5 * time.Minute); !b.states[loads.SupplyID] {
			t.Fatalf("the light is off at %s", b.now)
		}
	}
}

func TestItIsSaidToBuyWhileTheShopIsOpen(t *testing.T) {
	var week civil.Week
	for _, s := range []string{"Mon-Fri 08:00-18:00", "Sat 09:00-13:00"} {
		var h civil.Hours
		must(t, h.SetText(s))
		week = append(week, h)
	}
	b := newBench(t)
	b.site.Vendor = week
	b.step(Input{})
	friday := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC) // 14:00 there
	look := func(ends time.Time, outlast bool) (kinds []string) {
		b.now = friday
		b.st.Now = friday.Add(-time.Hour)
		b.st.LoadsAt, b.st.Elapsed = friday, friday
		b.st.Plan.MadeAt, b.st.Plan.RunOut.Known, b.st.Plan.RunOut.Beyond = friday, true, false
		b.st.Plan.RunOut.Early, b.st.Plan.RunOut.Mid = ends, ends.Add(time.Hour)
		b.st.Until = nil
		if outlast {
			b.st.Until = &UntilState{At: friday.Add(48 * time.Hour)}
			b.st.Plan.Outlast.Until, b.st.Plan.Outlast.Lasts = friday.Add(48*time.Hour), false
		}
		p := &step{Site: b.site, st: b.st, now: friday}
		p.buyBefore()
		for _, w := range p.st.Health.Active {
			if w.Code == health.BuyBefore {
				for _, part := range w.Cause {
					kinds = append(kinds, part.Kind)
				}
			}
		}
		return kinds
	}
	b.ask("tomorrow 20:00")
	b.run(2*time.Minute, time.Minute)
	if b.st.Plan.Outlast == nil {
		t.Fatal("no plan knows of the wish")
	}
	for _, c := range []struct {
		name string
		ends time.Time
		wish bool
		want []string
	}{
		{"it ends on Sunday night, the shop closes tomorrow at one", friday.Add(36 * time.Hour), false, []string{"buy.before", "buy.ends"}},
		{"it ends tonight after six", friday.Add(6 * time.Hour), false, []string{"buy.before", "buy.ends"}},
		{"it ends while the shop is open", friday.Add(2 * time.Hour), false, nil},
		{"it ends next Wednesday night: the shop is open until then", friday.Add(5*24*time.Hour + 12*time.Hour), false, nil},
		{"it does not last as long as asked", friday.Add(30 * time.Hour), true, []string{"until.short", "buy.before"}},
	} {
		got := look(c.ends, c.wish)
		if c.wish {
			got = slices.DeleteFunc(got, func(k string) bool { return k == "until.buy" })
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
}
