// Package localbroker opens an MQTT broker in this process, for the demo and for
// tests, and works round what is wrong with mochi 2.7.9.
package localbroker

import (
	"fmt"
	"net"

	mochi "github.com/mochi-mqtt/server/v2"
	"github.com/mochi-mqtt/server/v2/listeners"
	"github.com/mochi-mqtt/server/v2/packets"
)

// New opens a broker on an address such as 127.0.0.1:0, and answers the address
// that it got.  It takes connections once its Serve is called.  A client that
// may be cut off and come back at once should keep its session (clean session
// off): mochi deletes a session that ends with its connection under the client's
// ID, and that may then be the next connection's, which gets no message more.
func New(address string, options mochi.Options, door mochi.Hook) (server *mochi.Server, at string, err error) {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return nil, "", err
	}
	server = mochi.New(&options)
	err = server.AddHook(door, nil)
	if err == nil {
		err = server.AddListener(listener{listeners.NewNet("local", l), server})
	}
	if err != nil {
		_ = l.Close()
		return nil, "", fmt.Errorf("open the broker: %w", err)
	}
	return server, l.Addr().String(), nil
}

// listener closes its clients itself: the server looks for them with the lock of
// its list taken for reading twice, and waits for ever where a client that is
// being deleted comes between the two.
type listener struct {
	*listeners.Net
	server *mochi.Server
}

// Close implements listeners.Listener.
func (l listener) Close(listeners.CloseFn) {
	l.Net.Close(func(id string) {
		for _, cl := range l.server.Clients.GetAll() {
			if cl.Net.Listener == id && !cl.Closed() {
				_ = l.server.DisconnectClient(cl, packets.ErrServerShuttingDown) // gone either way
			}
		}
	})
}

// OpenDoor lets everybody do everything: such a broker listens on this machine only.
type OpenDoor struct{ mochi.HookBase }

// ID implements mochi.Hook.
func (*OpenDoor) ID() string { return "open-door" }

// Provides implements mochi.Hook.
func (*OpenDoor) Provides(b byte) bool {
	return b == mochi.OnConnectAuthenticate || b == mochi.OnACLCheck || b == mochi.OnDisconnect
}

// OnDisconnect forgets the acknowledgements that did not reach the client: mochi
// would say them to its next connection, where their numbers belong to other
// messages, which would then be taken for delivered.
func (*OpenDoor) OnDisconnect(cl *mochi.Client, _ error, _ bool) {
	for _, pk := range cl.State.Inflight.GetAll(false) {
		if pk.FixedHeader.Type == packets.Puback {
			cl.State.Inflight.Delete(pk.PacketID)
		}
	}
}

// OnConnectAuthenticate implements mochi.Hook.
func (*OpenDoor) OnConnectAuthenticate(*mochi.Client, packets.Packet) bool { return true }

// OnACLCheck implements mochi.Hook.
func (*OpenDoor) OnACLCheck(*mochi.Client, string, bool) bool { return true }
