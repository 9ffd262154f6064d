package service

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/openadr"
	"github.com/keeplit/keeplit/cmd/agent/internal/planning"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/civil"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// vtnOf is what counts of an OpenADR server's word; nil: there is none.
func vtnOf(cfg config.Config) *policy.Rules {
	o := cfg.OpenADR
	if o == nil {
		return nil
	}
	name := o.URL
	if u, err := url.Parse(o.URL); err == nil {
		name = u.Hostname()
	}
	r := &policy.Rules{Site: cfg.Site.ID, Issuer: name, VTN: true, Limit: limitOf(o.Limit), Devices: devicesOf(cfg)}
	for _, s := range o.Streams {
		r.Streams = append(r.Streams, policy.Stream(s))
	}
	return r
}

// venOf makes the site a VEN of the server that the configuration names.
func (s *Service) venOf(cfg config.Config) (err error) {
	o := cfg.OpenADR
	if o == nil {
		return nil
	}
	name := o.VEN
	if name == "" {
		name = cfg.Site.ID
	}
	s.ven, err = openadr.New(openadr.Config{
		URL: o.URL, TokenURL: o.TokenURL, ClientID: o.ClientID, Secret: func() (string, error) { return o.ClientSecret, nil }, Scope: o.Scope,
		CAFile: cfg.Path(o.CA), Program: o.Program, VEN: name, Poll: o.Poll, Urgent: slices.Contains(o.Streams, string(policy.Limit)), Notify: o.Notify,
		File: cfg.Path(cfg.Data) + "/openadr.json", Seed: backoff.Seed(cfg.Site.ID), Log: s.log,
	}, served{s}, func(ctx context.Context, at, username, password string, topics []string, heard func()) error {
		return hear(ctx, broker.Config{
			URL: at, Site: cfg.Site.ID, ClientID: "keeplit-openadr-" + cfg.Site.ID, Username: username, Log: s.log, TLS: broker.TLS{CAFile: cfg.Path(o.CA)},
			Password: func() (string, error) { return password, nil },
		}, topics, heard)
	})
	if err != nil {
		return fmt.Errorf("openadr: %w", err)
	}
	return nil
}

// hear listens to a broker until ctx ends or the connection is lost.
func hear(ctx context.Context, cfg broker.Config, topics []string, heard func()) error {
	c, err := broker.Dial(ctx, cfg)
	if err != nil {
		return err
	}
	defer c.Close()
	for _, t := range topics {
		if err := c.Subscribe(ctx, t, func(string, []byte) { heard() }); err != nil {
			return err
		}
	}
	heard() // what was said before
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.Lost():
		return err
	}
}

// served is the site as an OpenADR server sees it.
type served struct{ s *Service }

func (v served) Now() time.Time { return v.s.now() }

func (v served) Take(ctx context.Context, list policy.List) error {
	reply, err := v.s.loop.Feed(ctx, control.Input{What: control.VTNList{List: list}})
	if err == nil {
		err = reply.Err
	}
	if err != nil {
		return err
	}
	if reply.VTN != nil {
		for _, x := range reply.VTN.Fresh {
			switch {
			case x.Gone:
				v.s.log.Info("openadr: an event is not listed any more", "event", x.ID)
			case x.Code == policy.Taken:
				v.s.log.Info("openadr: an event is taken", "event", x.ID, "name", x.Name, "does", x.Does, "but", x.Detail)
			default:
				v.s.log.Info("openadr: an event is not taken, or not all of it", "event", x.ID, "name", x.Name, "does", x.Does, "code", x.Code, "because", x.Detail)
			}
		}
	}
	return nil
}

func (v served) Standing() []string { return v.s.loop.Snapshot().State.VTN.Standing() }

func (v served) Shares(report string) bool {
	return slices.Contains(v.s.cfg.Telemetry.Share.OpenADR, strings.ToLower(report))
}

func (v served) Used(ctx context.Context, from, to time.Time) (out openadr.Used, err error) {
	for iv, err := range v.s.store.Intervals(ctx, planning.SiteSeries, from, to) {
		if err != nil {
			return out, err
		}
		begins, ends := iv.Slot.Start, iv.Slot.Start.Add(iv.Slot.Len)
		part := civil.Earlier(ends, to).Sub(civil.Later(begins, from))
		if part <= 0 || iv.Slot.Len <= 0 {
			continue
		}
		share := float64(part) / float64(iv.Slot.Len)
		out.KWh += iv.Import.KWh() * share
		out.Covered += time.Duration(float64(iv.Covered) * share)
	}
	return out, nil
}

// Expects is what the plan expects of all that is drawn: the base load's quantiles and what the
// loads are planned to draw.  What of the time has passed is what was used.
func (v served) Expects(ctx context.Context, from, to time.Time) (kwh [3]float64, ok bool) {
	st := v.s.loop.Snapshot().State
	plan := st.Plan
	if plan == nil || !st.Foresees() || to.After(plan.Ends()) || !to.After(plan.Start) {
		return kwh, false
	}
	if from.Before(plan.Start) {
		used, err := v.Used(ctx, from, plan.Start)
		if err != nil || used.Covered < plan.Start.Sub(from)-time.Second {
			return kwh, false
		}
		for i := range kwh {
			kwh[i] = used.KWh
		}
		from = plan.Start
	}
	slots(plan, from, to, func(k int, d time.Duration) {
		runs := units.Power(0)
		for _, l := range plan.Loads {
			if k < len(l.Power) {
				runs += l.Power[k]
			}
		}
		for i, base := range [][]units.Power{plan.Low, plan.Mid, plan.High} {
			if k < len(base) {
				kwh[i] += (base[k] + runs).Over(d).KWh()
			}
		}
	})
	return kwh, true
}

// Sheds is what the loads that can wait are planned to draw in what is left of a time: a
// household that has opted out of events holds off nothing.
func (v served) Sheds(from, to time.Time) (kw float64, ok bool) {
	st := v.s.loop.Snapshot().State
	plan := st.Plan
	if from = civil.Later(from, st.Now); plan == nil || !to.After(from) || from.Before(plan.Start) || to.After(plan.Ends()) {
		return 0, false
	}
	if st.Policy.Opted.Grid() {
		return 0, true
	}
	energy := units.Energy(0)
	slots(plan, from, to, func(k int, d time.Duration) {
		for _, l := range plan.Loads {
			if k < len(l.Power) && slices.ContainsFunc(v.s.site.Loads, func(x loads.Load) bool { return x.ID == l.ID && !x.Essential }) {
				energy += l.Power[k].Over(d)
			}
		}
	})
	return energy.KWh() / to.Sub(from).Hours(), true
}

// slots goes through the parts of a plan's slots that lie between two instants.
func slots(plan *planning.Plan, from, to time.Time, each func(k int, d time.Duration)) {
	for k := range plan.Prices {
		begins := plan.Start.Add(time.Duration(k) * plan.Slot)
		if d := civil.Earlier(begins.Add(plan.Slot), to).Sub(civil.Later(begins, from)); d > 0 {
			each(k, d)
		}
	}
}
