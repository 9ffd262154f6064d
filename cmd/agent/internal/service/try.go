package service

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/control"
	"github.com/keeplit/keeplit/cmd/agent/internal/telemetry"
	"github.com/keeplit/keeplit/internal/device"
	"github.com/keeplit/keeplit/internal/store"
	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/metering"
)

// Tried is what came of asking one thing that a configuration names.
type Tried struct {
	What   string // meter, broker, influxdb, or the id of a load
	Answer Answer
	Says   string // what it answered, or what is wrong
	Next   string // what to do; "" where there is nothing
}

// Answer is what became of a question.
type Answer string

// The answers.  What was left out was not asked, and Says has the reason.
const (
	Answers Answer = "answers"
	Wrong   Answer = "wrong"
	LeftOut Answer = "left out"
)

// Try asks each thing once, for so long at most, or those alone that are named.  It only reads: no switch is
// told anything, no output is opened, and no reading is taken out of a device that forgets it by being read.
func Try(ctx context.Context, o Orders, within time.Duration, only ...string) []Tried {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	t := newTrial(o, only)
	defer t.end()
	return t.all(ctx)
}

func newTrial(o Orders, only []string) *trial {
	t := &trial{Service: blank(o.Config, o.Log), only: only}
	t.pid, t.beside = store.Running(o.Config.Path(o.Config.Data))
	return t
}

func (t *trial) end() {
	_ = t.machine.Close()
	_ = t.Close()
}

// trial is a service of which only what asks is built.
type trial struct {
	*Service
	pid    string
	beside bool // an agent runs on this configuration
	bus    *asking
	only   []string // what is asked; empty: all
	// listens takes the meter's readings; nil: the first is enough.
	listens *hearing
}

func (t *trial) asks(what string) bool { return len(t.only) == 0 || slices.Contains(t.only, what) }

func (t *trial) all(ctx context.Context) []Tried {
	runs, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	if session := t.newSession(); session != nil {
		t.bus = &asking{Session: session}
		t.devices = device.NewPool(t.bus, t.now, t.log)
	}
	meter := t.meterTrial()
	switches := t.switchTrials()
	if t.bus != nil {
		t.bus.allow(t.devices.Devices())
	}
	for _, d := range t.devices.Devices() {
		wg.Go(func() { _ = d.Run(runs) })
	}
	for _, s := range switches {
		if r, ok := s.sw.(loads.Runner); ok {
			wg.Go(func() { _ = r.Run(runs) })
		}
	}
	readings := make(chan metering.Reading, 1)
	if meter.meter != nil {
		wg.Go(func() {
			_ = meter.meter.Run(runs, func(r metering.Reading) {
				select {
				case readings <- r:
				default:
				}
			})
		})
	}
	if t.session != nil {
		wg.Go(func() { _ = t.session.Run(runs) })
	}
	out := t.answers(ctx, meter, readings, switches)
	stop()
	wg.Wait()
	return out
}

// newSession is the trial's own with the broker; nil where there is none, or none can be called.
func (t *trial) newSession() *broker.Session {
	if t.cfg.MQTT == nil {
		return nil
	}
	c := BrokerOf(t.cfg, t.log)
	// A name of its own, and a site of its own: the running agent's session stays as it is.
	c.ClientID, c.Site = "keeplit-try-"+t.cfg.Site.ID, "probe"
	session, err := broker.New(c)
	if err != nil {
		return nil
	}
	t.session = session
	return session
}

// answers waits for all of them side by side: the time is that of the slowest.
func (t *trial) answers(ctx context.Context, meter meterTrial, readings <-chan metering.Reading, switches []switchTrial) []Tried {
	var ask []func(context.Context) Tried
	if t.asks("meter") {
		ask = append(ask, func(ctx context.Context) Tried { return t.meterSays(ctx, meter, readings) })
	}
	if t.cfg.MQTT != nil && t.asks("broker") {
		ask = append(ask, t.brokerSays)
	}
	if t.cfg.InfluxDB != nil && t.asks("influxdb") {
		ask = append(ask, t.influxSays)
	}
	for _, s := range switches {
		ask = append(ask, s.says)
	}
	out := make([]Tried, len(ask))
	var wg sync.WaitGroup
	for i, f := range ask {
		wg.Go(func() { out[i] = f(ctx) })
	}
	wg.Wait()
	if !slices.ContainsFunc(out, func(x Tried) bool { return x.What == "broker" && x.Answer == Wrong }) {
		return out
	}
	// What hangs on a broker that lets nobody in is not to blame.
	behind := map[string]bool{"meter": t.cfg.Meter.Settings.Needs()&metering.NeedsBroker != 0}
	switched(t.cfg, func(_, id string, d loads.SwitchDocument, _ loads.Env) {
		behind[id] = d.Switches() && d.Traits().Needs&loads.NeedsBroker != 0
	})
	for i := range out {
		if out[i].Answer == Wrong && behind[out[i].What] {
			out[i] = Tried{out[i].What, LeftOut, "it hangs on the broker, which does not answer", ""}
		}
	}
	return out
}

// asking lets through only what asks a device for its state.
type asking struct {
	*broker.Session
	mu      sync.Mutex
	allowed []device.Message
}

// mostRelays is how many relays a device has that is asked for them.
const mostRelays = 16

func (a *asking) allow(devices []*device.Device) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, d := range devices {
		for relay := range mostRelays {
			if m, ok := d.Dialect().Ask(relay); ok {
				a.allowed = append(a.allowed, m)
			}
		}
	}
}

// Publish implements device.Bus.
func (a *asking) Publish(ctx context.Context, topic string, qos byte, retained bool, payload []byte) error {
	a.mu.Lock()
	ok := !retained && slices.ContainsFunc(a.allowed, func(m device.Message) bool { return m.Topic == topic && string(m.Payload) == string(payload) })
	a.mu.Unlock()
	if !ok {
		return nil
	}
	return a.Session.Publish(ctx, topic, qos, retained, payload)
}

// meterTrial is the meter where it may be asked.
type meterTrial struct {
	meter metering.Meter
	out   Tried
}

func (t *trial) meterTrial() meterTrial {
	const what = "meter"
	if !t.asks(what) {
		return meterTrial{}
	}
	needs := t.cfg.Meter.Settings.Needs()
	label := t.cfg.Meter.Label()
	switch {
	case needs&metering.NeedsSimulation != 0:
		return meterTrial{out: Tried{what, LeftOut, "it is simulated", ""}}
	case t.beside && needs&metering.NeedsBroker == 0:
		return meterTrial{out: Tried{what, LeftOut, fmt.Sprintf("the running agent (process %s) has it, and two would disturb each other", t.pid), "agent status says how it is; or stop the agent and try again"}}
	case needs&metering.NeedsMachine != 0:
		// Some forget what they have counted by being read.
		if _, err := t.meterOf(control.State{}); err != nil {
			return meterTrial{out: Tried{what, Wrong, fmt.Sprintf("%s: %v", label, err), "agent probe lists the pins and buses that this user may open"}}
		}
		return meterTrial{out: Tried{what, Answers, label + ": its pins and buses can be opened; it is not read here", ""}}
	}
	m, err := t.meterOf(control.State{})
	if err != nil {
		return meterTrial{out: Tried{what, Wrong, fmt.Sprintf("%s: %v", label, err), "correct the configuration; agent probe lists what is there"}}
	}
	return meterTrial{meter: m, out: Tried{What: what}}
}

func (t *trial) meterSays(ctx context.Context, m meterTrial, readings <-chan metering.Reading) Tried {
	if m.meter == nil {
		return m.out
	}
	label := t.cfg.Meter.Label()
	var failed error
	var good Tried
	for {
		select {
		case r := <-readings:
			if r.Err != nil {
				failed = r.Err
				continue
			}
			good = Tried{m.out.What, Answers, label + ": " + shown(r.Sample), ""}
			if t.listens == nil || t.listens.read(r.Sample) {
				return good
			}
		case <-ctx.Done():
			if good.Answer == Answers {
				return good
			}
			if failed != nil {
				says, next := failed, "check its cable, address, speed and unit number; agent probe lists the ports"
				if e := (*metering.Error)(nil); errors.As(failed, &e) && e.Remedy != "" {
					says, next = &metering.Error{Code: e.Code, Op: e.Op, Err: e.Err}, e.Remedy // the driver knows better
				}
				return Tried{m.out.What, Wrong, fmt.Sprintf("%s: %v", label, says), next}
			}
			next := "check its cable and power, and try for longer: --wait 2m"
			if t.cfg.Meter.Settings.Needs()&metering.NeedsBroker != 0 {
				next = "check its topic and that it is on this broker; some send every five minutes only: --wait 6m"
			}
			return Tried{m.out.What, Wrong, label + ": nothing was heard of it", next}
		}
	}
}

// shown is what a sample tells, and nothing of what it does not.
func shown(s metering.Sample) string {
	text := ""
	if s.Gives(metering.HasImport) {
		text = "register " + s.Import.String()
	}
	if s.Gives(metering.HasPower) {
		if text != "" {
			text += ", "
		}
		text += s.Power.String()
	}
	return cmp.Or(text, "it answers, and tells neither register nor power")
}

func (t *trial) brokerSays(ctx context.Context) Tried {
	url := t.cfg.MQTT.URL
	if t.session == nil {
		return Tried{"broker", Wrong, url + ": it cannot be called", "agent check names the fault"}
	}
	for {
		changed := t.session.Changed()
		if t.session.State().Connected {
			return Tried{"broker", Answers, url + ": it takes name and password", ""}
		}
		select {
		case <-ctx.Done():
			return Tried{"broker", Wrong, url + ": " + cmp.Or(t.session.State().LastError, "no connection"), "check address, user name and password, and that the broker runs and lets this user in"}
		case <-changed:
		}
	}
}

func (t *trial) influxSays(ctx context.Context) Tried {
	i := t.cfg.InfluxDB
	c := telemetry.Config{URL: i.URL, Org: i.Org, Bucket: i.Bucket, CAFile: t.cfg.Path(i.CA), Site: t.cfg.Site.ID}
	if i.Token != "" {
		c.Token = func() (string, error) { return i.Token, nil }
	}
	f, err := telemetry.New(c, nil)
	if err == nil {
		err = f.Ask(ctx)
	}
	if err != nil {
		return Tried{"influxdb", Wrong, fmt.Sprintf("%s: %v", i.URL, err), "check address, bucket and token; until it answers points wait in the outbox"}
	}
	return Tried{"influxdb", Answers, fmt.Sprintf("%s: it takes the token for %s", i.URL, i.Bucket), ""}
}

// switchTrial is one switch where it may be asked.
type switchTrial struct {
	id     string
	sw     loads.Switch
	broker bool // it is reached over the broker
	out    Tried
}

func (t *trial) switchTrials() []switchTrial {
	var out []switchTrial
	switched(t.cfg, func(_, id string, d loads.SwitchDocument, e loads.Env) {
		if !d.Switches() || !t.asks(id) {
			return
		}
		s := switchTrial{id: id}
		traits := d.Traits()
		switch {
		case traits.Needs&loads.NeedsSimulation != 0:
			s.out = Tried{id, LeftOut, "its switch is simulated", ""}
		case traits.Needs&loads.NeedsStations != 0:
			s.out = Tried{id, LeftOut, "a charging station calls the agent, and is not called", "start the agent; the page says when the station is there"}
		case traits.Needs&loads.NeedsMachine != 0:
			s.out = Tried{id, LeftOut, "an output of this machine would be set by being opened", "agent probe lists the lines and who uses them"}
		default:
			sw, err := d.Settings.Open(t.switchEnv(e))
			if err != nil {
				s.out = Tried{id, Wrong, err.Error(), "correct the configuration"}
				break
			}
			s.sw, s.broker = sw, traits.Needs&loads.NeedsBroker != 0
		}
		out = append(out, s)
	})
	return out
}

// lookAgain is how often a switch is looked at while its device is waited for.
const lookAgain = 100 * time.Millisecond

func (s switchTrial) says(ctx context.Context) Tried {
	if s.sw == nil {
		return s.out
	}
	for {
		o, err := s.sw.Observed(ctx)
		if err == nil && o.Known {
			says := "it is off"
			if o.On {
				says = "it is on"
			}
			if o.HasPower {
				says += ", " + o.Power.String()
			}
			return Tried{s.id, Answers, says, ""}
		}
		select {
		case <-ctx.Done():
			says, remedy := "nothing was heard of its switch", "check its topic and power, and that it is on this broker; agent probe --mqtt lists who speaks there"
			if !s.broker {
				remedy = "check its address and power, and that this machine reaches it"
			}
			if x, ok := s.sw.(loads.Troubled); ok && x.Trouble() != "" {
				says = x.Trouble()
			}
			if err != nil {
				says = err.Error()
			}
			return Tried{s.id, Wrong, says, remedy}
		case <-time.After(lookAgain):
		}
	}
}
