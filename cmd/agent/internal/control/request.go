package control

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// Request is a person's wish.
type Request struct {
	Kind RequestKind
	Load string      // of the load requests
	Code health.Code // of Acknowledge
	By   string      // who asks, for the record
}

// RequestKind names a wish.
type RequestKind string

// The wishes.
const (
	RunLoad         RequestKind = "run"
	SkipLoad        RequestKind = "skip"
	AutoLoad        RequestKind = "auto"
	AcceptEmergency RequestKind = "accept_emergency"
	Reconnect       RequestKind = "reconnect"
	Acknowledge     RequestKind = "acknowledge"
)

// Errors of a Request.
var (
	// ErrUnknownLoad: no load of this site that can be switched has that id.
	ErrUnknownLoad = errors.New("this site has no such load")
	// ErrNotReady: the supply is not waiting to be switched on.
	ErrNotReady = errors.New("the supply is not waiting to be switched on")
)

// Requests about the supply.
const (
	SupplyOff RequestKind = "supply_off" // the customer's own main switch
	SupplyOn  RequestKind = "supply_on"  // takes SupplyOff back
)

func (Request) asks() bool  { return true }
func (Request) spare() bool { return false }

// happen does what a person asks.
func (r Request) happen(p *step) { p.eff.Durable = r.do(p) || p.eff.Durable }

// held refuses it while the records are held, but that a warning was read.
func (r Request) held(p *step) {
	if r.Kind == Acknowledge {
		p.st.Health = p.st.Health.Acknowledge(r.Code)
		return
	}
	p.eff.Reply.Err = ErrHeld
}

// do tells whether what a person asks changes anything that must be recorded
// before it is answered.
func (r Request) do(p *step) (changed bool) {
	switch r.Kind {
	case RunLoad, SkipLoad, AutoLoad:
		return r.override(p)
	case AcceptEmergency:
		a, entries, err := p.Credit.AcceptEmergency(p.st.Credit, p.now, r.By)
		if err != nil {
			p.eff.Reply.Err = err
			return false
		}
		p.st.Credit = a
		p.eff.Entries = append(p.eff.Entries, entries...)
		p.st.WantPlan = true
	case Reconnect:
		if p.st.Credit.Supply.Position != credit.Ready {
			p.eff.Reply.Err = ErrNotReady
			return false
		}
		p.confirm = true
	case SupplyOff, SupplyOn:
		changed = p.st.Supply.Off != (r.Kind == SupplyOff)
		p.st.Supply.Off = r.Kind == SupplyOff
		p.event(string(r.Kind), health.Info, said.Of("asked", said.Text("by", r.By)))
		return changed
	case Acknowledge:
		p.acknowledge(r.Code)
	default:
		p.eff.Reply.Err = fmt.Errorf("%q is not a request", r.Kind)
		return false
	}
	return true
}

// override is a person's word about one load: it holds for the run under way,
// or until the load's day is over.  It tells whether the word is a new one.
func (r Request) override(p *step) (changed bool) {
	i := slices.IndexFunc(p.Loads, func(l loads.Load) bool { return l.ID == r.Load })
	if i < 0 {
		p.eff.Reply.Err = fmt.Errorf("%q: %w", r.Load, ErrUnknownLoad)
		return false
	}
	l, pr := p.Loads[i], &p.st.Loads[i].Progress
	if !l.Kind.Runs() {
		p.eff.Reply.Err = fmt.Errorf("%q is of kind %s, which nobody switches on: %w", r.Load, l.Kind, ErrUnknownLoad)
		return false
	}
	*pr = l.Roll(*pr, p.now)
	was := pr.Override
	p.st.WantPlan = true
	switch r.Kind {
	case AutoLoad:
		pr.Override = nil
	case RunLoad:
		pr.Override = &loads.Override{Run: true, Until: p.now.Add(runLength(l, *pr)), By: r.By}
	default:
		until := pr.To
		if !until.After(p.now) {
			until = units.NextLocalMidnight(p.now, p.Zone)
		}
		pr.Override = &loads.Override{Run: false, Until: until, By: r.By}
	}
	p.event("load_"+string(r.Kind), health.Info, said.Of("load.asked", said.Text("name", l.Name), said.Text("what", string(r.Kind)), said.Text("by", r.By)))
	return !sameOverride(was, pr.Override)
}

// sameOverride tells whether an override says what another one said, to the
// minute: one that was lost would be missed by nobody.
func sameOverride(a, b *loads.Override) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Run == b.Run && a.Set == b.Set && a.By == b.By && b.Until.Sub(a.Until).Abs() < time.Minute
}

// runLength is how long "run now" lasts: a programme, what is left of the
// day's need, or an hour where nothing is.
func runLength(l loads.Load, pr loads.Progress) time.Duration {
	switch l.Kind {
	case loads.Cycle:
		return l.Cycle
	case loads.Measured, loads.Sun, loads.Battery:
	case loads.OnOff, loads.Varies, loads.Heat:
		if left := l.Missing(pr); left > 0 {
			return left
		}
	}
	return time.Hour
}
