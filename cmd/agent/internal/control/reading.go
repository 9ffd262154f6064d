package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// Reading is an attempt to read the meter.
type Reading metering.Reading

func (Reading) asks() bool { return false }

// spare: a register makes up for a reading that is left out.
func (r Reading) spare() bool { return !r.Sample.Taken && len(r.Events) == 0 }

// happen takes in a sample, or the news that there is none.
func (r Reading) happen(p *step) {
	if r.Err != nil {
		p.failed(r.Err)
		return
	}
	r.Sample = onClock(r.Sample, p.st.Clock.Skew)
	m := &p.st.Meter
	m.shows(r.Sample)
	if r.Sample.Taken {
		p.eff.Durable, p.eff.Owed = true, true
	}
	p.clear(health.MeterSilent, "")
	p.clear(health.MeterReply, "")
	registers, used, events := m.Registers.Take(r.Sample, p.Limits)
	m.Registers = registers
	sample := m.Watch.connected(r.Sample.Believed(p.Limits))
	m.Last, m.HeardAt = sample, p.now
	for _, e := range events {
		p.meterEvent(e)
	}
	if silence := used.To.Sub(used.From); used.Quality&metering.Estimated != 0 && used.Import.Mean(silence) < standstill {
		used.Quality |= metering.MainsOff
	}
	for _, piece := range split(used, p.Interval) {
		p.charge(piece)
	}
	p.watch(sample)
	if len(r.Events) > 0 {
		p.measured(r.Events, p.now)
	}
	p.doubtPower(sample)
	p.points(sample)
}

// standstill is a mean power that no home in use stays below: where a register
// went no faster through a silence, the mains was down.
const standstill = 5 * units.Watt

// held takes note of what the meter shows, and charges nothing: the registers
// stay where they were and make up for it.
func (r Reading) held(p *step) {
	if r.Err != nil {
		p.failed(r.Err)
		return
	}
	m := &p.st.Meter
	m.shows(r.Sample)
	m.Last, m.HeardAt = r.Sample, p.now
	if r.Sample.Taken {
		p.eff.Durable, p.eff.Owed = true, true
	}
	p.clear(health.MeterSilent, "")
	p.clear(health.MeterReply, "")
}
