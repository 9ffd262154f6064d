package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// Calibration names the constants with which a converter is measured.
type Calibration struct {
	Signature string // of the file, in hexadecimal
	Made      string // when, and by whom, for people
}

// calibration records that other constants are in force than were before: what
// is charged follows from them.
func (p *step) calibration() {
	is, was := p.Calibration, p.st.Meter.Calibration
	if is.Signature == "" || is.Signature == was {
		return
	}
	p.st.Meter.Calibration = is.Signature
	p.eff.Durable = true
	if was == "" {
		p.event("calibration_first", health.Info, said.Of("calibration.is", said.Text("made", is.Made), said.Text("signature", is.Signature)))
		return
	}
	p.event("calibration_changed", health.Caution, said.Of("calibration.changed", said.Text("made", is.Made), said.Text("signature", is.Signature), said.Text("was", was)))
}
