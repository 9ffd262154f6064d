package broker

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/internal/contain"
	"github.com/keeplit/keeplit/internal/trust"
)

const (
	connectTimeout = 15 * time.Second
	ackTimeout     = 15 * time.Second
	farewell       = 2 * time.Second
)

// TLS are the files of a connection with TLS.  The zero value trusts the
// system's authorities and shows no certificate.
type TLS struct {
	CAFile            string // authorities to trust instead of the system's, PEM
	CertFile, KeyFile string // our certificate, PEM
	ServerName        string // the name the broker's certificate is for, where it is not that of the address
}

// Check reads the files as a connection will.
func (t TLS) Check() error {
	_, err := t.config("")
	return err
}

// config reads the files, anew at each connection, so that a renewed
// certificate is used without a restart.
func (t TLS) config(host string) (*tls.Config, error) {
	c, err := trust.Config(t.CAFile)
	if err != nil {
		return nil, err
	}
	c.ServerName = host
	if t.ServerName != "" {
		c.ServerName = t.ServerName
	}
	if t.CertFile != "" || t.KeyFile != "" {
		pair, err := tls.LoadX509KeyPair(t.CertFile, t.KeyFile)
		if err != nil {
			return nil, fmt.Errorf("our certificate: %w", err)
		}
		c.Certificates = []tls.Certificate{pair}
	}
	return c, nil
}

// connection is one stay with the broker.  A new client is made for each, and
// not paho's own reconnection used, for three reasons: paho sends again what
// was in flight when the connection broke, also after Publish has reported the
// failure; the message IDs of what it gives up are never used again; and its
// pauses have no chance in them.
type connection struct {
	client mqtt.Client
	lost   chan struct{} // closed when the connection is gone
	cause  error         // why; to be read once lost is closed
	once   sync.Once
}

func (c *connection) end(cause error) {
	c.once.Do(func() {
		c.cause = cause
		close(c.lost)
	})
}

// send hands a message over; wait tells what became of it.  What is sent over
// one connection arrives in order.
func (c *connection) send(topic string, qos byte, retained bool, payload []byte) (wait func(context.Context) error) {
	token := c.client.Publish(topic, qos, retained, payload)
	return func(ctx context.Context) error {
		select {
		case <-token.Done():
			if err := token.Error(); err != nil {
				return fmt.Errorf("publish %s: %w", topic, err)
			}
			return nil
		case <-c.lost:
			return fmt.Errorf("publish %s: %w: the connection was lost before the acknowledgement", topic, ErrNotConnected)
		case <-ctx.Done():
			return fmt.Errorf("publish %s: %w", topic, ctx.Err())
		}
	}
}

// once connects, serves until the connection or ctx ends, and says why it ended.
func (s *Session) once(ctx context.Context) error {
	conn, err := s.connect(ctx)
	if err != nil {
		s.update(func(st *State) {
			if st.Connected || st.Since.IsZero() {
				st.Since = time.Now()
			}
			st.Connected, st.LastError, st.Address = false, err.Error(), s.url.Redacted()
		})
		return err
	}
	s.mu.Lock()
	s.conn = conn
	s.mu.Unlock()
	s.update(func(st *State) {
		st.Connected, st.Since, st.Connects, st.Refused, st.Login, st.Address = true, time.Now(), st.Connects+1, nil, "", s.url.Redacted()
	})
	s.log.Info("connected to MQTT", "broker", s.url.Redacted())
	err = s.serve(ctx, conn)

	s.mu.Lock()
	s.conn = nil
	s.mu.Unlock()
	if ctx.Err() != nil {
		bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), farewell)
		token := conn.client.Publish(s.topics.Status(), 1, true, []byte(Offline))
		select {
		case <-token.Done():
		case <-conn.lost:
		case <-bye.Done():
		}
		cancel()
	}
	conn.client.Disconnect(250)
	conn.end(errors.New("disconnected"))
	s.update(func(st *State) {
		st.Connected, st.Since = false, time.Now()
		if err != nil {
			st.LastError = err.Error()
		}
	})
	return err
}

// Payloads of Topics.Status.
const (
	Online  = "online"
	Offline = "offline"
)

func (s *Session) connect(ctx context.Context) (*connection, error) {
	password := ""
	if s.cfg.Password != nil {
		var err error
		if password, err = s.cfg.Password(); err != nil {
			return nil, fmt.Errorf("the MQTT password: %w", err)
		}
	}
	conn, at := &connection{lost: make(chan struct{})}, s.url
	dctx, stopDialling := context.WithTimeout(ctx, connectTimeout)
	defer stopDialling()
	var cut func() bool
	o := mqtt.NewClientOptions().
		AddBroker(s.url.String()).
		SetClientID(s.cfg.ClientID).
		SetUsername(s.cfg.Username).SetPassword(password).
		SetProtocolVersion(4).
		SetCleanSession(false). // the broker keeps our subscriptions and what came meanwhile
		// In order, and safe because deliver never blocks: the other mode hands
		// messages over in goroutines of their own, which overtake each other.
		SetOrderMatters(true).
		SetAutoAckDisabled(true). // deliver sees to it
		SetAutoReconnect(false).SetConnectRetry(false).
		SetConnectTimeout(connectTimeout).
		SetWriteTimeout(10*time.Second).
		SetKeepAlive(30*time.Second).
		SetPingTimeout(10*time.Second).
		SetStore(mqtt.NewMemoryStore()).
		SetBinaryWill(s.topics.Status(), []byte(Offline), 1, true).
		SetDefaultPublishHandler(s.heard).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { conn.end(fmt.Errorf("the connection was lost: %w", lossText(err))) }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) {
			c, err := s.dial(dctx, at)
			if err != nil {
				return nil, err
			}
			cut = context.AfterFunc(dctx, func() { _ = c.Close() }) // or a silent broker would hold up our end
			return limit(c, s.topics.Most, s.tooLarge), nil
		})
	conn.client = mqtt.NewClient(o)
	token := conn.client.Connect()
	<-token.Done() // bounded by dctx
	if cut != nil {
		cut()
	}
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.url.Redacted(), connectHint(err))
	}
	return conn, nil
}

// tooLarge notes a message that was refused for its length.  The log has the
// first, the second, the fourth and so on: whoever sends them names topic and
// length, and shall not fill the disk.
func (s *Session) tooLarge(topic string, size int) {
	large := fmt.Sprintf("%.80q: %d bytes, the most is %d", topic, size, s.topics.Most(topic))
	s.update(func(st *State) {
		st.TooLarge++
		if st.TooLarge&(st.TooLarge-1) == 0 {
			s.log.Warn("an MQTT message is too large and was left out", "message", large, "times", st.TooLarge)
		}
		st.Large = large
	})
}

// lossText replaces the bare "EOF" of a broker that went away.
func lossText(err error) error {
	if errors.Is(err, io.EOF) {
		return fmt.Errorf("the broker closed it (it was stopped, or another client uses our client ID): %w", err)
	}
	return err
}

// ErrLogin says that the broker does not let the client in: by its name and password, or by its
// certificate.  To ask again mends nothing before somebody has corrected them.
var ErrLogin = errors.New("the broker refuses the login")

func connectHint(err error) error {
	var unknown x509.UnknownAuthorityError
	switch text := err.Error(); {
	case strings.Contains(text, "remote error: tls: "): // what the broker has to say of our certificate
		return fmt.Errorf("%w: %w; check our certificate, and whom the broker trusts", ErrLogin, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; give the authority's certificate as ca_file", err)
	case text == "bad user name or password" || text == "not Authorized":
		return fmt.Errorf("%w: %w; check user name, password and the broker's list of users", ErrLogin, err)
	}
	return err
}

// dial opens a connection to one of the broker's addresses.
func (s *Session) dial(ctx context.Context, at *url.URL) (net.Conn, error) {
	secure := at.Scheme != "mqtt" && at.Scheme != "tcp"
	port := at.Port()
	if port == "" {
		port = map[bool]string{false: "1883", true: "8883"}[secure]
	}
	address := net.JoinHostPort(at.Hostname(), port)
	d := net.Dialer{KeepAlive: 30 * time.Second}
	if !secure {
		return d.DialContext(ctx, "tcp", address)
	}
	config, err := s.cfg.TLS.config(at.Hostname())
	if err != nil {
		return nil, err
	}
	return (&tls.Dialer{NetDialer: &d, Config: config}).DialContext(ctx, "tcp", address)
}

// serve keeps the broker's subscriptions equal to the routes.
func (s *Session) serve(ctx context.Context, conn *connection) error {
	have := map[string]int{} // filter -> the generation subscribed
	greeted := false
	tick := time.NewTicker(orphanTick)
	defer tick.Stop()
	for {
		if err := s.reconcile(ctx, conn, have); err != nil {
			return err
		}
		if !greeted {
			greeted = true
			// Only now: who reads "online" may send a command.
			token := conn.client.Publish(s.topics.Status(), 1, true, []byte(Online))
			if err := await(ctx, conn, token); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-conn.lost:
			return conn.cause
		case <-s.kick:
		case <-tick.C:
			s.expireOrphans(time.Now())
		}
	}
}

// want is what one filter should be subscribed as.
type want struct {
	qos        byte
	generation int // rises with each new subscriber, who wants the retained messages
}

func (s *Session) wants() map[string]want {
	s.mu.Lock()
	defer s.mu.Unlock()
	w := map[string]want{}
	for _, r := range s.routes {
		w[r.filter] = want{max(w[r.filter].qos, r.qos), max(w[r.filter].generation, r.generation)}
	}
	return w
}

func (s *Session) reconcile(ctx context.Context, conn *connection, have map[string]int) error {
	wants := s.wants()
	add := map[string]byte{}
	for f, w := range wants {
		if have[f] < w.generation {
			add[f] = w.qos
		}
	}
	var gone []string
	for f := range have {
		if _, ok := wants[f]; !ok {
			gone = append(gone, f)
		}
	}
	slices.Sort(gone)
	if len(gone) > 0 {
		if err := await(ctx, conn, conn.client.Unsubscribe(gone...)); err != nil {
			return fmt.Errorf("unsubscribe: %w", err)
		}
		for _, f := range gone {
			delete(have, f)
		}
	}
	if len(add) == 0 {
		return nil
	}
	token := conn.client.SubscribeMultiple(add, nil)
	refused, err := s.awaitSuback(ctx, conn, token)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	for f := range add {
		have[f] = wants[f].generation
	}
	slices.Sort(refused)
	s.update(func(st *State) {
		st.Refused = slices.DeleteFunc(st.Refused, func(f string) bool { _, again := add[f]; return again })
		st.Refused = append(st.Refused, refused...)
		if len(refused) > 0 {
			st.LastError = fmt.Sprintf("the broker refused the subscription to %q; allow it in the broker's access list", refused)
		}
	})
	if len(refused) > 0 {
		s.log.Warn("MQTT subscriptions refused", "filters", refused)
	}
	return nil
}

// awaitSuback answers the filters that the broker refused.
func (s *Session) awaitSuback(ctx context.Context, conn *connection, token mqtt.Token) ([]string, error) {
	err := await(ctx, conn, token)
	sub, ok := token.(*mqtt.SubscribeToken)
	select {
	case <-token.Done():
	default:
		ok = false // there is no answer, and paho may still be writing one
	}
	if !ok {
		return nil, err
	}
	var refused []string
	for f, code := range sub.Result() {
		if code == 0x80 {
			refused = append(refused, f)
		}
	}
	if len(refused) > 0 {
		err = nil // paho makes an error of a refusal of all; the connection is good
	}
	return refused, err
}

// await waits for the broker's answer.
func await(ctx context.Context, conn *connection, token mqtt.Token) error {
	late := time.NewTimer(ackTimeout)
	defer late.Stop()
	select {
	case <-token.Done():
		return token.Error()
	case <-conn.lost:
		return conn.cause
	case <-ctx.Done():
		return ctx.Err()
	case <-late.C:
		return fmt.Errorf("the broker did not answer within %s", ackTimeout)
	}
}

// heard takes a message from the client's own goroutine, which must not panic.
func (s *Session) heard(_ mqtt.Client, m mqtt.Message) {
	if err := contain.Do(func() { s.deliver(m) }); err != nil {
		s.log.Error("an MQTT message could not be handed on", "topic", m.Topic(), "error", err)
	}
}
