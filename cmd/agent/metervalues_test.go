package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each value of a description is shown as it came and as what it is taken for, the
// absent ones with the reason, and none of what the meter is given as proof.
func TestEachValueOfAMeterIsShown(t *testing.T) {
	t.Parallel()
	page := `{"total":"412345.5","p":-1.25,"u":null,"word":"hunter2","n":"SN-1"}`
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, page) }))
	t.Cleanup(s.Close)
	show := func(more string, args ...string) (string, string, int) {
		folder := t.TempDir()
		for name, text := range map[string]string{
			"password": "hunter2\n",
			"key":      "bc41ec9530f6dac86b1a29ab82edc5fb\n",
			"keeplit.yaml": "site: {id: here, meter: \"1\", zone: America/Toronto}\ntariff: {catalogue: ca-on-tiered}\ntokens: {openpaygo: {key: {file: key}, starting_code: 516959010, unit: money, value_divider: 100}}\nmeter:\n  driver: http\n  every: 200ms\n  http:\n    url: " + s.URL + "\n    username: me\n    password: {file: password}\n" +
				"    import: {path: total, unit: Wh}\n    power: {path: p, unit: kW, factor: \"-1\"}\n    device: n\n" + more,
		} {
			if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return agentOn(t, "", append([]string{"meter", "values", filepath.Join(folder, "keeplit.yaml"), "--for", "2s"}, args...)...)
	}
	for _, c := range []struct {
		situation, more string
		args            []string
		code            int
		want            []string
	}{
		{"all of it", "", nil, exitOK, []string{"answers", "412345.5", "Wh", "412.345500 kWh", "x -1 kW", "1250.000 W", "A reading has:", "power   1250 W", "device  SN-1"}},
		{"one that may be absent", "    voltage: {path: u, optional: true}\n", nil, exitOK, []string{"nothing: u is null, and may be (optional)", "A reading has:"}},
		{"one that is not there", "    voltage: {path: uu}\n", nil, exitInvalid, []string{"wrong", "412.345500 kWh", "nothing: ", "uu", "next: "}},
		{"a text that is a secret", "    voltage: {path: word}\n", nil, exitInvalid, []string{"nothing: word is \"***\""}},
		{"as JSON", "", []string{"--json"}, exitOK, []string{`"name":"import","where":"total","came":"412345.5","makes":"Wh","taken":"412.345500 kWh"`, `"answer":"answers"`}},
	} {
		stdout, stderr, code := show(c.more, c.args...)
		if code != c.code || strings.Contains(stdout+stderr, "hunter2") {
			t.Errorf("%s: exit code %d\n%s%s", c.situation, code, stdout, stderr)
		}
		for _, want := range c.want {
			if !strings.Contains(stdout, want) {
				t.Errorf("%s: %q is not in\n%s%s", c.situation, want, stdout, stderr)
			}
		}
	}
}
