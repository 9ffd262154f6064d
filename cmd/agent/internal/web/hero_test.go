package web

import (
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/internal/units"
)

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
