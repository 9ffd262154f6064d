package control

import (
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/backoff"
)

// FeederState is for how long of the hour under way the supply was seen, and was off.
type FeederState struct {
	Hour time.Time     `json:"hour,omitzero"`
	Seen time.Duration `json:"seen,omitempty"`
	Off  []OffFor      `json:"off,omitempty"` // by cause, in the order of their names
}

// OffFor is how long the supply was off for one cause.
type OffFor struct {
	Cause string        `json:"cause"`
	For   time.Duration `json:"for"`
}

// FeederPoint is the measurement of an hour without a name: how long the supply was seen, and
// off by cause, with the feeder alone as a tag.
const FeederPoint = "feeder"

// waits is the cause of a supply that somebody at home might have closed.
const waits = "waits"

// causes are all that a supply is off for.
func causes() []string {
	return []string{string(credit.ForNoCredit), string(credit.ByCustomer), string(credit.ByFault), string(credit.ByOverload), string(credit.ByTamper), string(credit.ByUtility), waits}
}

// cause is what the supply was off for by a decision; "" where it was on.
func cause(d credit.Decision) string {
	switch d.Position {
	case credit.Disconnected:
		return string(d.Cause)
	case credit.Ready:
		return waits
	case credit.Connected, credit.Undecided:
	}
	return ""
}

// feeder counts the time from the step before, in which a decision held, and writes each hour
// that is over.  While the agent was away nobody has seen anything: an outage of the street is
// none of these figures.
func (p *step) feeder(from time.Time, held credit.Decision) {
	if p.Feeder == "" {
		p.st.Feeder = FeederState{}
		return
	}
	if away := p.now.Sub(from); away > mainsGone || away < 0 {
		from = p.now
	}
	s := p.st.Feeder
	s.Off = slices.Clone(s.Off)
	for {
		if hour := from.UTC().Truncate(time.Hour); !s.Hour.Equal(hour) {
			if s.Seen > 0 {
				p.eff.Points = append(p.eff.Points, s.point(p.ID, p.Feeder))
			}
			s = FeederState{Hour: hour}
		}
		to := s.Hour.Add(time.Hour)
		if p.now.Before(to) {
			to = p.now
		}
		if d := to.Sub(from); d > 0 {
			s.Seen += d
			s.add(cause(held), d)
		}
		if from = to; !from.Before(p.now) && p.now.Before(s.Hour.Add(time.Hour)) {
			break
		}
	}
	p.st.Feeder = s
}

func (s *FeederState) add(cause string, d time.Duration) {
	if cause == "" {
		return
	}
	i, known := slices.BinarySearchFunc(s.Off, cause, func(o OffFor, c string) int { return strings.Compare(o.Cause, c) })
	if !known {
		s.Off = slices.Insert(s.Off, i, OffFor{Cause: cause})
	}
	s.Off[i].For += d
}

// point is the hour's.  Homes of a feeder have one series: what tells their points apart is a
// part of a second that is another one each hour.
func (s *FeederState) point(site, feeder string) Point {
	off := time.Duration(0)
	fields := []Field{}
	for _, c := range causes() { // those that did not happen, too: sums are of all homes
		of := time.Duration(0)
		if i := slices.IndexFunc(s.Off, func(o OffFor) bool { return o.Cause == c }); i >= 0 {
			of = s.Off[i].For
		}
		off += of
		fields = append(fields, Field{"off_" + c + "_s", of.Seconds()})
	}
	fields = append(fields, Field{"off_s", off.Seconds()}, Field{"seen_s", s.Seen.Seconds()})
	slices.SortFunc(fields, func(a, b Field) int { return strings.Compare(a.Key, b.Key) })
	part := backoff.Seed(site+s.Hour.Format(time.RFC3339)) % uint64(time.Second)
	return Point{Measurement: FeederPoint, At: s.Hour.Add(time.Duration(part)), Tags: []Tag{{"feeder", feeder}}, Fields: fields} //nolint:gosec // below a second
}
