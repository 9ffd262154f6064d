package httpmeter

import (
	"context"
	"errors"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/values"
)

// follow hears a websocket until ctx ends, and opens it again when it breaks or is
// silent.
func (m *Meter) follow(ctx context.Context, emit func(metering.Reading)) error {
	again := backoff.Backoff{First: 100 * time.Millisecond, Most: time.Minute, Spread: line.SpreadOf(redacted(m.cfg.URL))}
	for {
		heard, err := m.session(ctx, emit)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // the end, not a failure
		}
		if heard {
			again.Reset()
		}
		emit(metering.Reading{Err: m.hidden(err)})
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(again.Next()):
		}
	}
}

// session is one connection.  heard tells whether a reading came of it.
func (m *Meter) session(ctx context.Context, emit func(metering.Reading)) (heard bool, err error) {
	op := "hear " + redacted(m.cfg.URL)
	conn, err := m.dial(ctx, op)
	if err != nil {
		return false, err
	}
	patience := 3 * max(m.cfg.Every, m.cfg.Timeout) // for a message
	messages, broken := make(chan []byte), make(chan error, 1)
	var reading sync.WaitGroup
	over, end := context.WithCancel(ctx)
	defer reading.Wait()
	defer end()
	defer conn.Close() //nolint:errcheck // it is over
	reading.Go(func() { broken <- hear(over, conn, patience, messages) })
	for _, text := range m.cfg.Send {
		if err := conn.SetWriteDeadline(time.Now().Add(m.cfg.Timeout)); err != nil {
			return false, m.lost(op, err, patience)
		}
		if err := conn.WriteMessage(websocket.TextMessage, []byte(text)); err != nil {
			return false, m.lost(op, err, patience)
		}
	}
	m.reader.Forget()
	began := m.cfg.Now()
	var gathered <-chan time.Time // when what was told is one reading; nil: nothing was
	for {
		var r metering.Reading
		ok := true
		select {
		case <-ctx.Done():
			return heard, ctx.Err()
		case err := <-broken:
			return heard, m.lost(op, err, patience)
		case <-gathered:
			gathered = nil
			r, ok = m.reader.Reading(began, m.cfg.Now())
		case body := <-messages:
			message, err := values.Decode(op, body)
			if err == nil {
				err = m.reader.Take("", message, m.cfg.Now())
			}
			if err == nil {
				if gathered == nil {
					gathered = time.After(values.Gathering)
				}
				continue
			}
			r = metering.Reading{Err: m.hidden(err)}
		}
		if ok && ctx.Err() == nil {
			heard = heard || r.Err == nil
			emit(r)
		}
	}
}

// dial opens the websocket.
func (m *Meter) dial(ctx context.Context, op string) (*websocket.Conn, error) {
	q := &http.Request{Header: http.Header{}}
	m.signIn(q)
	d := websocket.Dialer{HandshakeTimeout: m.cfg.Timeout, TLSClientConfig: m.cfg.TLS, NetDialContext: (&net.Dialer{Timeout: m.cfg.Timeout}).DialContext}
	conn, answer, err := d.DialContext(ctx, m.cfg.URL, q.Header)
	if answer != nil {
		defer answer.Body.Close() //nolint:errcheck // it was only read
	}
	switch {
	case errors.Is(err, websocket.ErrBadHandshake) && answer != nil && answer.StatusCode != http.StatusOK:
		return nil, status(op, answer)
	case errors.Is(err, websocket.ErrBadHandshake):
		return nil, metering.Fail(metering.UnknownReply, op, "check the path in meter.http.url", "no websocket is there")
	case err != nil:
		return nil, m.failed(op, err)
	}
	conn.SetReadLimit(maxAnswer)
	return conn, nil
}

// hear hands on what comes until that breaks or ctx ends.
func hear(ctx context.Context, conn *websocket.Conn, patience time.Duration, messages chan<- []byte) error {
	for {
		if err := conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		_, body, err := conn.ReadMessage()
		if err != nil {
			return err
		}
		select {
		case messages <- body:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// lost names what ended a connection.
func (m *Meter) lost(op string, err error, patience time.Duration) error {
	var slow net.Error
	switch {
	case errors.As(err, &slow) && slow.Timeout():
		return metering.Fail(metering.Silent, op, "check that the device sends by itself, or has to be told to by meter.http.send", "nothing came for %v", patience)
	case errors.Is(err, websocket.ErrReadLimit):
		return metering.Fail(metering.UnknownReply, op, "check the address", "a message is longer than %d bytes", maxAnswer)
	}
	return &metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "look whether the meter restarts, and who else is connected: many take few clients"}
}
