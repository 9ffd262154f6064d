package main

import (
	"fmt"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Controls of single guards: what is taken out of an agent, so that the judge can be seen to miss it.

// bridgeless is an agent that takes a register up anew where nobody has read it for a second.
func bridgeless() control {
	return control{"the register's difference over the time in which nobody read it", []edit{{
		"metering/counter.go", "	delta, wrapped, ok := c.moved(st, c.At, c.Value, v)\n	var begins bool\n",
		"	if st.at.Sub(c.At) > time.Second {\n		return c.rebase(st, v, power, export)\n	}\n	delta, wrapped, ok := c.moved(st, c.At, c.Value, v)\n	var begins bool\n",
	}}}
}

// impatient is an agent that does not ask how long a register has stood still.
func impatient() control {
	return control{"the look at since when the register stood still", []edit{{
		"metering/counter.go", "	if c.Odd || c.Stood.IsZero() || !c.Stood.Before(c.At) {\n", "	if c.Claimed >= 0 || c.Odd || c.Stood.IsZero() || !c.Stood.Before(c.At) {\n",
	}}}
}

// credulous is a reader that takes what is no number for zero.
func credulous() control {
	return control{"the refusal of what is no number", []edit{{
		"metering/values/number.go", "	case nil:\n		return \"\", absent{fmt.Errorf(\"%s is null\", name(path)), false}\n	}\n	return \"\", fmt.Errorf(\"%s is not a number\", name(path))\n",
		"	case nil:\n	}\n	return \"0\", nil\n",
	}}}
}

// trusting is an agent for which a switch does what it was told.
func trusting() control {
	return control{"the look at what a switch says", []edit{{
		"loads/guardstep.go", "	l, ok := st.byID(id)\n	return ok && l.Feedback\n", "	return false\n",
	}}}
}

// pressing is an agent that tells a switch again and again until it says that it obeys.
func pressing() control {
	return control{"the pauses between repeats", []edit{{
		"loads/guardtell.go", "	return backoff.After(max(n, 1), first, max(first, st.config.RetryMax))\n", "	return min(first/10, backoff.After(max(n, 1), first, max(first, st.config.RetryMax)))\n",
	}}}
}

// waiting is a loop that waits until a switch has been told.
func waiting() control {
	return control{"the commands beside the loop", []edit{{
		"cmd/agent/internal/control/loop.go", "		if l.cfg.Simulated {\n			l.sends.set(ctx, c)\n", "		if l != nil {\n			l.sends.set(ctx, c)\n",
	}}}
}

// unsaid is a forwarder that forgets what it could not send.
func unsaid() control {
	return control{"the message that waits for the broker", []edit{{
		"cmd/agent/internal/broker/forward.go", "	conn, err := f.session.current()\n	if err != nil {\n		return 0, err\n	}\n", "	conn, err := f.session.current()\n	if err != nil {\n		for _, m := range messages {\n			_ = f.queue.Done(ctx, m.ID)\n		}\n		return 0, err\n	}\n",
	}}}
}

// restamped is a forwarder whose points are of the time at which they are sent.
func restamped() control {
	return control{"the time of a point, which is that of its entry however often it is sent", []edit{{
		"cmd/agent/internal/telemetry/forwarder.go", "		lines[i] = string(m.Payload)\n", "		lines[i] = string(m.Payload)\n		if at := strings.LastIndexByte(lines[i], ' '); at > 0 {\n			lines[i] = fmt.Sprint(lines[i][:at+1], time.Now().UnixNano())\n		}\n",
	}}}
}

// abrupt is a loop that ends without a last commit.
func abrupt() control {
	return control{"the last commit", []edit{{
		"cmd/agent/internal/control/recording.go", "			if tried || l.batch.Unstored == 0 {\n", "			if l != nil || tried || l.batch.Unstored == 0 {\n",
	}}}
}

// unkept is a meter that is dialled anew for each reading.
func unkept() control {
	return control{"the connection to the meter, which is kept", []edit{{
		"metering/httpmeter/httpmeter.go", "			MaxIdleConns: 1, MaxConnsPerHost: 2,", "			DisableKeepAlives: true, MaxIdleConns: 1, MaxConnsPerHost: 2,",
	}}}
}

// forgetful is an account that charges the last hours by the calendar again with each step.
func forgetful() control {
	return control{"the time up to which the calendar is charged", []edit{{
		"cmd/agent/internal/control/internal/clock/gap.go", "	acc.Elapsed = to\n", "	acc.Elapsed = to.Add(-3 * time.Hour)\n",
	}}}
}

// timeless is an agent that obeys an order however old it is.
func timeless() control {
	return control{"the age of an order", []edit{{
		"cmd/agent/internal/talk/orders.go", "	case age > longest:\n", "	case age > 1_000_000*longest:\n",
	}}}
}

// pinless is an agent whose API asks nobody for the PIN.
func pinless() control {
	return control{"the PIN", []edit{{
		"cmd/agent/internal/web/access.go", "|| need != settings.Read && s.cfg.OpenChanges\n", "|| need != settings.Read\n",
	}}}
}

// crowded is a page that checks as many PINs at once as it is asked to.
func crowded() control {
	return control{"one check of a PIN at a time", []edit{{
		"cmd/agent/internal/web/sessions.go", "	g.checking.Lock()\n	defer g.checking.Unlock()\n	return g.pins.try(", "	return g.pins.try(",
	}}}
}

// shedding has the supply carry more than it may while something is wrong: the geyser must be off in time.
func shedding(within time.Duration, begin func(*room, *site) (func(), error)) func(*room, *site) (func(), error) {
	return func(r *room, h *site) (func(), error) {
		if err := r.runs(h); err != nil {
			return nil, err
		}
		over, err := begin(r, h)
		if err != nil {
			return nil, err
		}
		time.Sleep(1500 * time.Millisecond)
		h.house.use(7000) // 10 kW with the geyser: the supply carries 8
		began := time.Now()
		r.until(max(20*time.Second, 2*within), func() bool { on, _ := h.house.is("geyser"); return !on })
		on, at := h.house.is("geyser")
		h.house.use(1500)
		switch took := at.Sub(began); {
		case on:
			r.lost("more than the supply carries, and the geyser stays on")
		case took > within:
			r.lost(fmt.Sprintf("from more than the supply carries to OFF it took %s", took))
		default:
			r.most("ms to OFF at most", took)
		}
		return over, nil
	}
}

// runs has the geyser run.
func (r *room) runs(h *site) error {
	if err := r.told(h, "run"); err != nil {
		return err
	}
	if !r.until(60*time.Second, func() bool { on, _ := h.house.is("geyser"); return on }) {
		return fmt.Errorf("the geyser is not switched on: %s", h.out.String())
	}
	return nil
}

// told has the owner give the geyser an order.
func (r *room) told(h *site, order string) error {
	status, answer, err := h.ask(r.ctx, http.MethodPost, "/api/v1/loads/geyser/"+order, nil)
	if err == nil && status != http.StatusNoContent {
		err = fmt.Errorf("the geyser is not to %s: %d %v", order, status, answer)
	}
	return err
}

// liar has the pump say that it is off and go on: the meter shows it, and the geyser must make way for it.
func liar(r *room, h *site) (func(), error) {
	if err := r.told(h, "run"); err != nil {
		return nil, err
	}
	if _, _, err := h.ask(r.ctx, http.MethodPost, "/api/v1/loads/pump/run", nil); err != nil {
		return nil, err
	}
	if !r.until(60*time.Second, func() bool {
		on, _ := h.house.is("geyser")
		pump, _ := h.house.is("pump")
		return on && pump
	}) {
		return nil, fmt.Errorf("geyser and pump are not switched on: %s", h.out.String())
	}
	time.Sleep(3 * time.Second) // both are in what the meter shows
	h.house.with(func() { h.house.relays["pump"].lies = true })
	h.house.use(5000) // 11 kW with both: the supply carries 8
	began := time.Now()
	if !r.until(20*time.Second, func() bool { on, _ := h.house.is("geyser"); return !on }) {
		r.lost("more than the supply carries, the pump says that it is off and goes on, and the geyser stays on")
	} else {
		_, at := h.house.is("geyser")
		r.most("ms to the other's OFF at most", at.Sub(began))
	}
	return func() {
		h.house.with(func() {
			p := h.house.relays["pump"]
			p.lies, p.on = false, false
		})
		h.house.use(1500)
		h.says("pump", false)
	}, nil
}

// truly notes how often the geyser's switch was told, which wears it, and whether the page says of it
// what is so, now that it speaks again.
func (r *room) truly(h *site) {
	const most = 20
	var told int
	h.house.with(func() { told = h.house.relays["geyser"].told })
	r.mu.Lock()
	r.counts["commands to the switch at most"] = max(r.counts["commands to the switch at most"], told)
	r.mu.Unlock()
	if told > most {
		r.lost(fmt.Sprintf("the geyser's switch was told %d times", told))
	}
	says, on := "", false
	if !r.until(40*time.Second, func() bool {
		on, _ = h.house.is("geyser")
		says = h.loadState("geyser")
		return on == (says == "running")
	}) {
		r.lost(fmt.Sprintf("the page says %q of the geyser, which is on: %t", says, on))
	}
}

// loadState is what the page says of a load.
func (h *site) loadState(id string) string {
	_, view, err := h.ask(h.ctx, http.MethodGet, "/api/v1/view", nil)
	if err != nil {
		return ""
	}
	list, _ := view["loads"].([]any)
	for _, l := range list {
		if m, ok := l.(map[string]any); ok && m["id"] == id {
			return fmt.Sprint(m["state"])
		}
	}
	return ""
}

// office hears what an agent says of its ledger, also what was said while it was away, and judges
// in the end whether all came.
func office(i ill) func(*room) error {
	return func(r *room) error {
		came := newSet()
		before := i.before
		i.before = func(r *room, h *site) error {
			c, err := dial(r.ctx, h.broker, "office", false)
			if err != nil {
				return err
			}
			h.closers = append(h.closers, func() error { c.Disconnect(50); return nil })
			c.Subscribe("keeplit/torture/ledger", 1, func(_ mqtt.Client, m mqtt.Message) { came.seq(m.Payload()) }).WaitTimeout(10 * time.Second)
			if before != nil {
				return before(r, h)
			}
			return nil
		}
		after := i.after
		i.after = func(r *room, h *site) {
			if after != nil {
				after(r, h)
			}
			missing := 0
			if !r.until(90*time.Second, func() bool {
				rec, err := read(filepath.Join(h.dir, "data"))
				if err != nil {
					return false
				}
				missing = 0
				for _, e := range rec.entries {
					if !came.has(e.seq) {
						missing++
					}
				}
				return missing == 0
			}) {
				r.lost(fmt.Sprintf("%d entries of the ledger were never sent by MQTT", missing))
			}
			r.count("entries came by MQTT", came.len())
		}
		return i.siege(r)
	}
}

// busy has the household use much of what the supply carries meanwhile.
func busy(begin func(*room, *site) (func(), error)) func(*room, *site) (func(), error) {
	return func(r *room, h *site) (func(), error) {
		h.house.use(7000)
		over, err := begin(r, h)
		return func() { over(); h.house.use(1500) }, err
	}
}

// ordered gives an order whose command has to go out while something is wrong.
func ordered(begin func(*room, *site) (func(), error)) func(*room, *site) (func(), error) {
	return func(r *room, h *site) (func(), error) {
		over, err := begin(r, h)
		if err != nil {
			return nil, err
		}
		var order sync.WaitGroup
		order.Go(func() { _ = r.told(h, "run") }) // how late it is answered is looked at by the tokens
		return func() { over(); order.Wait() }, nil
	}
}

// reckoned is protection that believes its own words rather than the meter.
func reckoned() control {
	return control{"the meter's word on what shedding has come to", []edit{{
		"loads/room.go", "		if before, now := l.before(u, x.Drawn), l.Draws(u.Set); u.Commanded && now < before {\n			over -= x.Drawn.unseen(u.FirstSent, before-now)\n", "		if before, now := l.before(u, x.Drawn), l.Draws(u.Set); u.Commanded && now < before {\n			over -= before - now\n",
	}}}
}

// unchecked is a start that looks at nothing: neither whether the file reads back nor at the ledger's chain.
func unchecked() control {
	return control{"the check of the file, and of the ledger's chain", []edit{
		{"internal/store/store.go", "	if verdict != \"ok\" {\n		return &CorruptError", "	if verdict == \"never\" {\n		return &CorruptError"},
		{"cmd/agent/internal/service/records.go", "	for check := true; ; {\n", "	for check := false; ; {\n"},
	}}
}

// deaf is a session that does not ask whether its broker is there.
func deaf() control {
	return control{"the question whether the broker is there still", []edit{{"cmd/agent/internal/broker/connection.go", "		SetKeepAlive(30*time.Second).\n", "		SetKeepAlive(0).\n"}, {
		"cmd/agent/internal/broker/connection.go", "	d := net.Dialer{KeepAlive: 30 * time.Second}\n", "	d := net.Dialer{KeepAlive: -1}\n",
	}}}
}
