package web

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/units"
)

// promtool runs Prometheus's own check, or skips the test where there is none.
func promtool(t *testing.T, in string, args ...string) {
	t.Helper()
	bin, err := exec.LookPath("promtool")
	if err != nil {
		if os.Getenv("KEEPLIT_REQUIRE_SERVERS") == "1" {
			t.Fatal("promtool is not installed; it is in Debian's package prometheus")
		}
		t.Skip("promtool is not installed")
	}
	cmd := exec.Command(bin, args...)
	cmd.Stdin = strings.NewReader(in)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out.String())
	}
}

// withTotals is a house of which everything is known.
func withTotals(t *testing.T) *site {
	x := newSite(t, nil)
	f := x.f
	f.v.Totals = &picture.Totals{
		Charged: map[credit.Kind]units.Money{credit.Consumption: units.FromFloat(812.5), credit.Standing: units.FromFloat(96)}, Bought: units.FromFloat(1000), Earned: units.FromFloat(3.5),
		Kept: control.Kept{Counted: true, Import: units.FromKWh(412.25), Export: units.FromKWh(2), Loads: make([]units.Energy, len(f.v.Loads))},
	}
	f.v.Warnings = append(f.v.Warnings, picture.Warning{Code: "bad_message", Subject: "keeplit/\"x\"\n/{{a}}", Severity: picture.Caution, Grade: health.Caution}, picture.Warning{Code: "bad_message", Severity: picture.Caution, Grade: health.Caution})
	f.v.System.Version = "v1\"\\\n\xff"
	return x
}

func TestMetricsAreAsPrometheusHasThem(t *testing.T) {
	x := withTotals(t)
	a := x.get("/metrics")
	x.want(a, 200, "keeplit_import_joules_total 1.4841e+09\n", `keeplit_charged_total{currency="ZAR",kind="standing"} 96`, `keeplit_warning{code="bad_message",severity="caution"} 2`, `keeplit_bought_total{currency="ZAR"} 1000`)
	promtool(t, a.body, "check", "metrics")

	x = newSite(t, nil)
	x.f.v = picture.View{At: fakeNow, System: picture.System{DiskFree: -1}} // the first moment: nothing is known
	first := x.get("/metrics").body
	promtool(t, first, "check", "metrics")
	for _, name := range []string{"keeplit_run_out", "keeplit_price", "keeplit_import", "keeplit_power_watts", "keeplit_charged"} {
		if strings.Contains(first, name) {
			t.Errorf("%s is told before it is known", name)
		}
	}
}

// What the rules ask for is what is told.
func TestRulesOfAlertsAreSound(t *testing.T) {
	folder := filepath.Join("..", "..", "..", "..", "deploy", "prometheus")
	told := withTotals(t).get("/metrics").body
	asked := 0
	for _, file := range []string{"keeplit.rules.yml", "keeplit.test.yml"} {
		text, err := os.ReadFile(filepath.Join(folder, file))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`\bkeeplit_[a-z_]+`).FindAllString(string(text), -1) {
			asked++
			if !strings.Contains(told, "# TYPE "+m+" ") {
				t.Errorf("%s asks for %s, which is not told", file, m)
			}
		}
	}
	if asked < 20 {
		t.Fatalf("%d metrics were found in the rules", asked)
	}
	promtool(t, "", "check", "rules", filepath.Join(folder, "keeplit.rules.yml"))
	promtool(t, "", "check", "config", filepath.Join(folder, "prometheus.yml"))
	promtool(t, "", "test", "rules", filepath.Join(folder, "keeplit.test.yml"))
}

// The document has each metric, and none that is not there.
func TestTheDocumentHasEveryMetric(t *testing.T) {
	doc, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "telemetry.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(doc), "| metric |")
	named := map[string]bool{}
	for _, line := range strings.Split(table, "\n") {
		if cells := strings.Split(line, "|"); len(cells) > 2 {
			for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(cells[1], -1) {
				named[m[1]] = true
			}
		}
	}
	told := regexp.MustCompile(`(?m)^# TYPE ([a-z_]+) `).FindAllStringSubmatch(withTotals(t).get("/metrics").body, -1)
	for _, m := range told {
		if !named[m[1]] {
			t.Errorf("docs/telemetry.md lacks %s", m[1])
		}
		delete(named, m[1])
	}
	if len(told) < 30 {
		t.Fatalf("%d metrics are told", len(told))
	}
	for m := range named {
		t.Errorf("docs/telemetry.md has %s, which is not told", m)
	}
}
