package web

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/internal/fault"
)

// Mistakes is a configuration that no agent can be started with.
type Mistakes struct {
	File   string
	Faults fault.List
}

// Halted is the page of a configuration that is wrong.
type Halted struct{ s *Server }

// NewHalted is a page, and an API, that say what is wrong with the configuration that now
// answers with.  Whoever reaches it may read it: the PIN may be what is wrong.  So nothing
// that stands in the file is repeated on it.
func NewHalted(now func() Mistakes, cfg Config, log *slog.Logger) (*Halted, error) {
	cfg.OpenReading, cfg.PINHash = true, "" // there is nothing that a PIN would open
	s, err := New(nil, cfg, log)
	if err != nil {
		return nil, err
	}
	s.instead = func(s *Server) http.Handler { return s.wrongRoutes(now) }
	s.handler = s.instead(s)
	return &Halted{s}, nil
}

// Handler is the whole of it, for who serves it otherwise than by Run.
func (p *Halted) Handler() http.Handler { return p.s.Handler() }

// Run serves until ctx ends.
func (p *Halted) Run(ctx context.Context) error {
	return p.s.serve(ctx, p.s.Handler(), func(context.Context) {})
}

// wrongBody is what the page shows.
type wrongBody struct {
	File   string
	Faults []api.ConfigFault
}

func (s *Server) wrongRoutes(now func() Mistakes) http.Handler {
	mux := http.NewServeMux()
	page := func(w http.ResponseWriter, status int) *model {
		w.Header().Set("Retry-After", "10")
		m := s.model(&picture.View{}, "wrong")
		met := now()
		m.Body = wrongBody{met.File, shown(met.Faults)}
		return m
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		m := page(w, http.StatusServiceUnavailable)
		m.Path = "/"
		s.render(w, r, http.StatusServiceUnavailable, m)
	})
	// What an open page asks again and again; a refusal would be an error in the browser.
	mux.HandleFunc("GET /wrong", func(w http.ResponseWriter, r *http.Request) {
		s.renderPart(w, r, "r-wrong", page(w, http.StatusOK))
	})
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		list := shown(now().Faults)
		b, _ := json.Marshal(api.Problem{ //nolint:errcheck // strings and numbers
			Error: api.Fault{Code: "configuration", Message: wrongWords(len(list))}, Type: "urn:keeplit:configuration",
			Title: http.StatusText(http.StatusServiceUnavailable), Status: http.StatusServiceUnavailable, Detail: wrongWords(len(list)), Faults: list,
		})
		w.Header().Set("Retry-After", "10")
		problem(w, r, http.StatusServiceUnavailable, b)
	})
	plain := func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, wrongWords(len(now().Faults)))
	}
	mux.HandleFunc("/healthz", plain)
	mux.HandleFunc("/metrics", plain)
	mux.HandleFunc("GET /language/{lang}", s.choose)
	mux.Handle("GET /assets/{hash}/{name...}", s.assets)
	mux.HandleFunc("GET /manifest.webmanifest", s.manifest)
	return s.guarded(mux)
}

// wrongWords is what programs are told, which speak English.
func wrongWords(n int) string {
	if n == 1 {
		return "the agent does not run: its configuration has 1 fault; it starts when that is put right"
	}
	return fmt.Sprintf("the agent does not run: its configuration has %d faults; it starts when they are put right", n)
}

// shown are faults without what was met in the file, which may be a secret in the wrong
// place: a password in an address, a key that was pasted where its file is named.  A remedy has
// this program's own words.
func shown(l fault.List) []api.ConfigFault {
	out := make([]api.ConfigFault, 0, len(l))
	for _, f := range l {
		if at := strings.LastIndexByte(f.Path, '.') + 1; f.Problem == "unknown key" && !strings.HasPrefix(f.Remedy, "did you mean") {
			f.Path = f.Path[:at] + "…" // like none of ours, so it may be a value in a key's place
		}
		out = append(out, api.ConfigFault{
			Line: f.Line, Key: withheld(f.Path), Problem: withheld(unquoted(f.Problem)), Remedy: f.Remedy,
		})
	}
	return out
}

// unquoted is a problem without what it quotes, and without what a part of the program that knows no
// secrets says of that behind a colon.
func unquoted(s string) string {
	at := quoted.FindStringIndex(s)
	if at == nil {
		return s
	}
	rest, _, _ := strings.Cut(quoted.ReplaceAllString(s[at[0]:], `"…"`), ": ")
	return s[:at[0]] + rest
}

var (
	quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|` + "`[^`]*`")
	inURL  = regexp.MustCompile(`//[^/\s@]*@`)
	long   = regexp.MustCompile(`[A-Za-z0-9+/=_-]{16,}`)
)

// withheld has an ellipsis in the place of what may be a key: a long word that is not of small
// letters alone, as the names of this program's keys and most files are.
func withheld(s string) string {
	return long.ReplaceAllStringFunc(inURL.ReplaceAllString(s, "//…@"), func(w string) string {
		if strings.ContainsAny(w, "0123456789+=") || strings.ToLower(w) != w {
			return "…"
		}
		return w
	})
}
