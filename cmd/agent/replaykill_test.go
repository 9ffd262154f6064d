package main

import (
	"errors"
	"math/rand/v2"
	"os"
	"testing"
	"time"
)

// TestKilledOnTheWay kills the agent at random moments: what the ledger says in
// the end is what it says without.
func TestKilledOnTheWay(t *testing.T) {
	t.Parallel()
	rec := recordings(t)[0]
	if os.Getenv("KEEPLIT_SERIES") == "" {
		rec = made(t, 5) // two top-ups; both runs take a minute under the race detector
	}
	kills := envInt(t, "KEEPLIT_KILLS", 8)
	opts := trialOptions{shift: true, step: time.Minute, points: 30 * time.Minute, opening: float64(perDay(t, rec)), tokens: topUps(t, rec)}
	whole := newTrial(t, rec, opts)
	whole.run()
	want := entriesOf(t, whole.records())

	broken := newTrial(t, rec, opts)
	rng := rand.New(rand.NewPCG(3, 4))
	killed := 0
	for {
		cmd, out := broken.start()
		done := make(chan error, 1)
		go func() { done <- cmd.Wait() }()
		var wait <-chan time.Time
		if killed < kills {
			wait = time.After(time.Duration(50+rng.IntN(450)) * time.Millisecond)
		}
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("agent run after %d kills: %v\n%s", killed, err, out)
			}
		case <-wait:
			if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
				t.Fatal(err)
			}
			<-done
			killed++
			continue
		}
		break
	}
	got := entriesOf(t, broken.records())
	for i := range min(len(got), len(want)) {
		if got[i].Hash != want[i].Hash {
			t.Fatalf("after %d kills entry %d is\n%+v\nwithout it is\n%+v", killed, i+1, got[i], want[i])
		}
	}
	if len(got) != len(want) {
		t.Fatalf("after %d kills the ledger has %d entries, %d without", killed, len(got), len(want))
	}
	t.Logf("killed %d times: %d entries, the same head %.12s", killed, len(got), got[len(got)-1].Hash)
	if killed == 0 {
		t.Error("the run was over before it could be killed: the trial shows nothing")
	}
}
