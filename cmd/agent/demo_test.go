package main

import (
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
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
