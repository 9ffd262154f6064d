package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// lines take the place of a GPIO chip, which machines for tests seldom have: an agent whose
// kernel interface to relays is a socket of the harness.  Nothing above it is changed.
func lines() []edit {
	const file = "cmd/agent/internal/board/request_linux.go"
	return []edit{
		{"cmd/agent/internal/board/board.go", "	return b, nil\n}\n\n// drivers turns", `	if os.Getenv("TORTURE_LINES") != "" {
		b.chips = append(b.chips, Chip{Name: "torture", Label: "torture", Path: "torture", Lines: []Line{{Number: 17}, {Number: 18}}})
	}
	return b, nil
}

// drivers turns`},
		{file, "func requestLines(r request) (Lines, error) {\n", `func requestLines(r request) (Lines, error) {
	if at := os.Getenv("TORTURE_LINES"); at != "" {
		c, err := net.Dial("unix", at)
		if err != nil {
			return nil, err
		}
		t := &tortured{c: c, lines: r.lines}
		return t, t.Out(r.first, 0)
	}
`},
		{file, "func allOutputs(r request) (all bool, err error) {\n", `func allOutputs(r request) (all bool, err error) {
	if os.Getenv("TORTURE_LINES") != "" {
		return false, nil
	}
`},
		{file, "// lineHandle is a granted request.\n", `type tortured struct {
	c     net.Conn
	lines []Line
	level gpio.GPIOValue
}

func (t *tortured) Out(bits, mask gpio.GPIOValue) error {
	for i, l := range t.lines {
		if mask == 0 || mask>>i&1 == 1 {
			t.level = t.level&^(1<<i) | bits&(1<<i)
			if _, err := fmt.Fprintf(t.c, "%d %d\n", l.Number, bits>>i&1); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *tortured) Read(gpio.GPIOValue) (gpio.GPIOValue, error) { return t.level, nil }

func (t *tortured) Close() error { return t.c.Close() }

// lineHandle is a granted request.
`},
		{file, "	\"fmt\"\n", "	\"fmt\"\n	\"net\"\n"},
	}
}

// wire connects relays of the house with the agent's lines 17 (supply) and 18 (geyser).
func (h *site) wire() error {
	at := filepath.Join(h.dir, "lines")
	l, err := net.Listen("unix", at)
	if err != nil {
		return err
	}
	h.env = append(h.env, "TORTURE_LINES="+at)
	h.closers = append(h.closers, l.Close)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for words := bufio.NewScanner(c); words.Scan(); {
					var line, level int
					if n, _ := fmt.Sscan(words.Text(), &line, &level); n == 2 {
						h.house.tell(map[int]string{17: supply, 18: "geyser"}[line], level == 1)
					}
				}
			}()
		}
	}()
	return nil
}

// attack asks the page for everything at once, until ctx ends: live views that nobody
// reads, pages, wrong PINs, and clients that send a letter a second.
func attack(ctx context.Context, h *site) *sync.WaitGroup {
	var all sync.WaitGroup
	address := strings.TrimPrefix(h.url, "http://")
	for i := range 40 {
		all.Go(func() {
			client := http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{DisableKeepAlives: i%2 == 0}}
			for n := 0; ctx.Err() == nil; n++ {
				if i%4 == 0 {
					slow(ctx, address)
					continue
				}
				path := []string{"/", "/events?page=home", "/api/v1/view", "/api/v1/history?from=2020-01-01T00:00:00Z&to=2030-01-01T00:00:00Z", "/api/v1/statement", "/log"}[(i+n)%6]
				r, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+path, nil)
				if i%4 == 1 {
					r, err = http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/topup", strings.NewReader(`{"token":"123456789"}`))
				}
				if err != nil {
					return
				}
				r.Header.Set("Authorization", fmt.Sprintf("Bearer %d", n%10_000))
				if a, err := client.Do(r); err == nil {
					_, _ = io.CopyN(io.Discard, a.Body, 1<<16)
					_ = a.Body.Close()
				}
				time.Sleep(20 * time.Millisecond)
			}
		})
	}
	return &all
}

// slow is a client that sends a letter a second.
func slow(ctx context.Context, address string) {
	c, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		time.Sleep(100 * time.Millisecond)
		return
	}
	defer c.Close()
	for _, letter := range []byte("POST /api/v1/topup HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n") {
		if _, err := c.Write([]byte{letter}); err != nil || ctx.Err() != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

const (
	relayLine  = `{driver: relay, relay: {line: "%d"}}`
	shedWithin = time.Second
	cutWithin  = 5 * time.Second
)

// besieged is a site with relays by wire, whose broker hangs and whose page is attacked until
// the answer is called.  What its owner does is done before: those who guess the PIN from
// where the owner is lock the owner out with them.
func (r *room) besieged(credit string, before func(h *site) error) (*site, func(), error) {
	h, err := r.site(settings{supply: fmt.Sprintf(relayLine, 17), load: fmt.Sprintf(relayLine, 18), every: "100ms", credit: credit})
	if err == nil {
		err = h.wire()
	}
	if err == nil {
		err = r.opened(h, 0)
	}
	if err == nil && !r.until(20*time.Second, func() bool { on, _ := h.house.is(supply); return on }) {
		err = fmt.Errorf("the supply is not switched on: %s", h.out.String())
	}
	if err == nil {
		err = before(h)
	}
	if err != nil {
		return h, func() {}, err
	}
	ctx, end := context.WithCancel(r.ctx)
	attackers := attack(ctx, h)
	h.broker.signal(syscall.SIGSTOP)
	return h, func() { end(); attackers.Wait() }, nil
}

// overload measures the time from more than the supply carries to a load's OFF, with the
// disk hanging, the broker gone and the page attacked.
func overload(r *room) error {
	h, end, err := r.besieged("100", func(h *site) error {
		status, answer, err := h.ask(r.ctx, http.MethodPost, "/api/v1/loads/geyser/run", nil)
		if err != nil {
			return err
		}
		if status != http.StatusNoContent {
			return fmt.Errorf("the geyser is not to run: %d %v", status, answer)
		}
		if !r.until(40*time.Second, func() bool { on, _ := h.house.is("geyser"); return on }) {
			return fmt.Errorf("the geyser is not switched on: %s", h.out.String())
		}
		return nil
	})
	defer h.close()
	defer end()
	if err != nil {
		return err
	}
	hanging, err := troubled(h.pid(), syncs+":delay_enter=20000000")
	if err != nil {
		return err
	}
	defer hanging.calm()
	time.Sleep(2500 * time.Millisecond) // a commit is under way now, and hangs
	h.house.use(7000)                   // 10 kW with the geyser: the supply carries 8
	over := time.Now()
	r.tried++
	if !r.until(15*time.Second, func() bool { on, _ := h.house.is("geyser"); return !on }) {
		r.lost("more than the supply carries, and the geyser stays on for 15 s")
		return nil
	}
	_, at := h.house.is("geyser")
	r.most("ms to OFF at most", at.Sub(over))
	if took := at.Sub(over); took > shedWithin {
		r.lost(fmt.Sprintf("from more than the supply carries to OFF it took %s", took))
	}
	return nil
}

// spent measures the time from the last of the credit to the open contactor, with a slow
// disk, the broker gone and the page attacked.  Where the disk hangs nobody is cut off, by
// intent: no top-up could be recorded.
func spent(r *room) error {
	h, end, err := r.besieged("0.04", func(*site) error { return nil })
	defer h.close()
	defer end()
	if err != nil {
		return err
	}
	slow, err := troubled(h.pid(), syncs+":delay_enter=300000")
	if err != nil {
		return err
	}
	defer slow.calm()
	h.house.use(18_000)
	last := h.begun + 160_000 // a credit of 0.04 is 160 Wh: 32 s
	r.tried++
	early := false
	if !r.until(time.Minute, func() bool {
		on, _ := h.house.is(supply)
		early = !on
		return early || h.house.shows() >= last
	}) {
		return fmt.Errorf("only %d mWh were used", h.house.shows()-h.begun)
	}
	gone := time.Now()
	if early && h.house.shows() < last {
		r.lost(fmt.Sprintf("the supply was cut with credit left: %d of 160000 mWh used", h.house.shows()-h.begun))
		return nil
	}
	if !r.until(30*time.Second, func() bool { on, _ := h.house.is(supply); return !on }) {
		r.lost("the credit is spent, and the supply stays on for 30 s")
		return nil
	}
	_, at := h.house.is(supply)
	r.most("ms to the open contactor at most", at.Sub(gone))
	if took := at.Sub(gone); took > cutWithin {
		r.lost(fmt.Sprintf("from the last of the credit to the open contactor it took %s", took))
	}
	r.saw(h.warnings()...)
	return nil
}
