package web

import (
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/present"
	"github.com/keeplit/keeplit/cmd/agent/internal/settings"
)

// Config is how the page is served.
type Config struct {
	// Listener, where set, is used (and closed) in place of Listen.
	Listener net.Listener
	Listen   string // "host:port", ":8080"

	Title string // of the page; "" is "keeplit"

	// PINHash is HashPIN's result.  Where it is empty nobody can change anything
	// by the page or the API, unless OpenChanges is set.
	PINHash     string
	OpenReading bool // reading needs no PIN
	OpenChanges bool // changes need no PIN: for a demo

	// Hosts are further names under which the page may be asked for.  Addresses,
	// localhost, names without a dot and names under .local, .lan, .home, .internal
	// and home.arpa are always taken; any other name is refused, which keeps a
	// foreign page from reaching this one by pointing its own name here.
	Hosts []string

	// Key is the key that signs receipts, Meter the meter's number that they name;
	// nil where there are no receipts.
	Key      func() (ed25519.PrivateKey, error)
	Meter    string
	Language string // as present has it; "" is English

	// Set is what is set on the page itself, and the programs that are let in, over what the
	// configuration says, which is Written; nil: neither can be.
	Set     *settings.Book
	Written map[settings.Key]string
	// Box is what the page of settings needs besides; nil where there is nothing of it.
	Box Box

	IdleTimeout time.Duration // of a session; 0 is 15 min

	TLS TLS // the zero value: none
	// Proxies are addresses and prefixes of proxies whose X-Forwarded-For and
	// X-Forwarded-Proto are believed.
	Proxies []string
	// Guessed, where set, is told that so many wrong PINs came within an hour, and
	// from where, the most tries first.  It must not wait.
	Guessed func(n int, who []netip.Addr)

	// Clock is that of the site, for what is shown; nil: the machine's.
	Clock func() time.Time
	// Behind is since when something waits to be stored, zero: nothing does; nil
	// where nothing is stored.  Patience is how long that may last before /healthz
	// says so.
	Behind   func() time.Time
	Patience time.Duration
}

const (
	maxReads     = 6
	maxReadsEach = 2
	defaultIdle  = 15 * time.Minute
	shutdownTime = 5 * time.Second
	// stallAfter is the silence of Agent.Changes after which /healthz says that the
	// control loop is stuck.
	stallAfter = 3 * time.Minute
)

// Server serves the page and the API, in one language of several.
type Server struct {
	*shared
	agent   Agent
	texts   *present.Catalogue
	pages   *template.Template
	changes *http.ServeMux // what a press on a page does, for who may change things
	frames  frames
	handler http.Handler
}

// shared is what the servers of all languages have in common.
type shared struct {
	cfg      Config
	log      *slog.Logger
	assets   *assets
	gate     *gate
	sessions *sessions
	streams  places // live connections
	reads    places // answers made from the records
	proxies  proxies
	trouble  trouble
	tls      *tls.Config // nil: the page is served without
	zips     sync.Pool   // of *gzip.Writer, each of which holds over a megabyte
	tongues  tongues
	// instead, where set, is what is served in place of the pages of an agent.
	instead func(*Server) http.Handler
	names   func() []Language // read once, for the first page

	open     atomic.Bool            // reading needs no PIN, as it is set
	language atomic.Pointer[string] // of who has chosen none
	saving   sync.Mutex             // a backup is made: one at a time

	changingPIN sync.Mutex
	trials      trials // of alerts

	active   atomic.Int64 // requests under way
	lastNews atomic.Int64 // Unix nanoseconds of the last signal, this process's clock
}

// New checks cfg and builds a server; it listens only in Run.
func New(agent Agent, cfg Config, log *slog.Logger) (*Server, error) {
	if cfg.Title == "" {
		cfg.Title = "keeplit"
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = defaultIdle
	}
	if cfg.IdleTimeout < 0 {
		return nil, fmt.Errorf("web: idle time-out %s is negative", cfg.IdleTimeout)
	}
	if cfg.PINHash == "" && !cfg.OpenReading {
		return nil, errors.New("web: reading is closed and there is no PIN, so nobody could open the page: set a PIN or open reading")
	}
	g, err := newGate(cfg.PINHash)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	as, err := loadAssets()
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	common := &shared{
		cfg: cfg, log: log, assets: as, gate: g, names: sync.OnceValue(languages),
		sessions: newSessions(cfg.IdleTimeout, log),
		streams:  places{most: maxStreams, each: maxEach},
		reads:    places{most: maxReads, each: maxReadsEach},
	}
	common.open.Store(cfg.OpenReading)
	s, err := common.speaking(agent, cfg.Language)
	if err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.proxies, err = parseProxies(cfg.Proxies); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if s.tls, err = cfg.TLS.load(); err != nil {
		return nil, fmt.Errorf("web: %w", err)
	}
	if cfg.Guessed != nil {
		g.pins.guessed = cfg.Guessed
	}
	lang := s.texts.Lang()
	s.language.Store(&lang)
	s.lastNews.Store(time.Now().UnixNano())
	return s, nil
}

// readingOpen tells whether reading needs no PIN.
func (s *Server) readingOpen() bool { return s.open.Load() }

// Handler is the whole site, for who serves it otherwise than by Run.
func (s *Server) Handler() http.Handler { return http.HandlerFunc(s.inTheReadersLanguage) }

// Run serves until ctx ends, then lets requests under way finish (5 s at the
// most) and returns nil.
func (s *Server) Run(ctx context.Context) error { return s.serve(ctx, s.Handler(), s.watch) }

// serve serves a handler until ctx ends; beside runs as long.
func (s *Server) serve(ctx context.Context, h http.Handler, beside func(context.Context)) error {
	l := s.cfg.Listener
	if l == nil {
		var lc net.ListenConfig
		var err error
		if l, err = lc.Listen(ctx, "tcp", s.cfg.Listen); err != nil {
			return fmt.Errorf("web: %w", err)
		}
	}
	addr := l.Addr().String()
	l = boundedBy(l, connections(openFiles()))
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}

	live, stop := context.WithCancel(ctx)
	defer stop()
	srv := &http.Server{
		Handler:           h,
		BaseContext:       func(net.Listener) context.Context { return live },
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      30 * time.Second, // live connections set their own
		IdleTimeout:       75 * time.Second,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}

	var wg sync.WaitGroup
	wg.Go(func() { beside(live) })
	wg.Go(func() {
		<-live.Done()
		s.shutdown(context.WithoutCancel(ctx), srv)
	})
	s.log.Info("page", "addr", addr)
	err := srv.Serve(l)
	stop()
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) && ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("web: %w", err)
}

// shutdown lets the requests under way finish.  Shutdown alone would also wait
// for connections that a browser opened ahead and never used.
func (s *Server) shutdown(ctx context.Context, srv *http.Server) {
	ctx, cancel := context.WithTimeout(ctx, shutdownTime)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		idle := 0
		for ctx.Err() == nil {
			time.Sleep(20 * time.Millisecond)
			if idle++; s.active.Load() > 0 {
				idle = 0
			}
			if idle == 3 { // the last answer has left its buffer by then
				cancel()
			}
		}
	})
	if err := srv.Shutdown(ctx); err != nil {
		srv.Close() //nolint:errcheck // what is still open is of no use to anybody
	}
	cancel()
}

// watch remembers when the control loop last gave a sign of life.
func (s *Server) watch(ctx context.Context) {
	s.lastNews.Store(time.Now().UnixNano())
	for range s.agent.Changes(ctx) {
		s.lastNews.Store(time.Now().UnixNano())
	}
}
