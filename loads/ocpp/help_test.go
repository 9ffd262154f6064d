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
