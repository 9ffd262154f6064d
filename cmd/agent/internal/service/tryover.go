package service

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/loads"
)

// overHolds is how long a load that is switched over stays so: long enough to hear its relay.
const overHolds = 2 * time.Second

// TryOver switches one load over and back again, each time until its switch says that it obeyed.  Whatever
// happens meanwhile, it is told to be as it was.
func TryOver(ctx context.Context, o Orders, load string, within time.Duration) Tried {
	t := newTrial(o, []string{load})
	defer t.end()
	if t.beside {
		return Tried{load, LeftOut, fmt.Sprintf("the running agent (process %s) has it", t.pid), "switch it on the page"}
	}
	session := t.newSession()
	if session == nil {
		return Tried{load, LeftOut, "only what hangs on a broker is tried", ""}
	}
	t.devices = device.NewPool(session, t.now, t.log)
	switches := t.switchTrials()
	if len(switches) != 1 {
		return Tried{load, LeftOut, "it has no switch", ""}
	}
	s := switches[0]
	if s.sw == nil {
		return s.out
	}
	runs, stop := context.WithCancel(context.WithoutCancel(ctx))
	var wg sync.WaitGroup
	for _, d := range t.devices.Devices() {
		wg.Go(func() { _ = d.Run(runs) })
	}
	if r, ok := s.sw.(loads.Runner); ok {
		wg.Go(func() { _ = r.Run(runs) })
	}
	wg.Go(func() { _ = session.Run(runs) })
	defer wg.Wait()
	defer stop()
	out := s.over(ctx, within)
	switched(t.cfg, func(_, id string, _ loads.SwitchDocument, e loads.Env) {
		if id == load && e.DeadMan > 0 && out.Answer == Answers && out.on {
			out.Next = fmt.Sprintf("its dead man switches it off in %s unless the agent runs by then", e.DeadMan)
		}
	})
	return out.Tried
}

// over is what came of switching over, and whether the load is on now.
type over struct {
	Tried
	on bool
}

// over switches over and back; ctx ends the trial early, but not the way back.
func (s switchTrial) over(ctx context.Context, within time.Duration) over {
	asked, cancel := context.WithTimeout(ctx, within)
	first := s.says(asked)
	cancel()
	if first.Answer != Answers {
		return over{Tried: first}
	}
	was, err := s.sw.Observed(ctx)
	if err != nil || !was.Known {
		return over{Tried: Tried{s.id, Wrong, "its state is not known any more", "try again"}}
	}
	there := s.obeys(ctx, !was.On, within)
	if there == nil {
		select {
		case <-ctx.Done():
		case <-time.After(overHolds):
		}
	}
	if err := s.obeys(context.WithoutCancel(ctx), was.On, within); err != nil {
		return over{Tried: Tried{s.id, Wrong, fmt.Sprintf("it is not as it was: %v", err), "switch it " + word(was.On) + " at the device"}}
	}
	if there != nil {
		return over{Tried{s.id, Wrong, there.Error(), "check that it takes commands over MQTT"}, was.On}
	}
	return over{Tried{s.id, Answers, fmt.Sprintf("it went %s, and is %s again", word(!was.On), word(was.On)), ""}, was.On}
}

// obeys tells the switch to be on or off, and waits until it says that it is.
func (s switchTrial) obeys(ctx context.Context, on bool, within time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		err := s.sw.Set(ctx, loads.Setpoint{On: on})
		if o, seen := s.sw.Observed(ctx); err == nil && seen == nil && o.Known && o.On == on {
			return nil
		}
		select {
		case <-ctx.Done():
			if err != nil {
				return fmt.Errorf("it could not be told %s: %w", word(on), err)
			}
			return fmt.Errorf("it was told %s, and did not say so", word(on))
		case <-time.After(10 * lookAgain):
		}
	}
}

func word(on bool) string {
	if on {
		return "on"
	}
	return "off"
}
