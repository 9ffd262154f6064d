package openadr

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/internal/backoff"
)

// Config is how a site is known to its server.
type Config struct {
	URL      string
	TokenURL string // "": as the server says
	ClientID string
	Secret   func() (string, error)
	Scope    string
	CAFile   string
	Program  string // its name or id; "": all that the server shows
	VEN      string
	Poll     time.Duration
	// Urgent: a limit holds for as long as the server is heard, so that its silence is to be
	// short.
	Urgent bool
	Notify bool
	File   string // where is remembered which reports were sent
	Seed   uint64
	Log    *slog.Logger
}

// Listener hears a broker's messages under topics until ctx ends or the connection is lost;
// heard is called for each.  What is in a message is not looked at: it is the reason to ask.
type Listener func(ctx context.Context, broker, username, password string, topics []string, heard func()) error

// Site is what is served.
type Site interface {
	// Take takes the whole list of the server's events.
	Take(ctx context.Context, list policy.List) error
	// Standing are the ids of the events taken that do something.
	Standing() []string
	// Now is the site's clock.
	Now() time.Time
	Data
}

// State is how the link stands.
type State struct {
	OK    bool
	Since time.Time // that it has been so
	Error string
}

// VEN is one site at one server.
type VEN struct {
	cfg    Config
	client *client
	site   Site
	listen Listener
	rand   *rand.Rand
	sent   *sent
	pace   pace

	id       string // of the ven object; "": the server lets us make none
	program  string // of the program; "": all
	programs map[string][]policy.ADRDescriptor
	asked    time.Time // when the programs were read
	listed   string    // what the list was last

	mu    sync.Mutex
	state State
}

// pace is how long is waited.
type pace struct {
	first, most, refused time.Duration // after failures
	atLeast              time.Duration // between two polls, however many messages come
	programs             time.Duration // after which programs are read anew
	within               time.Duration // in which the list is to be read, and the reports sent
}

func usualPace() pace {
	return pace{first: 5 * time.Second, most: 5 * time.Minute, refused: time.Hour, atLeast: 2 * time.Second, programs: time.Hour, within: 2 * time.Minute}
}

// New makes a VEN; listen may be nil.
func New(cfg Config, site Site, listen Listener) (*VEN, error) {
	c, err := newClient(cfg)
	if err != nil {
		return nil, err
	}
	v := &VEN{cfg: cfg, client: c, site: site, listen: listen, rand: rand.New(rand.NewPCG(cfg.Seed, 18)), pace: usualPace()} //nolint:gosec // jitter
	v.state.Since = time.Now()
	if v.sent, err = readSent(cfg.File); err != nil {
		cfg.Log.Warn("openadr: which reports were sent is not known, and they may be sent again", "error", err)
	}
	return v, nil
}

// State is how the link stands.
func (v *VEN) State() State {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.state
}

func (v *VEN) stands(err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	is := State{OK: err == nil, Since: v.state.Since}
	if err != nil {
		is.Error = err.Error()
	}
	if is.OK != v.state.OK {
		is.Since = time.Now()
	}
	v.state = is
}

// Run asks the server until ctx ends.
func (v *VEN) Run(ctx context.Context) error {
	ctx, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer stop()
	wake := make(chan struct{}, 1)
	pause := backoff.Backoff{First: v.pace.first, Most: v.pace.most, Spread: v.rand}
	if v.cfg.Urgent {
		pause.Most = min(pause.Most, time.Minute)
	}
	refused := backoff.Backoff{First: time.Minute, Most: v.pace.refused, Spread: v.rand}
	if v.pace.first < time.Second { // a test
		refused.First = v.pace.first
	}
	// Agents that start together, after a power cut, do not ask together.
	wait, listens := v.spread(min(v.cfg.Poll, 30*time.Second)), false
	// Anybody may be at the server's broker: messages after which nothing has changed have the
	// next ones wait longer, up to the poll that comes anyway.
	least := v.pace.atLeast
	for {
		woken, ok := v.wait(ctx, wait, least, wake, pause.Failures()+refused.Failures() == 0)
		if !ok {
			return nil
		}
		was := v.listed
		err := v.once(ctx)
		switch {
		case v.listed != was:
			least = v.pace.atLeast
		case woken:
			least = min(2*least, v.cfg.Poll)
		}
		if ctx.Err() != nil {
			return nil
		}
		v.stands(err)
		var status *StatusError
		switch {
		case err == nil:
			pause.Reset()
			refused.Reset()
			wait = v.cfg.Poll - v.cfg.Poll/10 + v.spread(v.cfg.Poll/5)
			if v.cfg.Urgent {
				wait = v.cfg.Poll - v.spread(v.cfg.Poll/5)
			}
			if v.cfg.Notify && v.listen != nil && !listens {
				listens = true
				wg.Go(func() { v.notified(ctx, wake) })
			}
			continue
		case refuses(err):
			wait = refused.Next()
		default:
			wait = pause.Next()
		}
		if errors.As(err, &status) {
			wait = max(wait, status.After)
		}
		v.cfg.Log.Warn("openadr: the server could not be asked", "error", err, "again_in", wait.Round(time.Second))
	}
}

// spread draws from a time.
func (v *VEN) spread(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return time.Duration(v.rand.Int64N(int64(most)))
}

// wait waits; a message of the server's broker ends it where it may, but not before least.  Not
// ok: ctx has ended.
func (v *VEN) wait(ctx context.Context, d, least time.Duration, wake <-chan struct{}, may bool) (woken, ok bool) {
	over := time.NewTimer(d)
	defer over.Stop()
	if may {
		first := time.NewTimer(min(least, d))
		defer first.Stop()
		select {
		case <-ctx.Done():
			return false, false
		case <-first.C:
		}
	} else {
		wake = nil
	}
	select {
	case <-ctx.Done():
		return false, false
	case <-wake:
		return true, true
	case <-over.C:
	}
	return false, true
}

// once registers where that is to be done, reads the events, hands them on, and sends the
// reports that are due.
func (v *VEN) once(ctx context.Context) error {
	list, err := v.read(ctx)
	if err != nil {
		return err
	}
	if err := v.site.Take(ctx, list); err != nil {
		return fmt.Errorf("the events are not taken: %w", err)
	}
	sum := sha256.New()
	for _, e := range list.Events {
		sum.Write(e)
		sum.Write([]byte{'\n'})
	}
	v.listed = string(sum.Sum(nil))
	ctx, stop := context.WithTimeout(ctx, v.pace.within)
	defer stop()
	return v.report(ctx, list.Events)
}

// read reads all that the server has for this site.  However slow each of its answers is: who
// cannot say so much in time is not heard.
func (v *VEN) read(ctx context.Context) (list policy.List, err error) {
	ctx, stop := context.WithTimeout(ctx, v.pace.within)
	defer stop()
	if err := v.register(ctx); err != nil {
		return list, err
	}
	events, err := v.events(ctx)
	if err != nil {
		return list, err
	}
	list.Programs = v.programs
	for _, e := range events {
		list.Events = append(list.Events, e)
	}
	return list, nil
}

// register finds the site's own object and its program.
func (v *VEN) register(ctx context.Context) error {
	if !v.asked.IsZero() && time.Since(v.asked) < v.pace.programs {
		return nil
	}
	if v.id == "" {
		if err := v.find(ctx); err != nil {
			return err
		}
	}
	all, err := v.client.all(ctx, "programs", nil)
	if err != nil {
		return err
	}
	found, programs, names := "", map[string][]policy.ADRDescriptor{}, []string{}
	for _, text := range all {
		var p struct {
			ID          string                 `json:"id"`
			Name        string                 `json:"programName"`
			Descriptors []policy.ADRDescriptor `json:"payloadDescriptors"`
		}
		if json.Unmarshal(text, &p) != nil || idOf(text) == "" {
			continue
		}
		if p.Name == v.cfg.Program || p.ID == v.cfg.Program {
			found = p.ID
		}
		names = append(names, fmt.Sprintf("%.60q", p.Name))
		for _, d := range p.Descriptors {
			if d.ObjectType != "REPORT_PAYLOAD_DESCRIPTOR" && len(programs[p.ID]) < 32 {
				programs[p.ID] = append(programs[p.ID], d)
			}
		}
	}
	if v.cfg.Program != "" && found == "" {
		return fmt.Errorf("the server shows no program %q; it shows %s", v.cfg.Program, strings.Join(names[:min(len(names), 8)], ", "))
	}
	v.program, v.programs, v.asked = found, programs, time.Now()
	return nil
}

// find finds the site's own object, or makes it.
func (v *VEN) find(ctx context.Context) error {
	mine := func(text []byte) bool {
		var o struct {
			ID   string `json:"id"`
			Name string `json:"venName"`
		}
		if json.Unmarshal(text, &o) != nil || o.Name != v.cfg.VEN || idOf(text) == "" {
			return false
		}
		v.id = o.ID
		return true
	}
	all, err := v.client.all(ctx, "vens", url.Values{"venName": {v.cfg.VEN}})
	switch {
	case isStatus(err, http.StatusForbidden), isStatus(err, http.StatusNotFound):
		return nil // it shows none: events are read without
	case err != nil:
		return err
	}
	for _, text := range all {
		if mine(text) {
			return nil
		}
	}
	text, err := v.client.post(ctx, "vens", map[string]string{"objectType": "VEN_VEN_REQUEST", "venName": v.cfg.VEN})
	switch {
	case isStatus(err, http.StatusForbidden), isStatus(err, http.StatusNotFound):
		v.cfg.Log.Info("openadr: the server lets no ven be made; it is gone on without", "ven", v.cfg.VEN, "error", err)
		return nil
	case err != nil:
		return err
	case !mine(text):
		return errors.New("POST vens: the answer is not the ven that was asked for")
	}
	return nil
}

// events reads the whole list.  Of an event that does something and is not listed any more the
// server is asked once more: pages move while they are read, a list may be longer than is read,
// and no limit ends by that.
func (v *VEN) events(ctx context.Context) ([]json.RawMessage, error) {
	query := url.Values{}
	if v.program != "" {
		query.Set("programID", v.program)
	}
	all, err := v.client.all(ctx, "events", query)
	if err != nil {
		return nil, err
	}
	ids := map[string]bool{}
	for _, e := range all {
		ids[idOf(e)] = true
	}
	for _, id := range v.site.Standing() {
		if ids[id] {
			continue
		}
		text, err := v.client.one(ctx, "events", id)
		if err != nil {
			return nil, err
		}
		if text != nil && idOf(text) == id && (v.program == "" || programOf(text) == v.program) {
			all = append(all, text)
		}
	}
	return all, nil
}

func programOf(event []byte) string {
	var e struct {
		ID string `json:"programID"`
	}
	_ = json.Unmarshal(event, &e) // what cannot be read is of none
	return e.ID
}
