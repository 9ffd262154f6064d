package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// month is thirty simulated days of an agent with all that it has to do: five loads, a broker, a receiver of
// points, and pages that are looked at.  What it holds of the machine must be as much in the end as after the first days.
func month(r *room) error {
	days := r.often(3, 30)
	const day = 8 * time.Second // of real time, where the machine is fast enough
	h, err := r.site(settings{house: "set below"})
	defer h.close()
	if err != nil {
		return err
	}
	v, err := newReceiver("127.0.0.1")
	if err != nil {
		return err
	}
	defer v.s.Close()
	loads := ""
	for _, l := range []string{"geyser, power: 3 kW, need: {for: 2h}", "washer, power: 2 kW, need: {for: 1h}", "dryer, power: 2.5 kW, need: {for: 1h}", "pump, power: 1 kW, need: {for: 4h}", "car, power: 3.6 kW, need: {for: 3h}"} {
		loads += fmt.Sprintf("- {id: %s, switch: {driver: house}}\n", l)
	}
	text := fmt.Sprintf(`
site: {id: torture, meter: "04000000001", zone: Europe/London, limit: 8 kW}
data: data
meter: {driver: house}
simulation: {step: 1m, speed: %d, per_day: 12 kWh}
tariff:
  document: {name: flat, currency: GBP, zone: Europe/London, versions: [{energy: [{name: energy, price: 0.25}]}]}
credit: {opening: 1000}
tokens: {openpaygo: {key: {file: token.key}, starting_code: %d, unit: money}}
supply: {switch: {driver: house}}
loads:
%stelemetry: {every: 5m}
mqtt: {url: "mqtt://127.0.0.1:%d", username: %s, password: {file: mqtt.password}}
influxdb: {url: "http://%s", bucket: torture/autogen, token: {file: mqtt.password}}
web: {listen: %q, reading: open, pin: {file: pin.hash}}
log: {level: error}
`, int(24*time.Hour/day), vendorStart, loads, h.broker.port, brokerUser, v.l.Addr(), strings.TrimPrefix(h.url, "http://"))
	if err := os.WriteFile(filepath.Join(h.dir, "keeplit.yaml"), []byte(text), 0o600); err != nil {
		return err
	}
	if err := h.start(); err != nil {
		return err
	}
	stop := make(chan struct{})
	var people sync.WaitGroup
	people.Go(func() {
		pages := []string{"/", "/plan", "/log", "/ledger", "/statement", "/api/v1/view", "/api/v1/history?from=2020-01-01T00:00:00Z&to=2040-01-01T00:00:00Z", "/system"}
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(300 * time.Millisecond):
			}
			_, _ = r.get(h, pages[i%len(pages)]) // that a page is late on a busy machine says nothing
		}
	})
	c := &customers{ways: map[string]int{}}
	var early, late usageMost
	begin, last := 0, 0
	ok := r.until(25*time.Minute, func() bool {
		rec, err := read(filepath.Join(h.dir, "data"))
		if err != nil || h.gone() {
			return h.gone()
		}
		if begin == 0 {
			begin = rec.halves + 1
		}
		n := rec.halves + 1 - begin
		if n/48 > last {
			last = n / 48
			c.buy(h, 1, func() int { return 5 })
		}
		switch part := n * 3 / (48 * days); {
		case part == 0: // what grows with the first days
		case part == 1:
			early.look(r, h)
		default:
			late.look(r, h)
		}
		time.Sleep(time.Second)
		return n >= 48*days
	})
	close(stop)
	people.Wait()
	if h.gone() {
		r.lost("the agent ended by itself: " + h.out.String())
		return nil
	}
	if !ok {
		return fmt.Errorf("%d days do not go by", days)
	}
	r.tried++
	r.count("simulated days", days)
	r.count("half hours", 48*days)
	r.saw(h.warnings()...)
	for _, x := range []struct {
		what        string
		early, late int
		more        int
	}{{"KiB", early.memory, late.memory, 16 << 10}, {"goroutines", early.goroutines, late.goroutines, 20}, {"descriptors", early.files, late.files, 20}} {
		r.count(x.what+" at most in the second third", x.early)
		r.count(x.what+" at most in the last", x.late)
		if x.late > x.early+x.more {
			r.lost(fmt.Sprintf("%s grow: %d at most in the second third of the days, %d in the last", x.what, x.early, x.late))
		}
	}
	r.bad(h.stop())
	return nil
}

// usageMost is the most that a process held of the machine at a time.
type usageMost struct{ memory, goroutines, files int }

func (u *usageMost) look(r *room, h *site) {
	u.memory = max(u.memory, resident(h.pid()))
	if names, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", h.pid())); err == nil {
		u.files = max(u.files, len(names))
	}
	if text, err := r.get(h, "/metrics"); err == nil {
		if _, after, ok := strings.Cut(text, "\ngo_goroutines "); ok {
			n := 0
			_, _ = fmt.Sscan(after, &n)
			u.goroutines = max(u.goroutines, n)
		}
	}
}
