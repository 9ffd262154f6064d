package simulate

import (
	"context"
	"fmt"
	"time"
)

// Options say what is run.
type Options struct {
	Policies []Policy // in this order; all where empty
	// Told is called after each day of each policy; nil: nobody is told.
	Told func(p Policy, day, of int)
	// Elapsed tells real time, for the seconds a run took; nil: they are not told.
	Elapsed func() time.Duration
}

// Run lives through the world once for each policy.
func Run(ctx context.Context, w World, o Options) (*Report, error) {
	policies := o.Policies
	if len(policies) == 0 {
		policies = Policies()
	}
	r := w.report()
	for _, p := range policies {
		var began time.Duration
		if o.Elapsed != nil {
			began = o.Elapsed()
		}
		its := p.knows(w)
		l, err := newLife(&its, p)
		if err != nil {
			return nil, err
		}
		if err := l.run(ctx, func(d, of int) {
			if o.Told != nil {
				o.Told(p, d, of)
			}
		}); err != nil {
			return nil, fmt.Errorf("%s: %w", p, err)
		}
		r.Currency = l.site.Currency
		r.Policies[p] = &l.count.out
		if o.Elapsed != nil {
			l.count.out.Seconds = (o.Elapsed() - began).Seconds()
		}
	}
	r.GainShare = r.gain()
	return r, nil
}
