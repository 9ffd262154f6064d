package talk

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/contain"
)

// Sign gives the key with which acknowledgements are signed.  It must be called
// before Listen.
func (a *Agent) Sign(key ed25519.PrivateKey) { a.key = key }

// listenPolicy takes what a utility has signed.  Who may write to these topics is not
// what makes it believed.
func (a *Agent) listenPolicy(bus Bus) error {
	rules := a.site.Policy
	if rules == nil {
		return nil
	}
	hear := func(ctx context.Context, m broker.Message) error { return a.heardPolicy(ctx, m, envelopes(m.Payload)) }
	// Of keys and prices what a broker has kept is good.
	kept := func(ctx context.Context, m broker.Message, _ bool) error { return hear(ctx, m) }
	chain := func(ctx context.Context, m broker.Message, _ bool) error { return a.heardChain(ctx, m) }
	if _, err := bus.SubscribeKept(broker.PolicyKeys(rules.Issuer), chain); err != nil {
		return err
	}
	for _, aud := range rules.Audiences() {
		for _, s := range rules.Streams {
			var err error
			topic := broker.PolicyStream(aud, string(s))
			switch s {
			case policy.Tariff, policy.Rates:
				_, err = bus.SubscribeKept(topic, kept)
			case policy.Heartbeat, policy.Clock:
				// One that waited at the broker is of no use.
				_, err = bus.SubscribeOrder(topic, hear)
			case policy.Token, policy.Message, policy.Limit, policy.Demand, policy.Read, policy.Supply, policy.Receipt:
				_, err = bus.SubscribeAck(topic, hear)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// mostLines is how many envelopes a message may hold, and mostSets how many key sets.
const mostLines, mostSets = 64, 1024

// envelopes are those of a message, one a line; none where a retained message was removed:
// what was taken stays.
func envelopes(payload []byte) [][]byte {
	if len(payload) == 0 {
		return nil
	}
	return bytes.Split(bytes.TrimSpace(payload), []byte("\n"))
}

// heardChain takes a chain of key sets.  Sets of it that go before the one in force come
// again at each connection: they are history, and nobody is asked or told of them.
func (a *Agent) heardChain(ctx context.Context, m broker.Message) error {
	lines := envelopes(m.Payload)
	if len(lines) > mostSets {
		return a.bad(ctx, m.Topic, fmt.Sprintf("it holds more than %d key sets", mostSets))
	}
	if len(lines) > 1 {
		inForce := a.site.Policy.KeysInForce(a.loop.Snapshot().State.Policy).Version
		lines = slices.DeleteFunc(lines, func(line []byte) bool {
			version, is := policy.Version(line)
			return is && version < inForce
		})
	}
	for len(lines) > 0 {
		some := lines[:min(mostLines, len(lines))]
		if err := a.heardPolicy(ctx, m, some); err != nil {
			return err
		}
		lines = lines[len(some):]
	}
	return nil
}

// heardPolicy takes envelopes of a message.  An error leaves all with the broker: those that
// were taken are known when they come again.
func (a *Agent) heardPolicy(ctx context.Context, m broker.Message, lines [][]byte) error {
	if len(lines) > mostLines {
		return a.bad(ctx, m.Topic, fmt.Sprintf("it holds more than %d envelopes", mostLines))
	}
	for _, line := range lines {
		if !a.good(line) {
			if a.paces.refused.take(time.Now()) > 0 {
				continue
			}
		} else if err := a.paces.policy.wait(ctx); err != nil {
			return err
		}
		reply, err := a.loop.Feed(ctx, control.Input{What: control.PolicyEnvelope{Text: line}})
		if err != nil {
			return err // not recorded: the broker keeps it
		}
		if reply.Err != nil {
			if err := a.bad(ctx, m.Topic, reply.Err.Error()); err != nil {
				return err
			}
			continue // the others are whole
		}
		if reply.Policy != nil && reply.Policy.Code.Repeats() {
			a.repeat.Store(true) // whoever sends it again may have missed the answer
		}
	}
	return nil
}

// good tells whether an envelope would be taken now.  What would not has a pace of its own,
// and is left out beyond it: whoever may write to a topic and cannot sign, or hands on what
// is old, is not to hold up what was signed.
func (a *Agent) good(line []byte) bool {
	good := true
	if err := contain.Do(func() {
		_, out := a.site.Policy.Take(a.loop.Snapshot().State.Policy, policy.In{Text: line, Now: time.Now().UTC()})
		good = out.Code == policy.Taken
	}); err != nil {
		return true // the loop tells of it
	}
	return good
}

// Acknowledgements that nobody has confirmed are sent again after repeatFirst, and then
// after twice as long each time up to repeatMost.
const repeatFirst, repeatMost = 10 * time.Second, 10 * time.Minute

// acks are the acknowledgements that wait, signed; none where they were sent already and
// it is not time to send them again.
func (a *Agent) acks(topics broker.Topics, snap *control.Snapshot, told *ackTold, now time.Time) ([]broker.Message, error) {
	if a.site.Policy == nil || a.key == nil {
		return nil, nil
	}
	waiting := snap.State.Policy.Acks
	asked := a.repeat.Swap(false)
	again := asked || now.Sub(told.at) >= told.pause
	var out []broker.Message
	for _, x := range waiting {
		if x.N <= told.last && !again || x.N > snap.Acks {
			continue
		}
		text, err := policy.SignAck(a.site.Policy.Site, x, a.key)
		if err != nil {
			return nil, err
		}
		out = append(out, broker.Message{Topic: topics.PolicyAck(), Payload: []byte(text)})
		if x.N > told.last || asked {
			told.last, told.pause = max(told.last, x.N), 0
		}
	}
	if again || len(out) > 0 {
		told.at, told.pause = now, min(max(2*told.pause, repeatFirst), repeatMost)
	}
	return out, nil
}

// acknowledge sends the acknowledgements that wait.
func (a *Agent) acknowledge(ctx context.Context, bus Bus, told *ackTold) error {
	snap := a.loop.Snapshot()
	messages, err := a.acks(bus.Topics(), &snap, told, time.Now())
	if err != nil {
		return err
	}
	for _, m := range messages {
		if err := bus.Publish(ctx, m.Topic, 1, false, m.Payload); err != nil {
			return err
		}
	}
	return nil
}

// ackTold is which acknowledgements were sent over this connection, and when all were.
type ackTold struct {
	last  uint64
	at    time.Time
	pause time.Duration          // until they are sent again
	reads map[policy.Ref]ackTold // the same of readings that were asked for
}

// helloEvery is how often a site without a key set says so: what it says waits at the broker
// for nobody, and whoever was to hear it may have been away.
const helloEvery = time.Minute

// ask has a site that has no key set of its utility say so again.
func (a *Agent) ask(topics broker.Topics, p *publisher, now time.Time) {
	if a.site.Policy == nil || now.Sub(p.hello) < helloEvery {
		return
	}
	if st := a.loop.Snapshot().State; a.site.Policy.KeysInForce(st.Policy).Version == 0 {
		delete(p.sent, topics.PolicyState())
		p.hello = now
	}
}

// policyState is what the site says of the utility's word, retained.
func (a *Agent) policyState(st *control.State) ([]byte, error) {
	r := a.site.Policy
	k := r.KeysInForce(st.Policy)
	out := api.PolicyState{Site: r.Site, Issuer: r.Issuer, Audiences: r.Audiences(), Keys: k.Version, Epoch: k.Epoch, Seen: []api.PolicySeen{}, Waiting: len(st.Policy.Acks), Dropped: st.Policy.Dropped}
	if a.key != nil {
		if public, ok := a.key.Public().(ed25519.PublicKey); ok {
			out.Key = policy.EncodeKey(public)
		}
	}
	if r.Disconnects() {
		out.Control = &api.PolicyControl{State: st.Credit.Supply.Position.ControlState(), Mode: int(r.Disconnect.Mode)}
	}
	for _, s := range r.Streams {
		out.Streams = append(out.Streams, string(s))
	}
	for _, x := range st.Policy.Seen {
		if x.Stream != policy.Heartbeat && x.Stream != policy.Clock {
			out.Seen = append(out.Seen, api.PolicySeen{Audience: x.Audience, Stream: string(x.Stream), Seq: x.Last})
		}
	}
	return json.Marshal(out)
}
