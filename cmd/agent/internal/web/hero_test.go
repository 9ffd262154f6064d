package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

// A new site says when something will be known, and a power that is not of now how old it is.
func TestWhatIsNotKnownYetAndWhatIsNotOfNow(t *testing.T) {
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	v := picture.View{At: fakeNow, Zone: fakeNow.Location(), Supply: present.Supply{State: present.Connected}, Credit: picture.Credit{Balance: units.One}}
	m := &model{Format: formatFor(c, &v), V: &v}
	if tip := m.Hero().Tip; tip != "There is no forecast now." {
		t.Errorf("it says %q", tip)
	}
	v.RunOut.First = fakeNow.Add(40 * time.Minute)
	if tip := m.Hero().Tip; !strings.Contains(tip, "the first forecast comes at about today ") {
		t.Errorf("it says %q", tip)
	}
	for age, want := range map[time.Duration]int{0: 0, 14 * time.Second: 0, 15 * time.Second: 15, 45 * time.Second: 45} {
		v.Power = picture.PowerNow{Power: units.Kilowatt, At: fakeNow.Add(-age), Freshness: picture.Fresh}
		if got := m.PowerAge(); got != want {
			t.Errorf("read %s ago: %d, want %d", age, got, want)
		}
	}
}

// Where the credit is to last longer than it will, no tick says beside it that it is enough.
func TestCreditThatIsAskedToLastLongerIsNotEnough(t *testing.T) {
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	v := picture.View{At: fakeNow, Supply: present.Supply{State: present.Connected}, Credit: picture.Credit{Balance: units.One}, RunOut: picture.RunOut{Known: true, At: fakeNow.Add(96 * time.Hour)}}
	m := &model{Format: formatFor(c, &v), V: &v}
	if h := m.Hero(); h.Level != "good" || h.Tip != "Enough credit." {
		t.Fatalf("nobody asks: %+v", h)
	}
	v.Warnings = []picture.Warning{{Code: string(health.BuyBefore)}}
	if h := m.Hero(); h.Level != "low" || h.Icon != "warn" || strings.Contains(h.Tip, "Enough") {
		t.Errorf("it is to last longer: %+v", h)
	}
}

func TestHeroLevels(t *testing.T) {
	c, err := present.Open("en")
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name        string
		left        time.Duration
		level, line string
	}{
		{"a week", 7 * 24 * time.Hour, "good", "7.0 days"},
		{"just over three days", 72*time.Hour + time.Minute, "good", "3.0 days"},
		{"three days", 72 * time.Hour, "low", "3.0 days"},
		{"one day", 24 * time.Hour, "low", "1.0 days"},
		{"just under a day", 24*time.Hour - time.Minute, "bad", "23 hours"},
		{"half an hour", 30 * time.Minute, "bad", "30 minutes"},
		{"past", -time.Hour, "bad", "0 minutes"},
		{"half a month", 15 * 24 * time.Hour, "good", "15 days"},
	} {
		t.Run(row.name, func(t *testing.T) {
			v := picture.View{At: fakeNow, Supply: present.Supply{State: present.Connected}, Credit: picture.Credit{Balance: units.One}, RunOut: picture.RunOut{Known: true, At: fakeNow.Add(row.left)}}
			r := (&model{Format: formatFor(c, &v), V: &v}).Hero()
			if r.Level != row.level || !strings.HasSuffix(plainSpaces(r.Line), " "+row.line) || r.Icon == "" || r.Tip == "" {
				t.Errorf("%+v, want %s %s", r, row.level, row.line)
			}
		})
	}
}

// plainSpaces makes the spaces that no line breaks at readable in a test.
func plainSpaces(s string) string {
	return strings.NewReplacer(present.NoBreak, " ", present.Narrow, " ", "\u2060", "", present.Minus, "-").Replace(s)
}
