package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/internal/backoff"
)

// ErrNotConnected is the error of Publish while there is no connection.
var ErrNotConnected = errors.New("not connected to the MQTT broker")

// Config are the choices of a Session.
type Config struct {
	// URL is the broker: mqtt://host:1883, or mqtts://host:8883 with TLS.
	URL string
	// Others are further addresses of it, where it is a cluster: one that does not answer, or
	// loses the connection, is left for the next.  A site begins at one that is drawn from its
	// client ID, so that a fleet is spread over them.
	Others []string
	// Site names the topics (NewTopics) and, where ClientID is empty, the
	// client: "keeplit-<site>".  Two sessions must not share a client ID.
	Site     string
	ClientID string
	// Username and Password; Password is asked at each connection, so that a
	// changed file is used without a restart.  nil is none.
	Username string
	Password func() (string, error)
	TLS      TLS
	// MinBackoff and MaxBackoff bound the pause before the next attempt to
	// connect; zero is 1 s and 60 s.  The pause doubles, and half of it is
	// chance, so that a fleet does not come back all at once.
	MinBackoff, MaxBackoff time.Duration
	// Spread is over how long the first attempt after a connection that was lost is drawn, besides that
	// pause; zero is none.
	Spread time.Duration
	// MinRefused and MaxRefused bound it where the broker refuses the login (ErrLogin);
	// zero is 1 min and 1 h.  That mends itself seldom, and a fleet with a wrong password
	// that asks each minute keeps everybody else out.
	MinRefused, MaxRefused time.Duration
	Log                    *slog.Logger
}

// State is how the session is.
type State struct {
	Connected bool
	Address   string    // of the broker that is connected, or was tried last
	Since     time.Time // when that began; the zero time before the first attempt ended
	LastError string    // the reason of the last failure to connect, loss, or refusal; "" where there was none yet
	Login     string    // why the broker refuses the login, and when it is tried again; "" where it does not
	Connects  int64     // connections made
	Refused   []string  // filters the broker refused; messages under them do not come
	Received  int64     // messages that came in
	Dropped   int64     // QoS 0 messages given up because a handler did not keep up
	Retained  int64     // retained commands ignored
	Unclaimed int64     // messages nobody had subscribed to, left from an earlier configuration
	TooLarge  int64     // messages refused for their length
	Large     string    // the last of them: its topic and length
	Failing   string    // why a handler cannot take its message now; "" where none fails
}

// Session is the agent's one connection to the broker, over all the times it is
// lost and made again.
type Session struct {
	cfg    Config
	urls   []*url.URL
	url    *url.URL // of urls; only Run changes it
	topics Topics
	log    *slog.Logger
	rand   *rand.Rand // only Run uses it
	kick   chan struct{}

	mu      sync.Mutex
	state   State
	changed chan struct{} // closed and replaced when state changes
	conn    *connection   // nil while not connected
	routes  []*route
	orphans []orphan
	start   func(*route) // starts a route's worker; nil while Run does not run
}

// New checks cfg and answers a session that Run will connect.
func New(cfg Config) (*Session, error) {
	var urls []*url.URL
	for _, text := range append([]string{cfg.URL}, cfg.Others...) {
		u, err := addressOf(text, cfg.TLS)
		if err != nil {
			return nil, err
		}
		urls = append(urls, u)
	}
	if cfg.Site == "" {
		return nil, errors.New("an MQTT session needs the site's name")
	}
	if cfg.ClientID == "" {
		cfg.ClientID = "keeplit-" + Level(cfg.Site)
	}
	if cfg.MinBackoff <= 0 {
		cfg.MinBackoff = time.Second
	}
	if cfg.MaxBackoff <= 0 {
		cfg.MaxBackoff = time.Minute
	}
	if cfg.MinRefused <= 0 {
		cfg.MinRefused = time.Minute
	}
	if cfg.MaxRefused <= 0 {
		cfg.MaxRefused = time.Hour
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	first := backoff.Seed(cfg.ClientID) % uint64(len(urls))
	return &Session{
		cfg: cfg, urls: urls, url: urls[first], topics: NewTopics(cfg.Site), log: cfg.Log,
		rand: rand.New(rand.NewPCG(backoff.Seed(cfg.ClientID), 1)), kick: make(chan struct{}, 1), changed: make(chan struct{}),
	}, nil
}

// addressOf reads the address of a broker.
func addressOf(text string, t TLS) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("%q is not the address of an MQTT broker; write it like mqtt://192.168.1.10:1883", text)
	}
	switch u.Scheme {
	case "mqtt", "tcp":
		if t != (TLS{}) {
			return nil, fmt.Errorf("%q does not use TLS although certificates are given; write mqtts://", text)
		}
	case "mqtts", "ssl", "tls":
	default:
		return nil, fmt.Errorf("%q: the scheme %q is not known; write mqtt:// or mqtts://", text, u.Scheme)
	}
	if u.User != nil {
		return nil, errors.New("the broker's address holds a user name; give user and password by their own settings, so that they are not printed with the address")
	}
	return u, nil
}

// next goes on to the next of the broker's addresses.
func (s *Session) next() {
	s.url = s.urls[(slices.Index(s.urls, s.url)+1)%len(s.urls)]
}

// Topics are the site's topics.
func (s *Session) Topics() Topics { return s.topics }

// Connects is how many connections have been made.
func (s *Session) Connects() int64 { return s.State().Connects }

// State is the session's state now.
func (s *Session) State() State {
	s.mu.Lock()
	defer s.mu.Unlock()
	st := s.state
	st.Refused = append([]string(nil), st.Refused...)
	return st
}

// Changed is closed when State next changes its connection, its refusals or
// its failing handler.
func (s *Session) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

// update changes the state and tells those who wait for it.
func (s *Session) update(f func(*State)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
	close(s.changed)
	s.changed = make(chan struct{})
}

// Publish sends one message and waits until it got there: for QoS 0 until it is
// written to the connection, for QoS 1 until the broker has acknowledged it.
// After an error it may have got there or not, and is not sent again.  A broker
// that denies the topic acknowledges all the same: MQTT 3.1.1 has no other way.
func (s *Session) Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error {
	if !checkTopic(topic) {
		return fmt.Errorf("%q is not a topic that can be published to", topic)
	}
	if qos > 1 {
		return fmt.Errorf("publish %s: QoS %d is not used here; take 0 or 1", topic, qos)
	}
	conn, err := s.current()
	if err != nil {
		return fmt.Errorf("publish %s: %w", topic, err)
	}
	return conn.send(topic, qos, retained, payload)(ctx)
}

// current is the connection that stands now.
func (s *Session) current() (*connection, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == nil {
		if last := s.state.LastError; last != "" {
			return nil, fmt.Errorf("%w (%s)", ErrNotConnected, last)
		}
		return nil, ErrNotConnected
	}
	return s.conn, nil
}

// Run connects and stays connected until ctx ends; then it says that the site
// is offline, disconnects, and returns nil when all its goroutines have ended.
// Messages that handlers have not taken by then come again at the next start.
func (s *Session) Run(ctx context.Context) error {
	var workers sync.WaitGroup
	defer workers.Wait()
	wctx, stopWorkers := context.WithCancel(ctx)
	defer stopWorkers()
	s.mu.Lock()
	if s.start != nil {
		s.mu.Unlock()
		return errors.New("the MQTT session runs already")
	}
	s.start = func(r *route) { workers.Go(func() { r.work(wctx, s) }) }
	for _, r := range s.routes {
		s.start(r)
	}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.start = nil
		s.mu.Unlock()
	}()

	pause := backoff.Backoff{First: s.cfg.MinBackoff, Most: s.cfg.MaxBackoff, Spread: s.rand}
	refused := backoff.Backoff{First: s.cfg.MinRefused, Most: s.cfg.MaxRefused, Spread: s.rand}
	for ctx.Err() == nil {
		began, connects := time.Now(), s.Connects()
		err := s.once(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := time.Duration(0)
		if errors.Is(err, ErrLogin) {
			wait = refused.Next()
			s.update(func(st *State) { st.Login = fmt.Sprintf("%v; it is tried again in %s", err, about(wait)) })
		} else {
			if time.Since(began) > 2*s.cfg.MaxBackoff { // it stood for a while: this is a new trouble
				pause.Reset()
			}
			refused.Reset()
			wait = pause.Next()
			if s.cfg.Spread > 0 && s.Connects() > connects { // it was lost, and so were others at the same time
				wait += time.Duration(s.rand.Int64N(int64(s.cfg.Spread)))
			}
			s.update(func(st *State) { st.Login = "" })
		}
		s.log.Warn("MQTT connection", "broker", s.url.Redacted(), "error", err, "again_in", about(wait))
		s.next()
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}

// about is a wait as people are told it.
func about(wait time.Duration) time.Duration {
	if wait < time.Minute {
		return wait.Round(time.Second)
	}
	return wait.Round(time.Minute)
}
