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
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/jsonpath"
	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

const (
	usualEvery   = 10 * time.Second
	usualTimeout = 5 * time.Second
	// maxAnswer is far more than a meter's values take.
	maxAnswer = 1 << 20
	// one is a factor of 1, in billionths.
	one = 1_000_000_000
)

// Config is one meter.
type Config struct {
	Document
	Every time.Duration    // between two questions; zero takes ten seconds
	TLS   *tls.Config      // nil: the machine's authorities
	Now   func() time.Time // the clock that samples are stamped with
}

// Meter asks one address.
type Meter struct {
	cfg    Config
	client *http.Client
	values []reading
	device jsonpath.Path
	time   jsonpath.Path
	op     string

	stamp string    // the measurement's time as it was told last
	moved time.Time // when it was another; zero before
}

// reading is a value of the answer and its place in a sample.
type reading struct {
	name  string
	path  jsonpath.Path
	scale int64 // of the number, in billionths
	per   int64 // of its unit
	field metering.Fields
	phase int  // from 1; 0: the meter's total
	off   bool // it is taken off the power before it
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
	if cfg.Stale <= 0 {
		cfg.Stale = max(time.Minute, 3*cfg.Every)
	}
	m := &Meter{cfg: cfg, op: "read " + redacted(cfg.URL)}
	m.values, _ = cfg.fields()               // checked
	m.device, _ = jsonpath.Parse(cfg.Device) // checked; nil where there is none
	m.time, _ = jsonpath.Parse(cfg.Document.Time)
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
	text := fault.Err.Error()
	for _, secret := range []string{m.cfg.Token, m.cfg.Password, base64.StdEncoding.EncodeToString([]byte(m.cfg.Username + ":" + m.cfg.Password))} {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	if text == fault.Err.Error() {
		return err
	}
	shown := *fault
	shown.Err = errors.New(text)
	return &shown
}

func (m *Meter) take(ctx context.Context) (metering.Sample, error) {
	body, err := m.ask(ctx)
	if err != nil {
		return metering.Sample{}, err
	}
	answer, err := m.decode(body)
	if err != nil {
		return metering.Sample{}, err
	}
	return m.sample(answer)
}

// ask is the body of an answer.
func (m *Meter) ask(ctx context.Context) ([]byte, error) {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, m.cfg.URL, nil)
	if err != nil {
		return nil, metering.Fail(metering.Offline, m.op, "check meter.http.url", "the question cannot be made")
	}
	q.Header.Set("Accept", "application/json")
	switch {
	case m.cfg.Token != "":
		q.Header.Set("Authorization", "Bearer "+m.cfg.Token)
	case m.cfg.Username != "":
		q.SetBasicAuth(m.cfg.Username, m.cfg.Password)
	}
	answer, err := m.client.Do(q)
	if err != nil {
		return nil, m.failed(err)
	}
	defer func() { _ = answer.Body.Close() }() // it was only read
	if err := m.status(answer); err != nil {
		return nil, err
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, m.failed(err)
	case len(body) > maxAnswer:
		return nil, metering.Fail(metering.UnknownReply, m.op, "check that the address is the meter's and not a page's", "the answer is longer than %d bytes", maxAnswer)
	}
	return body, nil
}

// failed names what kept an answer from coming.  The address within the error may
// hold a secret and is left out.
func (m *Meter) failed(err error) error {
	var outer *url.Error
	if errors.As(err, &outer) {
		err = outer.Err
	}
	var slow net.Error
	var stranger *tls.CertificateVerificationError
	fail := metering.Error{Code: metering.Offline, Op: m.op, Err: err, Remedy: "check that the meter has power and is in the network, and its address"}
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
func (m *Meter) status(a *http.Response) error {
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
		return metering.Fail(metering.Exception, m.op, "write the address that is meant into meter.http.url", "it sends on to %q, which is not followed", redacted(to))
	}
	return metering.Fail(metering.Exception, m.op, remedy, "the answer is %s", strconv.Itoa(a.StatusCode)+" "+http.StatusText(a.StatusCode))
}

// decode reads one JSON document and nothing after it.
func (m *Meter) decode(body []byte) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(body))
	dec.UseNumber()
	var answer any
	err := dec.Decode(&answer)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, metering.Fail(metering.Short, m.op, "look whether the meter restarts; a few cut answers are harmless", "the JSON ends after %d bytes", len(body))
	}
	if err == nil {
		if _, after := dec.Token(); !errors.Is(after, io.EOF) {
			err = errors.New("something follows the JSON")
		}
	}
	if err != nil {
		return nil, &metering.Error{Code: metering.UnknownReply, Op: m.op, Err: err, Remedy: "check that the address answers with JSON"}
	}
	return answer, nil
}

// sample takes the values out of an answer.
func (m *Meter) sample(answer any) (metering.Sample, error) {
	now := m.cfg.Now().UTC()
	s := metering.Sample{At: now}
	unknown := func(err error) (metering.Sample, error) {
		return metering.Sample{}, &metering.Error{Code: metering.UnknownReply, Op: m.op, Err: err, Remedy: "compare the paths in meter.http with what the address answers"}
	}
	if err := m.fresh(answer, now); err != nil {
		return metering.Sample{}, err
	}
	for _, v := range m.values {
		n, err := number(answer, v.path)
		if err != nil {
			return unknown(err)
		}
		amount, err := v.amount(n)
		if err != nil {
			return metering.Sample{}, &metering.Error{Code: metering.Range, Op: m.op, Err: err, Remedy: "check unit and factor of meter.http." + v.name}
		}
		v.store(&s, amount)
	}
	if m.device != nil {
		var err error
		if s.Device, err = text(answer, m.device); err != nil {
			return unknown(err)
		}
	}
	if s.Gives(metering.HasImport) || s.Gives(metering.HasExport) {
		s.Step = m.cfg.Step
	}
	s = s.Complete()
	if err := s.Sane(m.op); err != nil {
		return metering.Sample{}, err
	}
	return s, nil
}

// fresh refuses an answer whose measurement is too old.
func (m *Meter) fresh(answer any, now time.Time) error {
	if m.time == nil {
		return nil
	}
	stamp, err := text(answer, m.time)
	if err != nil {
		return &metering.Error{Code: metering.UnknownReply, Op: m.op, Err: err, Remedy: "compare meter.http.time with what the address answers"}
	}
	if stamp != m.stamp || m.moved.IsZero() || now.Before(m.moved) {
		m.stamp, m.moved = stamp, now
	}
	if age := now.Sub(m.moved); age > m.cfg.Stale {
		return metering.Fail(metering.Silent, m.op, "check the meter behind the gateway", "the same measurement is told for %v", age.Round(time.Second))
	}
	return nil
}

// amount is a number in the stored unit: exact for up to nine decimals.
func (r reading) amount(n json.Number) (int64, error) {
	beyond := fmt.Errorf("%s is %s, beyond any meter", r.path, clip(n.String()))
	billionths, err := units.ParseDecimal(n.String(), 9)
	if err != nil {
		f, err := n.Float64()
		if err != nil || f > 9e9 || f < -9e9 {
			return 0, beyond
		}
		billionths = int64(f * one)
	}
	scaled := units.MulDiv(billionths, r.scale, one)
	const most = 9_000_000_000 * one // what would not fit is held at the edge by MulDiv
	if scaled > most || scaled < -most {
		return 0, beyond
	}
	out := units.MulDiv(scaled, r.per, one)
	if out > 1<<62 || out < -1<<62 {
		return 0, beyond
	}
	return out, nil
}

func clip(s string) string {
	if len(s) > 24 {
		return s[:24] + "..."
	}
	return s
}

// store puts an amount into its place.
func (r reading) store(s *metering.Sample, v int64) {
	if r.off {
		v = -v
	}
	if r.phase > 0 {
		for len(s.Phases) < r.phase {
			s.Phases = append(s.Phases, metering.Phase{})
		}
		p := &s.Phases[r.phase-1]
		p.Has |= r.field
		switch r.field {
		case metering.HasPower:
			p.Power += units.Power(v)
		case metering.HasVoltage:
			p.Voltage = units.Voltage(v)
		default:
			p.Current = units.Current(v)
		}
		return
	}
	s.Has |= r.field
	switch r.field {
	case metering.HasImport:
		s.Import = units.Energy(v)
	case metering.HasExport:
		s.Export = units.Energy(v)
	case metering.HasPower:
		s.Power += units.Power(v)
	case metering.HasVoltage:
		s.Voltage = units.Voltage(v)
	default:
		s.Current = units.Current(v)
	}
}
