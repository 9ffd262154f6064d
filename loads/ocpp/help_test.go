package ocpp

import (
	"context"
	"log/slog"
	"net"
	"testing"
)

type writer func([]byte)

func (w writer) Write(p []byte) (int, error) { w(p); return len(p), nil }

func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// serveOn runs a central system at an address until the test is over.
func serveOn(t *testing.T, c *Central, address string) {
	t.Helper()
	c.address = address
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// serves runs a central system, on its own address where l is nil, until end is called.
func serves(t *testing.T, c *Central, l net.Listener) (end func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		if l == nil {
			ended <- c.Run(ctx)
		} else {
			ended <- c.Serve(ctx, l)
		}
	}()
	over := false
	end = func() {
		if cancel(); over {
			return
		}
		over = true
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	t.Cleanup(end)
	return end
}
