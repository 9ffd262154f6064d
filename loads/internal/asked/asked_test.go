package asked

import (
	"context"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/loads"
)

func TestItIsAskedEachTimeAndRightBehindACommand(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		begun, soon := time.Now(), make(chan struct{}, 1)
		var at []time.Duration
		done := make(chan struct{})
		go func() {
			defer close(done)
			Run(ctx, soon, 15*time.Second, func(context.Context) { at = append(at, time.Since(begun)) })
		}()
		time.Sleep(20 * time.Second)
		soon <- struct{}{}
		time.Sleep(20 * time.Second)
		stop()
		<-done
		const s = time.Second
		if want := []time.Duration{0, 15 * s, 20 * s, 21 * s, 22 * s, 37 * s}; !slices.Equal(at, want) {
			t.Errorf("asked after %v, want %v", at, want)
		}
	})
}

func TestWhatIsOldIsNotKnown(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	for age, known := range map[time.Duration]bool{0: true, time.Minute: true, time.Minute + 1: false, -time.Minute: true, -time.Minute - 1: false} {
		var h Heard
		h.Keep(loads.Observation{Known: true, At: now.Add(-age)})
		if o := h.Fresh(now, time.Minute); o.Known != known {
			t.Errorf("%v old: %+v", age, o)
		}
	}
}

func TestWhatIsWrongBeginsAndEndsOnce(t *testing.T) {
	var h Heard
	for i, x := range []struct {
		what         string
		begins, ends bool
	}{{"", false, false}, {"silent", true, false}, {"silent", false, false}, {"garbled", false, false}, {"", false, true}, {"", false, false}} {
		if begins, ends := h.Wrong(x.what); begins != x.begins || ends != x.ends || h.Trouble() != x.what {
			t.Errorf("%d: %q begins %t, ends %t", i, h.Trouble(), begins, ends)
		}
	}
}
