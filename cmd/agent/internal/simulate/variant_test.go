package simulate

import (
	"strings"
	"testing"
)

func TestAVariantIsTheWorldWithWhatDiffers(t *testing.T) {
	t.Parallel()
	w := world(t, "poor-home", 0, 1)
	v, err := w.As("80-below-15")
	must(t, err)
	if v.Variant != "80 a time below 15" || v.TopUps[0].Amount.Float() != 80 || v.Tariff != w.Tariff || v.Seed != w.Seed {
		t.Errorf("the variant is %+v", v)
	}
	if w.TopUps[0].Amount.Float() != 40 || w.Variant != "" {
		t.Error("the world has changed with it")
	}
	if _, err := w.As("90"); err == nil || !strings.Contains(err.Error(), "20-below-45, 80-below-45") {
		t.Errorf("a variant that is none is told as %v", err)
	}
}

func TestFaultsOfVariantsAreToldWithTheirLines(t *testing.T) {
	t.Parallel()
	good := "tariff: {document: {name: x, currency: EUR, zone: UTC, versions: [{energy: [{name: e, price: 1}]}]}}\n" // line 1
	for name, row := range map[string]struct{ text, want string }{
		"nothing differs": {"variants:\n  - {name: a}\n", "line 3: variants[0]: it does not differ from the world"},
		"no name":         {"variants:\n  - top_up: [{below: 4, amount: 5}]\n", `line 3: variants[0].name: "" names no variant`},
		"a name twice": {
			"variants:\n  - {name: a, top_up: [{below: 4, amount: 5}]}\n  - {name: a, top_up: [{below: 4, amount: 6}]}\n", `line 4: variants[1].name: "a" is there twice`,
		},
		"a habit that is none": {
			"variants:\n  - name: a\n    top_up:\n      - {below: 4, amount: 50000}\n", "line 5: variants[0].top_up[0].amount: 50000.000000 cannot be bought",
		},
		"a tariff that is none": {"variants:\n  - name: a\n    tariff: {catalogue: moon, file: sun}\n", "line 4: variants[0].tariff"},
	} {
		_, faults := ParseWorld([]byte(good+row.text), t.TempDir())
		if len(faults) != 1 || !strings.Contains(faults[0].String(), row.want) {
			t.Errorf("%s: %v is told, not %q", name, faults, row.want)
		}
	}
	if _, faults := ParseWorld([]byte(good+"variants: [{name: a, top_up: []}]\n"), t.TempDir()); len(faults) != 0 {
		t.Errorf("who never buys is no variant: %v", faults)
	}
}
