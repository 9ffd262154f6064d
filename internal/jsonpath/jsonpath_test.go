package jsonpath

import (
	"encoding/json"
	"testing"
)

func TestAPathLeadsToItsValueOrSaysHowFarItGoes(t *testing.T) {
	var doc any
	if err := json.Unmarshal([]byte(`{"emeters": [{"total": 12.5}], "Body": {"a.b": "x"}, "nrg": [1, 2]}`), &doc); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		path string
		want any
		err  string
	}{
		{"emeters[0].total", 12.5, ""},
		{`Body["a.b"]`, "x", ""},
		{"nrg[1]", 2.0, ""},
		{"nrg[2]", nil, "the answer has no nrg[2]"},
		{"emeters[0].power.now", nil, "the answer has no emeters[0].power"},
		{"emeters.total", nil, "the answer has no emeters.total"},
	} {
		p, err := Parse(c.path)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.In(doc)
		if got != c.want && c.err == "" || (err == nil) != (c.err == "") || err != nil && err.Error() != c.err {
			t.Errorf("%s: %v, %v", c.path, got, err)
		}
	}
}

// A path that is read is shown as one that leads to the same place.
func FuzzPath(f *testing.F) {
	for _, s := range []string{"a", "emeters[0].total", `Body.Data["a.b"]`, `[2]["x]"].y`, "a..b", "a[", ".", `["`, "a[1]b", `0[""]0`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		path, err := Parse(s)
		if err != nil {
			return
		}
		again, err := Parse(path.String())
		if err != nil || len(again) != len(path) {
			t.Fatalf("%q is shown as %q: %v", s, path, err)
		}
		for i := range path {
			if path[i] != again[i] {
				t.Fatalf("%q is shown as %q", s, path)
			}
		}
	})
}
