// Package httpmeter reads meters and gateways that answer an HTTP question with
// JSON: what stands where in the answer, and in which unit, is for the
// configuration to say.
//
// An answer is a reading only as a whole: status 200, one JSON document of bounded
// length within the time, and a number at every place that is named, be it in
// quotes.  A missing number is no zero, and any other text is none.  Redirects are not followed: what is
// asked, and who is given the password, is what stands in the configuration.
package httpmeter

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
	"github.com/keeplit/keeplit/metering/values"
)

const (
	usualEvery   = 10 * time.Second
	usualTimeout = 5 * time.Second
	// maxAnswer is far more than a meter's values take.
	maxAnswer = 1 << 20
)

// Config is one meter.
type Config struct {
	Document
	Every time.Duration    // between two questions; zero takes ten seconds
	TLS   *tls.Config      // nil: the machine's authorities
	Now   func() time.Time // the clock that samples are stamped with
	// Seen is told what stood at each place; nil: nobody looks.
	Seen func([]metering.Seen)
}

// Meter asks one server.
type Meter struct {
	cfg    Config
	client *http.Client
	reader *values.Reader // nil of a kind that passes on what its meter sent
	heard  heard
	age    time.Duration // how old a measurement may be
}

// New makes a meter.
func New(cfg Config) (*Meter, error) {
	if err := cfg.Check().Err(); err != nil {
		return nil, fmt.Errorf("http meter: %w", err)
	}
	if cfg.Now == nil {
		return nil, errors.New("http meter: a clock is needed")
	}
	if cfg.Every <= 0 {
		cfg.Every = usualEvery
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = usualTimeout
	}
	cfg.Document = cfg.whole()
	m := &Meter{cfg: cfg, age: values.Stale(cfg.Stale, cfg.Every)}
	if !kinds()[cfg.Kind].sml {
		var err error
		if m.reader, err = values.New(values.Config{
			Description: cfg.Description, Medium: cfg.medium(), Age: m.age, Part: "meter.http", Kind: cfg.Kind, Seen: m.seen(),
			Op: func(page string) string { return "read " + redacted(m.address(page)) },
		}); err != nil {
			return nil, fmt.Errorf("http meter: %w", err)
		}
	}
	m.client = &http.Client{
		Timeout: cfg.Timeout,
		// The device is in the home's own network: no proxy.
		Transport: &http.Transport{
			DialContext: (&net.Dialer{Timeout: cfg.Timeout}).DialContext, TLSClientConfig: cfg.TLS, TLSHandshakeTimeout: cfg.Timeout,
			MaxIdleConns: 1, MaxConnsPerHost: 2, IdleConnTimeout: 2 * time.Minute, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return m, nil
}

// Run implements metering.Meter.
func (m *Meter) Run(ctx context.Context, emit func(metering.Reading)) error {
	if m.cfg.socket() {
		return m.follow(ctx, emit)
	}
	defer m.client.CloseIdleConnections()
	return line.Poll(ctx, line.Pace{Every: m.cfg.Every, Spread: line.SpreadOf(redacted(m.cfg.URL))}, emit, m.read)
}

// read asks once.
func (m *Meter) read(ctx context.Context) (metering.Sample, error) {
	s, err := m.take(ctx)
	return s, m.hidden(err)
}

// hidden is an error without what the meter is given as proof: one that says it
// back must not bring it into a log.
func (m *Meter) hidden(err error) error {
	var fault *metering.Error
	if !errors.As(err, &fault) || fault.Err == nil {
		return err
	}
	text := m.hide(fault.Err.Error())
	if text == fault.Err.Error() {
		return err
	}
	shown := *fault
	shown.Err = errors.New(text)
	return &shown
}

// hide is a text without what the meter is given as proof.
func (m *Meter) hide(text string) string {
	for _, secret := range []string{m.cfg.Token, m.cfg.Password, base64.StdEncoding.EncodeToString([]byte(m.cfg.Username + ":" + m.cfg.Password))} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// seen is who is told what stood at each place, without proofs; nil where nobody looks.
func (m *Meter) seen() func([]metering.Seen) {
	if m.cfg.Seen == nil {
		return nil
	}
	return func(all []metering.Seen) {
		for i := range all {
			all[i].Why = m.hide(all[i].Why)
		}
		m.cfg.Seen(all)
	}
}

// address is that of a page; empty is the one that is configured.
func (m *Meter) address(page string) string {
	at, err := url.Parse(m.cfg.URL)
	if err != nil || page == "" {
		return m.cfg.URL
	}
	rel, err := url.Parse(page)
	if err != nil {
		return m.cfg.URL // it was checked
	}
	return at.ResolveReference(rel).String()
}

// take asks for each page once.
func (m *Meter) take(ctx context.Context) (metering.Sample, error) {
	if m.reader == nil {
		return m.telegram(ctx)
	}
	m.reader.Forget()
	var now time.Time
	for _, page := range m.reader.From() {
		op := "read " + redacted(m.address(page))
		body, err := m.ask(ctx, op, m.address(page))
		if err != nil {
			return metering.Sample{}, err
		}
		answer, err := values.Decode(op, body)
		if err != nil {
			return metering.Sample{}, err
		}
		now = m.cfg.Now().UTC()
		if err := m.reader.Take(page, answer, now); err != nil {
			return metering.Sample{}, err
		}
	}
	return m.sample(now)
}

// sample is what all pages told.
func (m *Meter) sample(now time.Time) (metering.Sample, error) {
	told, err := m.reader.All(now)
	if err != nil {
		return metering.Sample{}, err
	}
	s := values.Sample(told)
	s.At, s.Device = now, told.Serial
	if err := s.Sane("read " + redacted(m.cfg.URL)); err != nil {
		return metering.Sample{}, err
	}
	return s, nil
}

// ask is the body of an answer.
func (m *Meter) ask(ctx context.Context, op, address string) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, metering.Fail(metering.Offline, op, "check meter.http.url", "the question cannot be made")
	}
	q.Header.Set("Accept", "application/json")
	m.signIn(q)
	answer, err := m.client.Do(q)
	if err != nil {
		return nil, m.failed(op, err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	if err := status(op, answer); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, m.failed(op, err)
	case len(body) > maxAnswer:
		return nil, metering.Fail(metering.UnknownReply, op, "check that the address is the meter's and not a page's", "the answer is longer than %d bytes", maxAnswer)
	}
	return body, nil
}

// signIn gives a question its proof.
func (m *Meter) signIn(q *http.Request) {
	switch {
	case m.cfg.Token != "":
		q.Header.Set("Authorization", "Bearer "+m.cfg.Token)
	case m.cfg.Username != "":
		q.SetBasicAuth(m.cfg.Username, m.cfg.Password)
	}
}

// failed names what kept an answer from coming.  The address within the error may
// hold a secret and is left out.
func (m *Meter) failed(op string, err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var slow net.Error
	var stranger *tls.CertificateVerificationError
	fail := metering.Error{Code: metering.Offline, Op: op, Err: err, Remedy: "check that the meter has power and is in the network, and its address"}
	switch {
	case errors.As(err, &slow) && slow.Timeout(), errors.Is(err, context.DeadlineExceeded):
		fail.Code, fail.Err = metering.Silent, fmt.Errorf("no whole answer within %v", m.cfg.Timeout)
	case errors.As(err, &stranger):
		fail.Code, fail.Remedy = metering.Exception, "name the file of the authority that signed its certificate in meter.http.ca"
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		fail.Code, fail.Remedy = metering.Short, "look whether the meter restarts; a few cut answers are harmless"
	}
	return &fail
}

// status refuses what is no answer.
func status(op string, a *http.Response) error {
	remedy := "look at the address with a browser"
	switch a.StatusCode {
	case http.StatusOK:
		return nil
	case http.StatusUnauthorized, http.StatusForbidden:
		remedy = "check meter.http.username and password, or token"
	case http.StatusNotFound:
		remedy = "check the path in meter.http.url"
	}
	if to := a.Header.Get("Location"); a.StatusCode >= 300 && a.StatusCode < 400 && to != "" {
		return metering.Fail(metering.Exception, op, "write the address that is meant into meter.http.url", "it sends on to %q, which is not followed", redacted(to))
	}
	return metering.Fail(metering.Exception, op, remedy, "the answer is %s", strconv.Itoa(a.StatusCode)+" "+http.StatusText(a.StatusCode))
}
