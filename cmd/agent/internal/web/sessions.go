package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/alexedwards/scs/v2"
)

const (
	maxSessions     = 256
	sessionLifetime = 12 * time.Hour
	cookieName      = "keeplit"

	freeTries    = 5                // wrong PINs before the first wait
	firstWait    = 30 * time.Second // doubles with each further wrong PIN
	longestWait  = 15 * time.Minute
	forgetAfter  = time.Hour // without a wrong PIN an address starts afresh
	maxAddresses = 1024
	// everyone's wrong tries count together too, so that a guesser with many
	// addresses gains little: ten addresses' worth of free tries.
	freeTriesAll = 50
)

// sessions is who is signed in, kept in memory: a restart signs everybody out.
type sessions struct {
	*scs.SessionManager
}

func newSessions(idle time.Duration, log *slog.Logger) *sessions {
	// Not scs.New: it starts a goroutine that nobody could wait for.
	return &sessions{&scs.SessionManager{
		IdleTimeout:      idle,
		Lifetime:         sessionLifetime,
		Store:            &sessionStore{held: map[string]heldSession{}},
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		Cookie:           scs.SessionCookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			log.Error("session", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		},
	}}
}

const signedIn = "signed_in"

// peek tells whether r comes from a signed-in browser, without counting as
// activity: a page left open must not keep its session alive for ever.
func (s *sessions) peek(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	ctx, err := s.Load(context.WithoutCancel(r.Context()), c.Value)
	return err == nil && s.GetBool(ctx, signedIn)
}

// sessionStore is a bounded scs.Store.
type sessionStore struct {
	mu   sync.Mutex
	held map[string]heldSession
}

type heldSession struct {
	data   []byte
	expiry time.Time
}

func (s *sessionStore) Delete(token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.held, token)
	return nil
}

func (s *sessionStore) Find(token string) ([]byte, bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	h, ok := s.held[token]
	if !ok || !time.Now().Before(h.expiry) {
		delete(s.held, token)
		return nil, false, nil
	}
	return h.data, true, nil
}

// Commit keeps the session; where there are too many it drops the expired ones
// and then the one that would expire first.
func (s *sessionStore) Commit(token string, b []byte, expiry time.Time) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.held[token]; !ok && len(s.held) >= maxSessions {
		now, first := time.Now(), ""
		for t, h := range s.held {
			if !now.Before(h.expiry) {
				delete(s.held, t)
			} else if first == "" || h.expiry.Before(s.held[first].expiry) {
				first = t
			}
		}
		if len(s.held) >= maxSessions {
			delete(s.held, first)
		}
	}
	s.held[token] = heldSession{b, expiry}
	return nil
}

// gate checks PINs, one at a time (each check costs 19 MiB), and makes guessing
// slow.
type gate struct {
	hash pinHash
	set  bool

	checking sync.Mutex

	mu    sync.Mutex
	wrong map[netip.Addr]tries
	all   tries
	key   [32]byte // of known
	known [32]byte // HMAC of the PIN last found right, so that each API call need not cost a hash
	seen  bool
}

type tries struct {
	n     int
	last  time.Time
	until time.Time
}

func newGate(hash string) (*gate, error) {
	g := &gate{wrong: map[netip.Addr]tries{}}
	rand.Read(g.key[:]) //nolint:errcheck // never fails since Go 1.24
	if hash == "" {
		return g, nil
	}
	var err error
	g.hash, err = parsePINHash(hash)
	g.set = err == nil
	return g, err
}

// pinAnswer is what a try at the PIN gave.
type pinAnswer struct {
	right bool
	left  int           // tries left before a wait; 0 where there is a wait
	wait  time.Duration // before the next try is looked at
}

// try checks pin.  While an address must wait, even the right PIN is not looked
// at, so that waiting cannot be guessed around.
func (g *gate) try(remote, pin string) pinAnswer {
	if !g.set {
		return pinAnswer{}
	}
	g.checking.Lock()
	defer g.checking.Unlock()
	from, now := addressOf(remote), time.Now()
	if w := g.waiting(from, now); w > 0 {
		return pinAnswer{wait: w}
	}
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(pin))
	sum := [32]byte(mac.Sum(nil))
	g.mu.Lock()
	same := g.seen && hmac.Equal(sum[:], g.known[:])
	g.mu.Unlock()
	if same || (len(pin) <= MaxPIN && g.hash.matches(pin)) {
		g.mu.Lock()
		defer g.mu.Unlock()
		delete(g.wrong, from)
		g.known, g.seen = sum, true
		return pinAnswer{right: true}
	}
	return g.count(from, now)
}

func (g *gate) waiting(from netip.Addr, now time.Time) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	return max(g.wrong[from].until.Sub(now), g.all.until.Sub(now))
}

func (g *gate) count(from netip.Addr, now time.Time) pinAnswer {
	g.mu.Lock()
	defer g.mu.Unlock()
	if _, ok := g.wrong[from]; !ok && len(g.wrong) >= maxAddresses {
		for a, t := range g.wrong {
			if now.Sub(t.last) > forgetAfter {
				delete(g.wrong, a)
			}
		}
		if len(g.wrong) >= maxAddresses {
			clear(g.wrong) // g.all still holds
		}
	}
	t := g.wrong[from].after(now, freeTries)
	g.wrong[from] = t
	g.all = g.all.after(now, freeTriesAll)
	return pinAnswer{left: max(0, freeTries-t.n), wait: max(0, t.until.Sub(now), g.all.until.Sub(now))}
}

func (t tries) after(now time.Time, free int) tries {
	if now.Sub(t.last) > forgetAfter {
		t = tries{}
	}
	t.n++
	t.last = now
	if t.n >= free {
		wait := firstWait << min(t.n-free, 10)
		t.until = now.Add(min(wait, longestWait))
	}
	return t
}

// addressOf is the sender's address; of IPv6 the /64, which one sender owns
// whole.
func addressOf(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = remote
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	a = a.Unmap().WithZone("")
	if a.Is6() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return a
}
