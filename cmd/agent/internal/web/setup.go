package web

import (
	"context"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/present"
)

// Asked is what is asked of the reader where there is no agent yet.
type Asked struct {
	N           int    // an answer is to the question of its number
	Text, Usual string // no Text: nothing is asked at the moment
	Offers      []Choice
	Only        bool // nothing but an offer is an answer
	Hidden      bool
	Said        []string
	Wrong       string // why the answer before was not taken
	First       bool   // there is nothing to go back to
	Ended       bool
	Code        bool // nothing of this: the code is asked for first
}

// Choice is an answer that is offered, and what stands beside it.
type Choice struct{ Answer, Shows string }

// Interview asks one question after the other.
type Interview interface {
	// Now is what is asked; without a question where ctx ends before there is one.
	Now(ctx context.Context) Asked
	Reply(n int, answer string)
	Back(n int)
}

// Setup is the page of an interview.
type Setup struct{ s *Server }

// NewSetup is a page that asks what an interview asks, of whoever gives the code whose hash
// cfg.PINHash is.  It speaks English, as the questions do.
func NewSetup(in Interview, cfg Config, log *slog.Logger) (*Setup, error) {
	s, err := New(nil, cfg, log)
	if err != nil {
		return nil, err
	}
	s.handler = s.setupRoutes(in)
	return &Setup{s}, nil
}

// Run serves until ctx ends.
func (p *Setup) Run(ctx context.Context) error {
	return p.s.serve(ctx, p.s.handler, func(context.Context) {})
}

// setupWait is how long a page waits for the next question before it says that the box is at work.
const setupWait = 3 * time.Second

func (s *Server) setupRoutes(in Interview) http.Handler {
	mux := http.NewServeMux()
	known := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, s.session(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !s.sessions.signed(r.Context()) {
				s.renderSetup(w, r, http.StatusOK, Asked{Code: true}, nil)
				return
			}
			h(w, r)
		})))
	}
	known("GET /{$}", func(w http.ResponseWriter, r *http.Request) {
		ctx, stop := context.WithTimeout(r.Context(), setupWait)
		defer stop()
		a := in.Now(ctx)
		var n *notice
		if a.Wrong != "" {
			n = &notice{Level: "low", Title: present.Format{Words: s.texts}.Sentence(a.Wrong)}
		}
		if a.Text == "" && !a.Ended {
			w.Header().Set("Refresh", "1")
		}
		s.renderSetup(w, r, http.StatusOK, a, n)
	})
	number := func(r *http.Request) int {
		n, err := strconv.Atoi(r.PostFormValue("n"))
		if err != nil {
			return -1
		}
		return n
	}
	home := func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusSeeOther) }
	known("POST /answer", func(w http.ResponseWriter, r *http.Request) {
		in.Reply(number(r), r.PostFormValue("answer"))
		home(w, r)
	})
	known("POST /back", func(w http.ResponseWriter, r *http.Request) {
		in.Back(number(r))
		home(w, r)
	})
	mux.Handle("POST /code", s.session(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n := s.enter(w, r, strings.Join(strings.Fields(r.PostFormValue("code")), "")); n != nil {
			if n.Level == "low" {
				n.Title = s.texts.T("setup.code.wrong")
			}
			s.renderSetup(w, r, http.StatusUnprocessableEntity, Asked{Code: true}, n)
			return
		}
		home(w, r)
	})))
	mux.Handle("GET /assets/{hash}/{name...}", s.assets)
	mux.HandleFunc("GET /manifest.webmanifest", s.manifest)
	mux.HandleFunc("/", home)
	return s.guarded(mux)
}

func (s *Server) renderSetup(w http.ResponseWriter, r *http.Request, status int, a Asked, n *notice) {
	v := picture.View{}
	m := s.model(&v, "setup")
	m.Languages = nil
	m.Body, m.Notice = a, n
	s.render(w, r, status, m)
}
