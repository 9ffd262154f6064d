package main

import (
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
)

// What can be driven is told by the list, and not written down a second time.
func TestTheSampleAndTheCommandLineNameEveryDriverOfTheList(t *testing.T) {
	all := drivers.All()
	text := sampleConfig(all)
	for _, name := range append(all.MeterNames(), all.SwitchNames()...) {
		if !strings.Contains(text, " "+name) {
			t.Errorf("the sample does not name the driver %s", name)
		}
	}
	if strings.Contains(text, "DRIVERS") {
		t.Error("a place of the sample is not filled in")
	}
	words := decodeWords()
	for _, r := range recordingForms() {
		if !strings.Contains(words["formats"], r.Format) || !strings.Contains(words["formats_are"], r.Format) {
			t.Errorf("agent decode does not offer %s", r.Format)
		}
		if telegrams, errs := decodeAs(r.Format, []byte("no meter says this")); len(telegrams) > 0 {
			t.Errorf("%s reads %v of nothing, %v", r.Format, telegrams, errs)
		}
	}
}
