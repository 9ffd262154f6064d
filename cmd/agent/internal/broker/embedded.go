package broker

import (
	"context"
	"fmt"
	"log/slog"

	mochi "github.com/mochi-mqtt/server/v2"

	"github.com/keeplit/keeplit/internal/localbroker"
)

// Embedded is a small broker in this process, for the demo and for tests.  It
// listens on this machine only, lets everybody there in, and keeps nothing
// when it ends.
type Embedded struct {
	server *mochi.Server
	addr   string
}

// NewEmbedded opens a broker on 127.0.0.1; port 0 takes a free one.
func NewEmbedded(port int, log *slog.Logger) (*Embedded, error) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return newEmbedded(port, log, new(localbroker.OpenDoor))
}

func newEmbedded(port int, log *slog.Logger, door mochi.Hook) (*Embedded, error) {
	server, addr, err := localbroker.New(fmt.Sprintf("127.0.0.1:%d", port), mochi.Options{Logger: log}, door)
	if err != nil {
		return nil, fmt.Errorf("the demo's MQTT broker: %w", err)
	}
	return &Embedded{server, addr}, nil
}

// URL is the address to connect to.
func (e *Embedded) URL() string { return "mqtt://" + e.addr }

// Run serves until ctx ends.
func (e *Embedded) Run(ctx context.Context) error {
	if err := e.server.Serve(); err != nil {
		return fmt.Errorf("the demo's MQTT broker: %w", err)
	}
	<-ctx.Done()
	return e.server.Close()
}
