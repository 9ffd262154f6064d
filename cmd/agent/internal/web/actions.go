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
	if byHTMX(r) {
		w.Header().Set("HX-Redirect", to)
		w.WriteHeader(http.StatusOK)
		return
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

type signinBody struct{ Next string }

func (s *Server) signinPage(w http.ResponseWriter, r *http.Request) {
	next := local(r.URL.Query().Get("next"))
	if s.sessions.GetBool(r.Context(), signedIn) {
		http.Redirect(w, r, next, http.StatusSeeOther)
		return
	}
	s.renderSignin(w, r, http.StatusOK, next, nil)
}

func (s *Server) renderSignin(w http.ResponseWriter, r *http.Request, status int, next string, n *notice) {
	v := picture.View{} // the sign-in page tells nothing about the house
	m := s.model(&v, "signin")
	m.Body, m.Notice = signinBody{next}, n
	s.render(w, r, status, m)
}

func (s *Server) signin(w http.ResponseWriter, r *http.Request) {
	next := local(r.PostFormValue("next"))
	if n := s.enter(w, r, r.PostFormValue("pin")); n != nil {
		s.renderSignin(w, r, http.StatusUnprocessableEntity, next, n)
		return
	}
	http.Redirect(w, r, next, http.StatusSeeOther)
}

// enter signs the reader in, or says why not.
func (s *Server) enter(w http.ResponseWriter, r *http.Request, pin string) *notice {
	if !s.gate.set {
		return &notice{"low", s.texts.T("pin.none"), []string{s.texts.T("pin.none.do")}}
	}
	a := s.tryPIN(r, strings.TrimSpace(pin))
	f := present.Format{Words: s.texts}
	switch {
	case a.right:
		if err := s.sessions.RenewToken(r.Context()); err != nil {
			s.log.Error("session", "error", err)
			return &notice{"bad", s.texts.T("error.page"), nil}
		}
		s.sessions.Put(r.Context(), signedIn, true)
		s.remember(w, r)
		return nil
	case a.wait > 0:
		s.log.Warn("pin tries", "from", s.sender(r).who, "wait", a.wait.Round(time.Second))
		return &notice{"bad", s.texts.T("pin.wait"), []string{s.texts.T("pin.wait.do", "time", f.Duration(a.wait+time.Second))}}
	default:
		return &notice{"low", s.texts.T("pin.wrong"), []string{s.texts.N("pin.left", a.left)}}
	}
}

func (s *Server) signout(w http.ResponseWriter, r *http.Request) {
	if err := s.sessions.Destroy(r.Context()); err != nil {
		s.log.Error("session", "error", err)
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// topup takes a token, and the PIN with it from a reader who has not signed in,
// so that nobody types twenty digits twice.
func (s *Server) topup(w http.ResponseWriter, r *http.Request) {
	token := tokenText(r.PostFormValue("token"))
	if !s.mayChange(r) {
		if n := s.enter(w, r, r.PostFormValue("pin")); n != nil {
			if byHTMX(r) {
				s.renderNotice(w, r, n)
				return
			}
			if !s.cfg.OpenReading {
				s.renderSignin(w, r, http.StatusUnprocessableEntity, "/topup", n)
				return
			}
			m := s.open(r, "topup")
			m.Notice, m.Body = n, topupBody{Token: token, Lasts: s.lastsFor(m, "")}
			s.render(w, r, http.StatusUnprocessableEntity, m)
			return
		}
	}
	result, err := s.agent.TopUp(r.Context(), token, "page")
	v := s.agent.View()
	m := s.model(&v, "topup")
	m.SignedIn, m.MayChange = s.sessions.GetBool(r.Context(), signedIn), true
	n := s.topupNotice(m, result, err)
	if done := err == nil && (result.Outcome == Accepted || result.Outcome == AlreadyUsed); done && byHTMX(r) {
		w.Header().Set("HX-Trigger", "keeplit:credited")
	}
	s.answer(w, r, "/topup", n, append(m.liveRegions(), region{"pin", "pin", m}, region{"lock", "lock", m})...)
}

// tokenText is a token without what people put between its digits, or, where it
// holds more than that, all that was pasted or scanned: the agent finds the
// token in it.
func tokenText(s string) string {
	d := digits(s)
	if strings.ContainsFunc(d, func(r rune) bool { return r < '0' || r > '9' }) {
		return strings.TrimSpace(s[:min(len(s), 500)])
	}
	return d
}

// digits drops what people and messages put between a token's digits.
func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -.\t\r\n\u00a0\u202f", r) {
			return -1
		}
		return r
	}, s)
}

// topupNotice is the answer to a token, in words.
func (s *Server) topupNotice(m *model, res TopUpResult, err error) *notice {
	t := s.texts.T
	if err != nil {
		var refusal *Refusal
		if errors.As(err, &refusal) {
			return refused(refusal)
		}
		s.log.Error("top-up", "error", err)
		return &notice{"bad", t("topup.unsure"), []string{t("topup.unsure.do")}}
	}
	switch res.Outcome {
	case Accepted:
		n := &notice{Level: "good", Title: t("topup.accepted", "amount", m.Signed(res.Amount))}
		if res.Effect != "" {
			n.Title = res.Effect
		}
		for _, p := range res.Paid {
			n.Lines = append(n.Lines, p.Name+": "+m.Money(p.Amount))
		}
		n.Lines = append(n.Lines, t("topup.balance", "amount", m.Money(res.Balance)))
		if res.Restored {
			n.Lines = append(n.Lines, t("topup.restored"))
		}
		if res.ReadyToRestore {
			n.Lines = append(n.Lines, t("topup.ready"))
		}
		if off := m.stillOff(res); len(off) > 0 {
			n.Level, n.Lines = "low", append(n.Lines, off...)
		}
		return n
	case AlreadyUsed:
		n := &notice{Level: "low", Title: t("topup.used")}
		if !res.At.IsZero() {
			n.Lines = append(n.Lines, t("topup.used.at", "when", m.When(res.At), "amount", m.Money(res.Amount)))
		}
		n.Lines = append(n.Lines, t("topup.used.do"))
		return n
	case TooOld:
		return &notice{"low", t("topup.old"), []string{t("topup.old.do")}}
	case Wrong:
		n := &notice{Level: "bad", Title: t("topup.wrong")}
		if res.TriesLeft > 0 {
			n.Lines = append(n.Lines, t("topup.wrong.do"), s.texts.N("topup.tries", res.TriesLeft))
		}
		if res.Until.After(m.Now) {
			n.Lines = append(n.Lines, t("topup.until", "time", m.In(res.Until), "when", m.When(res.Until)))
		}
		return n
	case Malformed:
		return &notice{"low", t("topup.malformed"), []string{t("topup.malformed.do")}}
	case Locked:
		n := &notice{"bad", t("topup.locked"), []string{t("topup.locked.do")}}
		if res.Until.After(m.Now) {
			n.Lines = append([]string{t("topup.until", "time", m.In(res.Until), "when", m.When(res.Until))}, n.Lines...)
		}
		return n
	case NotRecorded:
		n := &notice{"bad", t("topup.not_recorded"), []string{t("topup.not_recorded.do")}}
		return n.add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	case NotKnown:
		n := &notice{"bad", t("topup.not_known"), []string{t("topup.not_known.do")}}
		return n.add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	default:
		n := &notice{Level: "bad", Title: t("topup.refused")}
		if res.Reason == "" {
			n.Lines = []string{t("topup.refused.do")}
		}
		return n.add(m.Sentence(res.Reason), m.Sentence(res.Remedy))
	}
}

// stillOff says that a top-up has not brought the light back, why, and what is
// missing.
func (m *model) stillOff(res TopUpResult) []string {
	s := m.V.Supply
	if s.State != present.Disconnected || res.Restored || res.ReadyToRestore {
		return nil
	}
	p := present.Phrases{Format: m.Format}
	if s.Cause == present.ByCredit {
		return []string{p.Pay(s, "still")}
	}
	return append([]string{m.Words.T("topup.off")}, p.Supply(s).Lines...)
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
		n = &notice{"low", t("error.gone"), []string{t("error.gone.do")}}
	default:
		s.log.Error("command", "path", r.URL.Path, "error", err)
		n = &notice{"bad", t("error.command"), []string{t("error.command.do")}}
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
