package broker

import (
	"context"
	"fmt"
	"log/slog"
	"net"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
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
	return newEmbedded(port, log, new(openDoor))
}

func newEmbedded(port int, log *slog.Logger, door mochi.Hook) (*Embedded, error) {
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return nil, fmt.Errorf("the demo's MQTT broker: %w", err)
	}
	server := mochi.New(&mochi.Options{Logger: log})
	if err := server.AddHook(door, nil); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("the demo's MQTT broker: %w", err)
	}
	if err := server.AddListener(listeners.NewNet("local", l)); err != nil {
		_ = l.Close()
		return nil, fmt.Errorf("the demo's MQTT broker: %w", err)
	}
	return &Embedded{server: server, addr: l.Addr().String()}, nil
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

// openDoor lets everybody in: the listener is on the loopback interface.
type openDoor struct{ mochi.HookBase }

func (*openDoor) ID() string { return "open-door" }

func (*openDoor) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnDisconnect
}

// OnDisconnect forgets the acknowledgements that did not reach the client: mochi
// would say them to its next connection, where their numbers belong to other
// messages, which would then be taken for delivered.
func (*openDoor) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	for _, pk := range cl.State.Inflight.GetAll(false) {
		if pk.FixedHeader.Type == packets.Puback {
			cl.State.Inflight.Delete(pk.PacketID)
		}
	}
}

func (*openDoor) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

func (*openDoor) OnACLCheck(*mochi.Client, string, bool) bool { return true }
