package ocpp

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads"
	"github.com/keeplit/keeplit/loads/loadstest"
	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

const stale = 600 * time.Millisecond

// quick is a pace for tests.
func quick() Pace {
	return Pace{
		Boot: 100 * time.Millisecond, Call: 300 * time.Millisecond, Settle: 60 * time.Millisecond, Retry: 100 * time.Millisecond,
		Ping: 200 * time.Millisecond, Sample: time.Second,
	}
}

func amps() loads.RangeDocument {
	return loads.RangeDocument{Min: loads.Level{Current: 6_000}, Max: loads.Level{Current: 32_000}, Step: loads.Level{Current: 1_000}}
}

func env(deadMan time.Duration) loads.Env {
	r := amps()
	return loads.Env{Powers: r.Powers(), PerAmpere: r.PerAmpere(), Phases: 1, DeadMan: deadMan}
}

// listen runs a central system, and returns the address that stations call.
func listen(t *testing.T, c *Central) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Serve(ctx, l) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return "ws://" + l.Addr().String() + "/ocpp/"
}

func central(t *testing.T) *Central {
	return NewCentral("", quick(), time.Now, slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug})))
}

// pair is a switch and its station.
func pair(t *testing.T, at loads.Connector, deadMan time.Duration, trap ocpptest.Traps) (*connector, *ocpptest.Station) {
	t.Helper()
	c := central(t)
	at.Station, at.Number = "CP1", 1
	if at.Stale == 0 {
		at.Stale = stale
	}
	sw, err := c.Connector(at, env(deadMan))
	if err != nil {
		t.Fatal(err)
	}
	return sw.(*connector), ocpptest.New(t, listen(t, c)+"CP1", at.Password, trap)
}

func TestConformance(t *testing.T) {
	faults := []loadstest.Fault{loadstest.Offline, loadstest.Silent, loadstest.Stuck, loadstest.Garbled, loadstest.Refuses}
	for _, c := range []struct {
		name    string
		deadMan time.Duration
		trap    ocpptest.Traps
	}{
		{"by the book", 0, ocpptest.Traps{}},
		{"with a dead man", 2 * time.Second, ocpptest.Traps{}},
		{"in watts", 0, ocpptest.Traps{Unit: "Power", OnlyWatts: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			loadstest.Run(t, func(t *testing.T) loadstest.Target {
				sw, station := pair(t, loads.Connector{}, c.deadMan, c.trap)
				return loadstest.Target{Switch: sw, Device: station, Stale: stale, Faults: faults, DeadMan: c.deadMan}
			})
		})
	}
}
