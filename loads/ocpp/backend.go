package ocpp

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

var errRefusedLogin = errors.New("it refuses the station or its password")

// dial calls the backend as the station would.
func (f *forward) dial(ctx context.Context) (*websocket.Conn, error) {
	head := http.Header{}
	if f.to.Password != "" {
		head.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(f.st.name+":"+f.to.Password)))
	}
	d := websocket.Dialer{Subprotocols: []string{protocol}, HandshakeTimeout: 10 * time.Second, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	conn, resp, err := d.DialContext(ctx, strings.TrimSuffix(f.to.URL, "/")+"/"+f.st.name, head)
	if resp != nil && resp.Body != nil {
		_ = resp.Body.Close()
	}
	if err != nil && resp != nil && slices.Contains([]int{http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound}, resp.StatusCode) {
		return nil, fmt.Errorf("%w: %s", errRefusedLogin, resp.Status)
	}
	return conn, err
}

// backend is one connection to it.
type backend struct {
	f       *forward
	conn    *websocket.Conn
	writing sync.Mutex
	answers chan frame
	last    int
}

// session tells the backend what there is to tell, until the connection ends; nil: it is not wanted any
// more.
func (f *forward) session(ctx context.Context) error {
	conn, err := f.dial(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	pace := f.st.central.pace
	b := &backend{f: f, conn: conn, answers: make(chan frame, 1)}
	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel(nil)
	defer conn.Close() //nolint:errcheck // it is over
	defer func() { f.mu.Lock(); f.at = false; f.mu.Unlock() }()
	conn.SetReadLimit(mostFrame)
	alive := func() error { return conn.SetReadDeadline(time.Now().Add(3 * pace.Ping)) }
	if err := alive(); err != nil {
		return err
	}
	conn.SetPongHandler(func(string) error { return alive() })
	conn.SetPingHandler(func(data string) error {
		_ = conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(pace.Ping))
		return alive()
	})
	parts.Go(func() {
		err := b.reads(ctx, alive)
		cancel(err)
	})
	parts.Go(func() {
		each := time.NewTicker(pace.Ping)
		defer each.Stop()
		for {
			select {
			case <-ctx.Done():
				_ = conn.Close() // ends the reading
				return
			case <-each.C:
				_ = conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(pace.Ping))
			}
		}
	})
	return b.tells(ctx)
}

// tells introduces the station, and tells what waits, one call at a time.
func (b *backend) tells(ctx context.Context) error {
	f := b.f
	log := f.st.central.log
	f.mu.Lock()
	boot := f.boot
	f.mu.Unlock()
	if boot != nil {
		var a struct {
			Status   word `json:"status"`
			Interval word `json:"interval"`
		}
		if err := b.ask(ctx, "BootNotification", boot, &a); err != nil {
			return err
		}
		if a.Status != "Accepted" {
			return fmt.Errorf("it does not take the station: %s", a.Status)
		}
	}
	f.mu.Lock()
	f.at = true
	dropped := f.dropped
	f.dropped = 0
	f.queue = slices.DeleteFunc(f.queue, func(c passedOn) bool { return c.Action == "StatusNotification" }) // as it is now, below
	var first []passedOn
	for n := range mostStatuses {
		if s := f.statuses[n]; s != nil {
			first = append(first, passedOn{Action: "StatusNotification", Payload: s})
		}
	}
	f.mu.Unlock()
	log.Info("a station's backend is connected", "station", f.st.name, "backend", f.to.URL, "dropped", dropped)
	for _, c := range first {
		if err := b.ask(ctx, c.Action, c.Payload, &struct{}{}); err != nil && !isRefused(err) {
			return err
		}
	}
	look := time.NewTicker(f.st.central.pace.Retry)
	defer look.Stop()
	for {
		f.mu.Lock()
		more := len(f.queue) > 0
		f.mu.Unlock()
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case more:
			if err := b.next(ctx); err != nil {
				return err
			}
		case !f.wanted():
			return nil
		default:
			select {
			case <-ctx.Done():
			case <-f.wake:
			case <-look.C:
			}
		}
	}
}

func isRefused(err error) bool {
	var no *refusedError
	return errors.As(err, &no)
}

// next tells the first call of the queue, which goes once it is answered.
func (b *backend) next(ctx context.Context) error {
	f := b.f
	f.mu.Lock()
	c := f.queue[0]
	payload, known := f.numbered(c)
	f.mu.Unlock()
	log := f.st.central.log.With("station", f.st.name, "call", c.Action)
	var a struct {
		ID  word `json:"transactionId"`
		Tag struct {
			Status word `json:"status"`
		} `json:"idTagInfo"`
	}
	var err error
	if known {
		err = b.ask(ctx, c.Action, payload, &a)
	}
	if err != nil && !isRefused(err) {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	switch c.tries++; {
	case !known:
		if c.ofTransaction() {
			log.Error("the backend has no number for a transaction; its end is not told", "transaction", c.ID)
		}
		f.dropped++
	case err != nil && c.ofTransaction() && c.tries < mostTries:
		f.queue[0].tries = c.tries
		return nil // once more
	case err != nil:
		log.Warn("the backend refuses what it is told", "answer", err)
	case c.Action == "StartTransaction":
		f.ids[c.ID] = a.ID.whole()
	case c.Action == "StopTransaction":
		delete(f.ids, c.ID)
	}
	if s := a.Tag.Status; s != "" && s != "Accepted" {
		log.Info("the backend would have another answer to a card; ours holds", "answer", string(s))
	}
	f.queue = f.queue[1:]
	if c.ofTransaction() {
		f.store()
	}
	return nil
}

// numbered is a call with the backend's number of its transaction; false where it has none.
func (f *forward) numbered(c passedOn) (json.RawMessage, bool) {
	if c.ID == 0 || c.Action == "StartTransaction" {
		return c.Payload, true
	}
	theirs, ok := f.ids[c.ID]
	var m map[string]json.RawMessage
	if !ok || json.Unmarshal(c.Payload, &m) != nil {
		return nil, false
	}
	m["transactionId"] = json.RawMessage(strconv.Itoa(theirs))
	data, err := json.Marshal(m)
	return data, err == nil
}

// ask asks the backend and waits for its answer.
func (b *backend) ask(ctx context.Context, action string, payload json.RawMessage, answer any) error {
	b.last++
	id := "f" + strconv.Itoa(b.last)
	if err := b.write(frame{kind: kindCall, id: id, action: action}, payload); err != nil {
		return err
	}
	limit := time.NewTimer(b.f.st.central.pace.Call)
	defer limit.Stop()
	for {
		select {
		case f := <-b.answers:
			switch {
			case f.id != id: // one that came too late
				continue
			case f.kind == kindError:
				return &refusedError{f.code, f.text}
			}
			if err := json.Unmarshal(f.payload, answer); err != nil {
				return &refusedError{"unreadable", err.Error()}
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-limit.C:
			return fmt.Errorf("%s was not answered within %v", action, b.f.st.central.pace.Call)
		}
	}
}

func (b *backend) write(f frame, payload any) error {
	data, err := encode(f, payload)
	if err != nil {
		return err
	}
	b.writing.Lock()
	defer b.writing.Unlock()
	if err := b.conn.SetWriteDeadline(time.Now().Add(b.f.st.central.pace.Call)); err != nil {
		return err
	}
	return b.conn.WriteMessage(websocket.TextMessage, data)
}

// reads hears the backend: answers, and what it asks itself.
func (b *backend) reads(ctx context.Context, alive func() error) error {
	var asked sync.WaitGroup
	defer asked.Wait()
	busy := make(chan struct{}, 4) // it asks so many things at once at most
	for {
		kind, data, err := b.conn.ReadMessage()
		if err != nil {
			return err
		}
		if err := alive(); err != nil {
			return err
		}
		f, err := parseFrame(data)
		if kind != websocket.TextMessage || err != nil {
			continue
		}
		if f.kind != kindCall {
			select {
			case b.answers <- f:
			default: // nobody waits for so many
			}
			continue
		}
		select {
		case busy <- struct{}{}:
			asked.Go(func() {
				defer func() { <-busy }()
				answer, err := b.f.asked(ctx, f.action, f.payload)
				back := frame{kind: kindResult, id: f.id}
				var refused *refusedError
				if errors.As(err, &refused) {
					back = frame{kind: kindError, id: f.id, code: refused.code, text: refused.text}
				}
				_ = b.write(back, answer) // the reading sees that it is broken
			})
		default:
			_ = b.write(frame{kind: kindError, id: f.id, code: "GenericError", text: "one thing after the other"}, nil)
		}
	}
}
