package ocpp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// session is one connection of a station.  One goroutine reads and answers what the station
// asks; another asks, one question at a time, so that an answer is never waited for where it
// would have to be read.
type session struct {
	st   *station
	conn *websocket.Conn
	wake chan struct{} // there is something to ask
	soon chan struct{} // what is to be asked next does not wait long

	writing sync.Mutex

	mu      sync.Mutex
	asked   string // the id of the question that waits; "" for none
	answers chan frame
	last    int // of the ids
}

// refusedError is an answer with an error.
type refusedError struct{ code, text string }

func (e *refusedError) Error() string { return e.code + " " + e.text }

func newSession(st *station, conn *websocket.Conn) *session {
	return &session{st: st, conn: conn, wake: make(chan struct{}, 1), soon: make(chan struct{}, 1), answers: make(chan frame, 1)}
}

// run is the session until it ends.
func (s *session) run(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer s.conn.Close() //nolint:errcheck // it is over
	pace := s.st.central.pace
	s.conn.SetReadLimit(mostFrame)
	alive := func() error { return s.conn.SetReadDeadline(time.Now().Add(3 * pace.Ping)) }
	if err := alive(); err != nil {
		return err
	}
	s.conn.SetPongHandler(func(string) error { return alive() })
	s.conn.SetPingHandler(func(data string) error {
		_ = s.conn.WriteControl(websocket.PongMessage, []byte(data), time.Now().Add(pace.Ping))
		return alive()
	})
	s.st.connected(s, cancel)
	defer s.st.disconnected(s)

	var parts sync.WaitGroup
	defer parts.Wait()
	defer cancel(nil)
	parts.Go(func() { s.work(ctx) })
	parts.Go(func() {
		for each := time.NewTicker(pace.Ping); ; {
			select {
			case <-ctx.Done():
				each.Stop()
				_ = s.conn.Close() // ends the reading
				return
			case <-each.C:
				_ = s.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(pace.Ping))
			}
		}
	})
	for {
		kind, data, err := s.conn.ReadMessage()
		if err != nil {
			if cause := context.Cause(ctx); cause != nil {
				return cause
			}
			return err
		}
		if err := alive(); err != nil {
			return err
		}
		if kind != websocket.TextMessage {
			continue
		}
		f, err := parseFrame(data)
		if err != nil {
			s.st.central.log.Debug("a station says what cannot be read", "station", s.st.name, "error", err)
			continue
		}
		if f.kind != kindCall {
			s.answered(f)
			continue
		}
		answer, err := s.st.hear(s, f.action, f.payload)
		if errors.Is(err, errReplaced) {
			return err
		}
		back := frame{kind: kindResult, id: f.id}
		var refused *refusedError
		if errors.As(err, &refused) {
			back = frame{kind: kindError, id: f.id, code: refused.code, text: refused.text}
		}
		if err := s.write(back, answer); err != nil {
			return err
		}
		s.rouse()
	}
}

// rouse has the working goroutine look what there is to do.
func (s *session) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// hasten has the question that waits give way.
func (s *session) hasten() {
	select {
	case s.soon <- struct{}{}:
	default:
	}
}

// errHastened is a question that gave way to an order to draw less.
var errHastened = errors.New("an order goes before it")

func (s *session) write(f frame, payload any) error {
	data, err := encode(f, payload)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(s.st.central.pace.Call)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, data)
}

// answered takes the answer to the question that waits; any other is too late.
func (s *session) answered(f frame) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f.id != s.asked || s.asked == "" {
		return
	}
	s.asked = ""
	s.st.heardNow(s)
	s.answers <- f // it has room: there is one question
}

// ask asks and waits for the answer; written, where not nil, is called once the question is
// out.  Where an order to draw less is due, which is not w, an answer is not waited for long.
func (s *session) ask(ctx context.Context, action string, payload, answer any, w *order, written func(error)) error {
	s.mu.Lock()
	s.last++
	id := "k" + strconv.Itoa(s.last)
	s.asked = id
	s.mu.Unlock()
	err := s.write(frame{kind: kindCall, id: id, action: action}, payload)
	if written != nil {
		written(err)
	}
	if err != nil {
		return err
	}
	limit := time.NewTimer(s.st.central.pace.Call)
	defer limit.Stop()
	late := fmt.Errorf("%s was not answered within %v", action, s.st.central.pace.Call)
	s.hasten() // an order may have come since it was last looked
	for waits := true; waits; {
		select {
		case f := <-s.answers:
			if f.kind == kindError {
				return &refusedError{f.code, f.text}
			}
			if err := json.Unmarshal(f.payload, answer); err != nil {
				return &refusedError{"unreadable", err.Error()}
			}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-s.soon:
			if !errors.Is(late, errHastened) && s.st.hastens(w) {
				late = fmt.Errorf("%s was not answered soon: %w", action, errHastened)
				limit.Reset(s.st.central.pace.Call / 6)
			}
		case <-limit.C:
			waits = false
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked == "" { // it came in this moment
		<-s.answers
	}
	s.asked = ""
	return late
}
