package ocpp

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"time"
)

// asked is what the backend asks of the station.  It may begin and end transactions where the
// configuration lets it: a car draws then what the agent's limit allows, nothing in a pause.  What says
// how much or when a car draws, or sets the station, is refused.
func (f *forward) asked(ctx context.Context, action string, payload json.RawMessage) (any, error) {
	log := f.st.central.log
	status := func(word string) (any, error) {
		log.Info("a station's backend asks for what is not its to say", "station", f.st.name, "call", action, "answer", word)
		return map[string]any{"status": word}, nil
	}
	var a json.RawMessage // of the station
	var q map[string]json.RawMessage
	if json.Unmarshal(payload, &q) != nil {
		return nil, &refusedError{"FormationViolation", "it cannot be read"}
	}
	switch action {
	case "SetChargingProfile", "ChangeConfiguration", "Reset", "ChangeAvailability", "ReserveNow", "CancelReservation", "ClearCache":
		return status("Rejected")
	case "ClearChargingProfile", "DataTransfer":
		return status(map[string]string{"ClearChargingProfile": "Unknown", "DataTransfer": "UnknownVendorId"}[action])
	case "RemoteStartTransaction", "RemoteStopTransaction", "UnlockConnector", "TriggerMessage":
		if !f.to.Remote {
			return status(cmp.Or(map[string]string{"UnlockConnector": "NotSupported"}[action], "Rejected"))
		}
	case "GetConfiguration", "GetCompositeSchedule":
		if !f.to.Remote {
			return nil, &refusedError{"NotSupported", "it is only told what the station says"}
		}
	default:
		return nil, &refusedError{"NotSupported", "nothing is done about " + action}
	}
	switch action {
	case "RemoteStartTransaction":
		delete(q, "chargingProfile") // how much is the agent's to say
	case "RemoteStopTransaction":
		var theirs word
		_ = json.Unmarshal(q["transactionId"], &theirs)
		own := f.own(theirs.whole())
		if own == 0 {
			return map[string]any{"status": "Rejected"}, nil
		}
		q["transactionId"] = json.RawMessage(strconv.Itoa(own))
		undo := f.st.endedByHand(own)
		defer func() {
			if !accepted(a) {
				undo() // it goes on
			}
		}()
	}
	log.Info("a station's backend asks", "station", f.st.name, "call", action)
	if err := f.st.passes(ctx, action, q, &a); err != nil {
		if isRefused(err) {
			return nil, err
		}
		return nil, &refusedError{"GenericError", err.Error()}
	}
	return a, nil
}

// own is the station's number of a transaction of the backend's; 0: there is none.
func (f *forward) own(theirs int) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	for own, x := range f.ids {
		if x == theirs {
			return own
		}
	}
	return 0
}

// passage is a question of the backend on its way to the station.
type passage struct {
	action  string
	payload any
	answer  *json.RawMessage
	done    chan error // holds one
}

// passes has the station asked when it is asked nothing else.
func (st *station) passes(ctx context.Context, action string, payload any, answer *json.RawMessage) error {
	p := &passage{action, payload, answer, make(chan error, 1)}
	st.mu.Lock()
	if st.session == nil {
		st.mu.Unlock()
		return errors.New("the station is not connected")
	}
	st.passages = append(st.passages, p)
	st.session.rouse()
	st.mu.Unlock()
	limit := time.NewTimer(2 * st.central.pace.Call)
	defer limit.Stop()
	select {
	case err := <-p.done:
		return err
	case <-ctx.Done():
	case <-limit.C:
	}
	st.mu.Lock()
	defer st.mu.Unlock()
	st.passages = slices.DeleteFunc(st.passages, func(x *passage) bool { return x == p })
	return errors.New("the station does not answer")
}

// accepted tells whether the station does what it was asked for.
func accepted(a json.RawMessage) bool {
	var x answer
	return json.Unmarshal(a, &x) == nil && x.Status == "Accepted"
}

// endedByHand: somebody who may ends a transaction; it is not begun again for the same car.  undo: it was not ended.
func (st *station) endedByHand(transaction int) (undo func()) {
	st.mu.Lock()
	defer st.mu.Unlock()
	var marked []*connector
	for _, c := range st.connectors {
		if c.transaction == transaction && !c.ended {
			c.ended = true
			marked = append(marked, c)
		}
	}
	return func() {
		st.mu.Lock()
		defer st.mu.Unlock()
		for _, c := range marked {
			if c.transaction == transaction { // else it was ended after all
				c.ended = false
			}
		}
	}
}
