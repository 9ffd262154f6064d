package control

import "github.com/keeplit/keeplit/cmd/agent/internal/control/internal/note"

// PriceDocument is prices sent at run time, as tariffs.ParsePrices reads them.
type PriceDocument struct {
	Text []byte
	// Kept: it was sent some time ago and is handed on again (a retained
	// message), so that it is no news that the sender lives.
	Kept bool
}

func (PriceDocument) asks() bool  { return true }
func (PriceDocument) spare() bool { return false }

// held: prices are refused, so that whoever sends them sends them again.
func (PriceDocument) held(p *step) { p.eff.Reply.Err = ErrHeld }

// happen takes in a price document.
func (d PriceDocument) happen(p *step) {
	var notes note.Notes
	var taken bool
	p.st.AccountState, notes, taken, p.eff.Reply.Err = p.accounting().Push(p.st.AccountState, p.now, p.st.Meter.Last.At, d.Text, d.Kept)
	p.st.WantPlan = p.st.WantPlan || taken
	p.write(notes)
}
