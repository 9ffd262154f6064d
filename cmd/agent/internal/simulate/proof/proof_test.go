package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// written is a program that answers as an agent: the figures that lie in a file, and a
// line in a log for each run.
func written(t *testing.T, folder, version string) string {
	t.Helper()
	name := filepath.Join(folder, "agent")
	script := `#!/bin/sh
if [ "$1" = version ]; then echo "` + version + `"; exit; fi
echo "$@" >> "` + folder + `/log"
policy=$4
[ "$policy" = greedy ] && { echo "no greed today" >&2; exit 1; }
sed "s/POLICY/$policy/" "` + folder + `/figures"
`
	must(t, os.WriteFile(name, []byte(script), 0o755)) //nolint:gosec // it is run
	return name
}

func TestWhatIsThereIsNotRunAgainAndTheDocumentIsWrittenOfIt(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	worlds := filepath.Join(folder, "worlds")
	must(t, os.Mkdir(worlds, 0o755)) //nolint:gosec // a test's
	text := "title: A hut\ntariff: {document: {name: x, currency: EUR, zone: UTC, versions: [{energy: [{name: e, price: 1}]}]}}\n" +
		"top_up: [{below: 5, amount: 10}]\nvariants: [{name: more, title: more at once, top_up: [{below: 5, amount: 90}]}]\n"
	must(t, os.WriteFile(filepath.Join(worlds, "hut.yaml"), []byte(text), 0o600))
	report := simulate.Report{World: "A hut", Days: 10, Policies: map[simulate.Policy]*simulate.Result{
		"POLICY": {Cost: 30, Energy: 10, CostPerKWh: 3, Plans: 100, Moves: 11, FalseShortfalls: 2},
	}}
	figures, err := json.Marshal(report)
	must(t, err, os.WriteFile(filepath.Join(folder, "figures"), figures, 0o600))

	o := options{
		agent: written(t, folder, "agent 1"), worlds: worlds, results: filepath.Join(folder, "results"),
		out: filepath.Join(folder, "proof.md"), days: 10, parallel: 2,
	}
	runs := func() int {
		log, _ := os.ReadFile(filepath.Join(folder, "log"))
		return bytes.Count(log, []byte("\n"))
	}
	if err := o.prove(t.Context(), new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), "hut.more greedy: exit status 1: no greed today") {
		t.Errorf("a run that failed is told as %v", err)
	}
	if runs() != 10 {
		t.Fatalf("%d runs were made of 2 cases and 5 policies", runs())
	}
	got, err := os.ReadFile(o.out)
	must(t, err)
	for _, want := range []string{
		"| A hut | yes: 0.0 of 0.0 kWh | yes: 0.0 of 0.0 h | yes: 3.0000 to 3.0000 | - nothing to gain | - | - | **no**: 1.10 a day | yes: 2.00 % |",
		"Not run (2 of 10): hut greedy, hut.more greedy.", "Agent: agent 1.",
		"`agent simulate examples/worlds/hut.yaml --variant more --days 10`",
	} {
		if !strings.Contains(string(got), want) {
			t.Errorf("the document does not say %q:\n%s", want, got)
		}
	}

	o.policies = "none,timer,keeplit,foresight"
	must(t, o.prove(t.Context(), new(bytes.Buffer)))
	if runs() != 10 {
		t.Errorf("what was there was run again: %d", runs())
	}
	o.agent = written(t, folder, "agent 2")
	o.any = true
	must(t, o.prove(t.Context(), new(bytes.Buffer)))
	if runs() != 10 {
		t.Errorf("what another agent led to was run again though it was to be taken: %d", runs())
	}
	o.any, o.only = false, "hut/"
	must(t, o.prove(t.Context(), new(bytes.Buffer)))
	if runs() != 14 {
		t.Errorf("another agent was not run: %d", runs())
	}
	must(t, os.WriteFile(filepath.Join(worlds, "hut.yaml"), []byte(strings.Replace(text, "amount: 10", "amount: 11", 1)), 0o600))
	must(t, o.prove(t.Context(), new(bytes.Buffer)))
	if runs() != 18 {
		t.Errorf("another world was not run: %d", runs())
	}
}

// What hangs on the world's words alone is not run again, and what hangs on its habits is.
func TestTheInputsOfARunAreWhatItHangsOn(t *testing.T) {
	t.Parallel()
	a, err := simulate.ReadWorld(filepath.Join("..", "..", "..", "..", "..", "examples", "worlds", "poor-home.yaml"))
	must(t, err)
	b := a
	b.About = "in other words"
	of := func(w simulate.World) string {
		s, err := inputs(w)
		must(t, err)
		return s
	}
	if of(a) != of(b) {
		t.Error("other words are another world")
	}
	v, err := a.As("80-below-15")
	must(t, err)
	c := a
	c.Loads = append(c.Loads[:0:0], c.Loads...)
	c.Loads[0].Plant.Daily *= 2
	for _, w := range []simulate.World{v, c} {
		if of(a) == of(w) {
			t.Error("another world has the same digest")
		}
	}
}
