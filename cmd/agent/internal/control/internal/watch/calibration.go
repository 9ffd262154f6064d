package watch

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// Calibration names the constants with which a converter is measured.
type Calibration struct {
	Signature string // of the file, in hexadecimal
	Made      string // when, and by whom, for people
}

// Calibrated records that other constants are in force than were before: what
// is charged follows from them.
func (s State) Calibrated(is Calibration) (State, note.Notes) {
	var n note.Notes
	was := s.Calibration
	if is.Signature == "" || is.Signature == was {
		return s, n
	}
	s.Calibration = is.Signature
	n.Durable = true
	if was == "" {
		n.Event("calibration_first", health.Info, said.Of("calibration.is", said.Text("made", is.Made), said.Text("signature", is.Signature)))
		return s, n
	}
	n.Event("calibration_changed", health.Caution, said.Of("calibration.changed", said.Text("made", is.Made), said.Text("signature", is.Signature), said.Text("was", was)))
	return s, n
}
