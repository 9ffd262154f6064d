package web

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"time"
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

	IdleTimeout time.Duration // of a session; 0 is 15 min
}

// Server serves the page and the API.
type Server struct {
	agent Agent
	cfg   Config
	log   *slog.Logger
}

// New checks cfg and builds a server; it listens only in Run.
func New(agent Agent, cfg Config, log *slog.Logger) (*Server, error) {
	return &Server{agent: agent, cfg: cfg, log: log}, nil
}

// Addr is the address served, once Run listens; nil before.
func (s *Server) Addr() net.Addr { return nil }

// Run serves until ctx ends, then lets requests under way finish (5 s at the
// most) and returns nil.
func (s *Server) Run(ctx context.Context) error { return errors.New("not built yet") }
