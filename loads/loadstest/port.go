package loadstest

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"
)

// Port is the TCP port of an emulated device.
type Port struct {
	Addr string

	mu    sync.Mutex
	conns map[net.Conn]bool
}

// Listen serves each connection, but those that come while refuses says so, until the test ends.
func Listen(t *testing.T, refuses func() bool, serve func(net.Conn)) *Port {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &Port{Addr: l.Addr().String(), conns: map[net.Conn]bool{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if refuses() {
				_ = c.Close()
				continue
			}
			p.keep(c, true)
			serving.Go(func() {
				serve(c)
				_ = c.Close()
				p.keep(c, false)
			})
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		p.Break()
		serving.Wait()
	})
	return p
}

func (p *Port) keep(c net.Conn, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if open {
		p.conns[c] = true
	} else {
		delete(p.conns, c)
	}
}

// Break breaks all connections.
func (p *Port) Break() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		_ = c.Close()
	}
}

// Open is how many connections there are.
func (p *Port) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.conns)
}

// ServeModbus serves Modbus TCP on a connection: answer gets unit and question, and gives the
// answer; nil: none.
func ServeModbus(c io.ReadWriter, answer func(unit byte, q []byte) []byte) {
	var head [7]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			return
		}
		q := make([]byte, binary.BigEndian.Uint16(head[4:])-1)
		if _, err := io.ReadFull(c, q); err != nil {
			return
		}
		a := answer(head[6], q)
		if a == nil {
			continue
		}
		binary.BigEndian.PutUint16(head[4:], uint16(len(a)+1)) //nolint:gosec // an answer is short
		if _, err := c.Write(append(head[:], a...)); err != nil {
			return
		}
	}
}
