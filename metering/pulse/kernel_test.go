package pulse

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"
)

// TestKernel counts pulses of a real kernel's line request.  It needs a
// simulated chip (gpio-sim): KEEPLIT_GPIO_CHIP is the device, e.g.
// /dev/gpiochip0, and KEEPLIT_GPIO_PULL the file that pulls its line 0.
// uml.sh in this folder boots a kernel that has one.
func TestKernel(t *testing.T) {
	chip, pull := os.Getenv("KEEPLIT_GPIO_CHIP"), os.Getenv("KEEPLIT_GPIO_PULL")
	if chip == "" || pull == "" {
		t.Skip("KEEPLIT_GPIO_CHIP and KEEPLIT_GPIO_PULL are not set")
	}
	set := func(level string) {
		if err := os.WriteFile(pull, []byte(level), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pulses := func(n int, low, high time.Duration) {
		for range n {
			set("pull-down")
			time.Sleep(low)
			set("pull-up")
			time.Sleep(high)
		}
	}
	count := func(l *Line) (n, missed int) {
		for {
			ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
			p, err := l.Next(ctx)
			cancel()
			if errors.Is(err, context.DeadlineExceeded) {
				return n, missed
			}
			if err != nil {
				t.Fatal(err)
			}
			n += p.N
			missed += p.Missed
		}
	}
	for _, row := range []struct {
		name      string
		n         int
		low, high time.Duration
		debounce  time.Duration
		want      int
		missed    bool
	}{
		{"20 pulses of an S0 output", 20, 30 * time.Millisecond, 30 * time.Millisecond, 0, 20, false},
		{"bounces are filtered", 50, time.Millisecond, time.Millisecond, 20 * time.Millisecond, 0, false},
		{"100 pulses that nobody read meanwhile", 100, 10 * time.Millisecond, 10 * time.Millisecond, 100 * time.Microsecond, 100, false},
		{"800 pulses that nobody read meanwhile: more than the buffer holds", 800, 10 * time.Millisecond, 10 * time.Millisecond, 100 * time.Microsecond, 800, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			set("pull-up")
			time.Sleep(50 * time.Millisecond)
			l, err := OpenLine(chip, 0, row.debounce)
			if err != nil {
				t.Fatal(err)
			}
			defer l.Close()
			pulses(row.n, row.low, row.high)
			n, missed := count(l)
			if n != row.want || (missed > 0) != row.missed {
				t.Errorf("counted %d with %d inferred, want %d", n, missed, row.want)
			}
			t.Logf("%d pulses, counted %d, of which %d from the kernel's numbers", row.n, n, missed)
		})
	}
}
