package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// site is a server under test with a client that keeps cookies and follows no
// redirect.
type site struct {
	t   *testing.T
	f   *fakeAgent
	s   *Server
	url string
	c   *http.Client
}

func newSite(t *testing.T, set func(*Config)) *site {
	t.Helper()
	cfg := Config{PINHash: testHash(), OpenReading: true}
	if set != nil {
		set(&cfg)
	}
	f := newFake()
	s, err := New(f, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	ts := httptest.NewServer(s.Handler())
	t.Cleanup(ts.Close)
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := ts.Client()
	c.Jar = jar
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &site{t, f, s, ts.URL, c}
}

type answer struct {
	*http.Response
	body string
}

func (x *site) do(method, path string, body string, head ...string) answer {
	x.t.Helper()
	r, err := http.NewRequestWithContext(x.t.Context(), method, x.url+path, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	for i := 0; i+1 < len(head); i += 2 {
		if head[i] == "Host" {
			r.Host = head[i+1]
		}
		r.Header.Set(head[i], head[i+1])
	}
	res, err := x.c.Do(r)
	if err != nil {
		x.t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		x.t.Fatal(err)
	}
	return answer{res, string(b)}
}

func (x *site) get(path string, head ...string) answer { return x.do("GET", path, "", head...) }

func (x *site) form(path string, pairs ...string) answer {
	v := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		v.Set(pairs[i], pairs[i+1])
	}
	return x.do("POST", path, v.Encode(), "Content-Type", "application/x-www-form-urlencoded")
}

func (x *site) json(path string, in any, head ...string) answer {
	b, err := json.Marshal(in)
	if err != nil {
		x.t.Fatal(err)
	}
	return x.do("POST", path, string(b), append([]string{"Content-Type", "application/json"}, head...)...)
}

func (x *site) want(a answer, status int, holds ...string) {
	x.t.Helper()
	if a.StatusCode != status {
		x.t.Errorf("%s %s: status %d, want %d: %.200s", a.Request.Method, a.Request.URL.Path, a.StatusCode, status, a.body)
	}
	for _, h := range holds {
		if !strings.Contains(a.body, h) {
			x.t.Errorf("%s %s: %q is not in %.600s", a.Request.Method, a.Request.URL.Path, h, a.body)
		}
	}
}

func TestEveryAnswerCarriesTheSecurityHeaders(t *testing.T) {
	x := newSite(t, nil)
	for _, p := range []string{"/", "/topup", "/nothing", "/healthz", "/api/v1/view", "/assets/0/app.css", "/signin"} {
		a := x.get(p)
		csp := a.Header.Get("Content-Security-Policy")
		if !strings.HasPrefix(csp, "default-src 'none'") || strings.Contains(csp, "unsafe") {
			t.Errorf("%s: policy %q", p, csp)
		}
		for _, h := range []string{"X-Content-Type-Options", "X-Frame-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy"} {
			if a.Header.Get(h) == "" {
				t.Errorf("%s: no %s", p, h)
			}
		}
	}
}

func TestPagesHoldNoInlineScriptOrStyle(t *testing.T) {
	x := newSite(t, nil)
	inline := regexp.MustCompile(`(?i)<style|\sstyle=|\son[a-z]+=|<script(?:[^>]*)>[^<]|javascript:|https?://`)
	for _, p := range []string{"/", "/topup", "/account", "/system", "/signin", "/nothing"} {
		body := strings.ReplaceAll(x.get(p).body, "http://192.168.1.20:8086", "") // the fake's own InfluxDB
		if m := inline.FindString(body); m != "" {
			t.Errorf("%s: %q", p, m)
		}
	}
}

func TestForeignRequestsAreRefused(t *testing.T) {
	x := newSite(t, func(c *Config) { c.OpenChanges = true; c.Hosts = []string{"keeplit.example.org"} })
	for _, c := range []struct {
		name, method string
		head         []string
		status       int
	}{
		{"a form of our own page", "POST", []string{"Sec-Fetch-Site", "same-origin"}, 303},
		{"a form of another page", "POST", []string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"an old browser's form of another page", "POST", []string{"Origin", "http://evil.example"}, 403},
		{"no browser", "POST", nil, 303},
		{"our address", "GET", []string{"Host", "192.168.1.5:8080"}, 404},
		{"an IPv6 address", "GET", []string{"Host", "[fd00::1]:8080"}, 404},
		{"a name in the house", "GET", []string{"Host", "keeplit.local:8080"}, 404},
		{"the router's name", "GET", []string{"Host", "keeplit"}, 404},
		{"a configured name", "GET", []string{"Host", "keeplit.example.org"}, 404},
		{"a foreign name pointed here", "GET", []string{"Host", "evil.example:8080"}, 421},
		{"a name that only ends like ours", "GET", []string{"Host", "evillocal.example"}, 421},
	} {
		t.Run(c.name, func(t *testing.T) {
			x.want(x.do(c.method, "/loads/geyser/skip", "", c.head...), c.status)
		})
	}
}

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
		const home, other = "192.168.1.7:5000", "192.168.1.8:5000"
		for i := range 4 {
			if a := g.try(home, "0000"); a.right || a.wait != 0 || a.left != 4-i {
				t.Errorf("try %d: %+v", i+1, a)
			}
		}
		if a := g.try(home, "0000"); a.wait != 30*time.Second {
			t.Errorf("fifth try: %+v", a)
		}
		if a := g.try(home, testPIN); a.right {
			t.Error("the right PIN was looked at while waiting: waiting can be guessed around")
		}
		if a := g.try(other, testPIN); !a.right {
			t.Errorf("another reader is shut out: %+v", a)
		}
		wait := 30 * time.Second
		for range 8 { // doubles up to a quarter of an hour
			time.Sleep(wait)
			a := g.try(home, "0000")
			if wait = min(2*wait, longestWait); a.wait != wait {
				t.Errorf("wait %s, want %s", a.wait, wait)
			}
		}
		time.Sleep(wait)
		if a := g.try(home, testPIN); !a.right {
			t.Errorf("after the wait: %+v", a)
		}
		if a := g.try(home, "0000"); a.left != 4 {
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
		g.count(addressOf(fmt.Sprintf("10.0.%d.%d:1", i/200, i%200)), now)
	}
	if a := g.try("10.1.1.1:1", testPIN); a.wait <= 0 {
		t.Errorf("fifty wrong PINs from fifty addresses, and the next is looked at at once: %+v", a)
	}
	if addressOf("[2001:db8::1]:9") != addressOf("[2001:db8::ffff]:9") {
		t.Error("one IPv6 network counts as many")
	}
	for i := range 3 * maxAddresses {
		g.count(addressOf(fmt.Sprintf("10.%d.%d.%d:1", i>>16, i>>8&255, i&255)), now)
	}
	if len(g.wrong) > maxAddresses {
		t.Errorf("%d addresses are kept", len(g.wrong))
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

func TestAssetsAreKeptForEverAndPacked(t *testing.T) {
	x := newSite(t, nil)
	page := x.get("/").body
	found := regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`).FindAllStringSubmatch(page, -1)
	if len(found) < 7 {
		t.Fatalf("only %d assets on the page", len(found))
	}
	for _, m := range found {
		plain, packed := x.get(m[1], "Accept-Encoding", "identity"), x.get(m[1], "Accept-Encoding", "br, gzip;q=0.8")
		x.want(plain, 200)
		if c := plain.Header.Get("Cache-Control"); !strings.Contains(c, "immutable") {
			t.Errorf("%s: %s", m[1], c)
		}
		if packed.Header.Get("Content-Encoding") != "gzip" {
			t.Errorf("%s is not packed", m[1])
			continue
		}
		z, err := gzip.NewReader(strings.NewReader(packed.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(z)
		if err != nil || string(b) != plain.body {
			t.Errorf("%s: packed and plain differ (%v)", m[1], err)
		}
	}
	x.want(x.get("/assets/000000000000/app.css"), 404)
	if a := x.get("/", "Accept-Encoding", "gzip;q=0"); a.Header.Get("Content-Encoding") != "" {
		t.Error("packed for a reader that refuses it")
	}
	x.want(x.get("/manifest.webmanifest"), 200, `"start_url":"/"`)
}

func TestVendoredFilesAreUnchanged(t *testing.T) {
	sums, err := embedded.ReadFile("assets/vendor/SHA256SUMS")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("sha256sum", "-c", "--strict", "-")
	cmd.Dir = "assets/vendor"
	cmd.Stdin = bytes.NewReader(sums)
	if out, err := cmd.CombinedOutput(); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			t.Skip("no sha256sum here")
		}
		t.Errorf("%v: %s", err, out)
	}
}

func TestEveryTextIsThereAndUsed(t *testing.T) {
	c, err := loadCatalogue("en")
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, dir := range []string{"templates"} {
		files, err := embedded.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			b, err := embedded.ReadFile(path.Join(dir, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			all.Write(b)
		}
	}
	for _, m := range regexp.MustCompile(`\{\{(?:[^{}]*?[ (])?(tn?) "([^"]+)"`).FindAllStringSubmatch(all.String(), -1) {
		key := m[2]
		if m[1] == "tn" {
			key += ".other"
		}
		if !c.Has(key) {
			t.Errorf("the pages use the text %q, which is not there", key)
		}
	}
	for _, keys := range [][]string{
		{"supply.", "connected", "disconnected", "ready", "unknown", "unswitched"},
		{"cause.", string(ByCredit), string(ByOverload), string(ByUtility), string(ByTamper), string(ByCustomer), string(ByFault), string(ByMeterSilent)},
		{"load.state.", string(LoadOff), string(LoadWaiting), string(LoadRunning), string(LoadDone), string(LoadSkipped), string(LoadShed), string(LoadFault)},
		{"severity.", string(Info), string(Caution), string(Critical)},
		{"fresh.", string(Fresh), string(Stale), string(Silent), string(Never)},
		{"load.override.", string(OverrideRun), string(OverrideSkip)},
	} {
		for _, k := range keys[1:] {
			if !c.Has(keys[0] + k) {
				t.Errorf("no text %s%s", keys[0], k)
			}
		}
	}
	for k, v := range c.texts {
		if strings.TrimSpace(v) == "" {
			t.Errorf("text %s is empty", k)
		}
		if one, ok := strings.CutSuffix(k, ".one"); ok && !c.Has(one+".other") {
			t.Errorf("text %s has no .other", k)
		}
	}
}

func TestPagesAreMadeOfKnownTexts(t *testing.T) {
	x := newSite(t, nil)
	x.f.v.Credit.Emergency = Emergency{State: EmergencyInUse, Amount: 1, Left: 1, Owed: 1}
	key := regexp.MustCompile(`>\s*[a-z_]+\.[a-z_.]+\s*<`)
	brace := regexp.MustCompile(`>[^<]*\{[a-z]+\}[^<]*<`)
	for _, p := range []string{"/", "/topup", "/account", "/system", "/signin"} {
		body := x.get(p).body
		if m := key.FindString(body); m != "" {
			t.Errorf("%s shows the key %s", p, m)
		}
		if m := brace.FindString(body); m != "" {
			t.Errorf("%s shows an unfilled text %s", p, m)
		}
	}
}

func TestLedgerPagesAndCSV(t *testing.T) {
	x := newSite(t, nil)
	first := x.get("/account")
	x.want(first, 200, "no. 3120", "no. 3096", "before=3096")
	if strings.Contains(first.body, "no. 3095") {
		t.Error("the first page holds more than 25 rows")
	}
	x.want(x.get("/account?before=3096"), 200, "no. 3095", "no. 3071", "Newest entries")
	last := x.get("/account?before=3056")
	x.want(last, 200, "no. 3051")
	if strings.Contains(last.body, "Older entries") {
		t.Error("the last page offers an older one")
	}
	x.f.rows[3].Cause = "=cmd|' /C calc'!A0"
	a := x.get("/ledger.csv")
	x.want(a, 200)
	if got := a.Header.Get("Content-Disposition"); got != `attachment; filename="ledger-2026-11-22.csv"` {
		t.Error(got)
	}
	rows, err := csv.NewReader(strings.NewReader(a.body)).ReadAll()
	if err != nil || len(rows) != 71 {
		t.Fatalf("%d lines, %v", len(rows), err)
	}
	if got := strings.Join(rows[1], "|"); got != "3120|2026-11-22T14:00:30Z|2026-11-22 16:00:30|energy|-1.370000|183.427100|ZAR|0.520000|Standard, block 1" {
		t.Error(got)
	}
	if got := rows[4][8]; got != "'=cmd|' /C calc'!A0" {
		t.Errorf("a spreadsheet would run %q", got)
	}
	x.f.mu.Lock()
	x.f.ledger = errors.New("disk")
	x.f.mu.Unlock()
	x.want(x.get("/account"), 200, "The statement cannot be read now")
	x.want(x.get("/api/v1/ledger"), 503)
}

func TestHistoryByTheHourAndTheDay(t *testing.T) {
	x := newSite(t, nil)
	var d struct {
		Labels []string
		KWh    []float64
		Gap    []bool
	}
	for _, c := range []struct {
		days        string
		n           int
		first, last string
	}{{"1", 24, "17:00", "16:00"}, {"7", 7, "Mon 16", "Sun 22"}, {"30", 30, "Sat 24", "Sun 22"}} {
		a := x.get("/history.json?days=" + c.days)
		if err := json.Unmarshal([]byte(a.body), &d); err != nil {
			t.Fatal(err)
		}
		if len(d.Labels) != c.n || d.Labels[0] != c.first || d.Labels[c.n-1] != c.last {
			t.Errorf("%s days: %d bars from %q to %q", c.days, len(d.Labels), d.Labels[0], d.Labels[len(d.Labels)-1])
		}
		if c.days == "7" && !d.Gap[4] {
			t.Error("the gap of Friday is not shown")
		}
	}
}

func TestHistoryOverASummerTimeChange(t *testing.T) {
	paris, err := time.LoadLocation("Europe/Paris")
	if err != nil {
		t.Skip(err)
	}
	x := newSite(t, nil)
	x.f.v.Zone, x.f.v.At = paris, time.Date(2026, 10, 26, 12, 0, 0, 0, time.UTC)
	v := x.f.View()
	h, err := x.s.history(t.Context(), x.s.model(&v, "account"), 7)
	if err != nil {
		t.Fatal(err)
	}
	var labels []string
	for _, b := range h.Bars {
		labels = append(labels, b.Label)
	}
	if got := strings.Join(labels, " "); got != "Tue 20 Wed 21 Thu 22 Fri 23 Sat 24 Sun 25 Mon 26" {
		t.Error(got)
	}
	if d := h.Bars[6].Start.Sub(h.Bars[5].Start); d != 25*time.Hour {
		t.Errorf("Sunday the 25th has %s", d)
	}
}

func TestAPI(t *testing.T) {
	x := newSite(t, nil)
	bearer := []string{"Authorization", "Bearer " + testPIN}

	var v struct {
		Unit   string
		Credit struct{ Balance string }
		RunOut struct{ Hours float64 } `json:"run_out"`
		Loads  []struct{ ID string }
	}
	a := x.get("/api/v1/view")
	if err := json.Unmarshal([]byte(a.body), &v); err != nil {
		t.Fatal(err)
	}
	if v.Unit != "ZAR" || v.Credit.Balance != "183.427100" || v.RunOut.Hours != 99.55 || len(v.Loads) != 4 {
		t.Errorf("%+v", v)
	}

	token := map[string]string{"token": "1082 3475-9102 9384 7561"}
	x.want(x.json("/api/v1/topup", token), 401, "pin_needed")
	x.want(x.json("/api/v1/topup", token, "Authorization", "Bearer 0000"), 401, "pin_wrong")
	x.want(x.json("/api/v1/topup", token, bearer...), 200, `"outcome":"accepted"`, `"amount":"150.000000"`, `"balance":"333.427100"`)
	x.want(x.json("/api/v1/topup", token, bearer...), 409, `"outcome":"already_used"`)
	x.want(x.json("/api/v1/topup", map[string]string{"token": wrongToken}, bearer...), 422, `"outcome":"wrong"`, `"tries_left":4`)
	x.want(x.json("/api/v1/topup", map[string]string{"tokn": "1"}, bearer...), 400)
	x.want(x.do("POST", "/api/v1/topup", `{"token":"`+strings.Repeat("1", 5000)+`"}`, bearer...), 400)

	r, err := http.NewRequestWithContext(t.Context(), "POST", x.url+"/api/v1/loads/geyser/run", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.SetBasicAuth("anyone", testPIN)
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != 204 {
		t.Errorf("basic authentication: %d", res.StatusCode)
	}
	x.want(x.json("/api/v1/loads/nothing/run", nil, bearer...), 404, "unknown")
	x.want(x.json("/api/v1/loads/geyser/explode", nil, bearer...), 404)
	x.want(x.json("/api/v1/loads/geyser/auto", nil, bearer...), 204)
	x.want(x.json("/api/v1/emergency/accept", nil, bearer...), 204)
	x.want(x.json("/api/v1/supply/reconnect", nil, bearer...), 204)
	x.want(x.json("/api/v1/warnings/influx-unreachable/seen", nil, bearer...), 204)
	x.f.mu.Lock()
	x.f.fail = &Refusal{Reason: "Not now."}
	x.f.mu.Unlock()
	x.want(x.json("/api/v1/loads/geyser/run", nil, bearer...), 409, "Not now.")

	x.want(x.get("/api/v1/ledger?before=3100&n=2"), 200, `"seq":3099`, `"seq":3098`)
	x.want(x.get("/api/v1/ledger?n=501"), 400)
	x.want(x.get("/api/v1/history?from=2026-11-20T00:00:00Z&to=2026-11-20T01:00:00Z"), 200, `"start":"2026-11-20T00:30:00Z"`, `"seconds":1800`)
	x.want(x.get("/api/v1/history?from=yesterday"), 400)
	x.want(x.get("/api/v1/nothing"), 404, `"code":"not_found"`)

	want := []string{"topup " + goodToken + " api", "topup " + goodToken + " api", "topup " + wrongToken + " api", "run geyser", "run nothing", "auto geyser", "emergency", "reconnect", "seen influx-unreachable", "run geyser"}
	if got := x.f.called(); !slices.Equal(got, want) {
		t.Errorf("the agent was asked:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestAPIEvents(t *testing.T) {
	x := newSite(t, nil)
	ctx, stop := context.WithTimeout(t.Context(), 10*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	seen := make(chan string)
	go func() {
		defer close(seen)
		b := make([]byte, 1<<20)
		for {
			n, err := res.Body.Read(b)
			if n > 0 {
				seen <- string(b[:n])
			}
			if err != nil {
				return
			}
		}
	}()
	if got := <-seen; !strings.Contains(got, "event: view\ndata: {\"seq\":1,") {
		t.Errorf("%.100s", got)
	}
	x.f.change(func(v *View) { v.Power.Power = units.FromW(77) })
	if got := <-seen; !strings.Contains(got, `"power":{"w":77`) {
		t.Errorf("%.300s", got)
	}
	stop()
	for range seen {
	}
}

func TestTooManyStreamsAreRefusedAndOneFreedIsGiven(t *testing.T) {
	x := newSite(t, nil)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	open := func(ctx context.Context) int {
		r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/events?page=home", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := x.c.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		context.AfterFunc(ctx, func() { res.Body.Close() })
		return res.StatusCode
	}
	for range maxStreams {
		if got := open(ctx); got != 200 {
			t.Fatalf("status %d", got)
		}
	}
	if got := open(ctx); got != 503 {
		t.Errorf("one more than %d streams: status %d", maxStreams, got)
	}
	stop()
	for range 100 {
		if len(x.s.streams) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d streams are held after their readers went", len(x.s.streams))
}

func TestMetrics(t *testing.T) {
	x := newSite(t, nil)
	a := x.get("/metrics")
	x.want(a, 200, "keeplit_power_watts 1342\n", `keeplit_balance{unit="ZAR"} 183.4271`, "keeplit_run_out_hours 99.55\n",
		"keeplit_plan_age_seconds 450\n", "keeplit_solve_seconds 0.041\n", `keeplit_warnings{severity="info"} 1`, `keeplit_load_power_watts{load="pool"} 742`)
	line := regexp.MustCompile(`^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"]*"\})? -?[0-9.e+]+)$`)
	for _, l := range strings.Split(strings.TrimSpace(a.body), "\n") {
		if !line.MatchString(l) {
			t.Errorf("not the Prometheus format: %s", l)
		}
	}
}

func TestHealth(t *testing.T) {
	x := newSite(t, nil)
	x.want(x.get("/healthz"), 200, "ok")
	x.s.lastNews.Store(time.Now().Add(-stallAfter - time.Second).UnixNano())
	x.want(x.get("/healthz"), 503, "silent for 3m1s")
}

func TestTopUpWithoutScriptKeepsTheTokenWhenThePINIsWrong(t *testing.T) {
	x := newSite(t, nil)
	a := x.form("/topup", "token", "1082 3475 9102 9384 7561", "pin", "0000")
	x.want(a, 422, `value="1082 3475 9102 9384 7561"`, "That PIN is wrong")
	if got := x.f.called(); len(got) != 0 {
		t.Errorf("the agent was asked: %v", got)
	}
	a = x.form("/topup", "token", "1082 3475 9102 9384 7561", "pin", testPIN)
	x.want(a, 303)
	x.want(x.get("/topup"), 200, "Accepted: &#43;R\u00a0150.00")
	if strings.Contains(x.get("/topup").body, "Accepted") {
		t.Error("the answer is shown twice")
	}
}

func TestTextsFromTheAgentAreEscaped(t *testing.T) {
	x := newSite(t, nil)
	const evil = `<img src=x onerror=alert(1)>"'`
	x.f.v.Site, x.f.v.Loads[0].Name, x.f.v.Loads[0].Why = evil, evil, evil
	x.f.v.Warnings[0] = Warning{Code: evil, Severity: Critical, Title: evil, Cause: evil, Remedy: evil}
	x.f.rows[0].Cause, x.f.rows[0].Kind = evil, evil
	for _, p := range []string{"/", "/account", "/system", "/account?before=" + url.QueryEscape(evil), "/signin?next=/" + url.QueryEscape(evil)} {
		if a := x.get(p); strings.Contains(a.body, "<img") || a.StatusCode != 200 {
			t.Errorf("%s: %d, a text became markup", p, a.StatusCode)
		}
	}
	ctx, stop := context.WithTimeout(t.Context(), 5*time.Second)
	defer stop()
	r, err := http.NewRequestWithContext(ctx, "GET", x.url+"/events?page=home&rev="+x.s.revision(&x.f.v), nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := x.c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b := make([]byte, 100_000)
	n, _ := io.ReadAtLeast(res.Body, b, 5000)
	if strings.Contains(string(b[:n]), "<img") || !strings.Contains(string(b[:n]), "&lt;img") {
		t.Errorf("live: %.300s", b[:n])
	}
}

func BenchmarkHomePage(b *testing.B) {
	s, err := New(newFake(), Config{OpenReading: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	r := httptest.NewRequest("GET", "http://localhost/", nil)
	r.Header.Set("Accept-Encoding", "gzip")
	b.ReportAllocs()
	for b.Loop() {
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		b.ReportMetric(float64(w.Body.Len()), "bytes/page")
	}
}

// BenchmarkLiveFrame is what a new View costs while pages are open.
func BenchmarkLiveFrame(b *testing.B) {
	s, err := New(newFake(), Config{OpenReading: true}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	v := s.agent.View()
	b.ReportAllocs()
	for b.Loop() {
		v.Seq++
		if len(s.frame("home", &v)) == 0 {
			b.Fatal("no regions")
		}
	}
}
