package homeassistant

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/backoff"
)

// lasting is how many times the first wait between two attempts a connection lasts that does not count as
// one more failure.
const lasting = 10

// maxMessage is far more than what a few entities say.
const maxMessage = 1 << 20

// pace is how patient the switch is.
type pace struct {
	answer        time.Duration // for the connection and its beginning, and for a message to leave
	ping          time.Duration // how often Home Assistant is asked whether it is there
	silence       time.Duration // after which it is not
	first, most   time.Duration // between two attempts
	refused, long time.Duration // the same where the token is refused: Home Assistant may shut out who tries on
}

func usualPace(stale time.Duration) pace {
	return pace{
		answer: 5 * time.Second, ping: stale / 3, silence: stale, first: time.Second, most: time.Minute,
		refused: time.Minute, long: time.Hour,
	}
}

// session is a connection with Home Assistant that has let us in.
type session struct {
	conn *websocket.Conn
	wait time.Duration

	mu    sync.Mutex // one writes at a time
	id    int        // of the message that was sent last: they rise
	pings map[int]time.Time
	calls map[int]string // services that were called and not answered
}

// message is what goes both ways.
type message struct {
	ID      int             `json:"id,omitempty"`
	Type    string          `json:"type"`
	Token   string          `json:"access_token,omitempty"`
	Message string          `json:"message,omitempty"`
	Domain  string          `json:"domain,omitempty"`
	Service string          `json:"service,omitempty"`
	Data    map[string]any  `json:"service_data,omitempty"`
	Target  *target         `json:"target,omitempty"`
	IDs     []string        `json:"entity_ids,omitempty"`
	Success *bool           `json:"success,omitempty"`
	Error   *refusal        `json:"error,omitempty"`
	Event   json.RawMessage `json:"event,omitempty"`
}

type target struct {
	Entity string `json:"entity_id"`
}

type refusal struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

var (
	errRefused = errors.New("the token is refused: make a new long-lived access token on your profile page there")
	errSilent  = errors.New("it has said nothing for too long")
)

// Run implements loads.Runner: it stays connected until ctx ends.
func (s *Switch) Run(ctx context.Context) error {
	spread := rand.New(rand.NewPCG(backoff.Seed(s.doc.Entity), backoff.Seed(s.doc.URL)))
	again := backoff.Backoff{First: s.pace.first, Most: s.pace.most, Spread: spread}
	refused := backoff.Backoff{First: s.pace.refused, Most: s.pace.long, Spread: spread}
	for {
		began, err := s.connected(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		s.say(err)
		if began { // one that lets us in and then breaks at once is not asked each second for ever
			again.Reset()
			refused.Reset()
		}
		wait := again.Next
		if errors.Is(err, errRefused) {
			wait = refused.Next
		}
		timer := time.NewTimer(wait())
		select {
		case <-ctx.Done():
			timer.Stop()
			return nil
		case <-timer.C:
		}
	}
}

// say keeps what is wrong, and logs it once.
func (s *Switch) say(err error) {
	text := ""
	if err != nil {
		text = "Home Assistant: " + strings.ReplaceAll(err.Error(), s.doc.Token, "***")
	}
	s.mu.Lock()
	s.trouble = text
	was := s.complain
	s.complain = text
	s.mu.Unlock()
	switch {
	case text == was:
	case text != "" && was == "":
		s.log.Warn("homeassistant: the connection is lost", "entity", s.doc.entities(), "error", text)
	case text == "":
		s.log.Info("homeassistant: connected", "entity", s.doc.entities())
	}
}

// connected is one connection, from its beginning to its end.  began tells whether Home
// Assistant has told the entities, and went on for a while.
func (s *Switch) connected(ctx context.Context) (began bool, err error) {
	address, err := socketOf(s.doc.URL)
	if err != nil {
		return false, err
	}
	dialer := websocket.Dialer{HandshakeTimeout: s.pace.answer, NetDialContext: (&net.Dialer{Timeout: s.pace.answer}).DialContext}
	conn, answer, err := dialer.DialContext(ctx, address, nil)
	if answer != nil && answer.Body != nil {
		defer answer.Body.Close() //nolint:errcheck // it was only read
	}
	if err != nil {
		return false, err
	}
	conn.SetReadLimit(maxMessage)
	over, end := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { // so that what waits for the next message ends with ctx
		<-over.Done()
		_ = conn.Close() // it is over
	})
	defer watching.Wait()
	defer end()
	n := &session{conn: conn, wait: s.pace.answer, pings: map[int]time.Time{}, calls: map[int]string{}}
	if err := n.signIn(s.doc.Token); err != nil {
		return false, err
	}
	if err := n.send(message{Type: "subscribe_entities", IDs: s.doc.entities()}); err != nil {
		return false, err
	}
	s.mu.Lock()
	s.session, s.states, s.sure = n, map[string]entity{}, time.Time{} // what was told before says nothing any more
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.session = nil
		s.mu.Unlock()
	}()
	watching.Go(func() { n.ping(over, s.now, s.pace.ping) })
	since := time.Now()
	heard, err := s.hear(n)
	return heard && time.Since(since) >= lasting*s.pace.first, err
}

// hear takes what comes until the connection ends.  heard tells whether it told of the entities.
func (s *Switch) hear(n *session) (heard bool, err error) {
	for {
		m, err := n.read(s.pace.silence)
		if err != nil {
			return heard, err
		}
		at := s.now()
		switch m.Type {
		case "event":
			var u update
			if err := json.Unmarshal(m.Event, &u); err != nil {
				return heard, fmt.Errorf("what it says of the entities cannot be read: %w", err)
			}
			if !heard {
				heard = true
				s.say(nil)
			}
			s.take(u, at)
		case "pong":
			if asked, ok := n.pinged(m.ID); ok {
				s.mu.Lock()
				if !s.sure.IsZero() && asked.After(s.sure) { // nothing has changed by then
					s.sure = asked
				}
				s.mu.Unlock()
			}
		case "result":
			if what, ok := n.answered(m.ID); m.Success != nil && !*m.Success {
				text := "it refuses"
				if m.Error != nil {
					text = fmt.Sprintf("it refuses: %.200s (%.40s)", m.Error.Message, m.Error.Code)
				}
				if !ok {
					return heard, errors.New(text) // the entities themselves
				}
				s.log.Warn("homeassistant: a command is refused", "service", what, "error", text)
			}
		}
	}
}

// socketOf is the address of the websocket of a Home Assistant.
func socketOf(address string) (string, error) {
	u, err := url.Parse(address)
	if err != nil {
		return "", errors.New("its address cannot be read")
	}
	switch u.Scheme {
	case "http":
		u.Scheme = "ws"
	case "https":
		u.Scheme = "wss"
	}
	if !strings.HasSuffix(u.Path, "/api/websocket") {
		u.Path = strings.TrimSuffix(u.Path, "/") + "/api/websocket"
	}
	return u.String(), nil
}

// signIn is the beginning of a connection.
func (n *session) signIn(token string) error {
	for {
		m, err := n.read(n.wait)
		if err != nil {
			return err
		}
		switch m.Type {
		case "auth_required":
			n.mu.Lock()
			err := n.write(message{Type: "auth", Token: token})
			n.mu.Unlock()
			if err != nil {
				return err
			}
		case "auth_ok":
			return nil
		case "auth_invalid":
			return errRefused
		default:
			return fmt.Errorf("it begins with %.40q, which Home Assistant does not", m.Type)
		}
	}
}

func (n *session) read(patience time.Duration) (m message, err error) {
	if err := n.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return m, err
	}
	_, text, err := n.conn.ReadMessage()
	var slow net.Error
	if errors.As(err, &slow) && slow.Timeout() {
		return m, errSilent
	}
	if err != nil {
		return m, err
	}
	if err := json.Unmarshal(text, &m); err != nil {
		return m, fmt.Errorf("what it says cannot be read: %w", err)
	}
	return m, nil
}

// write sends a message; n.mu is held.
func (n *session) write(m message) error {
	if err := n.conn.SetWriteDeadline(time.Now().Add(n.wait)); err != nil {
		return err
	}
	return n.conn.WriteJSON(m)
}

// send gives a message the next number.
func (n *session) send(m message) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.id++
	m.ID = n.id
	return n.write(m)
}

// call calls a service for an entity; value is what set_value sets.
func (n *session) call(entity, service string, value any) error {
	domain, _, _ := strings.Cut(entity, ".")
	m := message{Type: "call_service", Domain: domain, Service: service, Target: &target{entity}}
	if value != nil {
		m.Data = map[string]any{"value": value}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.id++
	m.ID = n.id
	if len(n.calls) < 100 { // more are not answered at all
		n.calls[m.ID] = domain + "." + service + " of " + entity
	}
	if err := n.write(m); err != nil {
		_ = n.conn.Close() // half a message may be on its way
		return fmt.Errorf("homeassistant: %w", err)
	}
	return nil
}

// answered is the service that was called by a message.
func (n *session) answered(id int) (what string, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	what, ok = n.calls[id]
	delete(n.calls, id)
	return what, ok
}

// ping asks whether Home Assistant is there, until ctx ends.
func (n *session) ping(ctx context.Context, now func() time.Time, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		n.mu.Lock()
		n.id++
		n.pings[n.id] = now()
		err := n.write(message{ID: n.id, Type: "ping"})
		n.mu.Unlock()
		if err != nil {
			_ = n.conn.Close() // who reads hears of it
			return
		}
	}
}

// pinged is when a ping was sent.
func (n *session) pinged(id int) (at time.Time, ok bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	at, ok = n.pings[id]
	delete(n.pings, id)
	return at, ok
}
