package web

import (
	"fmt"
	"log/slog"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestReadingAndChangingByConfiguration(t *testing.T) {
	for _, c := range []struct {
		name                  string
		set                   func(*Config)
		page, change, apiView int
	}{
		{"open reading, PIN for changes", nil, 200, 303, 200},
		{"closed reading", func(c *Config) { c.OpenReading = false }, 303, 303, 401},
		{"a demo", func(c *Config) { c.OpenChanges = true }, 200, 303, 200},
		{"no PIN", func(c *Config) { c.PINHash = "" }, 200, 303, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSite(t, c.set)
			x.want(x.get("/"), c.page)
			x.want(x.get("/api/v1/view"), c.apiView)
			a := x.form("/loads/geyser/run")
			x.want(a, c.change)
			ran, toPIN := len(x.f.called()) > 0, strings.HasPrefix(a.Header.Get("Location"), "/signin")
			if open := c.name == "a demo"; ran != open || toPIN == open {
				t.Errorf("ran %v, sent to the PIN %v", ran, toPIN)
			}
			for _, p := range []string{"/events", "/plan.json", "/history.json", "/ledger.csv", "/metrics", "/api/v1/ledger", "/api/v1/history", "/api/v1/events"} {
				if c.apiView == 401 {
					x.want(x.get(p), 401)
				}
			}
		})
	}
	if _, err := New(newFake(), Config{}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("closed reading without a PIN was accepted: nobody could read")
	}
	if _, err := New(newFake(), Config{PINHash: "2468", OpenReading: true}, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a PIN in the place of its hash was accepted")
	}
}

func TestSignIn(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenReading = false })
	a := x.get("/account?days=30")
	x.want(a, 303)
	if got := a.Header.Get("Location"); got != "/signin?next=%2Faccount%3Fdays%3D30" {
		t.Errorf("sent to %s", got)
	}
	signin := x.get("/signin")
	x.want(signin, 200)
	if strings.Contains(signin.body, "Acacia") {
		t.Error("the sign-in page names the house")
	}
	a = x.form("/signin", "pin", testPIN, "next", "/account?days=30")
	x.want(a, 303)
	if got := a.Header.Get("Location"); got != "/account?days=30" {
		t.Errorf("sent on to %s", got)
	}
	cookie := a.Header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Strict", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("cookie %q lacks %s", cookie, part)
		}
	}
	x.want(x.get("/account"), 200)
	x.want(x.form("/signout"), 303)
	x.want(x.get("/account"), 303)
	for _, next := range []string{"//evil.example", "https://evil.example/", `/\evil.example`, "evil", "/signin", "javascript:alert(1)"} {
		if got := local(next); got != "/" {
			t.Errorf("after the PIN it would go to %q for %q", got, next)
		}
	}
}

func TestGuessingAPINIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, err := newGate(testHash())
		if err != nil {
			t.Fatal(err)
		}
		home, other := addressOf("192.168.1.7:5000"), addressOf("192.168.1.8:5000")
		for i := range 4 {
			if a := g.try(home, false, "0000"); a.right || a.wait != 0 || a.left != 4-i {
				t.Errorf("try %d: %+v", i+1, a)
			}
		}
		if a := g.try(home, false, "0000"); a.wait != 30*time.Second {
			t.Errorf("fifth try: %+v", a)
		}
		if a := g.try(home, false, testPIN); a.right {
			t.Error("the right PIN was looked at while waiting: waiting can be guessed around")
		}
		if a := g.try(other, false, testPIN); !a.right {
			t.Errorf("another reader is shut out: %+v", a)
		}
		wait := 30 * time.Second
		for range 8 { // doubles up to a quarter of an hour
			time.Sleep(wait)
			a := g.try(home, false, "0000")
			if wait = min(2*wait, longestWait); a.wait != wait {
				t.Errorf("wait %s, want %s", a.wait, wait)
			}
		}
		time.Sleep(wait)
		if a := g.try(home, false, testPIN); !a.right {
			t.Errorf("after the wait: %+v", a)
		}
		if a := g.try(home, false, "0000"); a.left != 4 {
			t.Errorf("the right PIN did not clear the count: %+v", a)
		}
	})
}

func TestGuessingFromManyAddresses(t *testing.T) {
	g, err := newGate(testHash())
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	for i := range freeTriesAll {
		g.pins.count(addressOf(fmt.Sprintf("10.0.%d.%d:1", i/200, i%200)), now, false)
	}
	if a := g.try(addressOf("10.1.1.1:1"), false, testPIN); a.wait <= 0 {
		t.Errorf("fifty wrong PINs from fifty addresses, and the next is looked at at once: %+v", a)
	}
	if addressOf("[2001:db8::1]:9") != addressOf("[2001:db8::ffff]:9") {
		t.Error("one IPv6 network counts as many")
	}
	for i := range 3 * maxAddresses {
		g.pins.count(addressOf(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)), now, false)
	}
	if len(g.pins.wrong) > maxAddresses {
		t.Errorf("%d addresses are kept", len(g.pins.wrong))
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenReading = false; c.IdleTimeout = 700 * time.Millisecond })
	x.want(x.form("/signin", "pin", testPIN), 303)
	for range 4 { // pages are activity
		time.Sleep(250 * time.Millisecond)
		x.want(x.get("/"), 200)
	}
	for range 4 { // what a page fetches by itself is not
		time.Sleep(250 * time.Millisecond)
		x.get("/plan.json")
	}
	x.want(x.get("/"), 303)
}

func TestSessionsAreBounded(t *testing.T) {
	s := &sessionStore{held: map[string]heldSession{}}
	later := time.Now().Add(time.Hour)
	for i := range 3 * maxSessions {
		if err := s.Commit(fmt.Sprint(i), nil, later.Add(time.Duration(i)*time.Second)); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.held) != maxSessions {
		t.Errorf("%d sessions are kept", len(s.held))
	}
	if _, ok, _ := s.Find(fmt.Sprint(3*maxSessions - 1)); !ok {
		t.Error("the newest session is gone")
	}
}

func TestHashPIN(t *testing.T) {
	for _, bad := range []string{"", "123", "12a4", " 1234", strings.Repeat("1", 33)} {
		if _, err := HashPIN(bad); err == nil {
			t.Errorf("%q was taken as a PIN", bad)
		}
	}
	a, err := HashPIN("123456")
	if err != nil {
		t.Fatal(err)
	}
	b, err := HashPIN("123456")
	if err != nil || a == b {
		t.Errorf("the same PIN twice has the same hash %s, %v", a, err)
	}
	h, err := parsePINHash(a)
	if err != nil {
		t.Fatal(err)
	}
	if !h.matches("123456") || h.matches("123457") {
		t.Error("the hash does not tell right from wrong")
	}
	for _, bad := range []string{"x", "$argon2i$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=99999999,t=2,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", "$argon2id$v=19$m=19456,t=0,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5", a[:len(a)-30]} {
		if _, err := parsePINHash(bad); err == nil {
			t.Errorf("%q was taken as a hash", bad)
		}
	}
}

// FuzzLocal: whatever a link says, the way on after the PIN stays on this site.
func FuzzLocal(f *testing.F) {
	for _, s := range []string{"/", "/account?days=7", "//evil.example", "https://evil.example/", "/\\evil", "/%2f%2fevil", "/a\r\nSet-Cookie: x", "", "/signin?next=/"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, next string) {
		got := local(next)
		base, err := url.Parse("http://keeplit.local/signin")
		if err != nil {
			t.Fatal(err)
		}
		u, err := base.Parse(got)
		if err != nil || u.Host != "keeplit.local" || u.Scheme != "http" || u.Path == "/signin" || strings.ContainsAny(got, "\\\r\n") {
			t.Errorf("%q leads to %q (%v, %v)", next, got, u, err)
		}
	})
}

// FuzzPINHash: no text makes the parser fail other than by its error, or take a
// cost that a small board cannot bear.
func FuzzPINHash(f *testing.F) {
	f.Add("$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHRzYWx0c2E$a2V5a2V5a2V5a2V5a2V5a2V5a2V5")
	f.Add("$argon2id$v=19$m=4294967295,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePINHash(s)
		if err == nil && (h.memory > 256*1024 || h.time > 32 || h.threads < 1 || len(h.key) < 16) {
			t.Errorf("%q was taken: %+v", s, h)
		}
	})
}

// A check takes 19 MiB, and whoever guesses has it made again and again: none of it lies about
// when it is over.
func TestACheckOfThePINLeavesNoMemoryLyingAbout(t *testing.T) {
	text, err := HashPIN("4711")
	if err != nil {
		t.Fatal(err)
	}
	hash, err := parsePINHash(text)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	if hash.matches("0815") {
		t.Error("a wrong PIN is right")
	}
	runtime.ReadMemStats(&after)
	if more := int64(after.HeapAlloc) - int64(before.HeapAlloc); more > 4<<20 {
		t.Errorf("%d KiB more than before", more>>10)
	}
}
