package telemetry

import (
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/store"
)

// outbox is a real store with n points in it; those in bad carry "bad".
func outbox(t testing.TB, n int, bad ...int) (*store.Store, *store.Outbox) {
	t.Helper()
	s, err := store.Open(context.Background(), t.TempDir(), store.Options{Ballast: -1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	add(t, s, 0, n, bad...)
	return s, s.Outbox(store.Influx)
}

func add(t testing.TB, s *store.Store, from, n int, bad ...int) {
	t.Helper()
	var points []Point
	for i := from; i < from+n; i++ {
		kind := "good"
		for _, b := range bad {
			if b == i {
				kind = "bad"
			}
		}
		points = append(points, Point{"m", map[string]string{"kind": kind}, map[string]float64{"v": float64(i)}, t0.Add(time.Duration(i) * time.Second)})
	}
	rows, err := Messages(points...)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Commit(context.Background(), store.Batch{Outbox: rows}); err != nil {
		t.Fatal(err)
	}
}

func counts(t testing.TB, o *store.Outbox) store.Counts {
	t.Helper()
	c, err := o.Counts(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// server is a fake InfluxDB: answer decides, and what it took is kept.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests int
	lines    map[string]int // by line, how often it was taken
	tokens   []string
}

func fake(t testing.TB, answer func(request int, body string, w http.ResponseWriter) (taken bool)) *server {
	t.Helper()
	s := &server{lines: map[string]int{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/api/v2/write" {
			w.WriteHeader(http.StatusOK) // a page of somebody else
			return
		}
		if r.URL.Query().Get("bucket") != "db/rp" || r.URL.Query().Get("precision") != "ns" || r.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s %v", r.URL, r.Header)
		}
		z, err := gzip.NewReader(r.Body)
		if err != nil {
			return // the client was stopped meanwhile
		}
		b, err := io.ReadAll(z)
		if err != nil {
			return
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.requests++
		s.tokens = append(s.tokens, r.Header.Get("Authorization"))
		if answer(s.requests, string(b), w) {
			for l := range strings.SplitSeq(string(b), "\n") {
				s.lines[l]++
			}
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) taken() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.lines) }
func (s *server) asked() int { s.mu.Lock(); defer s.mu.Unlock(); return s.requests }

func ok(w http.ResponseWriter) bool { w.WriteHeader(http.StatusNoContent); return true }

func no(w http.ResponseWriter, status int, text string) bool {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, `{"code":"invalid","message":%q}`, text)
	return false
}

func forwarder(t testing.TB, url string, q Queue, cfg Config) *Forwarder {
	t.Helper()
	cfg.URL, cfg.Site = url, "test"
	if cfg.Bucket == "" {
		cfg.Bucket = "db/rp"
	}
	cfg.MinBackoff, cfg.MaxBackoff, cfg.Every = 5*time.Millisecond, 50*time.Millisecond, 10*time.Millisecond
	f, err := New(cfg, q)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run runs f until the answered function is called.
func run(t testing.TB, f *Forwarder) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f.Run(ctx) }()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("waited a minute for: %s", what)
		}
	}
}

func TestForwarderLosesNothing(t *testing.T) {
	const n = 100
	hasBad := func(body string) bool { return strings.Contains(body, "kind=bad") }
	for _, row := range []struct {
		name        string
		bad         []int
		answer      func(request int, body string, w http.ResponseWriter) bool
		quarantined int64
		token       string // of the last request
	}{
		{name: "server takes all", answer: func(_ int, _ string, w http.ResponseWriter) bool { return ok(w) }},
		{name: "server overloaded for a while", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 4 {
				return no(w, http.StatusServiceUnavailable, "later")
			}
			return ok(w)
		}},
		{name: "server breaks down at first", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 3 {
				return no(w, http.StatusInternalServerError, "oops")
			}
			return ok(w)
		}},
		{name: "token refused, then changed", token: "Token 2", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i == 1 {
				return no(w, http.StatusUnauthorized, "unauthorized access")
			}
			return ok(w)
		}},
		{name: "bucket missing, then made", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 3 {
				return no(w, http.StatusNotFound, "bucket not found")
			}
			return ok(w)
		}},
		{name: "some points refused by name", bad: []int{0, 41, 42, 99}, quarantined: 4, answer: func(_ int, body string, w http.ResponseWriter) bool {
			if hasBad(body) {
				return no(w, http.StatusUnprocessableEntity, "partial write: field type conflict dropped=1")
			}
			return ok(w)
		}},
		{name: "some points refused without a reason", bad: []int{50}, quarantined: 1, answer: func(_ int, body string, w http.ResponseWriter) bool {
			if hasBad(body) {
				return no(w, http.StatusBadRequest, "no")
			}
			return ok(w)
		}},
		{name: "everything refused without a reason, for a while", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 250 {
				return no(w, http.StatusBadRequest, "the plumber is in")
			}
			return ok(w)
		}},
		{name: "requests too large", answer: func(_ int, body string, w http.ResponseWriter) bool {
			if strings.Count(body, "\n") >= 10 {
				return no(w, http.StatusRequestEntityTooLarge, "too large")
			}
			return ok(w)
		}},
		{name: "a login page instead of the server", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 3 {
				_, _ = io.WriteString(w, "<html>Welcome to the Grand Hotel</html>")
				return false
			}
			return ok(w)
		}},
		{name: "sent to a login page", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 3 {
				w.Header().Set("Location", "/login")
				w.WriteHeader(http.StatusFound)
				return false
			}
			return ok(w)
		}},
		{name: "answer lost", answer: func(i int, _ string, w http.ResponseWriter) bool {
			if i < 3 {
				panic(http.ErrAbortHandler)
			}
			return ok(w)
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, o := outbox(t, n, row.bad...)
			srv := fake(t, row.answer)
			asked := 0
			f := forwarder(t, srv.URL, o, Config{Batch: 40, Token: func() (string, error) { asked++; return fmt.Sprint(asked), nil }})
			stop := run(t, f)
			eventually(t, "an empty outbox", func() bool { return counts(t, o).Pending == 0 })
			stop()
			c := counts(t, o)
			if c.Quarantined != row.quarantined || c.Sent != n-row.quarantined || int64(srv.taken()) != c.Sent {
				t.Errorf("%+v; the server took %d", c, srv.taken())
			}
			q, err := o.Quarantined(context.Background(), 10)
			if err != nil || int64(len(q)) != row.quarantined {
				t.Errorf("%v %v", q, err)
			}
			for _, m := range q {
				if !strings.Contains(string(m.Payload), "kind=bad") || m.Reason == "" {
					t.Errorf("%s was set aside: %q", m.Payload, m.Reason)
				}
			}
			if st := f.State(); !st.OK || st.LastError != "" || st.LastWrite.IsZero() || st.Written != c.Sent {
				t.Errorf("%+v", st)
			}
			if row.token != "" && srv.tokens[len(srv.tokens)-1] != row.token {
				t.Errorf("tokens %q", srv.tokens)
			}
		})
	}
}

func TestForwarderSaysWhatToDo(t *testing.T) {
	for _, row := range []struct {
		name   string
		status int
		text   string
		says   string
	}{
		{"token refused", http.StatusUnauthorized, "unauthorized access", "user:password"},
		{"bucket missing", http.StatusNotFound, "not found", `bucket "db/rp"`},
		{"all refused", http.StatusBadRequest, "no", "check that the address"},
		{"overloaded", http.StatusTooManyRequests, "later", "later"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, o := outbox(t, 3)
			srv := fake(t, func(_ int, _ string, w http.ResponseWriter) bool { return no(w, row.status, row.text) })
			f := forwarder(t, srv.URL, o, Config{Drain: time.Millisecond})
			stop := run(t, f)
			eventually(t, "the error", func() bool { return strings.Contains(f.State().LastError, row.says) })
			stop()
			if c := counts(t, o); c.Pending != 3 || f.State().OK {
				t.Errorf("%+v %+v", c, f.State())
			}
		})
	}
}

func TestForwarderAtItsEnd(t *testing.T) {
	t.Run("writes what came last", func(t *testing.T) {
		s, o := outbox(t, 1)
		srv := fake(t, func(_ int, _ string, w http.ResponseWriter) bool { return ok(w) })
		f := forwarder(t, srv.URL, o, Config{})
		f.cfg.Every = time.Hour
		stop := run(t, f)
		eventually(t, "the first write", func() bool { return counts(t, o).Sent == 1 })
		add(t, s, 1, 5)
		stop()
		if c := counts(t, o); c.Pending != 0 || srv.taken() != 6 {
			t.Errorf("%+v", c)
		}
	})
	t.Run("does not wait for a server that hangs", func(t *testing.T) {
		_, o := outbox(t, 5)
		hang := make(chan struct{})
		srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
		defer srv.Close()
		defer close(hang)
		f := forwarder(t, srv.URL, o, Config{Drain: 100 * time.Millisecond})
		stop := run(t, f)
		time.Sleep(50 * time.Millisecond)
		began := time.Now()
		stop()
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("it took %s", took)
		}
		if c := counts(t, o); c.Pending != 5 {
			t.Errorf("%+v", c)
		}
	})
}

func TestForwarderGathers(t *testing.T) {
	s, o := outbox(t, 0)
	srv := fake(t, func(_ int, _ string, w http.ResponseWriter) bool { return ok(w) })
	f := forwarder(t, srv.URL, o, Config{})
	f.cfg.Every = 300 * time.Millisecond
	run(t, f)
	for i := range 20 {
		add(t, s, i, 1)
	}
	eventually(t, "all points", func() bool { return counts(t, o).Sent == 20 })
	if n := srv.asked(); n > 5 {
		t.Errorf("%d requests for 20 points of one moment", n)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, cfg := range []Config{
		{URL: "influx.local:8086", Bucket: "b"},
		{URL: "", Bucket: "b"},
		{URL: "http://x"},
		{URL: "https://x", Bucket: "b", CAFile: "/does/not/exist"},
	} {
		if _, err := New(cfg, nil); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}
