package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	influx "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/api"
	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"

	"github.com/keeplit/keeplit/internal/backoff"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/internal/trust"
)

// Queue is the outbox as the Forwarder needs it; *store.Outbox is one.
type Queue interface {
	// Next are the n oldest messages, in order.
	Next(ctx context.Context, n int) ([]store.Message, error)
	// Done removes messages for good; one that is not there is no error.
	Done(ctx context.Context, ids ...int64) error
	// Quarantine sets a message aside that the server will never take.
	Quarantine(ctx context.Context, id int64, reason string) error
	// Wake receives after messages were added.
	Wake() <-chan struct{}
}

// Config are the choices of a Forwarder.
type Config struct {
	URL    string // http://host:8086 or https://
	Org    string // InfluxDB 2.x; empty for 1.8
	Bucket string // for 1.8 "database/retention policy"
	// Token is asked at the start and after a refusal, so that a changed file is
	// used without a restart; for 1.8 it is "user:password".  nil is none.
	Token  func() (string, error)
	CAFile string // authorities to trust instead of the system's, PEM
	Site   string // seeds the chance in the pauses, so that a fleet does not come back all at once

	Batch int           // points a write, zero is 1000
	Every time.Duration // how long points are gathered for a write, zero is 10 s
	Drain time.Duration // how long Run goes on writing after its end was asked for, zero is 5 s
	// MinBackoff and MaxBackoff bound the pause after a failure; zero is 1 s
	// and 5 min.  The pause doubles, and half of it is chance.
	MinBackoff, MaxBackoff time.Duration
	Log                    *slog.Logger
}

// State is how the forwarder is.
type State struct {
	OK          bool      // the last write worked, or there was none yet
	Since       time.Time // since when OK is as it is; zero before the first write
	LastWrite   time.Time // when the server last confirmed a write; zero where it never did
	LastError   string    // why the last write failed and what to do; "" where OK
	Local       string    // why the outbox on this machine could not be read or changed: nothing about the server; "" where it could
	Written     int64     // points confirmed in this run
	Quarantined int64     // points set aside in this run
}

// Forwarder writes the outbox's rows to InfluxDB.
type Forwarder struct {
	cfg   Config
	queue Queue
	log   *slog.Logger
	http  *http.Client
	rand  *rand.Rand // only Run uses it

	mu    sync.Mutex
	state State
	busy  atomic.Int64 // see Busy

	client influx.Client // nil before the token was read; only Run uses it
	api    api.WriteAPIBlocking
}

// New checks cfg and answers a forwarder of queue's rows.
func New(cfg Config, queue Queue) (*Forwarder, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return nil, fmt.Errorf("%q is not the address of an InfluxDB server; write it like http://192.168.1.10:8086", cfg.URL)
	}
	if cfg.Bucket == "" {
		return nil, errors.New("InfluxDB needs a bucket; for version 1.8 it is \"database/retention policy\", mostly \"keeplit/autogen\"")
	}
	positive := func(d *time.Duration, or time.Duration) {
		if *d <= 0 {
			*d = or
		}
	}
	positive(&cfg.Every, 10*time.Second)
	positive(&cfg.Drain, 5*time.Second)
	positive(&cfg.MinBackoff, time.Second)
	positive(&cfg.MaxBackoff, 5*time.Minute)
	if cfg.Batch <= 0 {
		cfg.Batch = 1000
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	trusts, err := trust.Config(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: 1, IdleConnTimeout: 2 * time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, TLSClientConfig: trusts,
	}
	return &Forwarder{
		cfg: cfg, queue: queue, log: cfg.Log, state: State{OK: true},
		http: &http.Client{Transport: confirmed{transport}, Timeout: 30 * time.Second},
		rand: rand.New(rand.NewPCG(backoff.Seed(cfg.Site), 2)),
	}, nil
}

// State is the forwarder's state now.
func (f *Forwarder) State() State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.state
}

// Busy is since when Run is at one batch, zero where it waits for more: a batch takes no longer
// than a request may, so what lasts hangs.
func (f *Forwarder) Busy() time.Time {
	if at := f.busy.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// Run writes until ctx ends, then for at most Config.Drain what still waits.
// It returns nil: what is not written stays in the outbox.
func (f *Forwarder) Run(ctx context.Context) error {
	defer f.http.CloseIdleConnections()
	pause := backoff.Backoff{First: f.cfg.MinBackoff, Most: f.cfg.MaxBackoff, Spread: f.rand}
	for ctx.Err() == nil {
		n, err := f.some(ctx)
		if ctx.Err() != nil {
			break
		}
		wait := time.Duration(0)
		switch {
		case err != nil:
			wait = pause.Next()
			var refused *influxhttp.Error
			if errors.As(err, &refused) && refused.RetryAfter > 0 {
				wait = max(wait, min(time.Duration(refused.RetryAfter)*time.Second, f.cfg.MaxBackoff))
			}
			f.log.Warn("writing to InfluxDB", "error", err, "again_in", wait)
		case n == f.cfg.Batch:
			pause.Reset()
		default:
			pause.Reset()
			select {
			case <-ctx.Done():
			case <-f.queue.Wake():
				wait = f.cfg.Every
			}
		}
		if wait > 0 {
			select {
			case <-ctx.Done():
			case <-time.After(wait):
			}
		}
	}
	bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), f.cfg.Drain)
	defer cancel()
	for bye.Err() == nil {
		if n, err := f.some(bye); err != nil || n == 0 {
			break
		}
	}
	return nil
}

// some writes the next batch and answers how many rows it began with.
func (f *Forwarder) some(ctx context.Context) (int, error) {
	f.busy.Store(time.Now().UnixNano())
	defer f.busy.Store(0)
	rows, err := f.queue.Next(ctx, f.cfg.Batch)
	if err != nil && ctx.Err() == nil {
		f.note(round{}, local(err))
	}
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	r := round{f: f}
	err = r.write(ctx, rows)
	if err == nil {
		err = r.settle(ctx)
	}
	if err != nil && ctx.Err() != nil {
		return len(rows), err // we were stopped; that says nothing about the server
	}
	f.note(r, err)
	return len(rows), err
}

// localError is a failure of the outbox, not of the server.
type localError struct{ error }

func (e *localError) Unwrap() error { return e.error }

// local marks an error of the outbox.
func local(err error) error {
	if err == nil {
		return nil
	}
	return &localError{err}
}

func (f *Forwarder) note(r round, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	f.state.Local = ""
	if here := (*localError)(nil); errors.As(err, &here) {
		f.state.Local = err.Error()
		if r.written == 0 {
			return // the server was not even asked
		}
		err = nil // it has confirmed
	}
	if ok := err == nil; ok != f.state.OK || f.state.Since.IsZero() {
		f.state.OK, f.state.Since = ok, now
	}
	f.state.LastError = ""
	if err != nil {
		f.state.LastError = err.Error()
	}
	if r.written > 0 {
		f.state.LastWrite = now
	}
	f.state.Written += int64(r.written)
	f.state.Quarantined += int64(r.quarantined)
}

// round is one batch on its way, with the rows that were refused for what they
// are.
type round struct {
	f                    *Forwarder
	written, quarantined int
	bad                  []refusal
}

type refusal struct {
	row     store.Message
	reason  string
	certain bool // the server named the point as the reason
}

// write writes rows and removes them from the outbox; where the server refuses
// them it halves them until the bad ones are alone.
func (r *round) write(ctx context.Context, rows []store.Message) error {
	err := r.f.send(ctx, rows)
	if err == nil {
		ids := make([]int64, len(rows))
		for i, m := range rows {
			ids[i] = m.ID
		}
		// The server has them: that is noted even if we are being stopped.
		r.written += len(rows)
		return local(r.f.queue.Done(context.WithoutCancel(ctx), ids...))
	}
	refused, certain := aboutPoints(err)
	if !refused {
		return err
	}
	if len(rows) == 1 {
		r.bad = append(r.bad, refusal{rows[0], err.Error(), certain})
		return nil
	}
	if err := r.write(ctx, rows[:len(rows)/2]); err != nil {
		return err
	}
	return r.write(ctx, rows[len(rows)/2:])
}

// settle sets the refused rows aside.  Where the server refused all of them
// and gave no reason that lies in a point, something else is wrong (a proxy, a
// wrong address): the rows stay.
func (r *round) settle(ctx context.Context) error {
	for _, b := range r.bad {
		if !b.certain {
			if r.written == 0 {
				return fmt.Errorf("the server refuses every point; check that the address is that of an InfluxDB server and the bucket's name: %s", b.reason)
			}
			// Others were taken, perhaps because the trouble has just passed.
			err := r.f.send(ctx, []store.Message{b.row})
			if err == nil {
				r.written++
				if err := r.f.queue.Done(context.WithoutCancel(ctx), b.row.ID); err != nil {
					return local(err)
				}
				continue
			}
			if refused, _ := aboutPoints(err); !refused {
				return err
			}
		}
		if err := r.f.queue.Quarantine(ctx, b.row.ID, b.reason); err != nil {
			return local(err)
		}
		r.quarantined++
		r.f.log.Warn("InfluxDB refuses a point; it was set aside", "row", b.row.ID, "reason", b.reason)
	}
	return nil
}

// aboutPoints tells whether the server refused a batch for what is in it, and
// whether its words leave no doubt of that.
func aboutPoints(err error) (refused, certain bool) {
	var e *influxhttp.Error
	if !errors.As(err, &e) {
		return false, false
	}
	switch e.StatusCode {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		text := strings.ToLower(e.Error())
		for _, known := range []string{"partial write", "unable to parse", "field type conflict", "beyond retention policy", "time outside range"} {
			if strings.Contains(text, known) {
				return true, true
			}
		}
		return true, false
	case http.StatusRequestEntityTooLarge:
		return true, false
	}
	return false, false
}

// send writes rows in one request.
func (f *Forwarder) send(ctx context.Context, rows []store.Message) error {
	if f.client == nil {
		token := ""
		if f.cfg.Token != nil {
			var err error
			if token, err = f.cfg.Token(); err != nil {
				return fmt.Errorf("the InfluxDB token: %w", err)
			}
		}
		f.client = influx.NewClientWithOptions(f.cfg.URL, token,
			influx.DefaultOptions().SetUseGZip(true).SetHTTPClient(f.http).SetPrecision(time.Nanosecond))
		f.api = f.client.WriteAPIBlocking(f.cfg.Org, f.cfg.Bucket)
	}
	lines := make([]string, len(rows))
	for i, m := range rows {
		lines[i] = string(m.Payload)
	}
	err := f.api.WriteRecord(ctx, lines...)
	var refused *influxhttp.Error
	if !errors.As(err, &refused) {
		return err
	}
	switch refused.StatusCode {
	case http.StatusUnauthorized, http.StatusForbidden:
		f.client = nil // the token is read anew
		return fmt.Errorf("InfluxDB does not accept the token (for version 1.8 it is \"user:password\", and the user needs WRITE on the database): %w", err)
	case http.StatusNotFound:
		return fmt.Errorf("InfluxDB does not know the bucket %q or the organisation %q; make it there, or correct the name: %w", f.cfg.Bucket, f.cfg.Org, err)
	}
	return err
}

// confirmed lets only "204 No Content" count as a confirmation of a write.
// The login page of a hotel's network also answers 200.  Of a refusal it lets
// through what a person would read, however much the server sends.
type confirmed struct{ http.RoundTripper }

// mostReason is the most bytes of a refusal that are read.
const mostReason = 64 << 10

func (c confirmed) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := c.RoundTripper.RoundTrip(r)
	if err != nil || resp.StatusCode == http.StatusNoContent {
		return resp, err
	}
	if resp.StatusCode/100 != 2 {
		resp.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(resp.Body, mostReason), resp.Body}
		return resp, nil
	}
	_, _ = io.CopyN(io.Discard, resp.Body, mostReason) // so that the connection can be used again
	_ = resp.Body.Close()
	return nil, fmt.Errorf("the answer was %q and not that of InfluxDB; check the address", resp.Status)
}

// Ask sends a write of nothing: the server answers whether it knows bucket and token, and
// stores no point.  It must not be called beside Run.
func (f *Forwarder) Ask(ctx context.Context) error {
	token := ""
	if f.cfg.Token != nil {
		var err error
		if token, err = f.cfg.Token(); err != nil {
			return fmt.Errorf("the InfluxDB token: %w", err)
		}
	}
	q := url.Values{"org": {f.cfg.Org}, "bucket": {f.cfg.Bucket}, "precision": {"ns"}}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(f.cfg.URL, "/")+"/api/v2/write?"+q.Encode(), http.NoBody)
	if err != nil {
		return err
	}
	if token != "" {
		r.Header.Set("Authorization", "Token "+token)
	}
	answer, err := (&http.Client{Transport: f.http.Transport.(confirmed).RoundTripper, Timeout: f.http.Timeout}).Do(r) //nolint:forcetypeassert // New has made it
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, mostReason))
	switch {
	case err != nil:
		return err
	case answer.StatusCode == http.StatusUnauthorized, answer.StatusCode == http.StatusForbidden:
		return fmt.Errorf("InfluxDB does not accept the token (for version 1.8 it is \"user:password\", and the user needs WRITE on the database): %s", strings.TrimSpace(string(text)))
	case answer.StatusCode == http.StatusNotFound:
		return fmt.Errorf("InfluxDB does not know the bucket %q or the organisation %q; make it there, or correct the name: %s", f.cfg.Bucket, f.cfg.Org, strings.TrimSpace(string(text)))
	case answer.StatusCode/100 == 5, answer.StatusCode/100 == 2 && answer.StatusCode != http.StatusNoContent:
		return fmt.Errorf("what answers is no InfluxDB, or it is not well: %s", answer.Status)
	}
	return nil // 204, or 400: it has looked at token and bucket, and there is nothing to write
}
