package control

import "context"

// unrecorded is the answer to what could not be recorded, for the reason err.  What gives
// the light back and moves no credit has its effect in memory all the same: nobody stays in
// the dark for the storage.
func (l *Loop) unrecorded(ctx context.Context, in Input, err error) answer {
	st, eff, fails := l.step(l.state, Input{Now: l.cfg.Now(), What: in.What, Record: l.recording()})
	if fails != nil {
		return answer{err: err}
	}
	switch w := in.What.(type) {
	case PolicyEnvelope:
		// The utility's word that ends a disconnection.  Its sender keeps it until it is
		// recorded: where the agent ends before that, it is wanted again.
		if l.state.Policy.Supply.Off != nil && st.Policy.Supply.Off == nil && len(eff.Credited) == 0 {
			_ = l.pass(ctx, in) // what fails at it is told
		}
	case Request:
		if (w.Kind == Reconnect || w.Kind == SupplyOn) && st.Decision.Close && !l.state.Decision.Close && l.pass(ctx, in) == nil {
			return answer{reply: eff.Reply}
		}
	}
	return answer{err: err}
}
