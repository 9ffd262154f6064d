package httpswitch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/device/topics"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/internal/asked"
	"github.com/keeplit/keeplit/loads/internal/level"
)

// maxAnswer is far more than a device's state takes.
const maxAnswer = 256 << 10

// Switch is one device.  It is a loads.Switch, Capable and a Runner.
type Switch struct {
	doc    Document
	base   *url.URL
	pages  []string // that are asked for the state
	state  topics.Value
	level  topics.Value
	power  topics.Value
	unit   units.Power // of the set-point
	takes  loads.Capability
	full   units.Power // told where plain on is, and only a power can be said; 0: on can be said
	drops  time.Duration
	stale  time.Duration
	client *http.Client
	auth   auth
	now    func() time.Time
	log    *slog.Logger
	soon   chan struct{} // it was told something

	told level.Told

	heard asked.Heard
}

// Open implements loads.Settings.
func (d *Document) Open(e loads.Env) (loads.Switch, error) {
	if d.amperes() && e.PerAmpere <= 0 {
		return nil, errors.New("http: what amperes are in watts is not known of a load that is not of kind power")
	}
	if d.Kind == "" && d.timed() && e.DeadMan == 0 {
		return nil, errors.New("http: the load does not drop by itself, so nothing stands for {seconds}: take it out of on")
	}
	base, err := url.Parse(d.URL)
	if err != nil {
		return nil, errors.New("http: url is not an address")
	}
	w := d.whole(e.DeadMan > 0)
	s := &Switch{
		doc: w, base: base, drops: e.DeadMan, stale: or(w.Stale, usualStale), now: e.Now, log: e.Log, soon: make(chan struct{}, 1),
		auth: auth{user: w.user(), password: w.Password, token: w.Token},
		client: &http.Client{
			Timeout: w.timeout(),
			// The device is in the home's own network: no proxy.
			Transport: &http.Transport{
				DialContext: (&net.Dialer{Timeout: w.timeout()}).DialContext, TLSHandshakeTimeout: w.timeout(),
				MaxIdleConns: 1, MaxConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.watch(e.PerAmpere)
	if x := w.Setpoint; x != nil {
		s.unit = level.Unit(x.Unit, e.PerAmpere)
		s.takes = loads.Capability{Powers: e.Powers, ReadBack: x.State != nil, Pause: w.Pause}
		if w.On == nil && len(e.Powers) > 0 {
			s.full = e.Powers[len(e.Powers)-1].To
		}
	}
	return s, nil
}

// watch is what the device is asked for.
func (s *Switch) watch(perAmpere units.Power) {
	page := func(at string) string {
		for _, known := range s.pages {
			if known == at {
				return at
			}
		}
		s.pages = append(s.pages, at)
		return at
	}
	if x := s.doc.State; x != nil {
		s.state = topics.Value{Topic: page(x.URL), Path: level.Path(x.Path), On: level.Words(x.On), Off: level.Words(x.Off)}
	}
	if x := s.doc.Setpoint; x != nil && x.State != nil {
		s.level = topics.Value{Topic: page(x.State.URL), Path: level.Path(x.State.Path), Unit: level.Unit(x.Unit, perAmpere)}
	}
	if x := s.doc.Measured; x != nil && (len(s.pages) > 0 || s.doc.deaf()) { // what it draws alone says nothing of its switch
		s.power = topics.Value{Topic: page(x.URL), Path: level.Path(x.Path), Unit: level.Unit(x.Unit, perAmpere)}
	}
}

// Takes implements loads.Capable.
func (s *Switch) Takes() loads.Capability { return s.takes }

// Set implements loads.Switch.  A request that was not answered well is an error, though
// the device may have heard it: told again it does no harm.
func (s *Switch) Set(ctx context.Context, p loads.Setpoint) error {
	if err := s.takes.Check(p); err != nil {
		return err
	}
	if s.doc.deaf() {
		return errors.New("http: it is only measured")
	}
	defer func() { // what came of it is asked for at once
		select {
		case s.soon <- struct{}{}:
		default:
		}
	}()
	if !p.On {
		if s.doc.Off == nil {
			return s.tell(ctx, 0)
		}
		return s.do(ctx, *s.doc.Off, nil)
	}
	power := p.Power
	if power == 0 {
		power = s.full
	}
	s.told.Tell(power)
	if power != 0 {
		if err := s.tell(ctx, power); err != nil {
			return err
		}
	}
	if s.doc.On == nil {
		return nil
	}
	whole := int64((s.drops + time.Second - 1) / time.Second)
	return s.do(ctx, *s.doc.On, strings.NewReplacer(seconds, strconv.FormatInt(whole, 10)))
}

// tell sends a set-point.
func (s *Switch) tell(ctx context.Context, p units.Power) error {
	x := s.doc.Setpoint
	if x == nil {
		return errors.New("http: there is no request for it")
	}
	return s.do(ctx, RequestDocument{URL: x.URL, Method: x.Method, Body: x.Body}, strings.NewReplacer(value, topics.Number(p, s.unit)))
}

// do sends a request that does something, with words in it exchanged.
func (s *Switch) do(ctx context.Context, r RequestDocument, words *strings.Replacer) error {
	if words != nil {
		r.URL, r.Body = words.Replace(r.URL), words.Replace(r.Body)
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
		if r.Body != "" {
			method = http.MethodPost
		}
	}
	_, err := s.ask(ctx, method, r.URL, r.Body)
	return err
}

// ask is the body of an answer that is one.
func (s *Switch) ask(ctx context.Context, method, at, body string) ([]byte, error) {
	u, err := s.base.Parse(at)
	if err != nil {
		return nil, errors.New("http: not an address")
	}
	where := (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String() // a query may be a secret
	answer, err := s.auth.do(s.client, func() (*http.Request, error) {
		q, err := http.NewRequestWithContext(ctx, method, u.String(), strings.NewReader(body))
		if err == nil && body != "" {
			kind := "text/plain"
			if body[0] == '{' || body[0] == '[' {
				kind = "application/json"
			}
			q.Header.Set("Content-Type", kind)
		}
		return q, err
	})
	if err != nil {
		var outer *url.Error // it names the whole address
		if errors.As(err, &outer) {
			err = outer.Err
		}
		return nil, fmt.Errorf("http: %s: %w", where, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("http: %s: %w", where, err)
	case answer.StatusCode == http.StatusUnauthorized || answer.StatusCode == http.StatusForbidden:
		return nil, fmt.Errorf("http: %s: the answer is %d %s; check username and password, or token", where, answer.StatusCode, http.StatusText(answer.StatusCode))
	case answer.StatusCode < 200 || answer.StatusCode > 299:
		return nil, fmt.Errorf("http: %s: the answer is %d %s", where, answer.StatusCode, http.StatusText(answer.StatusCode))
	case len(text) > maxAnswer:
		return nil, fmt.Errorf("http: %s: the answer is longer than %d bytes", where, maxAnswer)
	}
	return text, nil
}

// Observed implements loads.Switch.
func (s *Switch) Observed(context.Context) (loads.Observation, error) {
	return s.heard.Fresh(s.now(), s.stale), nil
}

// Trouble implements loads.Troubled.
func (s *Switch) Trouble() string {
	return s.heard.Trouble()
}

// Run implements loads.Runner: it asks for the state until ctx ends, right behind each
// command, and soon again, for some devices obey before they say so.
func (s *Switch) Run(ctx context.Context) error {
	defer s.client.CloseIdleConnections()
	if len(s.pages) == 0 {
		<-ctx.Done()
		return nil
	}
	asked.Run(ctx, s.soon, s.doc.every(), s.look)
	return nil
}

// look asks for the state once.
func (s *Switch) look(ctx context.Context) {
	o := loads.Observation{At: s.now(), Known: true}
	answers := map[string][]byte{}
	for _, page := range s.pages {
		body, err := s.ask(ctx, http.MethodGet, page, "")
		if err != nil && !s.doc.deaf() && page == s.power.Topic && page != s.state.Topic && page != s.level.Topic {
			continue // whether it is on is known without
		}
		if err != nil {
			s.complain(ctx, err.Error())
			return // what was heard before is believed until it is stale
		}
		answers[page] = body
	}
	on := device.Told[bool]{}
	if s.state.Topic != "" {
		on = s.state.Says(answers[s.state.Topic])
		o.Known = on.Is()
	}
	if s.level.Topic != "" {
		says, ok := s.level.Number(answers[s.level.Topic]).Get()
		o.Known = o.Known && ok
		if is, told := on.Get(); !told || is {
			on = device.Tell(says > 0) // told to draw nothing it is off, whatever its switch says
		}
		if is, _ := on.Get(); is {
			o.Set = loads.Setpoint{On: true, Power: s.told.Nearly(says)}
		}
		o.HasSet = true
	}
	o.On, _ = on.Get()
	if s.power.Topic != "" {
		o.Power, o.HasPower = s.power.Number(answers[s.power.Topic]).Get()
	}
	if s.doc.deaf() && s.state.Topic == "" {
		o.On, o.Known = o.Power > 0, o.HasPower
	}
	if !o.Known {
		o = loads.Observation{At: o.At}
		s.complain(ctx, "its state is not where it should be, or no word that is known")
	} else {
		s.complain(ctx, "")
	}
	s.heard.Keep(o)
}

// complain logs what is wrong with the device once, and once that it is not any more.
func (s *Switch) complain(ctx context.Context, what string) {
	if ctx.Err() != nil {
		return
	}
	switch begins, ends := s.heard.Wrong(what); {
	case ends:
		s.log.Info("http: the switch answers again", "at", s.base.Host)
	case begins:
		s.log.Warn("http: the switch does not say its state", "at", s.base.Host, "error", what)
	}
}
