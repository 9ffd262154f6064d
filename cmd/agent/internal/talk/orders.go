package talk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/said"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
)

// An order is for now.  One that is older than it says, or than orderFor, is not
// obeyed: a supply that was to be switched off yesterday is not today's.
const (
	orderFor     = time.Minute
	orderAtMost  = time.Hour
	orderInstant = time.Minute // an order's clock may be so far ahead of ours
)

// errOrder is an order that is not obeyed, and why.
var errOrder = errors.New("not obeyed")

// order is the word of an order that is for now; now is the agent's clock.
func order(m broker.Message, now time.Time) (string, error) {
	longest := orderFor
	body := strings.TrimSpace(string(m.Payload))
	o := api.Order{Order: body}
	if strings.HasPrefix(body, "{") {
		o.Order = ""
		if err := json.Unmarshal(m.Payload, &o); err != nil {
			return "", fmt.Errorf("%w: it is not JSON: %w", errOrder, err)
		}
		if o.MaxAge < 0 || o.MaxAge > orderAtMost.Seconds() {
			return "", fmt.Errorf("%w: max_age_s is %g; it may be up to %g", errOrder, o.MaxAge, orderAtMost.Seconds())
		}
		if o.MaxAge > 0 {
			longest = time.Duration(o.MaxAge * float64(time.Second))
		}
	}
	// A message also waits with us, while the records cannot be written.
	if waited := time.Since(m.Came); !m.Came.IsZero() && waited > longest {
		return "", fmt.Errorf("%w: it could not be recorded for %s", errOrder, waited.Round(time.Second))
	}
	switch age := now.Sub(o.At); {
	case o.At.IsZero() && m.Early:
		return "", fmt.Errorf("%w: it may have waited at the broker: send it again, or with its time as JSON", errOrder)
	case o.At.IsZero():
	case age > longest:
		return "", fmt.Errorf("%w: it is %s old", errOrder, age.Round(time.Second))
	case age < -orderInstant:
		return "", fmt.Errorf("%w: its time is %s ahead of the agent's clock", errOrder, (-age).Round(time.Second))
	}
	return o.Order, nil
}

// heardLoad is a wish about one load.  Unknown names come under one subject: the
// sender makes them up, and could make up any number of them.
func (a *Agent) heardLoad(ctx context.Context, topics broker.Topics, m broker.Message) error {
	name, _ := topics.LoadOf(m.Topic)
	if !slices.ContainsFunc(a.site.Loads, func(l loads.Load) bool { return l.ID == name && l.Kind.Runs() }) {
		return a.bad(ctx, topics.LoadSets(), fmt.Sprintf("%.40q: %s", name, control.ErrUnknownLoad))
	}
	// What is too old already takes nobody's turn.
	if _, err := order(m, a.loop.Snapshot().State.Now); err == nil {
		if err := a.paces.loads.wait(ctx); err != nil {
			return err
		}
	}
	word, err := order(m, a.loop.Snapshot().State.Now)
	if err != nil {
		return a.bad(ctx, topics.LoadSets(), fmt.Sprintf("%.40q: %.160s", name, err))
	}
	kind := control.RequestKind(word)
	switch kind {
	case control.RunLoad, control.SkipLoad, control.AutoLoad:
	default:
		return a.bad(ctx, topics.LoadSets(), fmt.Sprintf("%.40q: %.40q is not one of run, skip and auto", name, word))
	}
	_, err = a.loop.Feed(ctx, control.Input{What: control.Request{Kind: kind, Load: name, By: "mqtt"}})
	return err
}

// heardUntil is how long the credit is to last.
func (a *Agent) heardUntil(ctx context.Context, m broker.Message) error {
	if _, err := order(m, a.loop.Snapshot().State.Now); err == nil {
		if err := a.paces.until.wait(ctx); err != nil {
			return err
		}
	}
	text, err := order(m, a.loop.Snapshot().State.Now)
	if err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.200s", err))
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: control.LastUntil{Text: text, By: "mqtt"}})
	var not *control.NotTakenError
	if errors.As(reply.Err, &not) {
		return a.bad(ctx, m.Topic, a.plain.Say(not.Says))
	}
	return err
}

// heardExpect is what somebody tells of the use in a time to come.
func (a *Agent) heardExpect(ctx context.Context, m broker.Message) error {
	if _, err := order(m, a.loop.Snapshot().State.Now); err == nil {
		if err := a.paces.expect.wait(ctx); err != nil {
			return err
		}
	}
	text, err := order(m, a.loop.Snapshot().State.Now)
	if err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.200s", err))
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: control.Expect{Text: text, By: "mqtt"}})
	var not *control.NotTakenError
	if errors.As(reply.Err, &not) {
		return a.bad(ctx, m.Topic, a.plain.Say(not.Says))
	}
	return err
}

// heardOutages is a list of the times without mains that are announced.  It says by itself when they are, so it may
// have waited at the broker.
func (a *Agent) heardOutages(ctx context.Context, m broker.Message, _ bool) error {
	text := strings.TrimSpace(string(m.Payload))
	if text == "" {
		return nil // a retained message was removed; what was taken stays
	}
	if err := a.paces.expect.wait(ctx); err != nil {
		return err
	}
	if !strings.HasPrefix(text, "[") && !strings.HasPrefix(text, "{") {
		return a.bad(ctx, m.Topic, a.plain.Say(said.Of("expect.unlisted")))
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: control.Expect{Text: text, By: "mqtt"}})
	var not *control.NotTakenError
	if errors.As(reply.Err, &not) {
		return a.bad(ctx, m.Topic, a.plain.Say(not.Says))
	}
	return err
}

// heardLimit is the household's word on what may be drawn.
func (a *Agent) heardLimit(ctx context.Context, m broker.Message) error {
	now := a.loop.Snapshot().State.Now
	if _, err := order(m, now); err == nil {
		if err := a.paces.limit.wait(ctx); err != nil {
			return err
		}
	}
	text, err := order(m, a.loop.Snapshot().State.Now)
	if err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.200s", err))
	}
	w := control.LimitWord{From: policy.Own}
	switch text {
	case "none":
		w.None = true
	case "alive":
		w.Alive = true
	default:
		if w.Limit, err = units.ParsePower(text); err != nil {
			return a.bad(ctx, m.Topic, fmt.Sprintf("%.40q is not one of none, alive and a power such as 4.2 kW", text))
		}
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: w})
	if err != nil {
		return err
	}
	if reply.Err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.40q: %.160s", text, reply.Err))
	}
	return nil
}

// heardSupply is the customer's word about the supply: open is their own main
// switch, close takes it back or closes an armed supply.  Neither gives power
// that there is no credit for.
func (a *Agent) heardSupply(ctx context.Context, m broker.Message) error {
	if _, err := order(m, a.loop.Snapshot().State.Now); err == nil {
		if err := a.paces.supply.wait(ctx); err != nil {
			return err
		}
	}
	st := a.loop.Snapshot().State
	word, err := order(m, st.Now)
	if err != nil {
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.200s", err))
	}
	kind := control.RequestKind("")
	switch word {
	case "open":
		kind = control.SupplyOff
	case "close":
		kind = control.Reconnect
		if st.Supply.Off {
			kind = control.SupplyOn
		}
	default:
		return a.bad(ctx, m.Topic, fmt.Sprintf("%.40q is not one of open and close", word))
	}
	_, err = a.loop.Feed(ctx, control.Input{What: control.Request{Kind: kind, By: "mqtt"}})
	return err
}
