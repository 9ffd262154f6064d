package web

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

const (
	maxStreams   = 32                     // live connections at once
	maxEach      = maxStreams             // of one address, which gives one up where another has none: see places
	streamLife   = 15 * time.Minute       // then a reader connects anew: what was not seen to leave does not stay
	updateGap    = 500 * time.Millisecond // the shortest time between two updates of a page
	keepAlive    = 20 * time.Second
	streamPause  = 10 * time.Second // a reader that takes nothing for so long is dropped
	sessionCheck = 15 * time.Second
)

// frames holds the last rendering of each page, so that ten open phones cost
// one rendering.
type frames struct {
	mu     sync.Mutex
	byPage map[string]frame
}

type frame struct {
	seq     uint64
	regions []fragment
}

type fragment struct {
	id   string
	html string
	hash uint64
}

// frame renders the live regions of page, as a reader sees them who may change
// things: what may be done is checked when it is tried.
func (s *Server) frame(page string, v *picture.View) []fragment {
	s.frames.mu.Lock()
	defer s.frames.mu.Unlock()
	if f, ok := s.frames.byPage[page]; ok && f.seq == v.Seq {
		return f.regions
	}
	var out []fragment
	for _, g := range s.model(v, page).liveRegions() {
		h, err := g.render(s.pages, true)
		if err != nil {
			s.log.Error("region", "region", g.id, "error", err)
			continue
		}
		out = append(out, fragment{g.id, string(h), hashOf(string(h))})
	}
	if s.frames.byPage == nil {
		s.frames.byPage = map[string]frame{}
	}
	s.frames.byPage[page] = frame{v.Seq, out}
	return out
}

// stream writes server-sent events.
type stream struct {
	w  http.ResponseWriter
	rc *http.ResponseController
}

// startStream takes a place and sends the head; the request that it answers ends
// when the place is lost, free gives it back.
func (s *Server) startStream(w http.ResponseWriter, r *http.Request) (t stream, held *http.Request, free func(), ok bool) {
	// Of a HEAD nothing is ever sent, and behind a body nobody sees the reader
	// leave: such a request would hold its place until a restart.
	if r.Method != http.MethodGet || r.ContentLength != 0 {
		w.Header().Set("Allow", http.MethodGet)
		w.Header().Set("Connection", "close") // or the server waits for the body before it answers
		http.Error(w, s.texts.T("error.not_found"), http.StatusMethodNotAllowed)
		return stream{}, nil, nil, false
	}
	s.trouble.lasts(r)
	ctx, stop := context.WithTimeout(r.Context(), streamLife)
	ctx, leave, ok := s.streams.take(ctx, s.sender(r).who)
	if !ok {
		stop()
		w.Header().Set("Retry-After", "10")
		http.Error(w, s.texts.T("error.busy"), http.StatusServiceUnavailable)
		return stream{}, nil, nil, false
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no")
	return stream{w, http.NewResponseController(w)}, r.WithContext(ctx), func() { leave(); stop() }, true
}

// heavy lets some answers be made at once that are read from the records, and of
// one address a few: a guest has a budget.
func (s *Server) heavy(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, free, ok := s.reads.take(r.Context(), s.sender(r).who)
		if !ok {
			w.Header().Set("Retry-After", "1")
			s.fail(w, r, http.StatusServiceUnavailable, "error.busy")
			return
		}
		defer free()
		next(w, r)
	}
}

func (t stream) send(event string, data []byte) error {
	var b bytes.Buffer
	if event == "" {
		b.WriteString(":\n\n")
	} else {
		b.WriteString("event: " + event + "\n")
		for line := range strings.SplitSeq(string(data), "\n") {
			b.WriteString("data: " + line + "\n")
		}
		b.WriteString("\n")
	}
	if err := t.rc.SetWriteDeadline(time.Now().Add(streamPause)); err != nil {
		return err
	}
	if _, err := t.w.Write(b.Bytes()); err != nil {
		return err
	}
	return t.rc.Flush()
}

// follow calls send with each new View, at most one in updateGap, until the
// reader goes, the server stops or may answers no.
func (s *Server) follow(ctx context.Context, t stream, may func() bool, send func(*picture.View) error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	changes := s.agent.Changes(ctx)
	alive, check := time.NewTicker(keepAlive), time.NewTicker(min(sessionCheck, s.cfg.IdleTimeout/2+1))
	defer alive.Stop()
	defer check.Stop()
	for {
		if !s.update(send) {
			return
		}
		gap := time.NewTimer(updateGap)
		select {
		case <-ctx.Done():
			gap.Stop()
			return
		case <-gap.C:
		}
		for waiting := true; waiting; {
			select {
			case <-ctx.Done():
				return
			case _, ok := <-changes:
				if !ok {
					return
				}
				waiting = false
			case <-alive.C:
				if t.send("", nil) != nil {
					return
				}
			case <-check.C:
				if !may() {
					t.send("signedout", []byte("-")) //nolint:errcheck // going anyway
					return
				}
			}
		}
	}
}

// update sends the View of now; ok is false where the reader has gone.
func (s *Server) update(send func(*picture.View) error) (ok bool) {
	defer s.trouble.update()()
	v := s.agent.View()
	return send(&v) == nil
}

// events keeps an open page up to date: each event holds the regions that
// changed since the last, ready to be swapped in.
func (s *Server) events(w http.ResponseWriter, r *http.Request) {
	may := func() bool { return s.readingOpen() || s.sessions.peek(r) }
	if !may() {
		s.fail(w, r, http.StatusUnauthorized, "error.signed_out")
		return
	}
	t, r, free, ok := s.startStream(w, r)
	if !ok {
		return
	}
	defer free()
	q := r.URL.Query()
	page, revision, shown := q.Get("page"), q.Get("rev"), q.Get("seq")
	sent := map[string]uint64{}
	s.follow(r.Context(), t, may, func(v *picture.View) error {
		if revision != s.revision(v) {
			return t.send("reload", []byte("-"))
		}
		var b bytes.Buffer
		// The page was drawn from this very View: there is nothing to swap.
		known := len(sent) == 0 && shown == strconv.FormatUint(v.Seq, 10)
		for _, f := range s.frame(page, v) {
			if sent[f.id] != f.hash {
				sent[f.id] = f.hash
				if !known {
					b.WriteString(f.html)
				}
			}
		}
		if b.Len() == 0 {
			return nil
		}
		return t.send("regions", b.Bytes())
	})
}
