package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/api"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/policy"
	"github.com/keeplit/keeplit/credit/voucher"
	"github.com/keeplit/keeplit/internal/backoff"
)

// utility signs, sends, and hears what the fleet says.
type utility struct {
	opt     Options
	broker  broker.Config
	started time.Time

	mu      sync.Mutex
	client  *broker.Client // nil: not connected
	seq     map[string]uint64
	heard   map[string]map[uint64]bool // acknowledgements by site
	twice   int                        // that came again
	unsound int                        // that their site has not signed
	desks   [confirming]desk
	asked   chan struct{} // has something where a site has said that it has no keys
	speak   chan struct{} // closed when the fleet knows the keys: a heartbeat before that is refused
	spoken  sync.Once
}

// desk confirms the acknowledgements of some sites, of each one receipt after another: the
// second must not overtake the first.
type desk struct {
	wait map[string]*receipt // by site
	wake chan struct{}
}

// receipt is what of a site's acknowledgements is to be confirmed.
type receipt struct {
	since time.Time
	taken []uint64
}

func newUtility(opt Options) (*utility, error) {
	u := &utility{
		opt: opt, broker: broker.Config{URL: opt.Broker, Others: opt.Others, Site: "utility", ClientID: opt.Prefix + "-utility", Log: opt.Log}, started: time.Now().UTC(),
		seq: map[string]uint64{}, heard: map[string]map[uint64]bool{}, asked: make(chan struct{}, 1), speak: make(chan struct{}),
	}
	for i := range u.desks {
		u.desks[i] = desk{wait: map[string]*receipt{}, wake: make(chan struct{}, 1)}
	}
	if opt.Identity != nil {
		if err := opt.Identity("utility", &u.broker); err != nil {
			return nil, err
		}
	}
	return u, nil
}

// run stays connected until ctx ends.
func (u *utility) run(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	for i := range u.desks {
		wg.Go(func() { u.confirm(ctx, &u.desks[i]) })
	}
	wg.Go(func() { u.beat(ctx) })
	wg.Go(func() { u.answer(ctx) })
	for ctx.Err() == nil {
		if err := u.stay(ctx); err != nil && ctx.Err() == nil {
			u.opt.Log.Warn("the utility's connection", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
	return nil
}

// stay is one connection.
func (u *utility) stay(ctx context.Context) error {
	c, err := broker.Dial(ctx, u.broker)
	if err != nil {
		return err
	}
	defer c.Close()
	if err := c.Subscribe(ctx, "keeplit/+/policy/ack", u.hear); err != nil {
		return err
	}
	if err := c.Subscribe(ctx, "keeplit/+/policy/state", u.hello); err != nil {
		return err
	}
	keys, err := u.keys()
	if err != nil {
		return err
	}
	if err := c.Publish(ctx, broker.PolicyKeys(issuer), true, []byte(keys)); err != nil {
		return err
	}
	u.mu.Lock()
	u.client = c
	u.mu.Unlock()
	defer func() {
		u.mu.Lock()
		u.client = nil
		u.mu.Unlock()
	}()
	select {
	case <-ctx.Done():
		return nil
	case err := <-c.Lost():
		return err
	}
}

// keys is the fleet's one key set.
func (u *utility) keys() (string, error) {
	return policy.SignKeys(issuer, u.started, policy.KeySet{
		Version: 1, Epoch: 1, Roots: []string{public(keyOf(u.opt.Seed, "root"))}, Threshold: 1, Expires: u.started.AddDate(0, 1, 0),
		Signers: []policy.Signer{{Key: public(keyOf(u.opt.Seed, "operator")), Streams: policy.Streams()}},
	}, keyOf(u.opt.Seed, "root"))
}

// hello hears what a site has of the keys.  A cluster hands a retained message on at its best:
// a site at another node may never hear it, and says so.
func (u *utility) hello(_ string, payload []byte) {
	var st api.PolicyState
	if json.Unmarshal(payload, &st) != nil || st.Keys > 0 || !strings.HasPrefix(st.Site, u.opt.Prefix+"-") {
		return
	}
	select {
	case u.asked <- struct{}{}:
	default:
	}
}

// answer sends the keys again, once for all who have asked since the last time.
func (u *utility) answer(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-u.asked:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(answerEvery):
		}
		if keys, err := u.keys(); err == nil {
			if err := u.publish(ctx, broker.PolicyKeys(issuer), []byte(keys)); err != nil {
				u.opt.Log.Warn("the keys were not sent again", "error", err)
			}
		}
	}
}

// answerEvery is how long sites that ask for the keys are waited for.
const answerEvery = 2 * time.Second

// sign is the next envelope of a stream.
func (u *utility) sign(audience string, stream policy.Stream, ack policy.AckWish, good time.Duration, body []byte) (id string, text []byte, err error) {
	u.mu.Lock()
	u.seq[audience+" "+string(stream)]++
	n := u.seq[audience+" "+string(stream)]
	u.mu.Unlock()
	now := time.Now().UTC()
	id = fmt.Sprintf("%s-%d-%d", stream, u.started.Unix(), n)
	signed, err := policy.Envelope{
		V: 1, Issuer: issuer, Audience: audience, Stream: stream, Epoch: 1, Seq: n, ID: id,
		Issued: now, Expires: now.Add(good), Ack: ack, Body: body,
	}.Sign(keyOf(u.opt.Seed, "operator"))
	return id, []byte(signed), err
}

// publish sends over the connection that stands.
func (u *utility) publish(ctx context.Context, topic string, payload []byte) error {
	u.mu.Lock()
	c := u.client
	u.mu.Unlock()
	if c == nil {
		return broker.ErrNotConnected
	}
	return c.Publish(ctx, topic, false, payload)
}

// deliver sends until the broker has it, or ctx ends.
func (u *utility) deliver(ctx context.Context, topic string, payload []byte) error {
	for {
		err := u.publish(ctx, topic, payload)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(500 * time.Millisecond):
		}
	}
}

// event is a body with one event of one value.
func event(id, kind string, values ...any) ([]byte, error) {
	return json.Marshal(map[string]any{"event": map[string]any{
		"id": id, "programID": "fleet-sim", "intervalPeriod": map[string]any{"start": "0001-01-01", "duration": "PT1H"},
		"intervals": []any{map[string]any{"id": 0, "payloads": []any{map[string]any{"type": kind, "values": values}}}},
	}})
}

// limit is a limit for all.
func (u *utility) limit(kw float64) (id string, text []byte, err error) {
	body, err := event("peak", policy.TypeLimit, kw)
	if err != nil {
		return "", nil, err
	}
	return u.sign("group:"+group, policy.Limit, policy.AckApplied, time.Hour, body)
}

// token is a voucher for one site.
func (u *utility) token(site string, serial uint64) (id string, text []byte, err error) {
	digits, err := voucher.Voucher{Serial: serial, Issued: time.Now().UTC(), Days: 30, Amount: 10_000}.Sign(keyOf(u.opt.Seed, "vouchers"), site, "ZAR")
	if err != nil {
		return "", nil, err
	}
	body, err := event("voucher", policy.TypeToken, digits)
	if err != nil {
		return "", nil, err
	}
	return u.sign("site:"+site, policy.Token, policy.AckApplied, time.Hour, body)
}

// beat says that the utility is alive: without it a limit is the fail-safe one.
func (u *utility) beat(ctx context.Context) {
	select {
	case <-ctx.Done():
		return
	case <-u.speak:
	}
	for {
		wait := heartbeatEvery
		if _, text, err := u.sign("group:"+group, policy.Heartbeat, policy.AckNone, policy.HeartbeatLives, policy.HeartbeatBody()); err == nil {
			if u.publish(ctx, broker.PolicyStream("group:"+group, string(policy.Heartbeat)), text) != nil {
				wait = time.Second
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// heartbeatEvery is how often the utility says that it is alive, confirmEvery how long it
// gathers what it confirms, and confirming how many confirmations are under way at once.
const (
	heartbeatEvery = 30 * time.Second
	confirmEvery   = time.Second
	confirming     = 8
)

// hear takes an acknowledgement.
func (u *utility) hear(topic string, payload []byte) {
	site, _, _ := strings.Cut(strings.TrimPrefix(topic, "keeplit/"), "/")
	if !strings.HasPrefix(site, u.opt.Prefix+"-") {
		return
	}
	key, err := policy.DecodeKey(public(keyOf(u.opt.Seed, site)))
	var a policy.Ack
	var by string
	if err == nil {
		by, a, err = policy.OpenAck(payload, key)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil || by != site {
		u.unsound++
		return
	}
	if u.heard[site] == nil {
		u.heard[site] = map[uint64]bool{}
	}
	if u.heard[site][a.N] {
		u.twice++
	}
	u.heard[site][a.N] = true
	d := &u.desks[backoff.Seed(site)%confirming]
	r := d.wait[site]
	if r == nil {
		r = &receipt{since: a.Since}
		d.wait[site] = r
	}
	r.taken = append(r.taken, a.N)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// confirm sends receipts.
func (u *utility) confirm(ctx context.Context, d *desk) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(confirmEvery):
		}
		for ctx.Err() == nil {
			site, r := u.next(d)
			if r == nil {
				break
			}
			if err := u.receipt(ctx, site, r); err != nil {
				u.opt.Log.Warn("a receipt was not sent", "site", site, "error", err) // the site says it again
			}
		}
	}
}

// next is a site that waits for receipts.
func (u *utility) next(d *desk) (string, *receipt) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for site, r := range d.wait {
		delete(d.wait, site)
		return site, r
	}
	return "", nil
}

func (u *utility) receipt(ctx context.Context, site string, r *receipt) error {
	body, err := policy.ReceiptBody(r.since, r.taken)
	if err != nil {
		return err
	}
	_, text, err := u.sign("site:"+site, policy.Receipt, policy.AckNone, time.Hour, body)
	if err != nil {
		return err
	}
	return u.publish(ctx, broker.PolicyStream("site:"+site, string(policy.Receipt)), text)
}

// heardBy tells that the whole fleet has the keys.
func (u *utility) heardBy() { u.spoken.Do(func() { close(u.speak) }) }

// forget takes back what the utility has left at the broker.
func (u *utility) forget(ctx context.Context) error {
	c, err := broker.Dial(ctx, u.broker)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.Publish(ctx, broker.PolicyKeys(issuer), true, nil)
}

// counts are the acknowledgements that were heard.
func (u *utility) counts() (heard, twice, unsound int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, all := range u.heard {
		heard += len(all)
	}
	return heard, u.twice, u.unsound
}
