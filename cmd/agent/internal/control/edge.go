package control

import (
	"github.com/keeplit/keeplit/cmd/agent/internal/control/internal/watch"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/metering"
)

// Edge tells that something outside went wrong or is right again.
type Edge struct {
	Code    health.Code
	Subject string
	Cause   said.Said // what was seen; nil clears the warning
	Anew    bool      // of LedgerOld: the ledger is another one, begun later
}

func (Edge) asks() bool  { return false }
func (Edge) spare() bool { return false }

// held: what is wrong outside is told all the same.
func (e Edge) held(p *step) { p.when(e.Cause != nil, e.Code, e.Subject, e.Cause) }

func (e Edge) happen(p *step) {
	if e.Code == health.CoverOpen || e.Code == health.MagnetNear {
		var out watch.Out
		p.st.Meter, out = p.watching().Contact(p.st.Meter, p.now, metering.EventKind(e.Code), e.Cause != nil)
		p.seen(out)
		return
	}
	if e.Cause == nil {
		p.clear(e.Code, e.Subject)
		return
	}
	if e.Anew {
		p.takeBack()
	}
	p.raise(e.Code, e.Subject, e.Cause)
}
