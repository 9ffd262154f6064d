package web

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// troubled is a house whose picture fails or hangs.
type troubled struct {
	Agent
	fail atomic.Bool
	hang atomic.Pointer[chan struct{}]
}

func (a *troubled) View() picture.View {
	if a.fail.Load() {
		panic("the picture's fault")
	}
	if c := a.hang.Load(); c != nil {
		<-*c
	}
	return a.Agent.View()
}

func TestAnAnswerThatFailsOrHangsIsTold(t *testing.T) {
	a := &troubled{Agent: newFake()}
	s, err := New(a, Config{OpenReading: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s.Handler())
	defer ts.Close()
	get := func(path string) {
		if r, err := http.Get(ts.URL + path); err == nil { //nolint:noctx // ended by the server
			_ = r.Body.Close()
		}
	}
	get("/")
	if f := s.Fault(time.Minute, time.Minute); f != "" {
		t.Errorf("a sound page: %q", f)
	}
	a.fail.Store(true)
	get("/")
	a.fail.Store(false)
	if f := s.Fault(time.Minute, time.Minute); !strings.Contains(f, "trouble_test.go") || !strings.Contains(f, "the picture's fault") {
		t.Errorf("after a panic: %q", f)
	}
	if f := s.Fault(time.Minute, 0); f != "" {
		t.Errorf("long after a panic: %q", f)
	}
	for path, want := range map[string]string{"/account": "GET /account is not answered", "/events?page=home": "a live connection is not answered"} {
		over := make(chan struct{})
		a.hang.Store(&over)
		done := make(chan struct{})
		go func() { get(path); close(done) }()
		told := ""
		// An answer before it may end a little after its reader has it.
		for end := time.Now().Add(5 * time.Second); !strings.HasPrefix(told, want) && time.Now().Before(end); time.Sleep(time.Millisecond) {
			told = s.Fault(10*time.Millisecond, 0)
		}
		if !strings.HasPrefix(told, want) {
			t.Errorf("%s hangs: %q", path, told)
		}
		a.hang.Store(nil)
		close(over)
		<-done
		// A live connection that waits hangs not; what is answered ends a little later.
		for end := time.Now().Add(5 * time.Second); told != "" && time.Now().Before(end); time.Sleep(time.Millisecond) {
			told = s.Fault(10*time.Millisecond, 0)
		}
		if told != "" {
			t.Errorf("%s is answered again: %q", path, told)
		}
	}
}
