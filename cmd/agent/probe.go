package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/board"
	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/metering"
)

// probeCmd lists what could be connected: hardware of the machine, and meters
// that publish on a broker.
type probeCmd struct {
	MQTT     string        `name:"mqtt" placeholder:"URL" help:"Broker to look for meters on, e.g. mqtt://192.168.1.10:1883."`
	Username string        `help:"User name for the broker."`
	Password string        `env:"KEEPLIT_MQTT_PASSWORD" help:"Password for the broker; better given by the environment."`
	Wait     time.Duration `default:"6s" help:"How long to listen. Some devices publish every five minutes only, unless they are told otherwise."`
	JSON     bool          `name:"json" help:"Print JSON, one finding a line."`
}

// kindMQTT is the kind of what was found on the broker.
const kindMQTT = "mqtt"

// Run implements the command.
func (c *probeCmd) Run(e *env) error {
	b, err := board.Open()
	if err != nil {
		return err
	}
	findings := append(b.Findings(), c.meters(e.Ctx)...)
	if c.JSON {
		enc := json.NewEncoder(e.Stdout)
		for _, f := range findings {
			if err := enc.Encode(f); err != nil {
				return err
			}
		}
		return nil
	}
	w := tabwriter.NewWriter(e.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIND\tNAME\tOUTCOME\tDETAIL")
	for _, f := range findings {
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", f.Kind, cmp.Or(f.Name, "-"), f.Outcome, cmp.Or(f.Reason, f.Detail))
	}
	return w.Flush()
}

// meters listens on the broker for everything that looks like a meter.
func (c *probeCmd) meters(ctx context.Context) []board.Finding {
	one := func(o board.Outcome, reason string) []board.Finding {
		return []board.Finding{{Kind: kindMQTT, Name: c.MQTT, Outcome: o, Reason: reason}}
	}
	if c.MQTT == "" {
		return one(board.Skipped, "no broker was named; add --mqtt mqtt://host:1883")
	}
	found, err := c.listen(ctx)
	if err != nil {
		return one(board.Failed, err.Error())
	}
	out := found.findings()
	if len(out) == 0 {
		return one(board.Skipped, fmt.Sprintf("connected, but no meter published within %v; listen for longer with --wait", c.Wait))
	}
	return out
}

// listen gathers for a while what meters say on the broker.
func (c *probeCmd) listen(ctx context.Context) (*seenMeters, error) {
	s, err := broker.New(broker.Config{
		URL: c.MQTT, Site: "probe", ClientID: fmt.Sprintf("keeplit-probe-%d", time.Now().UnixNano()),
		Username: c.Username, Password: func() (string, error) { return c.Password, nil },
	})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.Wait)
	defer cancel()
	found := &seenMeters{}
	for _, d := range drivers.All().Meters {
		if d.Probe == nil {
			continue
		}
		for _, filter := range d.Probe.Filters {
			stop, err := s.Subscribe(filter, found.take)
			if err != nil {
				return nil, err
			}
			defer stop()
		}
	}
	connected := false
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			changed := s.Changed()
			connected = connected || s.State().Connected
			select {
			case <-ctx.Done():
				return
			case <-changed:
			}
		}
	})
	err = s.Run(ctx)
	wg.Wait()
	switch {
	case !connected:
		return nil, errors.New(cmp.Or(s.State().LastError, fmt.Sprintf("no connection within %v; check the address, and that the broker runs", c.Wait)))
	case err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled):
		return nil, err
	}
	return found, nil
}

// seenMeters gathers what messages tell.
type seenMeters struct {
	mu     sync.Mutex
	meters map[string]metering.Found
}

func (s *seenMeters) take(topic string, payload []byte, _ bool) {
	for _, d := range drivers.All().Meters {
		if d.Probe == nil {
			continue
		}
		found, ok := d.Probe.Hear(topic, payload)
		if !ok {
			continue
		}
		s.mu.Lock()
		if s.meters == nil {
			s.meters = map[string]metering.Found{}
		}
		s.meters[found.Kind+" "+found.Name] = found
		s.mu.Unlock()
	}
}

// meterShows is what a meter tells, and nothing of what it does not.
func meterShows(kind string, s metering.Sample) string {
	parts := []string{kind}
	if s.Gives(metering.HasPower) {
		parts = append(parts, s.Power.String())
	}
	if s.Gives(metering.HasImport) {
		parts = append(parts, "register "+s.Import.String())
	}
	if s.Gives(metering.HasExport) {
		parts = append(parts, "export register "+s.Export.String())
	}
	return strings.Join(parts, ", ")
}

// all are the meters that spoke, by kind and name.
func (s *seenMeters) all() []metering.Found {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.SortedFunc(maps.Values(s.meters), func(a, b metering.Found) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
}

func (s *seenMeters) findings() []board.Finding {
	var out []board.Finding
	for _, f := range s.all() {
		out = append(out, board.Finding{Kind: kindMQTT, Name: f.Name, Outcome: board.Loaded, Detail: meterShows(f.Kind, f.Sample)})
	}
	return out
}
