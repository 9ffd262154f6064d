package web

import (
	"bytes"
	"compress/gzip"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"

	"github.com/keeplit/keeplit/cmd/agent/internal/picture"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
	"github.com/keeplit/keeplit/internal/contain"
)

// The page's rules for the browser: nothing but our own files, no script or
// style in the page's text, no frame around it.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

const maxForm = 40 << 10 // bytes of a form or a JSON body: a message in a script whose letters are nine bytes each in a form

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()

	page := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.session(s.reading(h))) }
	page("GET /{$}", s.home)
	page("GET /topup", s.topupPage)
	page("GET /account", s.heavy(s.account))
	page("GET /account/print", s.heavy(s.printed))
	page("GET /system", s.systemPage)
	page("GET /tariff", s.tariffPage)

	open := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, s.session(h)) }
	open("GET /signin", s.signinPage)
	open("POST /signin", s.signin)
	open("POST /signout", s.signout)
	mux.HandleFunc("GET /language/{lang}", s.choose)
	open("POST /topup", s.topup) // its form carries the PIN itself

	s.changes = http.NewServeMux() // what a press does, once it may
	change := func(pattern string, h http.HandlerFunc) {
		mux.Handle(pattern, s.session(s.changing(h)))
		s.changes.Handle(pattern, h)
	}
	change("POST /loads/{id}/{action}", s.loadAction)
	change("POST /until", s.lastUntil)
	change("POST /expect", s.expect)
	change("POST /opt-out", s.optOut)
	change("POST /meter/readings", s.heavy(s.meterReading))
	change("POST /meter/readings/{n}/withdraw", s.withdrawReading)
	change("POST /emergency/accept", s.emergencyAccept)
	change("POST /supply/reconnect", s.reconnect)
	change("POST /warnings/{code}/seen", s.acknowledge)
	s.settingsRoutes(mux, change)

	// Not activity of a session.
	mux.HandleFunc("GET /events", s.events)
	mux.HandleFunc("GET /plan.json", s.quietly(s.planData))
	mux.HandleFunc("GET /bells.json", s.quietly(s.bellData))
	mux.HandleFunc("GET /history.json", s.quietly(s.heavy(s.historyData)))
	mux.HandleFunc("GET /account/use", s.quietly(s.heavy(s.usePart)))
	mux.HandleFunc("GET /account/hours", s.quietly(s.heavy(s.hoursPart)))
	mux.HandleFunc("GET /receipt/topup/{file}", s.quietly(s.heavy(s.topUpReceipt)))
	mux.HandleFunc("GET /receipt/month/{file}", s.quietly(s.heavy(s.monthReceipt)))
	mux.HandleFunc("GET /statement.csv", s.quietly(s.heavy(s.statementCSV)))
	mux.HandleFunc("GET /ledger.csv", s.quietly(s.heavy(s.ledgerCSV)))

	s.apiRoutes(mux)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /metrics", s.api(settings.Read, s.metrics))

	mux.Handle("GET /assets/{hash}/{name...}", s.assets)
	mux.HandleFunc("GET /manifest.webmanifest", s.manifest)
	mux.HandleFunc("GET /bell.js", s.worker)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, http.StatusNotFound, "error.not_found") })

	return s.guarded(mux)
}

// guarded answers only what browsers on this network may ask, and bears a panic.
func (s *Server) guarded(mux http.Handler) http.Handler {
	crossOrigin := http.NewCrossOriginProtection()
	crossOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, http.StatusForbidden, "error.cross_origin")
	}))
	return s.recovering(s.headers(s.knownHost(crossOrigin.Handler(limited(mux)))))
}

func (s *Server) headers(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=()")
		next.ServeHTTP(w, r)
	})
}

// knownHost refuses a name that is not ours: a foreign page whose name was
// pointed at this address would otherwise count as our own.
func (s *Server) knownHost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.ourHost(r.Host) {
			s.fail(w, r, http.StatusMisdirectedRequest, "error.host")
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) ourHost(hostport string) bool {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	host = strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	if host == "" || !strings.Contains(host, ".") { // a name without a dot is the home router's
		return true
	}
	for _, end := range []string{".localhost", ".local", ".lan", ".home", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, end) {
			return true
		}
	}
	return slices.ContainsFunc(s.cfg.Hosts, func(h string) bool { return strings.EqualFold(h, host) })
}

func (s *Server) recovering(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.active.Add(1)
		defer s.active.Add(-1)
		r, answered := s.trouble.begin(r)
		defer answered()
		err := contain.Do(func() { next.ServeHTTP(w, r) })
		p := (*contain.Panic)(nil)
		switch {
		case !errors.As(err, &p):
		case p.Value == http.ErrAbortHandler: //nolint:errorlint // the value itself, as net/http compares it
			panic(p.Value)
		default:
			s.trouble.failed(err.Error())
			s.log.Error("page", "path", r.URL.Path, "error", err, "stack", p.Stack)
			http.Error(w, s.texts.T("error.page"), http.StatusInternalServerError)
		}
	})
}

func limited(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		next.ServeHTTP(w, r)
	})
}

// reading lets a page through where reading is open or the reader signed in.
func (s *Server) reading(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.readingOpen() && !s.sessions.signed(r.Context()) {
			s.toSignin(w, r)
			return
		}
		next(w, r)
	}
}

// quietly is reading for what a page fetches by itself.
func (s *Server) quietly(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.readingOpen() && !s.sessions.peek(r) {
			s.fail(w, r, http.StatusUnauthorized, "error.signed_out")
			return
		}
		next(w, r)
	}
}

// changing lets a change through where changes are open or the reader signed in.
func (s *Server) changing(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !s.mayChange(r) {
			s.toSignin(w, r)
			return
		}
		next(w, r)
	}
}

func (s *Server) mayChange(r *http.Request) bool {
	return s.cfg.OpenChanges || s.sessions.signed(r.Context())
}

func byHTMX(r *http.Request) bool { return r.Header.Get("HX-Request") == "true" }

// fail answers with a short page in words.
func (s *Server) fail(w http.ResponseWriter, r *http.Request, status int, key string) {
	if strings.HasPrefix(r.URL.Path, "/api/") {
		apiError(w, r, status, strings.TrimPrefix(key, "error."), s.texts.T(key))
		return
	}
	v := picture.View{Seq: 1}
	m := s.model(&v, "error")
	m.Body = s.texts.T(key)
	s.render(w, r, status, m)
}

func writeBody(w http.ResponseWriter, r *http.Request, b []byte) {
	if r.Method != http.MethodHead {
		w.Write(b) //nolint:errcheck // the reader has gone
	}
}

// zip packs an answer made for one reader; assets are packed once, and better.
func (s *Server) zip(b []byte) ([]byte, error) {
	var buf bytes.Buffer
	z, ok := s.zips.Get().(*gzip.Writer)
	if ok {
		z.Reset(&buf)
	} else {
		var err error
		if z, err = gzip.NewWriterLevel(&buf, gzip.BestSpeed); err != nil {
			return nil, err
		}
	}
	defer s.zips.Put(z)
	if _, err := z.Write(b); err != nil {
		return nil, err
	}
	err := z.Close()
	return buf.Bytes(), err
}
