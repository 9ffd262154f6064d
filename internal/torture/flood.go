package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// resident is how much memory a process has, in KiB.
func resident(pid int) int {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	n, _ := strconv.Atoi(strings.Fields(after + " 0")[0])
	return n
}

// mutant is a seed with something wrong in it; never one of the words that would be obeyed.
func mutant(rng *rand.Rand, seeds []string, obeyed map[string]bool) []byte {
	for {
		b := []byte(seeds[rng.IntN(len(seeds))])
		for range 1 + rng.IntN(4) {
			at := rng.IntN(len(b) + 1)
			switch rng.IntN(5) {
			case 0:
				b = append(b[:at:at], append([]byte{byte(rng.IntN(256))}, b[at:]...)...)
			case 1:
				b = b[:at]
			case 2:
				other := seeds[rng.IntN(len(seeds))]
				b = append(b[:at:at], other[rng.IntN(len(other)+1):]...)
			case 3:
				b = append(b[:at:at], append([]byte(strings.Repeat(string(b[max(0, at-1):at]), rng.IntN(3000))), b[at:]...)...)
			case 4:
				if at < len(b) {
					b[at] ^= byte(1 << rng.IntN(8))
				}
			}
		}
		if !obeyed[strings.ToLower(strings.TrimSpace(string(b)))] {
			return b
		}
	}
}

// mutants is how many a flood is.
func (r *room) mutants(brief, whole int) int {
	if r.flood > 0 {
		return r.flood
	}
	return r.often(brief, whole)
}

// unmoved judges that a flood has done nothing: the agent is there, has grown little, the
// supply is on, no token counts that was not bought, and no part of it has failed.
func (r *room) unmoved(h *site, before int) error {
	if h.gone() {
		r.lost("the agent ended by itself: " + h.out.String())
		return nil
	}
	time.Sleep(2 * time.Second)
	if on, _ := h.house.is(supply); !on {
		r.lost("the supply was cut")
	}
	after := resident(h.pid())
	r.mu.Lock()
	r.counts["KiB more at most"] = max(r.counts["KiB more at most"], after-before)
	r.mu.Unlock()
	if after > before+64<<10 {
		r.lost(fmt.Sprintf("the agent has grown from %d to %d KiB", before, after))
	}
	c := &customers{ways: map[string]int{}} // the door is still open to those with a token
	c.buy(h, 1, func() int { return 3 })
	if !r.until(60*time.Second, func() bool {
		if out := byAPI(r.ctx, h, c.all[0].digits); out != "" {
			c.heard(c.all[0], "API", out)
		}
		return len(c.waiting()) == 0
	}) {
		r.lost("a good token is not taken any more: " + strings.Join(c.strange, " "))
	}
	seen := h.warnings()
	r.saw(seen...)
	for _, w := range seen {
		if w == "part_failed" || w == "step_failed" {
			r.lost("a part of the agent has failed: " + w)
		}
	}
	r.settled(h)
	r.bad(r.calm(h))
	r.judge(h, c.said(), "after the flood")
	return nil
}

// messages sends mutated messages on every topic that the agent hears.
func messages(r *room) error {
	h, err := r.home(settings{more: "schedule: {persist: 1s}\npolicy: {issuer: utility.example, roots: [w5V-Ks5kQkd0iTQ5ZOWzzJHzl-7HjRqSJXcYJCBTuyo], threshold: 1, streams: [tariff, message, limit], limit: {fail_safe: 7 kW, fail_safe_for: 2h, floor: 4.2 kW}}"}, 700)
	defer h.close()
	if err != nil {
		return err
	}
	n := r.mutants(2000, 250_000)
	topics := []string{
		"keeplit/torture/token", "keeplit/torture/load/geyser/set", "keeplit/torture/until/set", "keeplit/torture/supply/reconnect", "keeplit/torture/prices",
		"keeplit/torture/load/other/set", "house/geyser", "house/" + supply, "keeplit-policy/keys/utility.example", "keeplit-policy/site/torture/limit", "keeplit-policy/site/torture/heartbeat",
		"keeplit-policy/site/torture/tariff", "keeplit-policy/site/torture/message",
	}
	seeds := []string{
		`{"token":"1234567891234"}`, `{"token": "588 224 01", "id": "x"}`, "1234567890123456789012", `{"order":"runn","at":"2026-11-29T10:00:00Z","max_age_s":60}`, "sskip", `{"order": 5}`,
		`{"currency":"GBP","tax_included":"x","prices":[{"start":"2026-07-01T00:00:00Z","end":"2026-07-01T00:15:00Z","import":0.2513,"export":0.08}]}`, "Fri 25:00", `{"prices":[]}`,
		`{"v":1,"iss":"utility.example","aud":"site:torture","stream":"limit","epoch":1,"seq":1}`, "eyJhbGciOiJFZERTQSIsImtpZCI6IngifQ.eyJ2IjoxfQ.AAAA", "\x00\x01\x02", "<script>alert(1)</script>", strings.Repeat("[", 500), "-1e999",
	}
	obeyed := map[string]bool{}
	for _, w := range []string{"on", "off", "true", "false", "1", "0", "run", "skip", "auto", "open", "close"} {
		obeyed[w] = true
	}
	late := time.Now().Add(-2 * time.Hour).UTC().Format(time.RFC3339)
	before := resident(h.pid())
	for i := range n {
		if i%500 == 250 { // sound orders of hours ago
			h.client.Publish("keeplit/torture/supply/reconnect", 0, false, fmt.Sprintf(`{"order":"open","at":%q,"max_age_s":%d}`, late, 1+r.rng.IntN(3600)))
			h.client.Publish("keeplit/torture/load/geyser/set", 0, false, fmt.Sprintf(`{"order":"run","at":%q}`, late))
		}
		h.client.Publish(topics[i%len(topics)], 0, false, mutant(r.rng, seeds, obeyed))
		if i%200 == 199 { // no faster than the broker takes them
			h.client.Publish("torture/pace", 1, false, "").WaitTimeout(20 * time.Second)
		}
		if r.ctx.Err() != nil || i%2000 == 0 && h.gone() {
			break
		}
	}
	r.tried++
	r.count("messages", n)
	for _, name := range []string{supply, "geyser"} { // what its switch truly says, so that nobody waits for it to be said again
		on, _ := h.house.is(name)
		h.says(name, on)
	}
	return r.unmoved(h, before)
}

// requests sends mutated requests to the page, with and without the PIN.
func requests(r *room) error {
	h, err := r.home(settings{}, 700)
	defer h.close()
	if err != nil {
		return err
	}
	n := r.mutants(1000, 20_000)
	host := strings.TrimPrefix(h.url, "http://")
	heads := "Host: " + host + "\r\nAuthorization: Bearer " + ownersPIN + "\r\nContent-Type: application/json\r\n"
	asked := []string{
		"/", "/log", "/ledger", "/plan", "/system", "/tariff", "/statement", "/metrics", "/healthz", "/api/v1/view", "/api/v1/marginal", "/api/v1/ledger?before=5&n=10&q=a", "/api/v1/log?before=7",
		"/api/v1/history?from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z", "/api/v1/statement?by=day&at=2026-11-28", "/api/v1/insight?at=2026-11-28", "/api/v1/topup?until=2026-12-24", "/api/v1/tariff?amount=200", "/../../etc/passwd", "/static/%00",
	}
	told := [][2]string{
		{"/api/v1/topup", `{"token": "12345"}`},
		{"/api/v1/until", `{"until": "Fri 25:00"}`},
		{"/api/v1/loads/none/run", `{}`},
		{"/api/v1/warnings/none/seen", ``},
		{"/api/v1/loads/%2e%2e/skip", `{`},
		{"/signin", "pin=1"},
		{"/topup", "token=5"},
	}
	get := func(path string) string { return "GET " + path + " HTTP/1.1\r\n" + heads + "\r\n" }
	post := func(path, body string) string {
		return fmt.Sprintf("POST %s HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", path, heads, len(body), body)
	}
	var seeds, bodies []string
	for _, path := range asked {
		seeds = append(seeds, get(path))
	}
	for _, t := range told {
		bodies = append(bodies, t[1]+" ")
		seeds = append(seeds, post(t[0], t[1]),
			fmt.Sprintf("POST %s HTTP/1.1\r\n%sTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", t[0], heads, len(t[1]), t[1]))
	}
	// Half are broken anywhere, and are mostly no HTTP any more; half are sound but for what is asked,
	// and one in forty of these for what is told, with the PIN, whose check is what takes the time.
	one := func(rng *rand.Rand) []byte {
		switch n := rng.IntN(80); {
		case n == 0:
			return []byte(post(told[rng.IntN(len(told))][0], string(mutant(rng, bodies, nil))))
		case n < 40:
			return []byte(get(strings.Map(func(c rune) rune {
				if c <= ' ' {
					return '+'
				}
				return c
			}, "/"+strings.TrimPrefix(string(mutant(rng, asked, nil)), "/"))))
		}
		return mutant(rng, seeds, nil)
	}
	before := resident(h.pid())
	foreign := func(rng *rand.Rand) []byte { // sound orders, but for who gives them
		order := "POST /api/v1/loads/geyser/skip HTTP/1.1\r\n"
		switch rng.IntN(3) {
		case 0:
			return []byte(order + "Host: " + host + "\r\nContent-Length: 0\r\n\r\n")
		case 1:
			return []byte(order + strings.Replace(heads, host, "evil.example", 1) + "Content-Length: 0\r\n\r\n")
		}
		return []byte(order + heads + "Origin: http://evil.example\r\nSec-Fetch-Site: cross-site\r\nContent-Length: 0\r\n\r\n")
	}
	var answered, served, late, failed, obeyed atomic.Int64
	var all sync.WaitGroup
	const hands = 8
	for i := range hands {
		rng := rand.New(rand.NewPCG(r.rng.Uint64(), uint64(i)))
		all.Go(func() {
			for i := range n / hands {
				if r.ctx.Err() != nil {
					return
				}
				c, err := net.DialTimeout("tcp", host, 5*time.Second)
				if err != nil {
					time.Sleep(10 * time.Millisecond)
					continue
				}
				_ = c.SetDeadline(time.Now().Add(300 * time.Millisecond))
				text, strange := one(rng), i%100 == 50
				if strange {
					text = foreign(rng)
				}
				_, _ = c.Write(text)
				_ = c.(*net.TCPConn).CloseWrite()
				if line, err := bufio.NewReader(io.LimitReader(c, 1<<16)).ReadString('\n'); err == nil {
					answered.Add(1)
					switch {
					case strings.Contains(line, " 500 ") || strings.Contains(line, " 502 "):
						failed.Add(1)
					case strings.Contains(line, " 429 ") || strings.Contains(line, " 503 "):
						late.Add(1)
					case strings.Contains(line, " 20"):
						served.Add(1)
						if strange {
							obeyed.Add(1)
						}
					}
				}
				_ = c.Close()
			}
		})
	}
	all.Wait()
	r.tried++
	r.count("requests", n)
	r.count("answered", int(answered.Load()))
	r.count("of them served", int(served.Load()))
	r.count("of them told to come later", int(late.Load()))
	if f := failed.Load(); f > 0 {
		r.lost(fmt.Sprintf("%d requests were answered with an error of the server", f))
	}
	if n := obeyed.Load(); n > 0 {
		r.lost(fmt.Sprintf("%d orders without the PIN, or from foreign pages, were obeyed", n))
	}
	if r.ctx.Err() == nil {
		time.Sleep(time.Second)
	}
	return r.unmoved(h, before)
}

// secrets looks for what must not be said: keys, passwords, the PIN and a token's digits, in
// the log at its most talkative, the page, the API, the process list, the records and a
// backup without a passphrase; and for files that others may read.
func secrets(r *room) error {
	h, err := r.home(settings{level: "debug"}, 700)
	defer h.close()
	if err != nil {
		return err
	}
	r.tried++
	c := &customers{ways: map[string]int{}}
	c.listen(h)
	c.buy(h, 2, func() int { return 7 })
	c.enter(r.ctx, h)
	said := map[string]string{}
	for _, path := range []string{"/", "/log", "/ledger", "/system", "/plan", "/metrics", "/api/v1/view", "/api/v1/log", "/api/v1/ledger", "/api/v1/tariff"} {
		out, err := r.get(h, path)
		if err != nil {
			return err
		}
		said[path] = out
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", h.pid()))
	if err != nil {
		return err
	}
	said["the process list"] = string(line)
	for name, args := range map[string][]string{
		"agent check": {"check", "keeplit.yaml"}, "agent doctor": {"doctor", "keeplit.yaml"}, "agent status": {"status", "--url", h.url, "--json"},
		"agent backup": {"backup", "copy.backup", "keeplit.yaml"},
	} {
		said[name] = r.command(h, args...)
	}
	if err := h.stop(); r.bad(err) {
		return nil
	}
	said["the log"] = h.out.String()
	err = filepath.WalkDir(h.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, _ := filepath.Rel(h.dir, path)
		if !strings.HasPrefix(name, "data/") && name != "copy.backup" {
			return nil
		}
		info, err := d.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			r.lost(fmt.Sprintf("others may read %s (%s)", name, info.Mode()))
		}
		text, err := os.ReadFile(path)
		said[name] = opened(text)
		return err
	})
	if err != nil {
		return err
	}
	if said["copy.backup"] == "" || len(said["the log"]) < 100 {
		return fmt.Errorf("there is no backup or no log to look through: %s", said["agent backup"])
	}
	pin, err := os.ReadFile(filepath.Join(h.dir, "pin.hash"))
	if err != nil {
		return err
	}
	hidden := map[string]string{
		"the tokens' key": vendorKey, "the broker's password": brokerPassword, "the PIN": `"` + ownersPIN + `"`, "the PIN's hash": strings.TrimSpace(string(pin)),
		"a token": c.all[0].digits, "another token": c.all[1].digits,
	}
	for where, text := range said {
		for what, secret := range hidden {
			if strings.Contains(text, secret) {
				r.lost(fmt.Sprintf("%s is in %s", what, where))
			}
		}
	}
	r.count("places", len(said))
	r.judge(h, c.said(), "in the end")
	return nil
}
