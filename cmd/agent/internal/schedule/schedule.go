// Package schedule says when the recurring work of the agent is due: the slot
// edges, the plan, the nightly jobs.  It is the only place that knows cron.
//
// The control loop asks Due with the times of its own inputs, so a simulated
// year meets the same edges as the real one; Waker only makes sure that on a
// real day an input comes at each edge even while the meter is silent.
package schedule

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// Schedule is one cron expression in one time zone.
type Schedule struct {
	spec string
	zone *time.Location
	next cron.Schedule
}

// Parse reads a five-field cron expression (minute, hour, day of month, month,
// day of week) or a descriptor such as @hourly; its times are local to zone.
func Parse(spec string, zone *time.Location) (Schedule, error) {
	// The parser takes a zone before the fields, and panics at one without them.
	if strings.Contains(spec, "TZ=") {
		return Schedule{}, fmt.Errorf("%q names a time zone; its times are the site's", spec)
	}
	next, err := cron.ParseStandard(spec)
	if err != nil {
		return Schedule{}, fmt.Errorf("%q is not a cron expression: %w", spec, err)
	}
	return Schedule{spec: spec, zone: zone, next: next}, nil
}

// Next is the first time after t that the schedule names, in UTC; the zero
// time where there is none within five years.
func (s Schedule) Next(t time.Time) time.Time {
	if s.next == nil {
		return time.Time{}
	}
	n := s.next.Next(t.In(s.zone))
	if n.IsZero() {
		return n
	}
	return n.UTC()
}

// Due tells whether the schedule names a time in (from, to].
func (s Schedule) Due(from, to time.Time) bool {
	n := s.Next(from)
	return !n.IsZero() && !n.After(to)
}

// Waker calls wake at each time that any of the schedules names, on the real
// clock, until ctx ends.  wake is never called twice at once and never after
// Waker has returned.
func Waker(ctx context.Context, log *slog.Logger, wake func(), schedules ...Schedule) error {
	c := cron.New(
		cron.WithLogger(cronLog{log}),
		cron.WithChain(cron.Recover(cronLog{log}), cron.SkipIfStillRunning(cronLog{log})),
	)
	for _, s := range schedules {
		c.Schedule(inZone{s}, cron.FuncJob(wake))
	}
	c.Start()
	<-ctx.Done()
	<-c.Stop().Done()
	return nil
}

// inZone lets cron ask in its own zone and be answered in the schedule's.
type inZone struct{ s Schedule }

func (z inZone) Next(t time.Time) time.Time { return z.s.Next(t) }

type cronLog struct{ log *slog.Logger }

func (l cronLog) Info(msg string, kv ...any) { l.log.Debug("schedule: "+msg, kv...) }
func (l cronLog) Error(err error, msg string, kv ...any) {
	l.log.Error("schedule: "+msg, append(kv, "error", err)...)
}
