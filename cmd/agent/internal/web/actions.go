package web

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// answer says n: to htmx at once, to a plain form by a redirect to back, which
// shows it.
func (s *Server) answer(w http.ResponseWriter, r *http.Request, back string, n *notice, more ...region) {
	if byHTMX(r) {
		s.renderNotice(w, r, n, more...)
		return
	}
	if b, err := json.Marshal(n); err == nil {
		s.sessions.Put(r.Context(), "notice", b)
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
}

func (s *Server) popNotice(r *http.Request) *notice {
	b := s.sessions.PopBytes(r.Context(), "notice")
	if len(b) == 0 {
		return nil
	}
	n := &notice{}
	if json.Unmarshal(b, n) != nil {
		return nil
	}
	return n
}

// local is a path within this site to come back to, "/" where next is anything
// else.
func local(next string) string {
	u, err := url.Parse(next)
	if err != nil || u.IsAbs() || u.Host != "" || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") ||
		strings.ContainsAny(next, "\\\r\n") || u.Path == "/signin" {
		return "/"
	}
	return next
}

// referring is the page the reader is on.
func referring(r *http.Request) string {
	from := r.Header.Get("HX-Current-URL")
	if from == "" {
		from = r.Referer()
	}
	if u, err := url.Parse(from); err == nil && (u.Host == r.Host || u.Host == "") && u.Path != "" {
		return local(u.RequestURI())
	}
	return "/"
}

func (s *Server) toSignin(w http.ResponseWriter, r *http.Request) {
	next := r.URL.RequestURI()
	if r.Method != http.MethodGet {
		next = referring(r)
	}
	to := "/signin?next=" + url.QueryEscape(local(next))
	if s.keepPress(w, r) {
		to += "&then=1"
	}
	if byHTMX(r) {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

// signinBody is where sign-in leads, and the mark of what was pressed; "" nothing.
type signinBody struct{ Next, Then string }

func (s *Server) signinPage(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	if s.sessions.signed(r.Context()) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	then := ""
	if _, mark, ok := s.press(r); ok && r.URL.Query().Get("then") != "" {
		then = mark
	}
	s.renderSignin(w, r, http.StatusOK, signinBody{next, then}, nil)
}

func (s *Server) renderSignin(w http.ResponseWriter, r *http.Request, status int, b signinBody, n *notice) {
	v := picture.View{} // the sign-in page tells nothing about the house
	m := s.model(&v, "signin")
	m.Body, m.Notice = b, n
	s.render(w, r, status, m)
}

func (s *Server) signin(w http.ResponseWriter, r *http.Request) {
	next := local(r.PostFormValue("next"))
	if n := s.enter(w, r, r.PostFormValue("pin")); n != nil {
		s.renderSignin(w, r, http.StatusUnprocessableEntity, signinBody{next, r.PostFormValue("then")}, n)
		return
	}
	if s.carryOut(w, r, next) {
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// enter signs the reader in, or says why not.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, pin string) *notice {
	if !s.gate.guarded() {
		return &notice{Level: "low", Title: s.texts.T("pin.none"), Lines: []string{s.texts.T("pin.none.do")}}
	}
	turn := s.sessions.now() // before it is looked at: by then another may hold
	a := s.tryPIN(r, strings.TrimSpace(pin))
	f := present.Format{Words: s.texts}
	switch {
	case a.right:
		if err := s.sessions.RenewToken(r.Context()); err != nil {
			s.log.Error("session", "error", err)
			return &notice{Level: "bad", Title: s.texts.T("error.page")}
		}
		s.sessions.Put(r.Context(), signedIn, turn)
		s.remember(w, r)
		return nil
	case a.wait > 0:
		s.log.Warn("pin tries", "from", s.sender(r).who, "wait", a.wait.Round(time.Second))
		left := wait{Left: a.wait, Words: f.Duration(a.wait + time.Second), Over: s.texts.T("wait.over")}
		return &notice{Level: "bad", Title: s.texts.T("pin.wait"), Lines: []string{s.texts.T("pin.wait.do", "time", left.Words)}, Wait: left}
	default:
		return &notice{Level: "low", Title: s.texts.T("pin.wrong"), Lines: []string{s.texts.N("pin.left", a.left)}}
	}
}

func (s *Server) signout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.log.Error("session", "error", err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (n *notice) add(lines ...string) *notice {
	for _, l := range lines {
		if l != "" {
			n.Lines = append(n.Lines, l)
		}
	}
	return n
}

func refused(r *Refusal) *notice {
	return (&notice{Level: "low", Title: r.Reason}).add(r.Remedy)
}

// done answers a command of the page; lines are what is to be said besides.
func (s *Server) done(w http.ResponseWriter, r *http.Request, err error, lines []string, key string, pairs ...any) {
	t := s.texts.T
	var refusal *Refusal
	n := (&notice{Level: "good", Title: t(key, pairs...)}).add(lines...)
	switch {
	case err == nil:
	case errors.As(err, &refusal):
		n = refused(refusal)
	case errors.Is(err, ErrUnknown):
		n = &notice{Level: "low", Title: t("error.gone"), Lines: []string{t("error.gone.do")}}
	default:
		s.log.Error("command", "path", r.URL.Path, "error", err)
		n = &notice{Level: "bad", Title: t("error.command"), Lines: []string{t("error.command.do")}}
	}
	s.answer(w, r, referring(r), n)
}

func (s *Server) loadAction(w http.ResponseWriter, r *http.Request) {
	id, action := r.PathValue("id"), r.PathValue("action")
	do, ok := s.loadCommand(action)
	if !ok {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	err := do(r.Context(), id)
	name, key := id, "load."+action+".done"
	var why []string
	for _, l := range s.agent.View().Loads {
		if l.ID != id {
			continue
		}
		name = l.Name
		switch on := l.State == present.LoadRunning; {
		case action == "run" && !on:
			key, why = "load.run.waits", []string{l.Why}
		case action == "skip" && on:
			why = []string{l.Why}
		}
	}
	s.done(w, r, err, why, key, "name", name)
}

func (s *Server) emergencyAccept(w http.ResponseWriter, r *http.Request) {
	s.done(w, r, s.agent.AcceptEmergency(r.Context()), nil, "emergency.done")
}

func (s *Server) reconnect(w http.ResponseWriter, r *http.Request) {
	s.done(w, r, s.agent.Reconnect(r.Context()), nil, "supply.reconnect.done")
}

func (s *Server) acknowledge(w http.ResponseWriter, r *http.Request) {
	s.done(w, r, s.agent.Acknowledge(r.Context(), r.PathValue("code")), nil, "warning.seen.done")
}
