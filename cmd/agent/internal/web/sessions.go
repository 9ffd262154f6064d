package web

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
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
	held *sessionStore
	turn atomic.Int64 // of the PIN: who signed in with one before is signed in no more
}

func newSessions(idle time.Duration, log *slog.Logger) *sessions {
	held := &sessionStore{held: map[string]heldSession{}}
	// Not scs.New: it starts a goroutine that nobody could wait for.
	return &sessions{SessionManager: &scs.SessionManager{
		IdleTimeout:      idle,
		Lifetime:         sessionLifetime,
		Store:            held,
		Codec:            scs.GobCodec{},
		HashTokenInStore: true,
		Cookie:           scs.SessionCookie{Name: cookieName, Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode},
		ErrorFunc: func(w http.ResponseWriter, _ *http.Request, err error) {
			log.Error("session", "error", err)
			http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		},
	}, held: held}
}

// signedIn is the turn of the PIN in which somebody signed in, the first being one.
const signedIn = "signed_in"

// now is the present turn of the PIN.
func (s *sessions) now() int64 { return s.turn.Load() + 1 }

// signed tells whether who has the session of ctx is signed in.
func (s *sessions) signed(ctx context.Context) bool { return s.GetInt64(ctx, signedIn) == s.now() }

// signOut signs everybody out.  To forget their sessions would not be enough: a request that is
// under way keeps its session again when it is answered, however slowly it comes.
func (s *sessions) signOut() {
	s.turn.Add(1)
	s.held.clear()
}

// session gives h a session.  Over TLS its cookie is never sent without.
func (s *Server) session(h http.Handler) http.Handler {
	over := *s.sessions.SessionManager
	over.Cookie.Secure = true
	plain, secure := s.sessions.LoadAndSave(h), over.LoadAndSave(h)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.sender(r).secure {
			secure.ServeHTTP(w, r)
			return
		}
		plain.ServeHTTP(w, r)
	})
}

// peek tells whether r comes from a signed-in browser, without counting as
// activity: a page left open must not keep its session alive for ever.
func (s *sessions) peek(r *http.Request) bool {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return false
	}
	ctx, err := s.Load(context.WithoutCancel(r.Context()), c.Value)
	return err == nil && s.signed(ctx)
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

// clear forgets all sessions.
func (s *sessionStore) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.held)
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
	checking sync.Mutex

	mu   sync.Mutex
	hash pinHash
	set  bool
	key  [32]byte // of last
	last [32]byte // HMAC of the PIN last found right, so that each API call need not cost a hash
	seen bool

	pins guesses
	// programs' tokens are counted apart: one that was withdrawn, and is tried on and on by a
	// program that nobody looks after, must not keep the owner's PIN from being looked at.
	programs guesses
}

// rightFor is how long an address that gave the right PIN is not kept out by the
// wrong ones of others.
const rightFor = 30 * 24 * time.Hour

type tries struct {
	n     int
	last  time.Time
	until time.Time
}

func newGate(hash string) (*gate, error) {
	g := &gate{pins: newGuesses(), programs: newGuesses()}
	rand.Read(g.key[:]) //nolint:errcheck // never fails since Go 1.24
	if hash == "" {
		return g, nil
	}
	var err error
	g.hash, err = parsePINHash(hash)
	g.set = err == nil
	return g, err
}

// guarded tells whether there is a PIN.
func (g *gate) guarded() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.set
}

// replace has the gate ask for another PIN from now on.
func (g *gate) replace(hash string) error {
	h, err := parsePINHash(hash)
	if err != nil {
		return err
	}
	g.checking.Lock()
	defer g.checking.Unlock()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.hash, g.set, g.seen = h, true, false
	return nil
}

// pinAnswer is what a try at the PIN gave.
type pinAnswer struct {
	right bool
	left  int           // tries left before a wait; 0 where there is a wait
	wait  time.Duration // before the next try is looked at
}

// try checks pin.  While an address must wait, even the right PIN is not looked
// at, so that waiting cannot be guessed around.  exempt is a sender who does not
// wait for what others have tried: on the machine itself, or known by a cookie.
// An address with a recent right PIN does not either, or anybody could keep the
// owner from topping up.
func (g *gate) try(from netip.Addr, exempt bool, pin string) pinAnswer {
	if !g.guarded() {
		return pinAnswer{}
	}
	g.checking.Lock()
	defer g.checking.Unlock()
	return g.pins.try(from, exempt, func() bool { return g.matches(pin) })
}

// matches tells whether pin is the right one.  g.checking is held.
func (g *gate) matches(pin string) bool {
	mac := hmac.New(sha256.New, g.key[:])
	mac.Write([]byte(pin))
	sum := [32]byte(mac.Sum(nil))
	g.mu.Lock()
	same, hash := g.seen && hmac.Equal(sum[:], g.last[:]), g.hash
	g.mu.Unlock()
	if !same && (len(pin) > MaxPIN || !hash.matches(pin)) {
		return false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.last, g.seen = sum, true
	return true
}

// bare is the address itself; the zero one where there is none.
func bare(remote string) netip.Addr {
	host, _, err := net.SplitHostPort(remote)
	if err != nil {
		host = strings.Trim(remote, "[]")
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// addressOf is the sender's address; of IPv6 the /64, which one sender owns
// whole, but for the machine itself.
func addressOf(remote string) netip.Addr {
	a := bare(remote)
	if a.Is6() && !a.IsLoopback() {
		p, err := a.Prefix(64)
		if err == nil {
			return p.Addr()
		}
	}
	return a
}

// A browser that has given the right PIN carries a cookie by which it is known
// later, from another address and after a restart: it does not sign in, it only
// does not wait for what others have tried.
const knownCookie = "keeplit_known"

// knownKey is the key of those cookies: it changes with the PIN.
func (g *gate) knownKey() []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	mac := hmac.New(sha256.New, g.hash.key)
	mac.Write([]byte("keeplit known browser 1"))
	return mac.Sum(nil)
}

func (g *gate) knownValue(until time.Time) string {
	text := strconv.FormatInt(until.Unix(), 10)
	mac := hmac.New(sha256.New, g.knownKey())
	mac.Write([]byte(text))
	return text + "." + hex.EncodeToString(mac.Sum(nil))
}

// knows tells whether r carries such a cookie.
func (g *gate) knows(r *http.Request) bool {
	c, err := r.Cookie(knownCookie)
	if err != nil || !g.guarded() {
		return false
	}
	text, _, _ := strings.Cut(c.Value, ".")
	until, err := strconv.ParseInt(text, 10, 64)
	if err != nil || time.Now().Unix() > until {
		return false
	}
	return hmac.Equal([]byte(c.Value), []byte(g.knownValue(time.Unix(until, 0))))
}

// tryPIN is the gate's answer to a PIN that came with r.
func (s *Server) tryPIN(r *http.Request, pin string) pinAnswer {
	from := s.sender(r)
	return s.gate.try(from.who, from.box || s.gate.knows(r), pin)
}

// remember gives the browser its cookie.
func (s *Server) remember(w http.ResponseWriter, r *http.Request) {
	until := time.Now().Add(rightFor)
	http.SetCookie(w, &http.Cookie{
		Name: knownCookie, Value: s.gate.knownValue(until), Path: "/", Expires: until,
		HttpOnly: true, Secure: s.sender(r).secure, SameSite: http.SameSiteStrictMode,
	})
}
