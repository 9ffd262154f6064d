package control

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// hours are the points without a name that a run has written.
func (b *bench) hours(d time.Duration) (out []Point) {
	for end := b.now.Add(d); b.now.Before(end); {
		for _, p := range b.reading(time.Minute).Points {
			if p.Measurement == FeederPoint {
				out = append(out, p)
			}
		}
	}
	return out
}

func field(t *testing.T, p Point, name string) float64 {
	t.Helper()
	i := slices.IndexFunc(p.Fields, func(f Field) bool { return f.Key == name })
	if i < 0 {
		t.Fatalf("%+v has no %s", p, name)
	}
	return p.Fields[i].Value
}

func TestHowLongHomesAreDarkIsToldWithoutAName(t *testing.T) {
	b := newBench(t)
	b.power = units.Kilowatt
	if got := b.hours(3 * time.Hour); got != nil {
		t.Errorf("no feeder is named, and %d points are written", len(got))
	}
	b.site.Feeder = "feeder-7"
	b.hours(2 * time.Hour)
	b.st = b.restarted()
	leave := func(m units.Money) {
		a, entries, err := b.site.Credit.Adjust(b.st.Credit, b.now, "adjustment", m-b.balance(), "test")
		must(t, err)
		b.st.Credit = a
		b.ledger = append(b.ledger, entries...)
	}
	leave(units.One) // it ends within the hours that follow
	all := b.hours(6 * time.Hour)
	leave(100 * units.One)
	all = append(all, b.hours(2*time.Hour)...)
	seen, off, credit := 0.0, 0.0, 0.0
	for _, p := range all {
		seen, off, credit = seen+field(t, p, "seen_s"), off+field(t, p, "off_s"), credit+field(t, p, "off_credit_s")
		if len(p.Tags) != 1 || p.Tags[0] != (Tag{"feeder", "feeder-7"}) || p.At.Truncate(time.Hour).Add(time.Second).Before(p.At) || field(t, p, "seen_s") > 3600 {
			t.Errorf("%+v", p)
		}
	}
	if len(all) < 7 || seen != 3600*float64(len(all)) || off != credit+sum(t, all, "off_waits_s") || credit < 3600 {
		t.Errorf("%d hours, seen for %v s, off for %v, for want of credit %v", len(all), seen, off, credit)
	}
	// While nobody looks nothing is said: 5 hours without the agent are no hours.
	b.now = b.now.Add(5 * time.Hour)
	later := b.hours(2 * time.Hour)
	if got := sum(t, later, "seen_s"); got > 2*3600 {
		t.Errorf("after 5 hours away %v s were seen in 2 hours", got)
	}
	// Two homes of a feeder do not overwrite each other.
	at := map[string]bool{}
	for i := range 200 {
		s := FeederState{Hour: begin(), Seen: time.Hour}
		at[s.point(fmt.Sprintf("home-%d", i), "feeder-7").At.String()] = true
	}
	if len(at) != 200 {
		t.Errorf("200 homes have %d points", len(at))
	}
}

func sum(t *testing.T, all []Point, name string) (s float64) {
	for _, p := range all {
		s += field(t, p, name)
	}
	return s
}
