package main

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
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
	ctx, stop := context.WithCancelCause(t.Context())
	g := group{stop: stop}
	g.run(ctx, "control", func(context.Context) error { panic("the loop's fault") })
	g.wg.Wait()
	if c := context.Cause(ctx); c == nil || !strings.Contains(c.Error(), "control: panic in") {
		t.Errorf("ended by %v", c)
	}
}
