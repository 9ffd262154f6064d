package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/quality"
)

// Reading is an attempt to read the meter.
type Reading metering.Reading

func (Reading) asks() bool { return false }

// spare: a register makes up for a reading that is left out.
func (r Reading) spare() bool {
	return !r.Sample.Taken && len(r.Events) == 0 && r.Quality.Empty() && r.Missed == nil
}

// happen takes in a sample, or the news that there is none.
func (r Reading) happen(p *step) {
	if r.Err != nil {
		p.write(p.watching().Failed(p.st.Meter, p.now, r.Err))
		return
	}
	told := r.Sample.At
	r.Sample = p.st.Clock.Sample(r.Sample)
	by := r.Sample.At.Sub(told)
	r.Quality = r.Quality.Shifted(by)
	if r.Missed != nil {
		r.Missed = &metering.Missed{From: r.Missed.From.Add(by), Of: r.Missed.Of, Lost: r.Missed.Lost}
	}
	contactor := p.st.Supply.Contactor
	var out watch.Out
	p.st.Meter, out = p.watching().Take(p.st.Meter, p.now, metering.Reading(r), watch.Contactor{
		There: p.Contactor, Behind: p.Supply.Behind, Told: contactor.Told, At: contactor.At, Seen: p.st.SupplySeen,
		Sells: p.accounting().Exports(p.st.AccountState) || p.hasSun() || p.hasBattery(),
	})
	own := p.st.Meter.Registers.Import
	for _, piece := range out.Used {
		own -= piece.Import
	}
	for _, piece := range out.Used {
		p.charge(piece)
		p.st.Beside = p.st.Beside.Count(piece, own, p.Interval)
		own += piece.Import
	}
	p.seen(out)
	p.judged(r)
	p.points(p.st.Meter.Last)
}

// judged takes what the reading says of the voltage's quality: what was measured from
// samples, or where a meter tells voltages only, those.
func (p *step) judged(r Reading) {
	signs := p.st.Meter.Watch
	rules := quality.Rules{Zone: p.Zone, Nominal: signs.Nominal, Frequency: signs.Frequency}
	if !r.Quality.Empty() {
		p.st.Quality = p.st.Quality.Take(rules, r.Quality)
		return
	}
	var volts []units.Voltage
	for _, f := range r.Sample.Phases {
		if f.Has&metering.HasVoltage != 0 {
			volts = append(volts, f.Voltage)
		}
	}
	if len(volts) == 0 && r.Sample.Gives(metering.HasVoltage) {
		volts = append(volts, r.Sample.Voltage)
	}
	p.st.Quality = p.st.Quality.Hear(rules, r.Sample.At, volts)
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
