package meteringtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/creack/pty"

	"github.com/keeplit/keeplit/metering/line"
)

// Port is a pseudo terminal: a driver opens one side with the real serial
// library, and the test plays the meter on the other.
type Port struct {
	t    *testing.T
	mode line.Mode
	play Play

	mu     sync.Mutex
	master *os.File
	tty    *os.File
	gone   chan struct{}
	wg     sync.WaitGroup
}

// NewPort makes a port.  play runs on the far side until its file is closed,
// when gone is closed too, and anew after each Cut.
func NewPort(t *testing.T, mode line.Mode, play Play) *Port {
	t.Helper()
	p := &Port{t: t, mode: mode, play: play}
	p.plug()
	t.Cleanup(func() {
		p.unplug()
		p.wg.Wait()
	})
	return p
}

func (p *Port) plug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	m, y, err := pty.Open()
	if err != nil {
		p.t.Fatal(err)
	}
	gone := make(chan struct{})
	p.master, p.tty, p.gone = m, y, gone
	p.wg.Go(func() { p.play(m, gone) })
}

func (p *Port) unplug() {
	p.mu.Lock()
	defer p.mu.Unlock()
	close(p.gone)
	_ = p.master.Close() // whatever becomes of it, the line is gone
	_ = p.tty.Close()
}

// Cut breaks the line as a pulled adapter does, and puts it back.
func (p *Port) Cut() {
	p.unplug()
	p.plug()
}

// Name is the device that a driver opens, until the next Cut.
func (p *Port) Name() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.tty.Name()
}

// Open is the driver's opener.
func (p *Port) Open(ctx context.Context) (line.Conn, error) {
	return line.Serial(p.Name(), p.mode)(ctx)
}

// Break implements Line.
func (p *Port) Break(f Fault) {
	if f == HangUp {
		p.Cut()
	}
}
