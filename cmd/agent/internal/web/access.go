package web

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
)

// byPIN is the scope of what no program may do: it would let in others.
const byPIN settings.Scope = "pin"

// programKey is where a request holds the program that it came from.
type programKey struct{}

// turnKey is where a request holds the turn of the PIN that was found right with it.
type turnKey struct{}

// way is how a request of the API came, for the record.
func way(r *http.Request) string { return WayOf(r.Context()) }

// WayOf is by which way a command came that an Agent is given: "page", "api", or the latter with
// the name of the program.
func WayOf(ctx context.Context) string {
	switch by := ctx.Value(programKey{}).(type) {
	case string:
		if by != "" {
			return "api: " + by
		}
		return "api"
	default:
		return "page"
	}
}

// by is r as it came from a program; "" is who gave the PIN, or needed none.
func by(r *http.Request, program string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), programKey{}, program))
}

// credential is what came with a request: a PIN, or a program's token.
func credential(r *http.Request) (text string, given bool) {
	// The scheme may be written in any letter case (RFC 9110, 11.1).
	if scheme, text, _ := strings.Cut(strings.TrimSpace(r.Header.Get("Authorization")), " "); strings.EqualFold(scheme, "Bearer") {
		return strings.TrimSpace(text), true
	}
	_, text, given = r.BasicAuth()
	return text, given
}

// lets tells whether what came with a request still opens reading, without counting a try: a PIN
// that was found right is so until there is another, one that was not looked at because reading
// was open may be any; a token may have been withdrawn.
func (s *Server) lets(r *http.Request) bool {
	text, given := credential(r)
	if !given || !settings.IsToken(text) || s.cfg.Set == nil {
		turn, found := r.Context().Value(turnKey{}).(int64)
		return found && turn == s.sessions.now()
	}
	p, ok := s.cfg.Set.Known(text, s.clock())
	return ok && p.May(settings.Read)
}

// api lets a request through that needs no PIN, has the right one or the token of a program of
// that scope with it, or comes from a signed-in browser.  A token is looked at even where
// nothing is needed: who shows one is told when it is no good.
func (s *Server) api(need settings.Scope, next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, given := credential(r)
		open := need == settings.Read && s.readingOpen() || need != settings.Read && s.cfg.OpenChanges
		if given && settings.IsToken(text) && s.cfg.Set != nil {
			s.byToken(w, r, text, need, open, next)
			return
		}
		if open || s.sessions.peek(r) {
			next(w, by(r, ""))
			return
		}
		if !s.gate.guarded() {
			apiError(w, r, http.StatusForbidden, "no_pin", s.texts.T("pin.none")+" "+s.texts.T("pin.none.do"))
			return
		}
		if !given {
			w.Header().Set("WWW-Authenticate", `Bearer realm="keeplit"`)
			apiError(w, r, http.StatusUnauthorized, "pin_needed", s.texts.T("pin.needed"))
			return
		}
		turn := s.sessions.now() // before it is looked at: by then another may hold
		switch a := s.tryPIN(r, text); {
		case a.right:
			next(w, by(r.WithContext(context.WithValue(r.Context(), turnKey{}, turn)), ""))
		case a.wait > 0:
			s.mustWait(w, r, a.wait)
		default:
			w.Header().Set("WWW-Authenticate", `Bearer realm="keeplit"`)
			apiError(w, r, http.StatusUnauthorized, "pin_wrong", s.texts.T("pin.wrong"))
		}
	}
}

func (s *Server) mustWait(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())+1))
	apiError(w, r, http.StatusTooManyRequests, "pin_wait", s.texts.T("pin.wait"))
}

// byToken lets a program through, or says why not: open is what nobody needs anything for.
func (s *Server) byToken(w http.ResponseWriter, r *http.Request, token string, need settings.Scope, open bool, next http.HandlerFunc) {
	// One that is right never waits: nobody can guess it, and on the same machine there may be a
	// program that nobody looks after and that tries a withdrawn one on and on.
	p, right := s.cfg.Set.Known(token, s.clock())
	var a pinAnswer
	if !right {
		from := s.sender(r)
		a = s.gate.programs.try(from.who, from.box, func() bool { return false })
	}
	switch {
	case a.wait > 0:
		s.mustWait(w, r, a.wait)
	case !right:
		w.Header().Set("WWW-Authenticate", `Bearer realm="keeplit", error="invalid_token"`)
		apiError(w, r, http.StatusUnauthorized, "token_wrong", s.texts.T("program.wrong"))
	case need == byPIN:
		apiError(w, r, http.StatusForbidden, "pin_needed", s.texts.T("program.pin"))
	case !p.May(need) && !open:
		w.Header().Set("WWW-Authenticate", `Bearer realm="keeplit", error="insufficient_scope", scope="`+string(need)+`"`)
		message := s.texts.T("program.scope", "name", p.Name, "scope", string(need))
		b, _ := json.Marshal(api.Problem{ //nolint:errcheck // strings and a number
			Error: api.Fault{Code: "scope", Message: message}, Type: "urn:keeplit:scope", Title: http.StatusText(http.StatusForbidden),
			Status: http.StatusForbidden, Detail: message, Scope: string(need),
		})
		problem(w, r, http.StatusForbidden, b)
	default:
		next(w, by(r, p.Name))
	}
}
