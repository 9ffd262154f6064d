package sts

import (
	"strings"
	"testing"
)

// What could be checked against nothing published says so; what could does not.
func TestWhatIsExperimentalSaysSoWhereItIsChosen(t *testing.T) {
	for _, c := range []struct {
		situation string
		change    func(*Document)
		want      string
	}{
		{"ea11 with a decoder key by DKGA04", func(*Document) {}, ""},
		{"ea07", func(d *Document) { d.Algorithm = EA07 }, "algorithm"},
		{"a vending key of DKGA02", func(d *Document) { d.VendingKey = "0011223344556677" }, "vending_key"},
		{"currency", func(d *Document) { d.Currency = true }, "currency"},
	} {
		d := setupA()
		c.change(&d)
		got := d.Experimental()
		switch {
		case c.want == "" && len(got) > 0:
			t.Errorf("%s: %q", c.situation, got)
		case c.want != "" && (len(got) != 1 || !strings.HasPrefix(got[0], c.want+": ") || !strings.Contains(got[0], "experimental")):
			t.Errorf("%s: %q", c.situation, got)
		}
	}
}
