package control

import (
	"fmt"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
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
		p.event("calibration_first", health.Info, fmt.Sprintf("%s, signature %s", is.Made, is.Signature))
		return
	}
	p.event("calibration_changed", health.Caution, fmt.Sprintf("%s, signature %s; before: %s", is.Made, is.Signature, was))
}
