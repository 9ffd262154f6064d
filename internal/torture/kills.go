package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// customers enter tokens by every way at once, until they know what became of each.
type customers struct {
	mu      sync.Mutex
	all     []*told
	ways    map[string]int
	strange []string
}

// heard is an answer to a token.
func (c *customers) heard(t *told, way, outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch outcome {
	case "": // nobody is there
		return
	case "accepted", "accept":
		t.accepted++
		c.ways[way]++
	case "already_used", "used", "too_old", "old":
	default:
		if len(c.strange) < 5 {
			c.strange = append(c.strange, fmt.Sprintf("a good token is answered %q by %s", outcome, way))
		}
		return
	}
	t.known = true
}

func (c *customers) waiting() (out []*told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.all {
		if !t.known {
			out = append(out, t)
		}
	}
	return out
}

// said are copies, to be judged by.
func (c *customers) said() (out []*told) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.all {
		now := *t
		out = append(out, &now)
	}
	return out
}

// mayBuy tells whether n tokens more overtake none that waits: a device forgets one that
// eight newer ones have overtaken.
func (c *customers) mayBuy(n int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, t := range c.all {
		if !t.known && len(c.all)+n-i > 8 {
			return false
		}
	}
	return true
}

// buy has the vendor make n tokens, and hands most of them to the broker.
func (c *customers) buy(h *site, n int, value func() int) {
	for range n {
		t := &told{token: h.vendor.next(value())}
		c.mu.Lock()
		c.all = append(c.all, t)
		c.mu.Unlock()
		if v := t.value % 3; v != 0 { // the others come by API and command line alone
			text, _ := json.Marshal(map[string]string{"token": t.digits, "id": t.digits})
			h.client.Publish("keeplit/torture/token", 1, false, text)
		}
	}
}

// listen hears the answers by MQTT.
func (c *customers) listen(h *site) {
	h.client.Subscribe("keeplit/torture/token/result", 1, func(_ mqtt.Client, m mqtt.Message) {
		var r struct{ ID, Result string }
		if json.Unmarshal(m.Payload(), &r) != nil {
			return
		}
		c.mu.Lock()
		var found *told
		for _, t := range c.all {
			if t.digits == r.ID {
				found = t
			}
		}
		c.mu.Unlock()
		if found != nil {
			c.heard(found, "MQTT", r.Result)
		}
	})
}

// byAPI enters one token; "" where nobody answers.
func byAPI(ctx context.Context, h *site, digits string) string {
	status, answer, err := h.ask(ctx, http.MethodPost, "/api/v1/topup", map[string]string{"token": digits})
	if err != nil || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		return ""
	}
	outcome, _ := answer["outcome"].(string)
	return outcome
}

// byCommand enters one token by the command line.
func byCommand(ctx context.Context, h *site, digits string) string {
	cmd := exec.CommandContext(ctx, h.agent, "topup", "--url", h.url, digits)
	cmd.Env = append(os.Environ(), "KEEPLIT_PIN="+ownersPIN)
	err := cmd.Run()
	if err == nil {
		return "accepted"
	}
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() == 3 {
		return "used" // refused: that it counts the ledger must show
	}
	return ""
}

// enter enters what is not known yet, by API and command line, until all is or ctx ends.
func (c *customers) enter(ctx context.Context, h *site) {
	var all sync.WaitGroup
	for way, by := range map[string]func(context.Context, *site, string) string{"API": byAPI, "command line": byCommand} {
		all.Go(func() {
			for ctx.Err() == nil {
				waiting := c.waiting()
				if len(waiting) == 0 {
					return
				}
				for _, t := range waiting {
					if ctx.Err() == nil {
						c.heard(t, way, by(ctx, h, t.digits))
					}
				}
				time.Sleep(5 * time.Millisecond)
			}
		})
	}
	all.Wait()
}

// kills ends the agent without warning, again and again, while tokens come by all ways.
func kills(r *room) error {
	h, err := r.home(settings{}, 2000)
	defer h.close()
	if err != nil {
		return err
	}
	n := r.often(4, 25)
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	for i := range n {
		if i > 0 {
			if err := h.run(); err != nil {
				return err
			}
		}
		if c.mayBuy(4) {
			c.buy(h, 4, func() int { return 1 + r.rng.IntN(900) })
		}
		if r.rng.IntN(8) != 0 { // one in eight dies on its way up
			if r.bad(h.up()) {
				return nil
			}
		}
		ctx, cancel := context.WithTimeout(r.ctx, time.Duration(r.rng.IntN(400_000))*time.Microsecond)
		c.enter(ctx, h)
		<-ctx.Done()
		cancel()
		if h.gone() {
			r.lost("the agent ended by itself: " + h.out.String())
			return nil
		}
		h.kill()
		r.tried++
		r.judge(h, c.said(), fmt.Sprintf("after kill %d", i+1))
		if len(r.broken) > 0 {
			return nil
		}
	}
	// In peace: what is left is entered.
	if r.bad(h.start()) {
		return nil
	}
	ctx, cancel := context.WithTimeout(r.ctx, time.Minute)
	defer cancel()
	c.enter(ctx, h)
	r.saw(h.warnings()...)
	r.bad(r.calm(h))
	r.judge(h, c.said(), "in the end")
	if left := len(c.waiting()); left > 0 {
		r.lost(fmt.Sprintf("of %d tokens nobody ever knew", left))
	}
	r.lost(c.strange...)
	r.count("tokens", len(c.all))
	for way, n := range c.ways {
		r.count("told by "+way, n)
	}
	return nil
}
