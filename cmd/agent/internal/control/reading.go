package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
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
		p.write(p.watching().Failed(p.st.Meter, p.now, r.Err))
		return
	}
	r.Sample = p.st.Clock.Sample(r.Sample)
	contactor := p.st.Supply.Contactor
	var out watch.Out
	p.st.Meter, out = p.watching().Take(p.st.Meter, p.now, metering.Reading(r), watch.Contactor{
		There: p.Contactor, Behind: p.Supply.Behind, Told: contactor.Told, At: contactor.At, Seen: p.st.SupplySeen,
		Sells: p.accounting().Exports(),
	})
	for _, piece := range out.Used {
		p.charge(piece)
	}
	p.seen(out)
	p.points(p.st.Meter.Last)
}

// held takes note of what the meter shows, and charges nothing: the registers
// stay where they were and make up for it.
func (r Reading) held(p *step) {
	if r.Err != nil {
		p.write(p.watching().Failed(p.st.Meter, p.now, r.Err))
		return
	}
	var out watch.Out
	p.st.Meter, out = p.st.Meter.Hear(p.now, r.Sample)
	p.seen(out)
}

// seen writes down what was seen at the meter.
func (p *step) seen(out watch.Out) {
	p.eff.Owed = p.eff.Owed || out.Owed
	p.write(out.Notes)
	for _, o := range out.Over {
		p.eff.Points = append(p.eff.Points, p.qualityPoint(o))
	}
}
