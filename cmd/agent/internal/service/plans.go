package service

import (
	"context"
	"os"
	"runtime"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/apart"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/journal"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/forecast"
)

// Planner is a site's planner that has learned nothing yet.  One behind a real
// meter learns beside its plans; a simulated one depends on its inputs alone.
func Planner(site *control.Site, wall bool) (*planning.Planner, error) {
	f, err := forecast.New(forecast.Options{
		Zone: site.Zone, Step: site.Interval, Seed: site.Seed, Kind: site.Kind, Days: site.Days,
		Holiday: forecast.HolidaysIn(site.Zone.String()), Background: wall,
	})
	if err != nil {
		return nil, err
	}
	var elapsed func() time.Duration
	if wall {
		began := time.Now()
		elapsed = func() time.Duration { return time.Since(began) }
	}
	return planning.New(site.Rules(), f, elapsed), nil
}

// self is this program, also where its file has been replaced since.
func self() string {
	if runtime.GOOS == "linux" {
		return "/proc/self/exe"
	}
	name, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return name
}

// past yields what a planner is taught at its start: what its forecaster keeps, up to a
// day ahead, where a clock that was set back has left intervals.
func (s *Service) past(ctx context.Context, yield func([]planning.Interval) error) error {
	now := s.now()
	return journal.Past(ctx, s.store, now.Add(-forecast.Kept), now.Add(24*time.Hour), yield)
}

// plansOf builds what makes the plans: behind a real meter a process of its own,
// which is taught what the store remembers each time it starts.
func (s *Service) plansOf(ctx context.Context, command []string) (control.Plans, error) {
	if command != nil && s.plant == nil {
		c := apart.Defaults()
		c.Path, c.Args, c.Past, c.Log = self(), command, s.past, s.log
		return apart.New(c), nil
	}
	p, err := Planner(s.site, s.plant == nil)
	if err != nil {
		return nil, err
	}
	if s.plant != nil {
		p.Within(s.cfg.Plan.Time)
	}
	return p, s.past(ctx, func(part []planning.Interval) error { p.Learn(part); return nil })
}
