package values

import (
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/metering"
)

// Sample is what a device told of a meter, without At, and completed.
func Sample(m device.Meter) metering.Sample {
	s := metering.Sample{Step: m.Step}
	if r, ok := m.Import.Get(); ok {
		s.Import, s.ImportSum, s.Has = r.Energy, r.Parts, s.Has|metering.HasImport
	}
	if r, ok := m.Export.Get(); ok {
		s.Export, s.ExportSum, s.Has = r.Energy, r.Parts, s.Has|metering.HasExport
	}
	if v, ok := m.Frequency.Get(); ok {
		s.Frequency, s.Has = v, s.Has|metering.HasFrequency
	}
	if v, ok := m.Neutral.Get(); ok {
		s.NeutralCurrent, s.Has = v, s.Has|metering.HasNeutral
	}
	all := phase(m.Values)
	s.Power, s.Voltage, s.Current, s.Reactive, s.Apparent = all.Power, all.Voltage, all.Current, all.Reactive, all.Apparent
	s.Has |= all.Has
	for _, p := range m.Phases {
		s.Phases = append(s.Phases, phase(p))
	}
	return s.Complete()
}

func phase(v device.Values) (p metering.Phase) {
	give := func(f metering.Fields, ok bool) {
		if ok {
			p.Has |= f
		}
	}
	var ok bool
	p.Power, ok = v.Power.Get()
	give(metering.HasPower, ok)
	p.Voltage, ok = v.Voltage.Get()
	give(metering.HasVoltage, ok)
	p.Current, ok = v.Current.Get()
	give(metering.HasCurrent, ok)
	p.Reactive, ok = v.Reactive.Get()
	give(metering.HasReactive, ok)
	p.Apparent, ok = v.Apparent.Get()
	give(metering.HasApparent, ok)
	return p
}
