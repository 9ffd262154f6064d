package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/internal/said"
)

// Bus is what the agent needs of its MQTT session; *broker.Session is one.
type Bus interface {
	Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error
	SubscribeAck(filter string, handler func(ctx context.Context, m broker.Message) error) (unsubscribe func(), err error)
	SubscribeOrder(filter string, handler func(ctx context.Context, m broker.Message) error) (unsubscribe func(), err error)
	SubscribeState(filter string, handler func(ctx context.Context, m broker.Message, retained bool) error) (unsubscribe func(), err error)
	Topics() broker.Topics
}

// tokenMessage is a token sent over MQTT: plain digits, or this as JSON.
type tokenMessage struct {
	Token string `json:"token"`
	ID    string `json:"id"` // given back with the result
}

// resultMessage answers a tokenMessage.
type resultMessage struct {
	ID          string    `json:"id,omitempty"`
	Result      string    `json:"result"` // the code of the scheme: accept, used, crc, ...
	Text        string    `json:"text"`
	Bought      string    `json:"bought,omitempty"`
	Balance     string    `json:"balance"`
	Fingerprint string    `json:"fingerprint,omitempty"`
	Supply      string    `json:"supply"`        // afterwards
	Pay         string    `json:"pay,omitempty"` // what must be paid for light again; "" nothing, or no one top-up is enough
	Wait        float64   `json:"wait_s,omitempty"`
	At          time.Time `json:"at"`
}

// Listen takes tokens, commands and prices from the bus.  It must be called before the
// session runs, so that nothing that waited at the broker is missed.
func (a *Agent) Listen(bus Bus, log *slog.Logger) error {
	topics := bus.Topics()
	_, err := bus.SubscribeAck(topics.Token(), func(ctx context.Context, m broker.Message) error {
		return a.heardToken(ctx, bus, m, log)
	})
	if err != nil {
		return err
	}
	_, err = bus.SubscribeOrder(topics.LoadSets(), func(ctx context.Context, m broker.Message) error {
		return a.heardLoad(ctx, topics, m)
	})
	if err != nil {
		return err
	}
	_, err = bus.SubscribeState(topics.Prices(), a.heardPrices)
	if err != nil {
		return err
	}
	_, err = bus.SubscribeState(topics.Ledger()+"/head", a.heardHead)
	if err != nil {
		return err
	}
	_, err = bus.SubscribeOrder(topics.Reconnect(), func(ctx context.Context, m broker.Message) error {
		return a.heardSupply(ctx, m)
	})
	return err
}

// heardToken enters a token and answers once its effect is stored.  An error
// leaves the message with the broker, which sends it again.
func (a *Agent) heardToken(ctx context.Context, bus Bus, m broker.Message, log *slog.Logger) error {
	var t tokenMessage
	body := strings.TrimSpace(string(m.Payload))
	if strings.HasPrefix(body, "{") {
		if err := json.Unmarshal(m.Payload, &t); err != nil {
			return a.bad(ctx, m.Topic, "the token's message is not JSON: "+err.Error())
		}
	} else {
		t.Token = body
	}
	if t.Token == "" || len(t.Token) > 200 {
		return a.bad(ctx, m.Topic, fmt.Sprintf("a message of %d bytes holds no token", len(m.Payload)))
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: control.Token{Text: t.Token, Source: "mqtt"}})
	if err != nil {
		return err // not recorded: the broker keeps it
	}
	st := a.loop.Snapshot().State
	r := reply.TopUp
	supply := present.SupplyOf(a.site, &st)
	out := resultMessage{
		ID: t.ID, Result: string(r.Token.Code), Text: a.plain.Say(r.Says), Balance: r.Available.String(), Supply: string(supply.State),
		Fingerprint: r.Fingerprint, Wait: r.Wait.Seconds(), At: st.Now,
	}
	if r.Bought != 0 {
		out.Bought = r.Bought.String()
	}
	if supply.Spent && !supply.Pay.Beyond {
		out.Pay = supply.Pay.Amount.String()
	}
	if supply.State == present.Disconnected && supply.Cause == present.ByCredit && supply.Spent {
		say := a.words.For(a.about.Unit, a.site.Zone, st.Now)
		out.Text = say.Sentence(out.Text) + " " + say.Pay(supply, "still")
	}
	payload, err := json.Marshal(out)
	if err != nil {
		return err
	}
	if err := bus.Publish(ctx, bus.Topics().TokenResult(), 1, false, payload); err != nil {
		// The credit is safe; the ledger message tells of it again.
		log.Warn("the result of a token could not be published", "error", err)
	}
	return nil
}

// heardPrices takes in the prices ahead.  They are a state and no command, so a
// retained message is good; the broker keeps the message until it is stored.
func (a *Agent) heardPrices(ctx context.Context, m broker.Message, retained bool) error {
	if len(m.Payload) == 0 {
		return nil // a retained message was removed; what was taken stays
	}
	if err := a.paces.prices.wait(ctx); err != nil {
		return err
	}
	reply, err := a.loop.Feed(ctx, control.Input{What: control.PriceDocument{Text: m.Payload, Kept: retained}})
	if err != nil {
		return err // not recorded: the broker keeps it
	}
	if reply.Err != nil {
		return a.bad(ctx, m.Topic, reply.Err.Error())
	}
	return nil
}

// bad remembers a message that cannot be read; it is not worth hearing again.
// Of a topic a few are told, then one now and then: the warning has the last.
func (a *Agent) bad(ctx context.Context, topic, cause string) error {
	if !a.paces.mayTell(topic) {
		return nil
	}
	_, err := a.loop.Feed(ctx, control.Input{What: control.Edge{Code: health.BadMessage, Subject: topic, Cause: said.Words(cause)}})
	return err
}

// stateMessage is the retained report of now.
type stateMessage struct {
	At        time.Time  `json:"at"`
	Balance   string     `json:"balance"`
	Supply    string     `json:"supply"`
	Why       string     `json:"why"`               // in words
	Pay       string     `json:"pay,omitempty"`     // what must be paid for light again
	PowerW    *float64   `json:"power_w,omitempty"` // left out where it is not known
	Derived   bool       `json:"power_derived,omitempty"`
	ImportKWh float64    `json:"import_kwh"`
	RunOut    *time.Time `json:"run_out,omitempty"`
	Price     string     `json:"price"`
	Warnings  int        `json:"warnings"`
}

type warningMessage struct {
	Code     string    `json:"code"`
	Subject  string    `json:"subject,omitempty"`
	Severity string    `json:"severity"`
	Since    time.Time `json:"since"`
	Title    string    `json:"title"`
	Cause    string    `json:"cause"`
	Remedy   string    `json:"remedy"`
}

type loadMessage struct {
	On       bool    `json:"on"`
	State    string  `json:"state"`
	PowerW   float64 `json:"power_w"`
	Rated    bool    `json:"rated,omitempty"` // power_w is not measured
	Why      string  `json:"why,omitempty"`
	Override string  `json:"override,omitempty"`
}

// publishEvery is the least time between two reports, in real time.
const publishEvery = time.Second

// Publish keeps the retained messages up to date until ctx ends.  What has not
// changed is not sent again.  While the broker is away nothing is kept: these
// are states, and the next one takes their place.
func (a *Agent) Publish(ctx context.Context, bus Bus) error {
	t := time.NewTicker(publishEvery)
	defer t.Stop()
	sent := map[string]string{}
	var connected time.Time // since when messages have gone out
	changes := a.loop.Changes(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case _, open := <-changes:
			if !open {
				return nil
			}
		}
		publishing := time.Duration(0)
		if !connected.IsZero() {
			publishing = time.Since(connected)
		}
		messages, err := a.retained(bus.Topics(), publishing) //nolint:contextcheck // it makes messages of what is known; nothing waits
		if err != nil {
			return err
		}
		for _, m := range messages {
			if sent[m.Topic] == string(m.Payload) {
				continue
			}
			if err := bus.Publish(ctx, m.Topic, 0, true, m.Payload); err != nil {
				clear(sent) // after a reconnection everything is said anew
				connected = time.Time{}
				break
			}
			if connected.IsZero() {
				connected = time.Now()
			}
			sent[m.Topic] = string(m.Payload)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// retained is the messages of now; publishing is how long they have gone out.
func (a *Agent) retained(topics broker.Topics, publishing time.Duration) ([]broker.Message, error) {
	anchor := a.anchor.Load() // before the state: see mayPublishHead
	v := a.View()
	st := a.loop.Snapshot().State
	state := stateMessage{
		At: v.At, Balance: v.Credit.Balance.String(), Supply: string(v.Supply.State), Why: a.words.For(v.Unit, v.Zone, v.At).Supply(v.Supply).Says(),
		Derived: v.Power.Derived, ImportKWh: st.Meter.Registers.Import.KWh(), Price: v.Tariff.Price.String(), Warnings: len(v.Warnings),
	}
	if p := v.Power; !p.Untold && (p.Freshness == web.Fresh || p.Freshness == web.Stale) {
		w := p.Power.W()
		state.PowerW = &w
	}
	if v.Supply.Spent && !v.Supply.Pay.Beyond {
		state.Pay = v.Supply.Pay.Amount.String()
	}
	if v.RunOut.Known && !v.RunOut.Beyond {
		state.RunOut = &v.RunOut.At
	}
	warnings := make([]warningMessage, 0, len(st.Health.Active))
	for i, w := range st.Health.WorstFirst() {
		m := warningMessage{string(w.Code), w.Subject, w.Severity.String(), w.Since, a.words.Title(string(w.Code)), a.plain.Say(w.Cause), a.words.Remedy(string(w.Code))}
		if i < len(v.Warnings) && v.Warnings[i].Code == m.Code {
			m.Title, m.Cause, m.Remedy = v.Warnings[i].Title, v.Warnings[i].Cause, v.Warnings[i].Remedy
		}
		warnings = append(warnings, m)
	}
	out := []broker.Message{}
	add := func(topic string, what any) error {
		payload, err := json.Marshal(what)
		out = append(out, broker.Message{Topic: topic, Payload: payload})
		return err
	}
	errs := []error{add(topics.State(), state), add(topics.Warnings(), warnings), add(topics.Plan(), st.Plan)}
	for _, l := range v.Loads {
		errs = append(errs, add(topics.LoadState(l.ID), loadMessage{
			On: st.Guard.Unit(l.ID).Set.On, State: string(l.State), PowerW: l.Power.W(), Rated: l.Rated, Why: l.Why, Override: string(l.Override),
		}))
	}
	// A head that cannot be read now is said later: the store warns by itself.
	if head, err := a.head(context.Background()); err == nil && head != nil && a.mayPublishHead(anchor, &st, publishing) {
		errs = append(errs, add(topics.Ledger()+"/head", head))
	}
	return out, errors.Join(errs...)
}
