package service

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

var errPart = errors.New("a fault of the test")

func TestAPartThatFailsIsStartedAnewAndTheOthersGoOn(t *testing.T) {
	for name, fail := range map[string]func() error{
		"an error": func() error { return errPart },
		"a panic":  func() error { _ = make([]int, 1)[len(name())]; return nil },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, stop := context.WithCancelCause(t.Context())
				defer stop(nil)
				var mu sync.Mutex
				var told []string
				starts := 0
				g := group{stop: stop, pace: usualPace(), failed: func(_ context.Context, part, cause string) {
					mu.Lock()
					defer mu.Unlock()
					told = append(told, part+": "+cause)
				}}
				g.keep(ctx, "page", func(ctx context.Context) error {
					mu.Lock()
					starts++
					bad := starts <= 4
					mu.Unlock()
					if bad {
						return fail()
					}
					<-ctx.Done()
					return nil
				})
				time.Sleep(14 * time.Second) // 1 + 2 + 4 s
				mu.Lock()
				if starts != 4 || len(told) != 4 {
					t.Errorf("started %d times, told %q", starts, told)
				}
				mu.Unlock()
				time.Sleep(15 * time.Minute)
				mu.Lock()
				if starts != 5 || len(told) != 5 || told[4] != "page: " {
					t.Errorf("started %d times, told %q", starts, told)
				}
				if name == "a panic" && !strings.Contains(told[0], "group_test.go:") {
					t.Errorf("the place is not named: %q", told[0])
				}
				mu.Unlock()
				if ctx.Err() != nil {
					t.Errorf("all has ended: %v", context.Cause(ctx))
				}
				stop(nil)
				g.wg.Wait()
			})
		})
	}
}

func name() string { return "page" }

func TestWithoutTheLoopOrTheMeterTheServiceEndsAndAPanicOfTheMeterDoesNotEndIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancelCause(t.Context())
		g := group{stop: stop, pace: usualPace(), failed: func(context.Context, string, string) {}}
		opened := 0
		g.meter(ctx, func(context.Context) error {
			if opened++; opened < 3 {
				panic("a driver's fault")
			}
			return errPart
		})
		g.wg.Wait()
		if opened != 3 || !errors.Is(context.Cause(ctx), errPart) {
			t.Errorf("opened %d times, ended by %v", opened, context.Cause(ctx))
		}
	})
	synctest.Test(t, func(t *testing.T) { // and the warning about it ends
		ctx, stop := context.WithCancelCause(t.Context())
		var told []string
		g := group{stop: stop, pace: usualPace(), failed: func(_ context.Context, part, cause string) { told = append(told, part+": "+cause) }}
		opened := 0
		g.meter(ctx, func(ctx context.Context) error {
			if opened++; opened == 1 {
				panic("a driver's fault")
			}
			<-ctx.Done()
			return nil
		})
		time.Sleep(15 * time.Minute)
		synctest.Wait()
		stop(nil)
		g.wg.Wait()
		if len(told) != 2 || told[1] != "meter: " {
			t.Errorf("told %q", told)
		}
	})
	ctx, stop := context.WithCancelCause(t.Context())
	g := group{stop: stop}
	g.run(ctx, "control", func(context.Context) error { panic("the loop's fault") })
	g.wg.Wait()
	if c := context.Cause(ctx); c == nil || !strings.Contains(c.Error(), "control: panic in") {
		t.Errorf("ended by %v", c)
	}
}

func TestAPartThatHangsIsNamedAndKeepsNoOtherFromEnding(t *testing.T) {
	over := make(chan struct{})
	ctx, stop := context.WithCancelCause(t.Context())
	g := group{stop: stop, pace: pace{first: time.Millisecond, end: 50 * time.Millisecond}, failed: func(context.Context, string, string) {}}
	g.keep(ctx, "page", func(context.Context) error { <-over; return nil })
	g.keep(ctx, "links", func(ctx context.Context) error { <-ctx.Done(); return nil })
	stop(nil)
	if hang := g.wait(); len(hang) != 1 || hang[0] != "page" {
		t.Errorf("what hangs: %q", hang)
	}
	close(over)
	if hang := g.wait(); len(hang) != 0 {
		t.Errorf("what hangs in the end: %q", hang)
	}
}

// What the page tells of guessers comes to the householder as a warning.
func TestGuessedPINsAreAWarning(t *testing.T) {
	s := simulated(t)
	s.pace.look = 5 * time.Millisecond
	s.pinGuessed(50, []netip.Addr{netip.MustParseAddr("192.168.1.77"), netip.MustParseAddr("192.168.1.78")})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.watchLinks(ctx) }()
	warned := false
	for end := time.Now().Add(5 * time.Second); !warned && time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		for _, w := range s.loop.Snapshot().State.Health.Active {
			warned = warned || w.Code == health.PINGuessed && present.NewWords().Anywhere().Say(w.Cause) == "50 wrong PINs within an hour, most from 192.168.1.77 and 1 others"
		}
	}
	stop()
	if err := <-done; err != nil || !warned {
		t.Errorf("no warning of guessers: %v", err)
	}
}
