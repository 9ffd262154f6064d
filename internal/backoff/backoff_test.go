package backoff

import (
	"math/rand/v2"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestEachWaitIsTwiceTheLastUpToTheLimit(t *testing.T) {
	for _, row := range []struct {
		name        string
		first, most time.Duration
		want        []time.Duration // after 0, 1, 2 ... failures
	}{
		{"to the limit and no further", time.Second, 5 * time.Second, []time.Duration{0, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second, 5 * time.Second}},
		{"a limit below the first", time.Minute, time.Second, []time.Duration{0, time.Second, time.Second}},
		{"no wait at all", 0, time.Second, []time.Duration{0, 0, 0}},
	} {
		for n, want := range row.want {
			if got := After(n, row.first, row.most); got != want {
				t.Errorf("%s: after %d failures %s, want %s", row.name, n, got, want)
			}
		}
	}
	if got := After(1<<30, time.Nanosecond, 1<<62); got != 1<<62 {
		t.Errorf("after very many: %s", got)
	}
}

func TestASpreadWaitLiesInTheUpperHalfAndIsTheSameForASeed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seed := Seed(rapid.String().Draw(t, "name"))
		of := func() *Backoff {
			return &Backoff{First: time.Second, Most: time.Minute, Spread: rand.New(rand.NewPCG(seed, 1))}
		}
		a, b := of(), of()
		for n := 1; n < 10; n++ {
			x, full := a.Next(), After(n, time.Second, time.Minute)
			if x != b.Next() || x < full/2 || x > full {
				t.Fatalf("wait %d is %s of %s", n, x, full)
			}
		}
		a.Reset()
		if a.Failures() != 0 || a.Next() > time.Second {
			t.Fatal("it goes on although it went well")
		}
	})
}
