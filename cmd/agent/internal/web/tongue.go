package web

import (
	"net/http"
	"slices"
	"sync"

	"golang.org/x/text/language"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// tongues are the servers of the languages that were asked for, but the site's own.
type tongues struct {
	mu sync.Mutex
	of map[string]*Server
}

// speaking is a server in a language; "" is English.
func (sh *shared) speaking(agent Agent, lang string) (*Server, error) {
	texts, err := present.Open(lang)
	if err != nil {
		return nil, err
	}
	pages, err := loadTemplates(texts, sh.assets)
	if err != nil {
		return nil, err
	}
	s := &Server{shared: sh, agent: agent, texts: texts, pages: pages}
	if s.handler = s.routes(); sh.instead != nil {
		s.handler = sh.instead(s)
	}
	return s, nil
}

// languageCookie holds the language that a reader has chosen.
const languageCookie = "language"

// inTheReadersLanguage answers a request in the language that its reader has chosen, else
// in the best one of those that the browser names, else in the site's own.
func (s *Server) inTheReadersLanguage(w http.ResponseWriter, r *http.Request) {
	s.in(s.languageOf(r)).handler.ServeHTTP(w, r)
}

func (s *Server) languageOf(r *http.Request) string {
	if c, err := r.Cookie(languageCookie); err == nil && spoken(c.Value) {
		return c.Value
	}
	wanted, _, err := language.ParseAcceptLanguage(r.Header.Get("Accept-Language"))
	if err != nil || len(wanted) == 0 {
		return *s.language.Load()
	}
	for _, tag := range wanted { // in the order of the reader's wish
		if base, sure := tag.Base(); sure >= language.High && spoken(base.String()) {
			return base.String()
		}
	}
	return *s.language.Load()
}

// Language is that of who has not chosen one.
func (s *Server) Language() string { return *s.language.Load() }

func spoken(lang string) bool { return slices.Contains(present.Languages(), lang) }

// in is the server of a language, which is made when it is asked for first.
func (s *Server) in(lang string) *Server {
	if lang == s.texts.Lang() {
		return s
	}
	s.tongues.mu.Lock()
	defer s.tongues.mu.Unlock()
	if o := s.tongues.of[lang]; o != nil {
		return o
	}
	agent := s.agent
	if agent != nil { // there is none where the configuration is wrong
		agent = agent.In(lang)
	}
	o, err := s.speaking(agent, lang)
	if err != nil {
		s.log.Error("page", "language", lang, "error", err)
		return s
	}
	if s.tongues.of == nil {
		s.tongues.of = map[string]*Server{}
	}
	s.tongues.of[lang] = o
	return o
}

// choose keeps the language that the reader chooses, and goes back to where it was done.
func (s *Server) choose(w http.ResponseWriter, r *http.Request) {
	lang := r.PathValue("lang")
	if !spoken(lang) {
		s.fail(w, r, http.StatusNotFound, "error.not_found")
		return
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: lang, Path: "/", MaxAge: 400 * 24 * 60 * 60, // as long as browsers keep one
		HttpOnly: true, Secure: s.sender(r).secure, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, local(r.URL.Query().Get("back")), http.StatusSeeOther)
}

// Language is one that the page can be read in.
type Language struct {
	Code, Name string // Name as its own speakers write it
}

// languages are all of them.
func languages() []Language {
	var out []Language
	for _, l := range present.Languages() {
		name := l
		if c, err := present.Open(l); err == nil {
			name = c.Or("language.name", l)
		}
		out = append(out, Language{l, name})
	}
	return out
}
