package simulate

import (
	"context"
	"encoding/json"
	"math"
	"path/filepath"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

func must(t testing.TB, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// world is one of the worlds that come with the program, cut short.
func world(t testing.TB, name string, warm, days int) World {
	t.Helper()
	w, err := ReadWorld(filepath.Join("..", "..", "..", "..", "examples", "worlds", name+".yaml"))
	must(t, err)
	w.Warm, w.Days, w.Step = warm, days, 5*time.Minute
	return w
}

func TestTheSameSeedIsTheSameToTheByte(t *testing.T) {
	t.Parallel()
	w := world(t, "poor-home", 0, 1)
	var texts [2]string
	for i := range texts {
		r, err := Run(t.Context(), w, Options{})
		must(t, err)
		text, err := json.Marshal(r)
		must(t, err)
		texts[i] = string(text)
	}
	if texts[0] != texts[1] {
		t.Errorf("two runs of one seed differ:\n%s\n%s", texts[0], texts[1])
	}
	w.Seed++
	r, err := Run(t.Context(), w, Options{Policies: []Policy{None}})
	must(t, err)
	other, err := json.Marshal(r.Policies[None])
	must(t, err)
	var first Report
	must(t, json.Unmarshal([]byte(texts[0]), &first))
	same, err := json.Marshal(first.Policies[None])
	must(t, err)
	if string(other) == string(same) {
		t.Error("another seed is the same life")
	}
}

// What was topped up is what was charged and what is left, and what the register
// counted is what base and loads took.
func TestMoneyAndEnergyAreConservedInASimulation(t *testing.T) {
	t.Parallel()
	w := world(t, "poor-home", 0, 1)
	for _, p := range Policies() {
		l, err := newLife(&w, p)
		must(t, err)
		must(t, l.run(context.Background(), nil))
		c := l.count
		if left := c.topped - c.charged; left != l.st.Credit.Balance {
			t.Errorf("%s: %s topped up and %s charged leave %s, the account says %s", p, c.topped, c.charged, left, l.st.Credit.Balance)
		}
		plant := l.plant.State()
		sum := plant.Base
		for _, d := range plant.Loads {
			sum += d.Used
		}
		if plant.Register != sum {
			t.Errorf("%s: the register counts %s, base and loads took %s", p, plant.Register, sum)
		}
		if got := l.st.Meter.Registers.Import; got != plant.Register {
			t.Errorf("%s: the agent has counted %s, the register %s", p, got, plant.Register)
		}
		if math.Abs(c.out.Energy-units.Energy(plant.Register-c.atBegin.register).KWh()) > 0.001 {
			t.Errorf("%s: %v kWh are told of %s", p, c.out.Energy, plant.Register)
		}
	}
}

// The meter of every world counts all that is drawn, at its greatest power too.
func TestTheAgentCountsAllThatIsDrawnInEveryWorld(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"block-tariff", "business-demand", "capacity-tariff", "car-commuter", "dynamic-prices", "payday-home", "poor-home", "sun-battery"} {
		w := world(t, name, 0, 7)
		w.Step = time.Minute // a step of five flattens what is drawn for two
		l, err := newLife(&w, None)
		must(t, err)
		must(t, l.run(t.Context(), nil))
		if got, want := l.st.Meter.Registers.Import, l.plant.State().Register; got != want {
			t.Errorf("%s: the agent has counted %s, the register %s", name, got, want)
		}
	}
}

// Every world that comes with the program is read without a fault and can be begun.
func TestTheWorldsThatComeWithTheProgramAreRight(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "examples", "worlds", "*.yaml"))
	must(t, err)
	if len(files) < 8 {
		t.Fatalf("only %d worlds are there", len(files))
	}
	for _, name := range files {
		w, err := ReadWorld(name)
		must(t, err)
		if _, err := newLife(&w, Keeplit); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, v := range w.Variants {
			as, err := w.As(v.Name)
			must(t, err)
			if _, err := newLife(&as, Keeplit); err != nil {
				t.Errorf("%s %s: %v", name, v.Name, err)
			}
		}
	}
}
