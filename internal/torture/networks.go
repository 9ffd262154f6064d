package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// network is a home whose agent and broker have a network of their own each (namespaces), with cables
// between them and the rest of the home, each of which can be pulled.
type network struct {
	agent, broker string // names of the namespaces
	cables        []string
}

// Addresses at the ends of the cables; the networks of two sites that are there at once differ in the second number.
type plug struct{ ours, theirs string }

// homes counts the networks, so that those of homes that live at once differ.
var homes atomic.Int32 //nolint:gochecknoglobals // names and addresses of the machine are global

// newNetwork lays the cables: page and meter, broker to the harness, agent to broker, agent to InfluxDB.
func newNetwork(ctx context.Context) (*network, map[string]plug, error) {
	id := os.Getpid()%200*10 + int(homes.Add(1))%10
	n := &network{agent: fmt.Sprintf("tort%da", id), broker: fmt.Sprintf("tort%db", id)}
	for _, ns := range []string{n.agent, n.broker} {
		if err := does(ctx, "ip", "netns", "add", ns); err != nil {
			return n, nil, err
		}
		if err := does(ctx, "ip", "-n", ns, "link", "set", "lo", "up"); err != nil {
			return n, nil, err
		}
	}
	plugs := map[string]plug{}
	for i, cable := range []struct{ name, one, other string }{
		{"page", "", n.agent}, {"office", "", n.broker}, {"broker", n.broker, n.agent}, {"influx", "", n.agent},
	} {
		p := plug{fmt.Sprintf("10.%d.%d.%d", 100+id/10%100, id%10, i*4+1), fmt.Sprintf("10.%d.%d.%d", 100+id/10%100, id%10, i*4+2)}
		plugs[cable.name] = p
		a, b := fmt.Sprintf("t%d%sa", id, cable.name[:2]), fmt.Sprintf("t%d%sb", id, cable.name[:2])
		n.cables = append(n.cables, a)
		if err := does(ctx, "ip", "link", "add", a, "type", "veth", "peer", "name", b); err != nil {
			return n, nil, err
		}
		for _, end := range []struct{ link, ns, address string }{{a, cable.one, p.ours}, {b, cable.other, p.theirs}} {
			in := []string{}
			if end.ns != "" {
				if err := does(ctx, "ip", "link", "set", end.link, "netns", end.ns); err != nil {
					return n, nil, err
				}
				in = []string{"-n", end.ns}
			}
			if err := does(ctx, "ip", append(in, "addr", "add", end.address+"/30", "dev", end.link)...); err != nil {
				return n, nil, err
			}
			if err := does(ctx, "ip", append(in, "link", "set", end.link, "up")...); err != nil {
				return n, nil, err
			}
		}
	}
	return n, plugs, nil
}

// close takes the networks down again.
func (n *network) close() {
	if n == nil {
		return
	}
	for _, c := range n.cables {
		_ = exec.Command("ip", "link", "del", c).Run() // one whose end is in a namespace goes with it
	}
	for _, ns := range []string{n.agent, n.broker} {
		_ = exec.Command("ip", "netns", "del", ns).Run()
	}
}

// pulls pulls the cables between the agent and the broker and between it and InfluxDB: nobody closes
// the connections, and nothing comes any more.
func (n *network) pulls(ctx context.Context, up bool) error {
	word := map[bool]string{true: "up", false: "down"}[up]
	if err := does(ctx, "ip", "-n", n.broker, "link", "set", n.cables[2], word); err != nil {
		return err
	}
	return does(ctx, "ip", "link", "set", n.cables[3], word)
}

// halfOpen pulls the cables of a running agent's connections, and plugs them in again.
func halfOpen(r *room) error {
	n, plugs, err := newNetwork(r.ctx)
	defer n.close()
	if err != nil {
		return err
	}
	v, err := newReceiver(plugs["influx"].ours)
	if err != nil {
		return err
	}
	defer v.s.Close()
	i := ill{keeps: true, least: 1, lasts: 75 * time.Second, sees: []string{"broker_gone"}, settings: settings{
		net: n, plugs: plugs, more: fmt.Sprintf("schedule: {persist: 1s}\ntelemetry: {every: 1s}\ninfluxdb: {url: \"http://%s\", bucket: b/autogen, token: {file: token.key}}", v.l.Addr()),
	}}
	i.begin = func(r *room, h *site) (func(), error) {
		if err := n.pulls(r.ctx, false); err != nil {
			return nil, err
		}
		return func() { r.bad(n.pulls(r.ctx, true)) }, nil
	}
	i.after = func(r *room, h *site) { v.has(r, h, 0) }
	return office(i)(r)
}

// confined has the agent in a cgroup of so many bytes, out of which the kernel kills it, while the PIN is
// guessed from many sides at once.
func confined(most int) func(*room) error {
	return func(r *room) error {
		at := fmt.Sprintf("/sys/fs/cgroup/memory/torture-%d", os.Getpid()*10+int(homes.Add(1))%10)
		if err := os.Mkdir(at, 0o755); err != nil {
			return err
		}
		defer func() { _ = os.Remove(at) }()
		if err := os.WriteFile(filepath.Join(at, "memory.limit_in_bytes"), fmt.Append(nil, most), 0o200); err != nil {
			return err
		}
		i := ill{keeps: true, least: 1, lasts: 8 * time.Second, begin: guessing}
		i.before = func(_ *room, h *site) error {
			h.within = []string{"sh", "-c", `echo $$ > "$0"/cgroup.procs && exec "$@"`, at}
			return nil
		}
		i.after = func(r *room, h *site) {
			text, _ := os.ReadFile(filepath.Join(at, "memory.max_usage_in_bytes"))
			var n int
			_, _ = fmt.Sscan(string(text), &n)
			r.mu.Lock()
			r.counts["MiB at most"] = max(r.counts["MiB at most"], n>>20)
			r.mu.Unlock()
		}
		return i.siege(r)
	}
}

// guessing tries PINs from many addresses at once.
func guessing(r *room, h *site) (func(), error) {
	ctx, end := context.WithCancel(r.ctx)
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				guess(ctx, h, fmt.Sprintf("127.1.%d.%d", i+1, n/4%250+1), fmt.Sprint(10_000+n))
			}
		})
	}
	return func() { end(); all.Wait() }, nil
}

// guess asks for something with a PIN, from an address.
func guess(ctx context.Context, h *site, from, pin string) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}, Timeout: time.Second}
	client := http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, DialContext: d.DialContext}}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, h.url+"/api/v1/loads/geyser/auto", nil)
	if err != nil {
		return
	}
	q.Header.Set("Authorization", "Bearer "+pin)
	if a, err := client.Do(q); err == nil {
		_ = a.Body.Close()
	}
}
