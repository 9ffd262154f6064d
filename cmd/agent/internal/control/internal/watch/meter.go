// Package watch is the watch on the meter: what it says, whether that can be true,
// whether it says anything at all, and what goes on at it beyond consumption.
package watch

import (
	"errors"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/dark"
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Rules are how a site's meter is watched.
type Rules struct {
	Limits      metering.Limits
	SilentAfter time.Duration // the meter is called silent after this
	Interval    time.Duration
	Zone        *time.Location
	Declared    units.Voltage // line to neutral; zero: it is taken from the first sample
}

// State is what is remembered of the meter.
type State struct {
	Registers metering.Registers `json:"registers"`
	Intervals metering.Intervals `json:"intervals"`
	// Sliding is the month's greatest demand over a window that slides by the
	// minute; that of the fixed blocks is kept with the intervals.
	Sliding    metering.Demand `json:"sliding,omitzero"`
	DemandFrom time.Time       `json:"demand_from,omitzero"` // when the newest consumption in it began
	// Last is the last good sample, without what the supply cannot carry.
	Last metering.Sample `json:"last"`
	// Blind is since when nothing tells the power although a limit must be kept.
	Blind time.Time `json:"blind"`
	// Import and Export are the registers as the meter showed them last, for a
	// driver that counts by itself to go on from.
	Import    units.Energy `json:"import"`
	Export    units.Energy `json:"export"`
	HeardAt   time.Time    `json:"heard_at,omitzero"`   // when it came, by the loop's clock
	StartedAt time.Time    `json:"started_at,omitzero"` // when the loop began to wait for one
	Watch     Signs        `json:"watch,omitzero"`      // what goes on besides consumption
	// Calibration is the signature of the constants last in force.
	Calibration string `json:"calibration,omitempty"`
	// Held is when not all could be used that was wanted, in the intervals that
	// are not closed yet.
	Held []dark.Held `json:"held,omitempty"`
}

// shows takes the registers that a sample gives.
func (s *State) shows(m metering.Sample) {
	if m.Gives(metering.HasImport) {
		s.Import = m.Import
	}
	if m.Gives(metering.HasExport) {
		s.Export = m.Export
	}
}

// Shown are the registers as the meter showed them last.
func (s State) Shown() (imported, exported units.Energy) {
	// A state stored by an older version has them in its last sample only.
	if s.Import == 0 && s.Export == 0 {
		return s.Last.Import, s.Last.Export
	}
	return s.Import, s.Export
}

// Reclocked is what is left of the state where the clock was set by so much: what
// was counted.
func (s State) Reclocked(now time.Time, by, interval time.Duration) State {
	return State{
		Registers: s.Registers.Reclocked(by), Intervals: metering.Intervals{Period: interval}, StartedAt: now,
		Calibration: s.Calibration,
	}
}

// Out is what a reading comes to.
type Out struct {
	Used  []metering.Consumption // cut at the edges of the intervals
	Over  []Standing             // conditions that ended
	Owed  bool                   // energy that the meter has given away is in the State
	Notes note.Notes
}

// Take takes in a sample.
func (r Rules) Take(s State, now time.Time, in metering.Reading, c Contactor) (State, Out) {
	var out Out
	s.hear(in.Sample, &out)
	registers, used, events := s.Registers.Take(in.Sample, r.Limits)
	s.Registers = registers
	sample := s.Watch.connected(in.Sample.Believed(r.Limits))
	s.Last, s.HeardAt = sample, now
	for _, e := range events {
		r.event(&s, &out.Notes, e)
	}
	if silence := used.To.Sub(used.From); used.Quality&metering.Estimated != 0 && used.Import.Mean(silence) < standstill {
		used.Quality |= metering.MainsOff
	}
	out.Used = split(used, r.Interval)
	r.look(&s, &out, sample, c)
	if len(in.Events) > 0 {
		r.measured(&s, &out, in.Events, now)
	}
	if m := in.Missed; m != nil {
		out.Notes.Raise(health.MeterGap, "", said.Of("meter.samples", said.Length("lost", m.Lost), said.Length("of", m.Of), said.Time("from", m.From)))
	}
	r.doubt(s, now, sample, &out.Notes)
	return s, out
}

// Hear takes note of what the meter shows, and counts nothing.
func (s State) Hear(now time.Time, m metering.Sample) (State, Out) {
	var out Out
	s.hear(m, &out)
	s.Last, s.HeardAt = m, now
	return s, out
}

func (s *State) hear(m metering.Sample, out *Out) {
	s.shows(m)
	out.Owed, out.Notes.Durable = m.Taken, m.Taken
	out.Notes.Clear(health.MeterSilent, "")
	out.Notes.Clear(health.MeterReply, "")
}

// Drawn is what is known at now of the power at the meter, and nothing where it is
// silent: that is never a reason to cut anybody off.
func (r Rules) Drawn(s State, now time.Time) metering.Drawn {
	if s.HeardAt.IsZero() || s.Last.At.IsZero() {
		return metering.Drawn{}
	}
	// The sample's clock may not be the loop's.
	at := s.Last.At.Add(max(0, now.Sub(s.HeardAt)))
	return s.Registers.Drawn(at, r.SilentAfter, s.Last.Step, r.Limits)
}

// standstill is a mean power that no home in use stays below: where a register
// went no faster through a silence, the mains was down.
const standstill = 5 * units.Watt

// Failed is an attempt to read that gave nothing.  The supply stays as it is:
// a silent meter is never a reason to cut anybody off, and a register makes up
// for the silence when it speaks again.
func (r Rules) Failed(s State, now time.Time, err error) (n note.Notes) {
	var fault *metering.Error
	if !errors.As(err, &fault) {
		fault = &metering.Error{Code: metering.Silent}
	}
	cause, answers := saidOf(fault.Code)
	cause = cause.Then(said.Words(fault.Remedy))
	switch {
	case answers:
		n.Raise(health.MeterReply, "", cause)
	case !r.Fresh(s, now): // one missed answer is no silence yet
		n.Clear(health.MeterReply, "")
		n.Raise(health.MeterSilent, "", r.LastHeard(s).Then(cause))
	}
	return n
}

// saidOf is what a failed attempt to read says of the meter, and whether the
// meter answers at all.
func saidOf(code metering.Code) (cause said.Said, answers bool) {
	switch code {
	case metering.Offline:
		return said.Of("meter.offline"), false
	case metering.UnknownReply:
		return said.Of("meter.form"), true
	case metering.Checksum:
		return said.Of("meter.checksum"), true
	case metering.Short:
		return said.Of("meter.short"), true
	case metering.Exception:
		return said.Of("meter.exception"), true
	case metering.Range:
		return said.Of("meter.range"), true
	case metering.LostPulses:
		return said.Of("meter.pulses"), true
	case metering.Silent:
	}
	return said.Of("meter.silent"), false
}

// LastHeard is when the meter spoke last, in words.
func (r Rules) LastHeard(s State) said.Said {
	if s.HeardAt.IsZero() {
		return said.Of("meter.never")
	}
	return said.Of("meter.heard", said.Time("at", s.HeardAt))
}

// Leapt is the state where the clock went from was to now between two steps: it is not known how
// much of that time has passed, so the meter has been silent as long as it was then.
func (s State) Leapt(was, now time.Time) State {
	by := now.Sub(was)
	if !s.HeardAt.IsZero() {
		s.HeardAt = s.HeardAt.Add(by)
	}
	if !s.StartedAt.IsZero() {
		s.StartedAt = s.StartedAt.Add(by)
	}
	return s
}

// Fresh tells whether the meter spoke not long ago.
func (r Rules) Fresh(s State, now time.Time) bool {
	since := s.HeardAt
	if since.IsZero() {
		since = s.StartedAt
	}
	return now.Sub(since) <= r.SilentAfter
}

// event turns what the registers did into warnings and a record.
func (r Rules) event(s *State, n *note.Notes, e metering.Event) {
	cause, severity := said.Words(string(e.Kind)), health.Of(health.Code(e.Kind)).Severity
	switch e.Kind {
	case metering.RegisterBackwards:
		cause = said.Of("register.back", said.Energy("before", e.Before), said.Energy("after", e.After))
		n.Raise(health.RegisterBack, "", cause)
	case metering.RegisterJump:
		cause = said.Of("register.jump", said.Energy("before", e.Before), said.Energy("after", e.After))
		n.Raise(health.RegisterJump, "", cause)
	case metering.RegisterRebased:
		severity = health.Caution
		if cause = said.Of("register.lost", said.Energy("after", e.After)); e.After > e.Before {
			cause = said.Of("register.skipped", said.Energy("after", e.After), said.Energy("skipped", e.After-e.Before))
		}
	case metering.RegisterRecovered:
		cause = said.Of("register.recovered", said.Energy("after", e.After))
		severity = health.Info
		n.Clear(health.RegisterJump, "")
		n.Clear(health.RegisterBack, "")
	case metering.MeterReplaced:
		cause = said.Of("meter.replaced", said.Text("device", e.Device))
		n.Raise(health.MeterReplaced, "", cause)
	case metering.ClockBack:
		cause = said.Of("meter.clock_back", said.Length("by", e.Duration))
		n.Raise(health.ClockBack, "", cause)
	case metering.PowerAbsurd:
		n.Raise(health.PowerDoubtful, "", said.Of("power.absurd", said.Power("told", e.Power), said.Power("most", r.Limits.MaxPower)))
		return
	case metering.MeterGap:
		cause = said.Of("meter.gap", said.Length("for", e.Duration), said.Time("from", e.Start))
		if !s.Registers.ImportCounter.Known {
			n.Raise(health.MeterGap, "", cause) // with a register nothing is lost
		}
	default:
	}
	n.Once(string(e.Kind), severity, cause) // a warning that is raised anew has told it already
}

// split cuts consumption at the edges of the clock grid, in proportion to time;
// the parts add up to the whole to the microjoule.  When more than longest has
// passed nobody knows when it was used: it is spread over the last of it.
func split(c metering.Consumption, period time.Duration) []metering.Consumption {
	if c.To.Sub(c.From) > longest {
		c.From = c.To.Add(-longest)
	}
	whole := c.To.Sub(c.From)
	if whole <= 0 || !units.SlotAt(c.From, period).End().Before(c.To) {
		return []metering.Consumption{c}
	}
	var out []metering.Consumption
	var in, exp, reactive units.Energy
	for from := c.From; from.Before(c.To); {
		to := units.SlotAt(from, period).End()
		if to.After(c.To) {
			to = c.To
		}
		upTo := int64(to.Sub(c.From))
		sumIn, sumExp, sumQ := c.Import.Part(upTo, int64(whole)), c.Export.Part(upTo, int64(whole)), c.Reactive.Part(upTo, int64(whole))
		out = append(out, metering.Consumption{From: from, To: to, Import: sumIn - in, Export: sumExp - exp, Reactive: sumQ - reactive, Quality: c.Quality})
		in, exp, reactive = sumIn, sumExp, sumQ
		from = to
	}
	return out
}

// longest is the longest silence over which consumption is spread: as long as a
// clock is followed.
const longest = 45 * 24 * time.Hour
