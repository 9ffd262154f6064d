package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/contain"
)

const (
	queueLimit  = 1000    // QoS 0 messages a handler may be behind
	queueBytes  = 4 << 20 // and bytes of them
	orphanLimit = 100
	orphanAfter = time.Minute // a start is over by then
	earlyFor    = 2 * time.Second
	orphanTick  = 10 * time.Second
	retryMin    = 100 * time.Millisecond
	retryMax    = 30 * time.Second
)

// Message is one message that came in.
type Message struct {
	Topic   string
	Payload []byte
	Came    time.Time // when, by the machine's clock
	// Early: it came so soon after the connection was made that it may have
	// waited at the broker, nobody knows for how long.
	Early bool
}

// route is one subscription and the queue of what came for it.
type route struct {
	filter     string
	qos        byte
	generation int
	command    bool // a retained message is no command
	state      bool // only the last message of a topic matters
	handle     func(ctx context.Context, m Message, retained bool) error
	gone       context.Context // ends by unsubscribing
	leave      context.CancelFunc

	mu    sync.Mutex
	queue []delivery
	bytes int // of the payloads in it
	bell  chan struct{}
}

// delivery is a message on its way to one handler.
type delivery struct {
	Message
	retained bool
	qos      byte
	done     func() // to be called once, when the handler has taken it
}

// Subscribe hands every message under filter to handler, one after the other,
// over all reconnections.  retained is true for a retained message that the
// broker sends because of the subscription; it may come again at each
// reconnection.  It subscribes with QoS 0: what was said while we were away is
// of no use to a reader of states.  It may be called before Run and while it
// runs, and from within a handler.
func (s *Session) Subscribe(filter string, handler func(topic string, payload []byte, retained bool)) (unsubscribe func(), err error) {
	return s.subscribe(&route{filter: filter, qos: 0, handle: func(_ context.Context, m Message, retained bool) error {
		handler(m.Topic, m.Payload, retained)
		return nil
	}})
}

// SubscribeAck hands every command under filter to handler with QoS 1.  The
// message is acknowledged when handler returns nil, so handler stores first
// what must not be lost; after an error it is called again with the same
// message, after a pause, until it takes it.  A message can come more than
// once: after a lost connection the broker repeats what it saw no
// acknowledgement for, also across a restart of the agent.  Messages wait at
// the broker while the agent is away, so subscribe before Run.  Retained
// messages are ignored: a command is not to be obeyed again at every start.
func (s *Session) SubscribeAck(filter string, handler func(ctx context.Context, m Message) error) (unsubscribe func(), err error) {
	return s.subscribe(&route{filter: filter, qos: 1, command: true, handle: func(ctx context.Context, m Message, _ bool) error {
		return handler(ctx, m)
	}})
}

// SubscribeOrder hands every order under filter to handler, which is called again
// after an error, with the same message, until it takes it.  An order is for
// now, so none is to wait at the broker: it subscribes with QoS 0, of which a
// broker keeps nothing for those who are away, and retained messages are
// ignored.  A broker may have been set to keep them all the same: see
// Message.Early.
func (s *Session) SubscribeOrder(filter string, handler func(ctx context.Context, m Message) error) (unsubscribe func(), err error) {
	return s.subscribe(&route{filter: filter, qos: 0, command: true, handle: func(ctx context.Context, m Message, _ bool) error {
		return handler(ctx, m)
	}})
}

// SubscribeState is SubscribeAck for what is a state and no command: retained
// messages are handed on too, and may come again at each reconnection.  One that
// has not been taken when the next on its topic comes is left out.
func (s *Session) SubscribeState(filter string, handler func(ctx context.Context, m Message, retained bool) error) (unsubscribe func(), err error) {
	return s.subscribe(&route{filter: filter, qos: 1, state: true, handle: handler})
}

// SubscribeKept is SubscribeState where each message counts, the one before the next on its
// topic as well: who writes them numbers them.
func (s *Session) SubscribeKept(filter string, handler func(ctx context.Context, m Message, retained bool) error) (unsubscribe func(), err error) {
	return s.subscribe(&route{filter: filter, qos: 1, handle: handler})
}

func (s *Session) subscribe(r *route) (func(), error) {
	if !checkFilter(r.filter) {
		return nil, fmt.Errorf("%q is not a topic filter", r.filter)
	}
	r.bell = make(chan struct{}, 1)
	r.gone, r.leave = context.WithCancel(context.Background())
	s.mu.Lock()
	r.generation = 1
	for _, other := range s.routes {
		if other.filter == r.filter {
			r.generation = max(r.generation, other.generation+1)
		}
	}
	s.routes = append(s.routes, r)
	s.adopt(r)
	if s.start != nil {
		s.start(r)
	}
	s.mu.Unlock()
	s.poke()
	return func() {
		s.mu.Lock()
		s.routes = slices.DeleteFunc(s.routes, func(o *route) bool { return o == r })
		s.mu.Unlock()
		r.leave()
		s.poke()
	}, nil
}

func (s *Session) poke() {
	select {
	case s.kick <- struct{}{}:
	default: // a look at the routes is due already
	}
}

// deliver is called by paho for each message, in order, and must not block.
func (s *Session) deliver(m mqtt.Message) {
	if s.place(m) && m.Qos() > 0 {
		m.Ack() // as paho does by itself for those who have nothing to store
	}
}

// place queues a message for those who subscribed to it and tells whether it
// is for nobody.
func (s *Session) place(m mqtt.Message) (done bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state.Received++
	var to []*route
	ignored := false
	now := time.Now()
	message := Message{m.Topic(), m.Payload(), now, s.conn == nil || now.Sub(s.state.Since) < earlyFor}
	for _, r := range s.routes {
		if !match(r.filter, m.Topic()) {
			continue
		}
		if r.command && m.Retained() {
			ignored = true
			continue
		}
		to = append(to, r)
	}
	if ignored {
		s.state.Retained++
	}
	switch {
	case len(to) > 0:
		ack := m.Ack
		if m.Qos() == 0 {
			ack = func() {}
		}
		taken := after(len(to), ack)
		for _, r := range to {
			if r.push(delivery{message, m.Retained(), m.Qos(), taken}) {
				s.state.Dropped++
			}
		}
		return false
	case ignored:
		return true
	case m.Qos() > 0 && !m.Retained() && len(s.orphans) < orphanLimit:
		// It waited at the broker while we were away, and its subscriber may
		// not be there yet.
		s.orphans = append(s.orphans, orphan{m, now.Add(orphanAfter)})
		return false
	}
	s.state.Unclaimed++
	return true
}

// after calls f at the n-th call.
func after(n int, f func()) func() {
	var mu sync.Mutex
	return func() {
		mu.Lock()
		n--
		last := n == 0
		mu.Unlock()
		if last {
			f()
		}
	}
}

// orphan is a message that nobody has subscribed to yet.
type orphan struct {
	m     mqtt.Message
	until time.Time
}

// adopt gives a new route the orphans that are its.  mu is held.
func (s *Session) adopt(r *route) {
	s.orphans = slices.DeleteFunc(s.orphans, func(o orphan) bool {
		if !match(r.filter, o.m.Topic()) {
			return false
		}
		if r.command && r.qos == 0 {
			o.m.Ack() // an order that waited
			return true
		}
		r.push(delivery{Message{o.m.Topic(), o.m.Payload(), o.until.Add(-orphanAfter), true}, false, o.m.Qos(), o.m.Ack})
		return true
	})
}

// expireOrphans gives up those that nobody claimed, so that the broker can
// send others: it has only some tens of messages under way at once.
func (s *Session) expireOrphans(now time.Time) {
	s.mu.Lock()
	var late []mqtt.Message
	s.orphans = slices.DeleteFunc(s.orphans, func(o orphan) bool {
		if now.Before(o.until) {
			return false
		}
		s.state.Unclaimed++
		late = append(late, o.m)
		return true
	})
	s.mu.Unlock()
	for _, m := range late {
		s.log.Warn("MQTT message for nobody, given up", "topic", m.Topic())
		m.Ack()
	}
}

// push queues d and tells whether another message was dropped for it.
func (r *route) push(d delivery) (dropped bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.state {
		if i := slices.IndexFunc(r.queue, func(o delivery) bool { return o.Topic == d.Topic }); i >= 0 {
			r.remove(i).done() // d says it better
		}
	}
	// States are dropped oldest first.  Commands are not: the broker itself has
	// only so many unacknowledged under way, and each is short.
	for len(r.queue) >= queueLimit || r.bytes+len(d.Payload) > queueBytes {
		i := slices.IndexFunc(r.queue, func(d delivery) bool { return d.qos == 0 })
		if i < 0 {
			break
		}
		r.remove(i)
		dropped = true
	}
	r.queue, r.bytes = append(r.queue, d), r.bytes+len(d.Payload)
	select {
	case r.bell <- struct{}{}:
	default: // it rings already
	}
	return dropped
}

// remove takes the i-th message out of the queue.  mu is held.
func (r *route) remove(i int) delivery {
	d := r.queue[i]
	r.queue = slices.Delete(r.queue, i, i+1)
	r.bytes -= len(d.Payload)
	return d
}

func (r *route) pop() (delivery, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.queue) == 0 {
		return delivery{}, false
	}
	return r.remove(0), true
}

// work calls the handler for each message until ctx ends or the route is left.
func (r *route) work(ctx context.Context, s *Session) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(r.gone, cancel)() //nolint:contextcheck // the route's end is another event than ctx's
	for {
		d, ok := r.pop()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-r.bell:
			}
			continue
		}
		if r.take(ctx, s, d) != nil {
			return // d stays unacknowledged and comes again
		}
		d.done()
	}
}

// take calls the handler until it takes d.
func (r *route) take(ctx context.Context, s *Session, d delivery) error {
	pause := backoff.Backoff{First: retryMin, Most: retryMax}
	for {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		err := contain.Run(func() error { return r.handle(ctx, d.Message, d.retained) })
		if p := (*contain.Panic)(nil); errors.As(err, &p) {
			// It would do so again, and every message behind it would wait.
			s.log.Error("an MQTT message that a handler fails at was given up", "topic", d.Topic, "error", err, "stack", p.Stack)
			return nil
		}
		if err == nil {
			if pause.Failures() > 0 {
				s.update(func(st *State) { st.Failing = "" })
			}
			return nil
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		wait := pause.Next()
		if wait == retryMin || wait == retryMax {
			s.log.Warn("an MQTT message could not be taken; it will be tried again", "topic", d.Topic, "error", err)
		}
		s.update(func(st *State) { st.Failing = d.Topic + ": " + err.Error() })
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}
