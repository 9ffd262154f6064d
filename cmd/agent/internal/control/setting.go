package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
)

// Setting tells of something that was set, or handed out, beside the State: it is for the record
// of who changed what, and changes nothing here.
type Setting struct{ Says said.Said }

// asks: it holds already, and does not wait for the record.
func (Setting) asks() bool  { return false }
func (Setting) spare() bool { return false }

// held: it was done all the same.
func (s Setting) held(p *step) { s.happen(p) }

func (s Setting) happen(p *step) {
	p.event("setting_changed", health.Info, s.Says)
	p.eff.Durable = true
}
