package web

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// trouble knows which requests are under way and what failed last: a panic ends one
// answer, and one that hangs cannot be ended, but both are to be told.
type trouble struct {
	mu       sync.Mutex
	answers  map[*underWay]bool
	failure  string
	failedAt time.Time
}

// underWay is an answer that is being made.
type underWay struct {
	path  string
	began time.Time
}

type underWayKey struct{}

// begin notes that a request is being answered; the request that it returns is to be handled.
func (t *trouble) begin(r *http.Request) (held *http.Request, answered func()) {
	a := t.add(r.Method + " " + r.URL.Path)
	return r.WithContext(context.WithValue(r.Context(), underWayKey{}, a)), func() { t.end(a) }
}

// update notes that a live connection is being told something.
func (t *trouble) update() (told func()) {
	a := t.add("a live connection")
	return func() { t.end(a) }
}

func (t *trouble) add(path string) *underWay {
	a := &underWay{path: path, began: time.Now()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.answers == nil {
		t.answers = map[*underWay]bool{}
	}
	t.answers[a] = true
	return a
}

func (t *trouble) end(a *underWay) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.answers, a)
}

// lasts notes that an answer lasts as long as its reader stays.
func (t *trouble) lasts(r *http.Request) {
	if a, ok := r.Context().Value(underWayKey{}).(*underWay); ok {
		t.end(a)
	}
}

func (t *trouble) failed(cause string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failure, t.failedAt = cause, time.Now()
}

// Fault is what is wrong with the page, empty where nothing is: an answer that has taken
// longer than stuck, or a panic that is not longer ago than well.  What a reader makes an
// answer wait for is bounded by the server's time-outs.
func (s *Server) Fault(stuck, well time.Duration) string {
	t := &s.trouble
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	var oldest *underWay
	for a := range t.answers {
		if now.Sub(a.began) > stuck && (oldest == nil || a.began.Before(oldest.began)) {
			oldest = a
		}
	}
	switch {
	case oldest != nil:
		path := oldest.path
		if len(path) > 60 {
			path = path[:60] + "..."
		}
		return path + " is not answered; if that stays, restart the agent"
	case t.failure != "" && now.Sub(t.failedAt) < well:
		return t.failure
	}
	return ""
}
