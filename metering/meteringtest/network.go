package meteringtest

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/line"
)

// What can be wrong with a serial server in the network.
const (
	Refused  Fault = "refused connection"                 // nobody listens
	Reset    Fault = "reset connection"                   // it is torn down, once
	HalfOpen Fault = "half-open connection"               // not a byte comes any more, and nothing says so
	Taken    Fault = "another client in its place"        // connections are accepted, and ended at once
	Middle   Fault = "stream that begins in its middle"   // after each connection
	Twice    Fault = "several frames in one segment"      // each answer or telegram comes twice
	Dribble  Fault = "one byte a segment"                 // and a moment between
	Stray    Fault = "stray bytes about each frame"       // a zero before and after
	Echo     Fault = "server that hears what it has sent" // what was written comes back first
)

// Way is one way to a meter, with what may be wrong on it.
type Way struct {
	Name  string
	On    func(*testing.T, Play) Line
	Cases []Case
}

// ListeningWays are the ways to a meter that sends framed telegrams by itself: a serial
// port in a mode, and a serial server, with the faults of either.
func ListeningWays(mode line.Mode) []Way {
	both := []Case{
		{Fault: Silence, Codes: []metering.Code{metering.Silent}},
		{Fault: Cut, Codes: []metering.Code{metering.Short}},
		{Fault: Corrupt, Codes: []metering.Code{metering.Checksum}},
		{Fault: Garbage, Codes: []metering.Code{metering.UnknownReply}},
		{Fault: Absurd, Codes: []metering.Code{metering.Range}},
		{Fault: HangUp, Codes: nil},
	}
	return []Way{
		{"serial port", func(t *testing.T, play Play) Line { return NewPort(t, mode, play) }, both},
		{"serial server", func(t *testing.T, play Play) Line { return NewGateway(t, play) }, append(both, listeningCases()...)},
	}
}

// listeningCases are the faults of a serial server before a meter that sends by itself.
func listeningCases() []Case {
	return []Case{
		{Fault: Refused, Codes: []metering.Code{metering.Offline}},
		{Fault: Reset, Codes: []metering.Code{metering.Offline}, Reads: true},
		{Fault: HalfOpen, Codes: []metering.Code{metering.Silent}},
		{Fault: Taken, Codes: []metering.Code{metering.Offline}},
		{Fault: Middle, Reads: true},
		{Fault: Twice, Reads: true},
		{Fault: Dribble, Reads: true},
	}
}

// AskedCases are those before a meter that is asked.
func AskedCases() []Case {
	return []Case{
		{Fault: Refused, Codes: []metering.Code{metering.Offline}},
		{Fault: Reset, Reads: true},
		{Fault: HalfOpen, Codes: []metering.Code{metering.Silent}},
		{Fault: Taken, Codes: []metering.Code{metering.Offline}},
		{Fault: Dribble, Reads: true},
	}
}

// Line is where a driver finds the meter that the test plays: a Port or a Gateway.
type Line interface {
	Open(ctx context.Context) (line.Conn, error)
	Break(f Fault) // as far as the fault is the line's
}

// Play plays the meter on the far side of a line until that is closed; then gone is
// closed too.
type Play func(far io.ReadWriter, gone <-chan struct{})

// Gateway is a serial server in the network.
type Gateway struct {
	t    *testing.T
	play Play
	at   string

	mu       sync.Mutex
	fault    Fault
	listener net.Listener
	conns    map[*gatewayConn]bool
	wg       sync.WaitGroup
}

// NewGateway makes a gateway.  play runs for each connection.
func NewGateway(t *testing.T, play Play) *Gateway {
	t.Helper()
	g := &Gateway{t: t, play: play, at: "127.0.0.1:0", conns: map[*gatewayConn]bool{}}
	g.listen()
	if g.listener == nil {
		t.FailNow()
	}
	g.at = g.listener.Addr().String()
	t.Cleanup(func() {
		g.mu.Lock()
		g.deaf()
		g.end(false)
		g.mu.Unlock()
		g.wg.Wait()
	})
	return g
}

// Address is host:port.
func (g *Gateway) Address() string { return g.at }

// Open is the driver's opener.
func (g *Gateway) Open(ctx context.Context) (line.Conn, error) { return line.TCP(g.at)(ctx) }

// listen has the gateway take connections.  g.mu is held, or nobody has g.
func (g *Gateway) listen() {
	l, err := net.Listen("tcp", g.at)
	if err != nil {
		g.t.Error(err)
		return
	}
	g.listener = l
	g.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.take(c)
		}
	})
}

func (g *Gateway) deaf() {
	if g.listener != nil {
		_ = g.listener.Close() // it only listened
		g.listener = nil
	}
}

func (g *Gateway) take(c net.Conn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.fault == Taken || g.listener == nil {
		_ = c.Close()
		return
	}
	far := &gatewayConn{Conn: c, gateway: g, gone: make(chan struct{}), mute: g.fault == HalfOpen, middle: g.fault == Middle}
	g.conns[far] = true
	g.wg.Go(func() {
		g.play(far, far.gone)
		g.mu.Lock()
		defer g.mu.Unlock()
		if g.conns[far] && !far.mute { // else whoever waits at the other end is told nothing
			far.close(false)
			delete(g.conns, far)
		}
	})
}

// end ends all connections.  g.mu is held.
func (g *Gateway) end(hard bool) {
	for c := range g.conns {
		c.close(hard)
	}
	clear(g.conns)
}

// Break implements Line.
func (g *Gateway) Break(f Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
	switch f {
	case HangUp, Taken, Middle:
		g.end(false)
	case Reset:
		g.end(true)
	case Refused:
		g.deaf()
		g.end(false)
	case HalfOpen:
		for c := range g.conns {
			c.mute = true // also when the fault is over
		}
	case None:
		if g.listener == nil {
			g.listen()
		}
	default: // what is written, or what is played, is as the fault has it
	}
}

// gatewayConn is one connection, as the meter behind the gateway sees it.
type gatewayConn struct {
	net.Conn
	gateway      *Gateway
	gone         chan struct{}
	mute, middle bool
}

func (c *gatewayConn) close(hard bool) {
	if tcp, ok := c.Conn.(*net.TCPConn); ok && hard {
		_ = tcp.SetLinger(0) // a reset in place of an end
	}
	_ = c.Conn.Close()
	close(c.gone)
}

func (c *gatewayConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.gateway.mu.Lock()
	echo := c.gateway.fault == Echo
	c.gateway.mu.Unlock()
	if echo && n > 0 {
		_, _ = c.Conn.Write(b[:n]) // a failure is the next read's too
	}
	return n, err
}

// Write writes a frame as the fault in force has it.
func (c *gatewayConn) Write(b []byte) (int, error) {
	c.gateway.mu.Lock()
	fault, mute, middle := c.gateway.fault, c.mute, c.middle
	c.middle = false
	c.gateway.mu.Unlock()
	out := append([]byte{}, b...)
	switch {
	case mute:
		return len(b), nil
	case middle:
		out = append(out[len(b)/2:], b...)
	case fault == Twice:
		out = append(out, b...)
	case fault == Stray:
		out = append(append([]byte{0}, b...), 0)
	case fault == Dribble:
		for i := range out {
			if _, err := c.Conn.Write(out[i : i+1]); err != nil {
				return i, err
			}
			if i%8 == 7 {
				time.Sleep(50 * time.Microsecond) // so that not all is there when it is read
			}
		}
		return len(b), nil
	}
	_, err := c.Conn.Write(out)
	return len(b), err
}
