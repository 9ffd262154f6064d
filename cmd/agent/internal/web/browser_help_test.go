package web

import (
	"context"
	"log/slog"
	"net"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/web/webtest"
)

// serve runs a server for f on a port of its own until the test ends and returns
// its address.
func serve(tb testing.TB, f *fakeAgent, set func(*Config)) string {
	tb.Helper()
	stop, address := start(tb, f, "127.0.0.1:0", set)
	tb.Cleanup(stop)
	return "http://" + address
}

// start runs a server for f at an address until it is stopped.
func start(tb testing.TB, f *fakeAgent, at string, set func(*Config)) (stop func(), address string) {
	tb.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		tb.Fatal(err)
	}
	cfg := Config{Listener: l, PINHash: testHash(), OpenReading: true}
	kept(tb, &cfg)
	if set != nil {
		set(&cfg)
	}
	s, err := New(f, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	return func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	}, l.Addr().String()
}

// clean fails where the browser complained or the page is hard to use.
func clean(t *testing.T, p *webtest.Page, where string) {
	t.Helper()
	for _, x := range p.Problems() {
		t.Errorf("%s: %s", where, x)
	}
	for _, x := range p.Check() {
		t.Errorf("%s: %s", where, x)
	}
}

// ready waits until a page that a press led to has come with its scripts.
func ready(p *webtest.Page, name string) {
	p.Wait("the page "+name, "document.body?.classList.contains('page-"+name+"') && document.readyState === 'complete'")
}

func drawn(p *webtest.Page) {
	p.Wait("the charts", "[...document.querySelectorAll('[data-chart]')].filter(c => !c.closest('[hidden], details:not([open])')).every(c => c.dataset.drawn && c.querySelector('canvas'))")
}

func signIn(p *webtest.Page, url string) {
	p.Open(url + "/signin?next=/")
	p.Type("#pin", testPIN)
	p.Click("#signin")
	ready(p, "home")
}

// counts waits until a waiting time stands in a place as it is to be, and then until it has
// run on: what it says includes the words that only a screen reader has.
func counts(p *webtest.Page, place, want string) {
	at := "document.querySelector('" + place + "')"
	p.Wait("a waiting time in "+place, "/"+want+"/.test("+at+".textContent.replace(/\\u2060/g, '').replace(/\\s+/g, ' ').trim())")
	p.Eval("window.clock = "+at+".querySelector('.clock').textContent", nil)
	p.Wait("it runs in "+place, at+".querySelector('.clock').textContent !== window.clock && "+at+".querySelector('.left').offsetWidth === 1")
}

// over lets a waiting time pass.
func over(p *webtest.Page, place string) {
	p.Eval("document.querySelector('"+place+" [data-over]').dataset.end = Date.now()", nil)
	p.See(place, "You can try again now.")
}
