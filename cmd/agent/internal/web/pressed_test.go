package web

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
)

// pressAt presses a button without a PIN and answers where that led, and what the
// browser keeps.
func pressAt(t *testing.T, s *Server, path string, form url.Values) (to string, kept *http.Cookie) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), "POST", "http://keeplit.local"+path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Referer", "http://keeplit.local/account?days=30")
	w := httptest.NewRecorder()
	s.Handler().ServeHTTP(w, r)
	for _, c := range w.Result().Cookies() {
		if c.Name == pressedCookie {
			kept = c
		}
	}
	return w.Header().Get("Location"), kept
}

func TestAPressBeforeThePINIsCarriedOutAfterIt(t *testing.T) {
	mark := func(c *http.Cookie) string { _, m, _ := strings.Cut(c.Value, "."); return m }
	for _, c := range []struct {
		name string
		then func(s *Server, kept *http.Cookie) (cookie, then string)
		pin  string
		want string
	}{
		{"as pressed", func(_ *Server, k *http.Cookie) (string, string) { return k.Value, mark(k) }, testPIN, "until 2026-11-27T18:00 by page"},
		{"a wrong PIN", func(_ *Server, k *http.Cookie) (string, string) { return k.Value, mark(k) }, "1111", ""},
		{"signed in for something else", func(_ *Server, k *http.Cookie) (string, string) { return k.Value, "" }, testPIN, ""},
		{"a link from elsewhere, nothing was pressed here", func(_ *Server, k *http.Cookie) (string, string) { return "", mark(k) }, testPIN, ""},
		{"a cookie that somebody made", func(_ *Server, k *http.Cookie) (string, string) {
			b, err := json.Marshal(pressed{Path: "/supply/reconnect", Until: time.Now().Add(time.Hour).Unix()})
			if err != nil {
				panic(err)
			}
			return base64.RawURLEncoding.EncodeToString(b) + "." + mark(k), mark(k)
		}, testPIN, ""},
		{"too long ago", func(s *Server, _ *http.Cookie) (string, string) {
			b, err := json.Marshal(pressed{Path: "/supply/reconnect", Until: time.Now().Add(-time.Second).Unix()})
			if err != nil {
				panic(err)
			}
			text := base64.RawURLEncoding.EncodeToString(b)
			return text + "." + s.gate.pressedMAC(text), s.gate.pressedMAC(text)
		}, testPIN, ""},
		{"no cookie of that form", func(*Server, *http.Cookie) (string, string) { return "x", "" }, testPIN, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := newSite(t, nil)
			to, kept := pressAt(t, x.s, "/until", url.Values{"until": {"2026-11-27T18:00"}})
			if to != "/signin?next=%2Faccount%3Fdays%3D30&then=1" || kept == nil || !kept.HttpOnly || kept.SameSite != http.SameSiteStrictMode || kept.Path != "/signin" {
				t.Fatalf("led to %s with %+v", to, kept)
			}
			cookie, then := c.then(x.s, kept)
			r := httptest.NewRequestWithContext(t.Context(), "POST", "http://keeplit.local/signin", strings.NewReader(url.Values{"pin": {c.pin}, "next": {"/account?days=30"}, "then": {then}}.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.AddCookie(&http.Cookie{Name: pressedCookie, Value: cookie})
			w := httptest.NewRecorder()
			x.s.Handler().ServeHTTP(w, r)
			if got := strings.Join(x.f.called(), ", "); got != c.want {
				t.Errorf("the agent was asked: %q, want %q", got, c.want)
			}
			if c.pin != testPIN {
				if w.Code != 422 || !strings.Contains(w.Body.String(), `name="then" value="`+then+`"`) {
					t.Errorf("the press is lost: %d", w.Code)
				}
				return
			}
			if got := w.Header().Get("Location"); w.Code != 303 || got != "/account?days=30" {
				t.Errorf("%d, sent on to %q", w.Code, got)
			}
		})
	}
}

func TestWhatIsNoButtonIsNotKept(t *testing.T) {
	x := newSite(t, nil)
	if to, kept := pressAt(t, x.s, "/until", url.Values{"until": {strings.Repeat("1", 2*pressedMost)}}); kept != nil || strings.Contains(to, "then") {
		t.Errorf("led to %s, and %d bytes are kept", to, len(kept.Value))
	}
	x.f.change(func(v *picture.View) { v.Loads[0].CanRun = true })
	signin := x.get("/signin?then=1")
	if strings.Contains(signin.body, `name="then"`) || strings.Contains(signin.body, "What you pressed") {
		t.Error("something is said to be done although nothing was pressed")
	}
}
