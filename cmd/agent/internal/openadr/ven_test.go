package openadr

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/openadr/vtn"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// home is the site of the tests.
type home struct {
	mu     sync.Mutex
	lists  []policy.List
	now    time.Time // zero: the machine's
	shares []string
	fails  error
	stands []string // nil: all of the list taken last
}

func (h *home) Standing() []string {
	if h.stands != nil {
		return h.stands
	}
	return h.got()
}

func (h *home) Take(_ context.Context, l policy.List) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lists = append(h.lists, l)
	return h.fails
}

func (h *home) Now() time.Time {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.now.IsZero() {
		return time.Now()
	}
	return h.now
}

func (h *home) Shares(report string) bool { return slices.Contains(h.shares, report) }

func (h *home) Used(_ context.Context, from, to time.Time) (Used, error) {
	return Used{KWh: to.Sub(from).Hours(), Covered: to.Sub(from)}, nil
}

func (h *home) Expects(_ context.Context, from, to time.Time) ([3]float64, bool) {
	x := to.Sub(from).Hours()
	return [3]float64{x, 2 * x, 3 * x}, to.Before(h.Now().Add(30 * time.Hour))
}

func (h *home) Sheds(time.Time, time.Time) (float64, bool) { return 2.5, true }

// got are the ids of the list taken last.
func (h *home) got() (ids []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.lists) > 0 {
		for _, e := range h.lists[len(h.lists)-1].Events {
			ids = append(ids, idOf(e))
		}
	}
	return ids
}

func (h *home) taken() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.lists)
}

// aVEN is a VEN at a server.
func aVEN(t *testing.T, change func(*Config)) (*VEN, *vtn.VTN, *home, *httptest.Server) {
	t.Helper()
	server := vtn.New()
	at := httptest.NewServer(server)
	t.Cleanup(at.Close)
	h := &home{shares: []string{Usage, UsageForecast, LoadShed}}
	cfg := Config{
		URL: at.URL + "/openadr3/3.1.1", ClientID: "home-12", Secret: func() (string, error) { return "s3cret", nil }, Program: "residential", VEN: "home-12",
		Poll: 20 * time.Millisecond, File: filepath.Join(t.TempDir(), "openadr.json"), Log: slog.New(slog.DiscardHandler),
	}
	if change != nil {
		change(&cfg)
	}
	v, err := New(cfg, h, nil)
	must(t, err)
	v.pace = pace{first: time.Millisecond, most: 20 * time.Millisecond, refused: 40 * time.Millisecond, atLeast: time.Millisecond, programs: time.Hour, within: time.Minute}
	return v, server, h, at
}

func event(kind string, value any) vtn.Object {
	return vtn.Object{
		"intervalPeriod": vtn.Object{"start": "0001-01-01", "duration": "PT1H"},
		"intervals":      []any{vtn.Object{"id": 0, "payloads": []any{vtn.Object{"type": kind, "values": []any{value}}}}},
	}
}

func TestAVENRegistersAndReadsAllPages(t *testing.T) {
	v, server, h, _ := aVEN(t, nil)
	for range 120 {
		server.Put(event("SIMPLE", 1))
	}
	other := event("SIMPLE", 1)
	other["programID"] = "p-2"
	server.Put(other)
	must(t, v.once(t.Context()))
	must(t, v.once(t.Context()))
	if got := h.got(); len(got) != 120 || slices.Contains(got, "event-121") {
		t.Errorf("%d events", len(got))
	}
	if vens := server.VENs(); len(vens) != 1 || vens[0]["venName"] != "home-12" || v.id != "ven-1" {
		t.Errorf("%v", vens)
	}
	if server.Same() != 3 {
		t.Errorf("%d pages of three had not changed", server.Same())
	}
	if got := h.lists[0].Programs["p-1"]; len(got) != 1 || got[0].Currency != "ZAR" {
		t.Errorf("the program's descriptors: %+v", got)
	}
	again, _, _, _ := aVEN(t, func(c *Config) { c.URL = v.cfg.URL })
	must(t, again.once(t.Context()))
	if len(server.VENs()) != 1 {
		t.Error("a restart makes another ven")
	}
	if n := server.Calls("POST /openadr3/3.1.1/auth/token"); n != 2 {
		t.Errorf("%d tokens for two starts", n)
	}
	wrong, _, h2, _ := aVEN(t, func(c *Config) { c.URL, c.Program = v.cfg.URL, "commercial" })
	if err := wrong.once(t.Context()); err == nil || !strings.Contains(err.Error(), `"residential"`) || h2.taken() > 0 {
		t.Errorf("another program: %v", err)
	}
}

// What a server answers that is not as it should be hands on nothing: the list before stays,
// and a limit's heartbeat is not heard.
func TestWhatAServerAnswersWrongIsNoList(t *testing.T) {
	v, server, h, _ := aVEN(t, nil)
	id := server.Put(event("SIMPLE", 2))
	must(t, v.once(t.Context()))
	events := func(do func(w http.ResponseWriter)) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, "/events") {
				return false
			}
			do(w)
			return true
		}
	}
	for situation, c := range map[string]struct {
		do    func(w http.ResponseWriter)
		says  string
		after time.Duration
	}{
		"busy": {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "90"); w.WriteHeader(429) }, "429", 90 * time.Second},
		"down until": {func(w http.ResponseWriter) {
			w.Header().Set("Retry-After", time.Now().Add(10*time.Minute).UTC().Format(http.TimeFormat))
			w.WriteHeader(503)
		}, "503", 10 * time.Minute},
		"down for ever":     {func(w http.ResponseWriter) { w.Header().Set("Retry-After", "99999999"); w.WriteHeader(503) }, "503", mostWait},
		"down":              {func(w http.ResponseWriter) { w.WriteHeader(500) }, "500", 0},
		"too long":          {func(w http.ResponseWriter) { fmt.Fprintf(w, "[%s]", strings.Repeat(`"x",`, mostAnswer)) }, "longer than", 0},
		"no list":           {func(w http.ResponseWriter) { fmt.Fprint(w, `{"events": []}`) }, "no list", 0},
		"half of it":        {func(w http.ResponseWriter) { fmt.Fprint(w, `[{"id": "x"`) }, "no list", 0},
		"a page of a hotel": {func(w http.ResponseWriter) { fmt.Fprint(w, "<html>") }, "no list", 0},
		"nothing":           {func(http.ResponseWriter) {}, "no list", 0},
		"elsewhere":         {func(w http.ResponseWriter) { w.Header().Set("Location", "http://203.0.113.1/"); w.WriteHeader(302) }, "302", 0},
		"cut off":           {func(w http.ResponseWriter) { panic(http.ErrAbortHandler) }, "EOF", 0},
	} {
		server.Before(events(c.do))
		err := v.once(t.Context())
		var s *StatusError
		if err == nil || !strings.Contains(err.Error(), c.says) || h.taken() != 1 {
			t.Errorf("%s: %v; %d lists were taken", situation, err, h.taken())
		}
		if c.after > 0 && (!asStatus(err, &s) || s.After < c.after-2*time.Second || s.After > c.after) {
			t.Errorf("%s: it is to be left alone for %+v", situation, s)
		}
	}
	// An event that is not listed while it is there is there.
	server.Before(events(func(w http.ResponseWriter) { fmt.Fprint(w, `[]`) }))
	must(t, v.once(t.Context()))
	if got := h.got(); !slices.Equal(got, []string{id}) {
		t.Errorf("a page that moved: %q", got)
	}
	server.Delete(id)
	must(t, v.once(t.Context()))
	if got := h.got(); len(got) != 0 {
		t.Errorf("deleted: %q", got)
	}
}

// What did something before a restart is asked for by itself, too, and so is what a list that is
// longer than is read does not show; what is of another program is not.
func TestWhatDoesSomethingIsAskedForByItself(t *testing.T) {
	v, server, h, _ := aVEN(t, nil)
	for range 3 * mostObjects {
		server.Put(event("SIMPLE", 1))
	}
	last := server.Put(event("SIMPLE", 2))
	other := event("SIMPLE", 1)
	other["programID"] = "p-2"
	h.stands = []string{last, server.Put(other), "event-9999"}
	must(t, v.once(t.Context()))
	if got := h.got(); len(got) != mostObjects+1 || got[mostObjects] != last {
		t.Errorf("%d events, the last of them %q", len(got), got[len(got)-1])
	}
}

// A server that says each word late is not heard, and said to be so, long before it has
// finished.
func TestAServerIsNotWaitedForWithoutEnd(t *testing.T) {
	v, server, h, _ := aVEN(t, nil)
	v.pace.within = 200 * time.Millisecond
	n := 0
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/events") {
			return false
		}
		time.Sleep(50 * time.Millisecond)
		n++
		fmt.Fprintf(w, `[{"id":"e-%d"}%s]`, n, strings.Repeat(`,{"id":"e"}`, pageSize))
		return true
	})
	if err := v.once(t.Context()); !errors.Is(err, context.DeadlineExceeded) || h.taken() > 0 {
		t.Errorf("%v; %d lists are taken", err, h.taken())
	}
}

// A server that repeats what it was sent has no secret written down.
func TestNoSecretIsInWhatAServerSays(t *testing.T) {
	v, server, _, _ := aVEN(t, func(c *Config) { c.Secret = func() (string, error) { return "s3cret", nil } })
	must(t, v.once(t.Context()))
	token := v.client.token
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		body, _ := io.ReadAll(r.Body)
		w.WriteHeader(418)
		fmt.Fprintf(w, `{"detail": %q}`, "you sent "+r.Header.Get("Authorization")+" "+string(body))
		return true
	})
	for range 2 {
		err := v.once(t.Context())
		if err == nil || !strings.Contains(err.Error(), "you sent") || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%v", err)
		}
		v.client.token = ""
	}
}

// Whoever may write to the server's broker has the agent ask often for a while, and no more.
func TestMessagesWithoutNewsAreListenedToLessAndLess(t *testing.T) {
	v, server, h, _ := aVEN(t, func(c *Config) { c.Poll, c.Notify = 400*time.Millisecond, true })
	server.Broker = "mqtt://127.0.0.1:1"
	ctx, stop := context.WithCancel(t.Context())
	v.listen = func(ctx context.Context, _, _, _ string, _ []string, f func()) error {
		for ctx.Err() == nil {
			f()
			time.Sleep(100 * time.Microsecond)
		}
		return nil
	}
	done := make(chan error, 1)
	go func() { done <- v.Run(ctx) }()
	for deadline := time.Now().Add(10 * time.Second); h.taken() < 1 && time.Now().Before(deadline); {
		time.Sleep(time.Millisecond)
	}
	time.Sleep(800 * time.Millisecond)
	if n := h.taken(); n > 14 {
		t.Errorf("asked %d times within two polls", n)
	}
	server.Put(event("SIMPLE", 1)) // news has it listen again
	for deadline := time.Now().Add(10 * time.Second); len(h.got()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the event is not heard of")
		}
	}
	stop()
	must(t, <-done)
}

func asStatus(err error, s **StatusError) bool {
	for ; err != nil; err = unwrap(err) {
		if x, ok := err.(*StatusError); ok { //nolint:errorlint // that is what it looks for
			*s = x
			return true
		}
	}
	return false
}

func unwrap(err error) error {
	u, ok := err.(interface{ Unwrap() error }) //nolint:errorlint // of one
	if !ok {
		return nil
	}
	return u.Unwrap()
}

func TestATokenIsFetchedAnew(t *testing.T) {
	v, server, h, at := aVEN(t, nil)
	must(t, v.once(t.Context()))
	server.Expire()
	must(t, v.once(t.Context()))
	if n := server.Calls("POST /openadr3/3.1.1/auth/token"); n != 2 || h.taken() != 2 {
		t.Errorf("%d tokens, %d lists", n, h.taken())
	}
	// A server that knows no token of its own is asked twice, and no more.
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/events") {
			w.WriteHeader(401)
			return true
		}
		return false
	})
	before := server.Calls("GET /openadr3/3.1.1/events")
	if err := v.once(t.Context()); !refuses(err) || server.Calls("GET /openadr3/3.1.1/events") != before+2 {
		t.Errorf("%v after %d", err, server.Calls("GET /openadr3/3.1.1/events")-before)
	}
	wrong, _, _, _ := aVEN(t, func(c *Config) {
		c.URL = at.URL + "/openadr3/3.1.1"
		c.Secret = func() (string, error) { return "guess", nil }
	})
	server.Before(nil)
	if err := wrong.once(t.Context()); !refuses(err) || strings.Contains(err.Error(), "guess") {
		t.Errorf("a wrong secret: %v", err)
	}
	// The secret goes to no machine that the server names.
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/auth/server") {
			fmt.Fprint(w, `{"tokenURL": "http://203.0.113.9/token"}`)
			return true
		}
		return false
	})
	fresh, _, _, _ := aVEN(t, func(c *Config) { c.URL = at.URL + "/openadr3/3.1.1" })
	if err := fresh.once(t.Context()); err == nil || !strings.Contains(err.Error(), "openadr.token_url") {
		t.Errorf("a token elsewhere: %v", err)
	}
}

// A VEN at work: it polls, a message of the broker has it poll at once, a server that is away
// is asked again, and one that refuses is left alone.
func TestAVENGoesOn(t *testing.T) {
	heard := make(chan func(), 1)
	v, server, h, _ := aVEN(t, func(c *Config) { c.Poll, c.Notify = time.Minute, true })
	server.Broker = "mqtt://127.0.0.1:1"
	v.listen = func(ctx context.Context, at, user, password string, topics []string, f func()) error {
		if at != "mqtt://127.0.0.1:1" || user != "" || password != "" || len(topics) != 3 || topics[0] != "vtn/programs/p-1/events/create" {
			t.Errorf("it listens to %s %q %q %q", at, user, password, topics)
		}
		select {
		case heard <- f:
		case <-ctx.Done():
		}
		<-ctx.Done()
		return nil
	}
	v.cfg.Poll = time.Hour
	server.Before(func(w http.ResponseWriter, r *http.Request) bool {
		if h.taken() == 0 && server.Calls("GET /openadr3/3.1.1/events") < 4 && strings.HasSuffix(r.URL.Path, "/events") && !strings.Contains(r.URL.Path, "notifiers") {
			w.WriteHeader(503)
			return true
		}
		return false
	})
	v.rand = nil
	v.rand = seeded()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	v.cfg.Poll = 30 * time.Millisecond // the first comes soon
	go func() { done <- v.Run(ctx) }()
	f := <-heard
	n := h.taken()
	for range 50 {
		f()
	}
	for deadline := time.Now().Add(10 * time.Second); h.taken() < n+3; {
		if time.Now().After(deadline) {
			t.Fatalf("%d lists", h.taken())
		}
		time.Sleep(time.Millisecond)
	}
	if st := v.State(); !st.OK {
		t.Errorf("%+v", st)
	}
	stop()
	must(t, <-done)
}
