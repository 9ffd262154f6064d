package loadstest

import (
	"context"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
)

// Says waits until what a switch says is as wanted.
func Says(t *testing.T, s loads.Switch, what string, ok func(o loads.Observation) bool) {
	t.Helper()
	for end := time.Now().Add(patience); ; time.Sleep(5 * time.Millisecond) {
		o, err := s.Observed(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if ok(o) {
			return
		}
		if time.Now().After(end) {
			trouble := ""
			if x, may := s.(loads.Troubled); may {
				trouble = x.Trouble()
			}
			t.Fatalf("%s: %+v; %s", what, o, trouble)
		}
	}
}
