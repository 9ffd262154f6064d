package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Client is a short connection to a broker that is no site's: a utility's, that sends and
// listens.  It has no will and leaves nothing behind.
type Client struct {
	client mqtt.Client
	lost   chan error // has room for the one reason
}

// Dial connects.  Of the configuration, Site names nothing but the client where ClientID
// is empty.
func Dial(ctx context.Context, cfg Config) (*Client, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	password := ""
	if cfg.Password != nil {
		if password, err = cfg.Password(); err != nil {
			return nil, fmt.Errorf("the MQTT password: %w", err)
		}
	}
	var errs []error
	for range s.urls {
		c, err := s.call(ctx, password)
		if err == nil {
			return c, nil
		}
		errs = append(errs, err)
		s.next()
	}
	return nil, errors.Join(errs...)
}

// call connects to one of the broker's addresses.
func (s *Session) call(ctx context.Context, password string) (*Client, error) {
	ctx, stop := context.WithTimeout(ctx, connectTimeout)
	defer stop()
	c := &Client{lost: make(chan error, 1)}
	o := mqtt.NewClientOptions().AddBroker(s.url.String()).SetClientID(s.cfg.ClientID).SetUsername(s.cfg.Username).SetPassword(password).
		SetProtocolVersion(4).SetCleanSession(true).SetAutoReconnect(false).SetConnectRetry(false).SetOrderMatters(false).
		SetConnectTimeout(connectTimeout).SetWriteTimeout(10 * time.Second).SetKeepAlive(30 * time.Second).
		SetConnectionLostHandler(func(_ mqtt.Client, err error) { c.lost <- fmt.Errorf("the connection was lost: %w", lossText(err)) }).
		SetCustomOpenConnectionFn(func(*url.URL, mqtt.ClientOptions) (net.Conn, error) { return s.dial(ctx, s.url) })
	c.client = mqtt.NewClient(o)
	token := c.client.Connect()
	<-token.Done() // bounded by connectTimeout
	if err := token.Error(); err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.url.Redacted(), connectHint(err))
	}
	return c, nil
}

// Publish sends with QoS 1 and returns when the broker has it.  A broker that forbids the
// topic says nothing of it: MQTT 3.1.1 has no word for that.
func (c *Client) Publish(ctx context.Context, topic string, retained bool, payload []byte) error {
	return c.done(ctx, c.client.Publish(topic, 1, retained, payload))
}

// Subscribe hands every message under filter to handler, several at once.
func (c *Client) Subscribe(ctx context.Context, filter string, handler func(topic string, payload []byte)) error {
	token := c.client.Subscribe(filter, 1, func(_ mqtt.Client, m mqtt.Message) { handler(m.Topic(), m.Payload()) })
	if err := c.done(ctx, token); err != nil {
		return err
	}
	if sub, ok := token.(*mqtt.SubscribeToken); ok && sub.Result()[filter] > 2 {
		return fmt.Errorf("the broker refuses to let %s be heard; check its access list", filter)
	}
	return nil
}

func (c *Client) done(ctx context.Context, token mqtt.Token) error {
	ctx, stop := context.WithTimeout(ctx, connectTimeout)
	defer stop()
	select {
	case <-token.Done():
		return token.Error()
	case err := <-c.lost:
		c.lost <- err
		return err
	case <-ctx.Done():
		return fmt.Errorf("the broker does not answer: %w", ctx.Err())
	}
}

// Lost has the reason when the connection is lost.
func (c *Client) Lost() <-chan error { return c.lost }

// Close ends the connection.
func (c *Client) Close() { c.client.Disconnect(250) }
