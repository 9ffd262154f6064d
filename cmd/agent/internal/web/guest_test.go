package web

import (
	"bufio"
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// taken is how many places are held.
func (p *places) taken() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.held)
}

// raw sends text on a connection of its own and answers the status line.
func raw(t *testing.T, address, text string) string {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(5 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// TestSmallRequestsDoNotHoldStreamsForEver: 32 of them ended live updates for
// everybody until a restart, without a PIN.
func TestSmallRequestsDoNotHoldStreamsForEver(t *testing.T) {
	x := newSite(t, nil)
	address := strings.TrimPrefix(x.url, "http://")
	for _, c := range []struct{ situation, text string }{
		{"HEAD", "HEAD /events?page=home HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"HEAD of the API", "HEAD /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n"},
		{"HEAD that closes", "HEAD /events?page=home HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"},
		{"a body", "GET /events?page=home HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\n"},
		{"a body in chunks", "GET /events?page=home HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"},
	} {
		for range 40 {
			if got := raw(t, address, c.text); !strings.Contains(got, "405") {
				t.Fatalf("%s: %s", c.situation, got)
			}
		}
	}
	for range 20 { // and leave at once
		raw(t, address, "GET /events?page=home HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
	}
	for end := time.Now().Add(5 * time.Second); x.s.streams.taken() > 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d places are held by nobody", x.s.streams.taken())
		}
	}
}

func TestPlacesAreShared(t *testing.T) {
	p := places{most: 32, each: 8}
	who := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
	var lost []context.Context
	for a := range 4 { // four addresses take all
		for range 8 {
			ctx, _, ok := p.take(t.Context(), who(a))
			if !ok {
				t.Fatal("a free place was refused")
			}
			lost = append(lost, ctx)
		}
		if _, _, ok := p.take(t.Context(), who(a)); ok {
			t.Fatal("an address holds more than its share")
		}
	}
	owner, free, ok := p.take(t.Context(), who(100))
	if !ok {
		t.Fatal("the owner is kept out by those who hold more")
	}
	gone := 0
	for _, ctx := range lost {
		if ctx.Err() != nil {
			gone++
		}
	}
	if gone != 1 || owner.Err() != nil || p.taken() != 32 {
		t.Errorf("%d lost their place, %d are held", gone, p.taken())
	}
	free()
	free()
	if p.taken() != 31 {
		t.Errorf("%d are held", p.taken())
	}
	// Everybody with one place: nobody is sent away.
	q := places{most: 2, each: 2}
	for i := range 3 {
		if _, _, ok := q.take(t.Context(), who(i)); ok != (i < 2) {
			t.Errorf("the %d. with one page: %v", i+1, ok)
		}
	}
}

// TestGuessersDoNotKeepTheOwnerOut: fifty wrong PINs from ten addresses locked
// everybody, the command line on the box too, renewed by one try a wait.
func TestGuessersDoNotKeepTheOwnerOut(t *testing.T) {
	var told []string
	x := newSite(t, func(c *Config) {
		c.Proxies = []string{"127.0.0.1"} // so that the test may say who it is
		c.Guessed = func(n int, who []netip.Addr) { told = append(told, fmt.Sprint(n, who[0])) }
	})
	try := func(from, pin string, cookies ...*http.Cookie) (int, []*http.Cookie) {
		r := httptest.NewRequestWithContext(t.Context(), "POST", x.url+"/signin", strings.NewReader("pin="+pin))
		r.RemoteAddr = "127.0.0.1:4000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if from == "box" {
			r.RemoteAddr = "[::1]:4000"
		} else {
			r.Header.Set("X-Forwarded-For", from)
		}
		for _, c := range cookies {
			r.AddCookie(c)
		}
		w := httptest.NewRecorder()
		x.s.Handler().ServeHTTP(w, r)
		return w.Code, w.Result().Cookies()
	}
	status, cookies := try("192.168.1.20", testPIN)
	if status != http.StatusSeeOther {
		t.Fatalf("the owner: %d", status)
	}
	var known *http.Cookie
	for _, c := range cookies {
		if c.Name == knownCookie {
			known = c
		}
	}
	for i := range 60 {
		try(fmt.Sprintf("192.168.1.%d", 100+i%10), "0000")
	}
	if len(told) == 0 {
		t.Error("nobody is told who guesses")
	}
	if status, _ := try("192.168.1.30", testPIN); status == http.StatusSeeOther {
		t.Error("a stranger is let try on")
	}
	began := time.Now()
	for _, c := range []struct {
		situation, from string
		cookies         []*http.Cookie
	}{
		{"from the same address", "192.168.1.20", nil}, {"on the box", "box", nil}, {"with a phone that is known, from another address", "192.168.1.31", []*http.Cookie{known}},
	} {
		if status, _ := try(c.from, testPIN, c.cookies...); status != http.StatusSeeOther {
			t.Errorf("the owner %s: %d", c.situation, status)
		}
	}
	t.Logf("three tries of the owner's took %s while the common lock was closed", time.Since(began).Round(time.Millisecond))
	forged := *known
	forged.Value = strings.Replace(known.Value, known.Value[:1], "9", 1)
	if status, _ := try("192.168.1.32", testPIN, &forged); status == http.StatusSeeOther {
		t.Error("a forged cookie is known")
	}
}

// Who guesses through a proxy on the box that nobody has named keeps the command
// line on the box from nothing.
func TestGuessingThroughAnUnnamedProxyDoesNotLockTheBox(t *testing.T) {
	x := newSite(t, nil)
	try := func(pin string, forwarded string) int {
		r := httptest.NewRequestWithContext(t.Context(), "POST", x.url+"/signin", strings.NewReader("pin="+pin))
		r.RemoteAddr = "127.0.0.1:4000"
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		w := httptest.NewRecorder()
		x.s.Handler().ServeHTTP(w, r)
		return w.Code
	}
	for i := range 30 {
		try("0000", fmt.Sprintf("9.9.9.%d", i))
	}
	if status := try(testPIN, "9.9.9.9"); status == http.StatusSeeOther {
		t.Error("a guesser through the proxy is let try on")
	}
	if status := try(testPIN, ""); status != http.StatusSeeOther {
		t.Errorf("the box is answered %d", status)
	}
}

func TestWhoSendsARequest(t *testing.T) {
	p, err := parseProxies([]string{"10.0.0.1", "10.1.0.0/16", "127.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	named, plain := &Server{shared: &shared{proxies: p}}, &Server{shared: &shared{}}
	for _, c := range []struct {
		situation string
		s         *Server
		remote    string
		header    http.Header
		who       string
		box, tls  bool
	}{
		{"a phone", plain, "192.168.1.7:1", nil, "192.168.1.7", false, false},
		{"the command line on the box", plain, "127.0.0.1:1", nil, "127.0.0.1", true, false},
		{"a proxy on the box that nobody named", plain, "127.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.7"}}, "::1%proxy", false, false},
		{"a stranger who writes headers", named, "192.168.1.7:1", http.Header{"X-Forwarded-For": {"127.0.0.1"}, "X-Forwarded-Proto": {"https"}}, "192.168.1.7", false, false},
		{"a phone behind the proxy", named, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.7"}, "X-Forwarded-Proto": {"https"}}, "192.168.1.7", false, true},
		{"a phone that writes headers behind the proxy", named, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"127.0.0.1, 192.168.1.7"}}, "192.168.1.7", false, false},
		{"behind two proxies", named, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"192.168.1.7, 10.1.2.3"}}, "192.168.1.7", false, false},
		{"a proxy that says nothing", named, "127.0.0.1:1", nil, "127.0.0.1", false, false},
		{"a proxy that says nonsense", named, "10.0.0.1:1", http.Header{"X-Forwarded-For": {"you"}}, "10.0.0.1", false, false},
	} {
		r := &http.Request{RemoteAddr: c.remote, Header: c.header}
		if r.Header == nil {
			r.Header = http.Header{}
		}
		if got := c.s.sender(r); got.who.String() != c.who || got.box != c.box || got.secure != c.tls {
			t.Errorf("%s: %+v", c.situation, got)
		}
	}
}

func TestConnectionsLeaveDescriptorsForTheRest(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if n := connections(64); n != 16 {
		t.Errorf("of 64 descriptors the page takes %d", n)
	}
	b := boundedBy(inner, 16)
	accepted := make(chan net.Conn, 400)
	go func() {
		defer close(accepted)
		for {
			c, err := b.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	}()
	var held []net.Conn
	for range 300 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		held = append(held, c)
	}
	time.Sleep(100 * time.Millisecond)
	if n := len(accepted); n != b.each {
		t.Errorf("one address holds %d connections of %d", n, b.most)
	}
	(<-accepted).Close() //nolint:errcheck // a test's
	c, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	held = append(held, c)
	time.Sleep(100 * time.Millisecond)
	if n := len(accepted); n != b.each {
		t.Errorf("a place that was given back is not given again: %d", n)
	}
	for _, c := range held {
		_ = c.Close()
	}
	_ = inner.Close()
	for c := range accepted {
		_ = c.Close()
	}
	if b.all != 0 {
		t.Errorf("%d places are held after all went", b.all)
	}
}

// secretCause is what the fake's first row tells the owner only.
const secretCause = "04123456789"

func TestGuestsDoNotLearnTheMeterNumber(t *testing.T) {
	x := newSite(t, nil)
	for _, path := range []string{"/account?by=entries", "/ledger.csv", "/api/v1/ledger"} {
		if body := x.get(path).body; strings.Contains(body, secretCause) {
			t.Errorf("%s tells a guest %q", path, secretCause)
		}
	}
	x.want(x.form("/signin", "pin", testPIN), 303)
	for _, path := range []string{"/account?by=entries", "/ledger.csv", "/api/v1/ledger"} {
		if body := x.get(path).body; !strings.Contains(body, secretCause) {
			t.Errorf("%s does not tell the owner %q", path, secretCause)
		}
	}
}

func TestPageOverTLSWithItsOwnCertificate(t *testing.T) {
	folder := filepath.Join(t.TempDir(), "data")
	x := newSite(t, func(c *Config) { c.TLS = TLS{Own: folder} })
	if x.s.tls == nil {
		t.Fatal("no TLS")
	}
	st, err := os.Stat(filepath.Join(folder, ownKey))
	if err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", st, err)
	}
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := tls.NewListener(inner, x.s.tls)
	srv := &http.Server{Handler: x.s.Handler(), ReadHeaderTimeout: time.Second}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	defer func() { _ = srv.Close(); <-done }()
	client := &http.Client{
		Transport:     &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}, //nolint:gosec // its own certificate
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	defer client.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+inner.Addr().String()+"/signin", strings.NewReader("pin="+testPIN))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if n := len(res.Cookies()); res.StatusCode != http.StatusSeeOther || n != 2 {
		t.Errorf("status %d, %d cookies", res.StatusCode, n)
	}
	for _, c := range res.Cookies() {
		if !c.Secure || !c.HttpOnly {
			t.Errorf("cookie %s: %+v", c.Name, c)
		}
	}
	again, err := TLS{Own: folder}.load() // the same one after a restart
	if err != nil || string(again.Certificates[0].Certificate[0]) != string(x.s.tls.Certificates[0].Certificate[0]) {
		t.Errorf("another certificate after a restart: %v", err)
	}
}
