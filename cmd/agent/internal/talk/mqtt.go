// Package talk is the agent's talk with the broker: what it says on its topics and
// what it hears there, in the forms of package api.
package talk

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/health"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/internal/said"
)

// Bus is what the agent needs of its MQTT session; *broker.Session is one.
type Bus interface {
	Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error
	SubscribeAck(filter string, handler func(ctx context.Context, m broker.Message) error) (unsubscribe func(), err error)
	SubscribeOrder(filter string, handler func(ctx context.Context, m broker.Message) error) (unsubscribe func(), err error)
	SubscribeState(filter string, handler func(ctx context.Context, m broker.Message, retained bool) error) (unsubscribe func(), err error)
	SubscribeKept(filter string, handler func(ctx context.Context, m broker.Message, retained bool) error) (unsubscribe func(), err error)
	Topics() broker.Topics
	// Connects is how many connections have been made: what was said over the one before may be
	// lost where the broker keeps nothing.
	Connects() int64
}

// Records is what is said of the ledger.
type Records interface {
	LedgerPage(ctx context.Context, before uint64, n int) ([]credit.Entry, error)
	Ledger(ctx context.Context, from uint64) iter.Seq2[credit.Entry, error]
}

// Agent speaks and hears for one loop.
type Agent struct {
	site    *control.Site
	loop    *control.Loop
	records Records
	maker   *picture.Maker
	words   present.Words
	plain   present.Plain
	// anchor is how far the head that the broker keeps has been compared.
	anchor    atomic.Int32
	paces     paces
	key       ed25519.PrivateKey // of the acknowledgements; nil: none are sent
	intervals stored             // nil: no readings are answered
	repeat    atomic.Bool        // acknowledgements are to be sent again
	// announcer is nil where nothing is announced to Home Assistant.
	announcer *announcer
	totals    picture.Totals // only Publish uses it
	shares    func(topic string) bool
	read      func(context.Context, api.MeterReading) error // nil: no readings of the utility's meter are heard
}

// New speaks for loop in maker's pictures.
func New(site *control.Site, loop *control.Loop, records Records, maker *picture.Maker) *Agent {
	words := maker.Words()
	a := &Agent{site: site, loop: loop, records: records, maker: maker, words: words, plain: words.Plain(site).Written(maker.Unit()), shares: func(string) bool { return true }}
	a.paces.init()
	return a
}

// Share has only those states said whose topic is shared.  It must be called before Announce.
func (a *Agent) Share(topic func(name string) bool) { a.shares = topic }

// Readings has what the utility's meter shows be taken by take.  It must be called before
// Listen.
func (a *Agent) Readings(take func(context.Context, api.MeterReading) error) { a.read = take }

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
	_, err = bus.SubscribeOrder(topics.Until(), func(ctx context.Context, m broker.Message) error {
		return a.heardUntil(ctx, m)
	})
	if err != nil {
		return err
	}
	_, err = bus.SubscribeOrder(topics.Expect(), a.heardExpect)
	if err != nil {
		return err
	}
	_, err = bus.SubscribeState(topics.Outages(), a.heardOutages)
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
	if err != nil {
		return err
	}
	if a.read != nil {
		if _, err = bus.SubscribeOrder(topics.MeterReading(), a.heardReading); err != nil {
			return err
		}
	}
	if a.site.Curbs.Own != nil {
		if _, err = bus.SubscribeOrder(topics.Limit(), a.heardLimit); err != nil {
			return err
		}
	}
	if err := a.listenHome(bus); err != nil {
		return err
	}
	return a.listenPolicy(bus)
}

// heardToken enters a token and answers once its effect is stored.  An error
// leaves the message with the broker, which sends it again.
func (a *Agent) heardToken(ctx context.Context, bus Bus, m broker.Message, log *slog.Logger) error {
	var t api.TokenMessage
	body := strings.TrimSpace(string(m.Payload))
	if strings.HasPrefix(body, "{") {
		if err := json.Unmarshal(m.Payload, &t); err != nil {
			return a.bad(ctx, m.Topic, "the token's message is not JSON: "+err.Error())
		}
	} else {
		t.Token = body
	}
	if t.Token == "" || len(t.Token) > credit.LongestText {
		return a.bad(ctx, m.Topic, fmt.Sprintf("a message of %d bytes holds no token", len(m.Payload)))
	}
	receipts := control.Enter(ctx, a.loop, a.site.Credit, t.Token, "mqtt")
	for _, r := range receipts {
		if r.Err != nil {
			return r.Err // not recorded: the broker keeps all; what has been entered is told as used then
		}
	}
	st := a.loop.Snapshot().State
	out := a.tokenResult(receipts, &st)
	out.ID = t.ID
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

// publishEvery is the least time between two reports, in real time.
const publishEvery = time.Second

// Publish keeps the retained messages up to date until ctx ends.  What has not
// changed is not sent again.  While the broker is away nothing is kept: these
// are states, and the next one takes their place.
func (a *Agent) Publish(ctx context.Context, bus Bus) error {
	t := time.NewTicker(publishEvery)
	defer t.Stop()
	p := publisher{sent: map[string]string{}}
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
		if err := a.publishOnce(ctx, bus, &p); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-t.C:
		}
	}
}

// publisher is what Publish remembers of the connection under way.
type publisher struct {
	sent      map[string]string
	connected time.Time // since when messages have gone out; zero: none has
	connects  int64
	acks      ackTold
	hello     time.Time // when a site without keys last said so
}

// lost has everything said anew after a reconnection.
func (p *publisher) lost(n *announcer) {
	clear(p.sent)
	p.connected, p.acks = time.Time{}, ackTold{}
	n.lost()
}

// publishOnce sends what has changed.
func (a *Agent) publishOnce(ctx context.Context, bus Bus, p *publisher) error {
	if n := bus.Connects(); n != p.connects {
		p.lost(a.announcer)
		p.connects = n
	}
	if a.announcer.reborn() {
		clear(p.sent)
	}
	publishing := time.Duration(0)
	if !p.connected.IsZero() {
		publishing = time.Since(p.connected)
	}
	a.ask(bus.Topics(), p, time.Now())
	messages, err := a.retained(bus.Topics(), publishing) //nolint:contextcheck // it makes messages of what is known; nothing waits
	if err != nil {
		return err
	}
	for _, m := range messages {
		if p.sent[m.Topic] == string(m.Payload) {
			continue
		}
		if err := bus.Publish(ctx, m.Topic, 0, true, m.Payload); err != nil {
			p.lost(a.announcer)
			return nil //nolint:nilerr // the broker is away: all is said when it is back
		}
		if p.connected.IsZero() {
			p.connected = time.Now()
		}
		p.sent[m.Topic] = string(m.Payload)
	}
	if p.connected.IsZero() {
		return nil
	}
	if a.announcer.announce(ctx, bus, time.Since(p.connected)) != nil || a.acknowledge(ctx, bus, &p.acks) != nil || a.answer(ctx, bus, &p.acks) != nil {
		p.lost(a.announcer)
	}
	return nil
}

// retained is the messages of now, all of one instant; publishing is how long they
// have gone out.
func (a *Agent) retained(topics broker.Topics, publishing time.Duration) ([]broker.Message, error) {
	anchor := a.anchor.Load() // before the state: see mayPublishHead
	snap := a.loop.Snapshot()
	var v picture.View // not worked out where nothing of it is said
	var wire api.View
	if slices.ContainsFunc([]string{"state", "warnings", "plan", "load"}, a.shares) {
		v = a.maker.Of(&snap)
		wire = api.ViewOf(a.words.For(v.Unit, v.Zone, v.At), &v)
	}
	out := []broker.Message{}
	add := func(topic string, what any) error {
		payload, err := json.Marshal(what)
		out = append(out, broker.Message{Topic: topic, Payload: payload})
		return err
	}
	var errs []error
	share := func(name, topic string, what any) {
		if a.shares(name) {
			errs = append(errs, add(topic, what))
		}
	}
	share("state", topics.State(), api.StateOf(wire))
	share("warnings", topics.Warnings(), api.NoticesOf(&v))
	share("plan", topics.Plan(), wire.Plan)
	if t := totalsOf(context.Background(), &a.totals, a.records, a.site, &snap); t != nil {
		share("totals", topics.Totals(), t)
	}
	for _, l := range v.Loads {
		share("load", topics.LoadState(l.ID), api.LoadStateOf(l))
	}
	if a.site.Policy != nil {
		state, err := a.policyState(&snap.State)
		out = append(out, broker.Message{Topic: topics.PolicyState(), Payload: state})
		errs = append(errs, err)
	}
	// A head that cannot be read now is said later: the store warns by itself.
	if head, err := a.head(context.Background()); err == nil && head != nil && a.mayPublishHead(anchor, &snap.State, publishing) {
		errs = append(errs, add(topics.Ledger()+"/head", head))
	}
	return out, errors.Join(errs...)
}
