package web

import (
	"net"
	"net/netip"
	"sync"
)

// bounded is a listener that holds a bounded number of connections, and of each
// address a share.  A connection beyond that is closed at once: descriptors are
// needed for the records and the meter too.
type bounded struct {
	net.Listener
	most, each int

	mu   sync.Mutex
	all  int
	from map[netip.Addr]int
}

const (
	mostConnections = 256
	ownDescriptors  = 48 // what the agent itself has open, and then some
)

// connections is how many connections the page may hold where the process may
// have files open.
func connections(files int) int { return max(8, min(mostConnections, files-ownDescriptors)) }

func boundedBy(l net.Listener, most int) *bounded {
	return &bounded{Listener: l, most: most, each: max(4, most/4), from: map[netip.Addr]int{}}
}

// Accept waits for the next connection that there is room for.
func (b *bounded) Accept() (net.Conn, error) {
	for {
		c, err := b.Listener.Accept()
		if err != nil {
			return nil, err
		}
		who := addressOf(c.RemoteAddr().String())
		b.mu.Lock()
		room := b.all < b.most && b.from[who] < b.each
		if room {
			b.all++
			b.from[who]++
		}
		b.mu.Unlock()
		if room {
			return &boundedConn{Conn: c, gone: sync.OnceFunc(func() { b.gone(who) })}, nil
		}
		_ = c.Close() // the other end sees it
	}
}

func (b *bounded) gone(who netip.Addr) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.all--
	if b.from[who]--; b.from[who] <= 0 {
		delete(b.from, who)
	}
}

type boundedConn struct {
	net.Conn
	gone func()
}

// Close gives the place back.
func (c *boundedConn) Close() error {
	defer c.gone()
	return c.Conn.Close()
}
