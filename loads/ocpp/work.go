package ocpp

import (
	"context"
	"errors"
	"strconv"
	"time"
)

// work asks the station what is to be asked, one thing after the other.
func (s *session) work(ctx context.Context) {
	pace := s.st.central.pace
	first := time.NewTimer(pace.Boot)
	select { // a station introduces itself before it is asked anything
	case <-ctx.Done():
	case <-s.wake:
	case <-first.C:
	}
	first.Stop()
	look := time.NewTicker(max(pace.Retry/10, 10*time.Millisecond))
	defer look.Stop()
	for ctx.Err() == nil {
		task := s.next()
		if task == nil {
			select {
			case <-ctx.Done():
			case <-s.wake:
			case <-look.C:
			}
			continue
		}
		err := task(ctx)
		var no *refusedError
		if err != nil && !errors.As(err, &no) && !errors.Is(err, errHastened) && ctx.Err() == nil {
			s.unanswered(err)
		}
	}
}

// unanswered: a station that answers nothing may be a connection that is dead on one side.
func (s *session) unanswered(err error) {
	s.st.mu.Lock()
	defer s.st.mu.Unlock()
	s.st.central.log.Debug("a station does not answer", "station", s.st.name, "error", err)
	if s.st.silent++; s.st.silent >= 3 && s.st.session == s {
		s.st.end(errors.New("it does not answer"))
	}
}

// next is what is to be asked first; nil: nothing.
func (s *session) next() func(context.Context) error {
	st := s.st
	st.mu.Lock()
	defer st.mu.Unlock()
	now, pace := st.central.now(), st.central.pace
	if st.session != s {
		return nil
	}
	if c := st.firstDue(now); c != nil && (st.keys.asked || st.hastened && c.urgent(c.order, now)) {
		w := c.order
		w.tried = now
		return func(ctx context.Context) error { return s.tell(ctx, c, w) }
	}
	if !st.keys.asked {
		return s.configure
	}
	if !st.booted && now.Sub(st.since) >= pace.Boot {
		st.booted = true // asked once
		return s.trigger("BootNotification", 0)
	}
	if len(st.passages) > 0 {
		p := st.passages[0]
		st.passages = st.passages[1:]
		return func(ctx context.Context) error {
			err := s.ask(ctx, p.action, p.payload, p.answer, nil, nil)
			p.done <- err
			return err
		}
	}
	for _, c := range st.connectors {
		unknown := c.status == "" && now.Sub(st.since) >= pace.Boot
		settled := c.proved != nil && !now.Before(c.proved.at.Add(pace.Settle)) && c.askedStatus.Before(c.proved.at.Add(pace.Settle)) && active(c.status)
		if (unknown || settled) && now.Sub(c.askedStatus) >= pace.Retry {
			c.askedStatus = now
			return s.trigger("StatusNotification", c.n)
		}
		plugged := (c.status == preparing || c.status == finishing) && c.transaction == 0 && !c.ended && c.at.Tag != "" // finishing: the station has ended it by itself
		if plugged && c.proved != nil && c.proved.limit > 0 && now.Sub(c.startedAt) >= 6*pace.Retry {
			c.startedAt = now
			return func(ctx context.Context) error {
				var a answer
				err := s.ask(ctx, "RemoteStartTransaction", map[string]any{"connectorId": c.n, "idTag": c.at.Tag}, &a, nil, nil)
				if err != nil || a.Status != "Accepted" {
					st.central.log.Info("a station does not begin to charge; see its cards and its tag", "station", st.name, "connector", c.n, "answer", string(a.Status), "error", err)
				}
				return err
			}
		}
	}
	return nil
}

// firstDue is a connector with an order that is due; what has a car draw less goes first.
func (st *station) firstDue(now time.Time) (first *connector) {
	for _, c := range st.connectors {
		switch {
		case c.urgent(c.order, now):
			return c
		case first == nil && c.due(c.order, now):
			first = c
		}
	}
	return first
}

// trigger has the station say something; of a connector where one is given.
func (s *session) trigger(what string, connector int) func(context.Context) error {
	return func(ctx context.Context) error {
		q := map[string]any{"requestedMessage": what}
		if connector > 0 {
			q["connectorId"] = connector
		}
		var a answer
		return s.ask(ctx, "TriggerMessage", q, &a, nil, nil)
	}
}

// configure reads how the station wants to be told, and tells it what to measure.  A station
// that does not answer or refuses is told as the specification has it.
func (s *session) configure(ctx context.Context) error {
	st := s.st
	var c configuration
	err := s.ask(ctx, "GetConfiguration", struct{}{}, &c, nil, nil)
	st.mu.Lock()
	st.hastened = errors.Is(err, errHastened)
	if st.hastened { // it is asked again
		st.mu.Unlock()
		return err
	}
	st.keys.read(c)
	k, deadMan := st.keys, false
	for _, c := range st.connectors {
		deadMan = deadMan || c.deadMan > 0
	}
	st.mu.Unlock()
	var no *refusedError
	if err != nil && !errors.As(err, &no) {
		return err
	}
	if deadMan && k.periods == 1 {
		st.central.log.Warn("a station takes schedules of one period: it has no dead man, and goes on charging where the agent is gone", "station", st.name)
	}
	if err = s.measuring(ctx, k); errors.Is(err, errHastened) {
		st.mu.Lock()
		st.keys.asked, st.hastened = false, true // the rest is done later
		st.mu.Unlock()
	}
	return err
}

const (
	activePower = "Power.Active.Import"
	current     = "Current.Import"
)

// measuring has the station send what is drawn, and often enough.
func (s *session) measuring(ctx context.Context, k keys) error {
	change := func(key, value string) (bool, error) {
		if s.st.hastens(nil) {
			return false, errHastened
		}
		var a answer
		err := s.ask(ctx, "ChangeConfiguration", map[string]any{"key": key, "value": value}, &a, nil, nil)
		var no *refusedError
		if errors.As(err, &no) {
			err = nil
		}
		return a.Status == "Accepted" || a.Status == "RebootRequired", err
	}
	every := max(1, int(s.st.central.pace.Sample/time.Second))
	if had, _ := strconv.Atoi(k.interval); had <= 0 || had > every {
		if _, err := change("MeterValueSampleInterval", strconv.Itoa(every)); err != nil {
			return err
		}
	}
	if had, _ := strconv.Atoi(k.ping); k.ping != "" && had == 0 {
		if _, err := change("WebSocketPingInterval", "30"); err != nil {
			return err
		}
	}
	if k.fixed || k.measures(activePower) {
		return nil
	}
	// Some take so many at most, and some not all: the most that is of use first.
	for _, what := range []string{activePower + ",Energy.Active.Import.Register," + current + ",Voltage", activePower + ",Energy.Active.Import.Register", activePower, current + ",Voltage", current} {
		if took, err := change("MeterValuesSampledData", what); took || err != nil {
			return err
		}
	}
	return nil
}
