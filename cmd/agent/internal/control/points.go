package control

import (
	"fmt"
	"strconv"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/metering"
)

// Point is one telemetry record: fields are always floats, so that a series
// never changes its type.
type Point struct {
	Measurement string
	Tags        []Tag // sorted by key
	Fields      []Field
	At          time.Time
}

// Tag is a label of a Point.
type Tag struct{ Key, Value string }

// Field is a value of a Point.
type Field struct {
	Key   string
	Value float64
}

// Measurements of the telemetry.
const (
	SitePoint     = "site"     // the meter and the account
	LoadPoint     = "load"     // one load
	IntervalPoint = "interval" // a finished interval, at its start
	LedgerPoint   = "ledger"   // one ledger entry
	EventPoint    = "event"    // something that happened
	LimitPoint    = "limit"    // a limit that held, at its beginning
)

// points writes telemetry of a sample, with the sample's own time: a replay of
// the same samples writes the same points.
func (p *step) points(s metering.Sample) {
	slot := s.At.Truncate(p.PointEvery)
	if !slot.After(p.st.PointAt) {
		return
	}
	p.st.PointAt = slot
	a := p.st.Credit
	site := Point{
		Measurement: SitePoint, At: s.At, Tags: []Tag{{"site", p.ID}},
		Fields: []Field{
			{"balance", a.Available().Float()},
			{"connected", flag(p.st.Decision.Close)},
			{"debt", a.Debt().Float()},
			{"import_kwh", p.st.Meter.Registers.Import.KWh()},
		},
	}
	switch d := p.drawn(); {
	case d.Source == metering.Derived:
		site.Fields = append(site.Fields, Field{"power_derived_w", d.Power.W()})
	case d.Known() && s.Gives(metering.HasPower):
		site.Fields = append(site.Fields, Field{"power_w", s.Power.W()})
	}
	if s.Gives(metering.HasVoltage) {
		site.Fields = append(site.Fields, Field{"voltage_v", float64(s.Voltage) / 1000})
	}
	if s.Gives(metering.HasCurrent) {
		site.Fields = append(site.Fields, Field{"current_a", float64(s.Current) / 1000})
	}
	if s.Gives(metering.HasFrequency) {
		site.Fields = append(site.Fields, Field{"frequency_hz", float64(s.Frequency) / 1000})
	}
	if p.st.Plan != nil && p.st.Plan.RunOut.Known {
		site.Fields = append(site.Fields, Field{"runout_h", p.st.Plan.RunOut.Mid.Sub(s.At).Hours()})
	}
	p.eff.Points = append(p.eff.Points, site)
	for _, ls := range p.st.Loads {
		unit := p.st.Guard.Unit(ls.ID)
		point := Point{
			Measurement: LoadPoint, At: s.At, Tags: []Tag{{"load", ls.ID}, {"site", p.ID}},
			Fields: []Field{{"energy_kwh", ls.Total.KWh()}, {"on", flag(unit.Set.On)}},
		}
		if ls.Seen.Known && ls.Seen.HasPower {
			point.Fields = append(point.Fields, Field{"power_w", ls.Seen.Power.W()})
		}
		p.eff.Points = append(p.eff.Points, point)
	}
}

// qualityPoint is the point of a condition at the meter that is over.
func (s *Site) qualityPoint(o watch.Standing) Point {
	e := o.Event
	point := Point{
		Measurement: QualityPoint, At: e.Start,
		Tags: []Tag{{"code", string(e.Kind)}, {"phase", fmt.Sprint(e.Phase)}, {"site", s.ID}},
	}
	add := func(key string, v float64, given bool) {
		if given {
			point.Fields = append(point.Fields, Field{key, v})
		}
	}
	add("current_a", float64(e.Current)/1000, e.Current != 0)
	point.Fields = append(point.Fields, Field{"duration_s", o.Lasted.Seconds()})
	add("energy_kwh", e.Energy.KWh(), e.Energy != 0)
	add("frequency_hz", float64(e.Frequency)/1000, e.Frequency != 0)
	add("power_w", e.Power.W(), e.Power != 0)
	point.Fields = append(point.Fields, Field{"times", float64(o.Times)})
	add("voltage_v", float64(e.Voltage)/1000, watch.OfVoltage(e.Kind))
	return point
}

// QualityPoint is the measurement of a disturbance or a sign of tampering, at
// its start, written when it is over.
const QualityPoint = "power_quality"

func flag(on bool) float64 {
	if on {
		return 1
	}
	return 0
}

// hash48 is the first 48 bits of an entry's hash, which a float holds exactly:
// telemetry is then a second place that knows how the ledger went.
func hash48(hash string) float64 {
	n, err := strconv.ParseUint(hash[:min(12, len(hash))], 16, 64)
	if err != nil {
		return 0
	}
	return float64(n)
}

// record writes the points of what a step led to.
func (s *Site) record(eff *Effects) {
	for _, iv := range eff.Intervals {
		eff.Points = append(eff.Points, Point{
			Measurement: IntervalPoint, At: iv.Slot.Start,
			Tags: []Tag{{"series", iv.Series}, {"site", s.ID}},
			Fields: []Field{
				{"covered_s", iv.Covered.Seconds()},
				{"export_kwh", iv.Export.KWh()},
				{"import_kwh", iv.Import.KWh()},
				{"quality", float64(iv.Quality &^ metering.Unusual)}, // that nobody is there is for nobody else to know
			},
		})
	}
	eff.Points = append(eff.Points, s.ledgerPoints(eff.Entries)...)
	for _, r := range eff.Limits {
		eff.Points = append(eff.Points, Point{
			Measurement: LimitPoint, At: r.From.Add(time.Duration(r.N % 1_000_000)),
			Tags: []Tag{{"site", s.ID}, {"source", string(r.Source)}, {"state", string(r.Phase)}},
			Fields: []Field{
				{"above_s", r.Over.Seconds()},
				{"duration_s", r.To.Sub(r.From).Seconds()},
				{"energy_kwh", r.Energy.KWh()},
				{"limit_w", r.Limit.W()},
				{"measured_s", r.Measured.Seconds()},
				{"most_w", r.Most.W()},
				{"n", float64(r.N)},
			},
		})
	}
	for _, e := range eff.Events {
		eff.Points = append(eff.Points, Point{
			Measurement: EventPoint, At: e.At.Add(time.Duration(e.Seq % 1_000_000)),
			Tags:   []Tag{{"code", e.Code}, {"severity", e.Severity.String()}, {"site", s.ID}},
			Fields: []Field{{"count", 1}},
		})
	}
}

// ledgerPoints are the points of entries.
func (s *Site) ledgerPoints(entries []credit.Entry) []Point {
	out := make([]Point, 0, len(entries))
	for _, e := range entries {
		// Entries of one instant would overwrite each other: the sequence is a
		// nanosecond, far below what the time means.
		out = append(out, Point{
			Measurement: LedgerPoint, At: e.At.Add(time.Duration(e.Seq % 1_000_000)),
			Tags:   []Tag{{"kind", string(e.Kind)}, {"site", s.ID}},
			Fields: []Field{{"amount", e.Amount.Float()}, {"balance", e.Balance.Float()}, {"energy_kwh", e.Energy.KWh()}, {"hash48", hash48(e.Hash)}, {"seq", float64(e.Seq)}},
		})
	}
	return out
}
