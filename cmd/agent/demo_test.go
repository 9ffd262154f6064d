package main

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/simulate"
	"github.com/keeplit/keeplit/examples/worlds"
	"github.com/keeplit/keeplit/internal/unraced"
)

// A demo that is left alone went dark when its credit was spent, and stayed so.
func TestADemoWithAHabitKeepsItsLight(t *testing.T) {
	unraced.Only(t)
	t.Parallel()
	out := process(t, "demo", "--listen", "127.0.0.1:0", "--speed", "60000", "--habit")
	var url string
	var bought api.Ledger
	asked := func(path string, into any) bool {
		a, err := http.Get(url + path) //nolint:noctx // of the demo, which the test ends
		if err != nil {
			return false
		}
		defer a.Body.Close()
		text, err := io.ReadAll(a.Body)
		return err == nil && json.Unmarshal(text, into) == nil
	}
	for end := time.Now().Add(90 * time.Second); len(bought.Rows) < 1; time.Sleep(200 * time.Millisecond) {
		if m := regexp.MustCompile(`page +(http://\S+)`).FindStringSubmatch(out.String()); m != nil {
			if url = m[1]; !asked("/api/v1/ledger?kind=topup", &bought) {
				bought = api.Ledger{}
			}
		}
		if time.Now().After(end) {
			t.Fatalf("%d top-ups in 90 s\n%s", len(bought.Rows), out)
		}
	}
	var cuts api.Cuts
	if !asked("/api/v1/cuts", &cuts) {
		t.Fatal("no answer about cuts")
	}
	for _, c := range cuts.Cuts {
		if strings.Contains("credit waits", c.Cause) {
			t.Errorf("it went dark: %+v", c)
		}
	}
}

// Each of the example worlds can be looked at in the demo, or it is said why not.
func TestTheDemoShowsTheExampleWorlds(t *testing.T) {
	t.Parallel()
	field, _ := reflect.TypeFor[demoCmd]().FieldByName("Scenario")
	offered := strings.Split(field.Tag.Get("enum"), ",")
	files, err := fs.Glob(worlds.Files(), "*.yaml")
	if err != nil || len(files) < 6 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		name := strings.TrimSuffix(file, ".yaml")
		shown, err := demoCmd{Scenario: name}.shown()
		switch is := slices.Contains(offered, name); {
		case errors.Is(err, simulate.ErrPrices) && !is:
			continue
		case err != nil || !is:
			t.Errorf("%s: offered %v: %v", name, is, err)
			continue
		}
		if faults := service.Faults(shown.Config, nil); len(faults) > 0 {
			t.Errorf("%s: %v", name, faults)
		}
		if shown.Below <= 0 || shown.Amount <= 0 || shown.Config.Site.Name == "" || shown.Config.Simulation.PerDay == 0 || len(shown.Config.Loads) == 0 {
			t.Errorf("%s: %+v", name, shown)
		}
	}
	if own, err := (demoCmd{Scenario: "house"}).shown(); err != nil || own.Config.Site.Name != "Demo house" {
		t.Errorf("%v %+v", err, own.Config.Site)
	}
}

// A world that is shown runs, on another port where the usual one is taken, and takes its own token.
func TestADemoOfAWorldWhereThePortIsTaken(t *testing.T) {
	t.Parallel()
	if l, err := net.Listen("tcp", demoListen); err == nil { // else another program has it, which does as well
		defer l.Close()
	}
	out := process(t, "demo", "--scenario", "poor-home")
	var found []string
	for end := time.Now().Add(90 * time.Second); found == nil; time.Sleep(50 * time.Millisecond) {
		found = regexp.MustCompile(`(?s)` + regexp.QuoteMeta(demoListen) + ` is taken by another program: .*a simulated world, poor-home .*page +(http://\S+).*token +(\d+) +buys ZAR 40;`).FindStringSubmatch(out.String())
		if time.Now().After(end) {
			t.Fatalf("not said:\n%s", out)
		}
	}
	a, err := http.Post(found[1]+"/api/v1/topup", "application/json", strings.NewReader(`{"token":"`+found[2]+`"}`)) //nolint:noctx // of the demo, which the test ends
	if err != nil {
		t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil || a.StatusCode != http.StatusOK || !strings.Contains(string(text), `"amount":"40.000000"`) {
		t.Errorf("%d %s %v", a.StatusCode, text, err)
	}
	// The simulated house has a clock of its own, and its page no other.
	b, err := http.Get(found[1] + "/api/v1/view") //nolint:noctx // of the demo, which the test ends
	if err != nil {
		t.Fatal(err)
	}
	defer b.Body.Close()
	var v api.View
	if err := json.NewDecoder(b.Body).Decode(&v); err != nil {
		t.Fatal(err)
	}
	if br := v.System.Broker; br == nil || br.LastAt == nil || v.System.Started == nil || br.LastAt.Before(*v.System.Started) || v.At == nil || br.LastAt.After(*v.At) {
		t.Errorf("at %s the broker was heard last %+v, started %v", v.At, br, v.System.Started)
	}
}
