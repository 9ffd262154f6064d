package web

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
	"github.com/keeplit/keeplit/internal/fault"
)

// What is wrong with a configuration in a browser: in three languages, as it changes, until an agent answers.
func TestBrowserShowsAWrongConfiguration(t *testing.T) {
	t.Parallel()
	b := webtest.Start(t)
	var now atomic.Pointer[Mistakes]
	both := &Mistakes{File: "/etc/keeplit/keeplit.yaml", Faults: fault.List{
		{Line: 12, Path: "site.zone", Problem: `"Johannesburg" is not a time zone`, Remedy: "write an IANA name such as Africa/Johannesburg"},
		{Line: 161, Path: "tokens.openpaygo.key", Problem: "a secret must not stand in the configuration", Remedy: "write {file: PATH} or {env: NAME}, and keep the secret out of this file"},
		{Path: "", Problem: "something without a place", Remedy: ""},
	}}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := l.Addr().String()
	h, err := NewHalted(func() Mistakes { return *now.Load() }, Config{Listener: l}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()

	// The refusal itself is told by the browser too.
	refused := func(p *webtest.Page, where string) {
		for _, x := range p.Problems() {
			if !strings.Contains(x, "503") {
				t.Errorf("%s: %s", where, x)
			}
		}
		for _, x := range p.Check() {
			t.Errorf("%s: %s", where, x)
		}
	}
	now.Store(both)
	for _, s := range []webtest.Screen{webtest.Phone(), webtest.Phone().InDark(), webtest.Desktop(), webtest.Desktop().InDark(), {Width: 320, Height: 640, Phone: true}} {
		p := b.Page(t, s)
		langs := []string{"en"}
		if s == webtest.Phone() {
			langs = []string{"de", "ar", "en"}
		}
		for _, lang := range langs {
			p.Open("http://" + at + "/language/" + lang + "?back=/")
			p.Wait("the page in "+lang, "document.documentElement.lang === '"+lang+"' && document.querySelectorAll('.faults li').length === 3")
			p.Screenshot("wrong-"+lang+"-"+s.Name(), true)
			refused(p, lang+" "+s.Name())
		}
		p.See("#wrong", "The configuration has 3 faults")
		p.See("#wrong", "Line 12 · site.zone")
	}

	// Some are put right: the page says so without being asked. Then all are: the agent's own page comes.
	p := b.Page(t, webtest.Phone())
	p.Open("http://" + at + "/topup")
	p.Wait("a first look", "document.getElementById('wrong').dataset.last")
	now.Store(&Mistakes{File: both.File, Faults: both.Faults[:1]})
	p.See("#wrong", "The configuration has a fault")
	refused(p, "mended")
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	stop, _ := start(t, newFake(), at, nil)
	defer stop()
	ready(p, "topup")
}

// Whatever is asked, in whatever way, nothing is taken and nothing but the faults is told.
func TestNothingIsTakenWhileTheConfigurationIsWrong(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h, err := NewHalted(func() Mistakes { return Mistakes{Faults: fault.List{{Problem: "it is empty"}}} }, Config{Listener: l, PINHash: testHash()}, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	defer func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	for _, asked := range []string{
		"GET /", "GET /account", "POST /topup", "POST /loads/geyser/run", "GET /events", "GET /metrics", "GET /api/v1/view",
		"POST /api/v1/topup", "POST /api/v1/loads/geyser/run", "GET /healthz", "POST /signin",
	} {
		method, path, _ := strings.Cut(asked, " ")
		r, err := http.NewRequestWithContext(t.Context(), method, "http://"+l.Addr().String()+path, strings.NewReader(`{"token":"123456789"}`))
		if err != nil {
			t.Fatal(err)
		}
		a, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		a.Body.Close()
		if a.StatusCode != http.StatusServiceUnavailable {
			t.Errorf("%s: %s", asked, a.Status)
		}
	}
}
