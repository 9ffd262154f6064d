package web

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
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
	kept(t, &cfg)
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
	for _, p := range []string{"/", "/topup", "/account", "/system", "/tariff", "/signin", "/nothing"} {
		body := strings.ReplaceAll(x.get(p).body, "http://192.168.1.20:8086", "")                      // the fake's own InfluxDB
		body = strings.ReplaceAll(body, `href="https://example.org/tariffs.pdf" rel="noreferrer"`, "") // a source of its tariff
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
	if err != nil || len(sums) == 0 {
		t.Fatalf("%q, %v", sums, err)
	}
	for line := range strings.Lines(string(sums)) {
		sum, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		text, err := embedded.ReadFile("assets/vendor/" + name)
		if err != nil || !ok {
			t.Fatalf("%q: %v", line, err)
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(text)); got != sum {
			t.Errorf("%s is %s, and was %s", name, got, sum)
		}
	}
}

// newBrowser is another browser before the same page.
func newBrowser(t *testing.T, x *site) *site {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	c := *x.c
	c.Jar = jar
	return &site{t, x.f, x.s, x.url, &c}
}
