package control

import (
	"strings"
	"testing"
	"time"
)

func TestAChangeOfConstantsIsRecorded(t *testing.T) {
	b := newBench(t)
	told := func() int { return b.count("calibration_first") + b.count("calibration_changed") }
	b.reading(time.Minute)
	if told() != 0 {
		t.Fatal("a meter without constants is said to have some")
	}
	// An agent that starts with the same file says nothing, with another it does.
	for _, row := range []struct {
		signature string
		told      int
	}{{"aa11", 1}, {"aa11", 1}, {"bb22", 2}, {"bb22", 2}, {"aa11", 3}} {
		var err error
		b.st, err = b.site.Resume(b.st)
		must(t, err)
		b.site.Calibration = Calibration{Signature: row.signature, Made: "made 2026-11-01 by fitter"}
		eff := b.reading(time.Minute)
		if told() != row.told {
			t.Fatalf("with %s: %d events, want %d", row.signature, told(), row.told)
		}
		for _, e := range eff.Events {
			if e.Code == "calibration_changed" && (!eff.Durable || !strings.Contains(e.Says.String(), row.signature) || !strings.Contains(e.Says.String(), "by fitter")) {
				t.Errorf("durable %v: %s", eff.Durable, e.Says)
			}
		}
		b.reading(time.Minute)
	}
}
