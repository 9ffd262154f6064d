package web

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A button that a reader presses before the PIN is not lost: the browser keeps what it
// asked for in a cookie that only this agent can have made, and no other page or person
// can put there, and the sign-in that the press led to carries it out.

const (
	pressedCookie = "keeplit_pressed"
	pressedFor    = 5 * time.Minute
	pressedMost   = 1 << 10 // bytes of a form; what is longer is no button
)

// pressed is a button's form.
type pressed struct {
	Path  string     `json:"path"`
	Form  url.Values `json:"form,omitempty"`
	Until int64      `json:"until"` // seconds since 1970
}

func (g *gate) pressedMAC(text string) string {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte("keeplit pressed 1 " + text))
	return hex.EncodeToString(mac.Sum(nil))
}

// keepPress has the browser keep what was pressed, and tells whether it will.
func (s *Server) keepPress(w http.ResponseWriter, r *http.Request) bool {
	if r.Method != http.MethodPost || !s.gate.guarded() || r.ParseForm() != nil {
		return false
	}
	until := time.Now().Add(pressedFor)
	b, err := json.Marshal(pressed{r.URL.Path, r.PostForm, until.Unix()})
	if err != nil || len(b) > pressedMost {
		return false
	}
	text := base64.RawURLEncoding.EncodeToString(b)
	http.SetCookie(w, &http.Cookie{
		Name: pressedCookie, Value: text + "." + s.gate.pressedMAC(text), Path: "/signin", Expires: until,
		HttpOnly: true, Secure: s.sender(r).secure, SameSite: http.SameSiteStrictMode,
	})
	return true
}

// press is what the browser has kept, and its mark; ok is false where there is nothing.
func (s *Server) press(r *http.Request) (p pressed, mark string, ok bool) {
	c, err := r.Cookie(pressedCookie)
	if err != nil {
		return p, "", false
	}
	text, mark, _ := strings.Cut(c.Value, ".")
	if !hmac.Equal([]byte(mark), []byte(s.gate.pressedMAC(text))) {
		return p, "", false
	}
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || json.Unmarshal(b, &p) != nil || time.Now().Unix() > p.Until {
		return p, "", false
	}
	return p, mark, true
}

// carryOut does what was pressed, as if it were pressed on the page next now that the
// reader has signed in; it answers whether it did, and then has answered r.
func (s *Server) carryOut(w http.ResponseWriter, r *http.Request, next string) bool {
	p, mark, ok := s.press(r)
	if !ok || !hmac.Equal([]byte(mark), []byte(r.PostFormValue("then"))) {
		return false
	}
	http.SetCookie(w, &http.Cookie{Name: pressedCookie, Path: "/signin", MaxAge: -1, HttpOnly: true, Secure: s.sender(r).secure, SameSite: http.SameSiteStrictMode})
	again := r.Clone(r.Context())
	again.URL = &url.URL{Path: p.Path}
	again.Form, again.PostForm, again.Body = p.Form, p.Form, http.NoBody
	if again.Form == nil {
		again.Form, again.PostForm = url.Values{}, url.Values{}
	}
	again.Header.Set("Referer", next)
	s.changes.ServeHTTP(w, again)
	return true
}
