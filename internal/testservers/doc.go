// Package testservers starts real servers for tests: Mosquitto, InfluxDB
// 1.8 with authentication and Flux, and a cluster of NATS.  Each listens on a free port of this
// machine, keeps its files in the test's own directory, can be killed and
// started again with what it had, and is gone when the test ends.
//
// Where a server is not installed the test is skipped with the reason, so that
// a bare machine still runs all others; with KEEPLIT_REQUIRE_SERVERS=1 it fails
// instead.  KEEPLIT_MOSQUITTO, KEEPLIT_INFLUXD and KEEPLIT_NATS name the programs where they
// are not in the PATH; two of them are built by
//
//	go build -C internal/tools/influxd -o DIR/influxd github.com/influxdata/influxdb/cmd/influxd
//	go build -C internal/tools/natsd -o DIR/nats-server github.com/nats-io/nats-server/v2
package testservers

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// program finds the server's binary, or skips or fails the test.
func program(t testing.TB, name, variable string, places ...string) string {
	t.Helper()
	if p := os.Getenv(variable); p != "" {
		if _, err := os.Stat(p); err != nil {
			t.Fatalf("%s: %v", variable, err)
		}
		return p
	}
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	for _, p := range places { // not in everybody's PATH
		if _, err := os.Stat(p); err == nil {
			return p
		}
	}
	message := fmt.Sprintf("%s is not installed and %s does not name it", name, variable)
	if os.Getenv("KEEPLIT_REQUIRE_SERVERS") == "1" {
		t.Fatal(message)
	}
	t.Skip(message)
	return ""
}

// FreePort is a port that nobody listens on now.
func FreePort(t testing.TB) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().(*net.TCPAddr).Port //nolint:forcetypeassert // a TCP listener
}

// process is a server that can be stopped and started again.
type process struct {
	t       testing.TB
	program string
	args    []string
	env     []string
	ready   func() error // nil once the server answers

	mu   sync.Mutex
	cmd  *exec.Cmd
	done chan struct{}
	out  *output
}

// start starts the server and waits until it answers.
func (p *process) start() {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd != nil {
		p.t.Fatalf("%s runs already", p.program)
	}
	if p.out == nil {
		p.out = &output{}
		p.t.Cleanup(func() {
			p.end(os.Kill)
			if p.t.Failed() {
				p.t.Logf("the last words of %s:\n%s", filepath.Base(p.program), p.out)
			}
		})
	}
	cmd := exec.Command(p.program, p.args...)
	cmd.Stdout, cmd.Stderr = p.out, p.out
	cmd.Env = append(os.Environ(), p.env...)
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		_ = cmd.Wait() // killed on purpose, mostly; what matters is in its output
		close(done)
	}()
	p.cmd, p.done = cmd, done
	var err error
	for end := time.Now().Add(2 * time.Minute); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = p.ready(); err == nil {
			return
		}
		select {
		case <-done:
			p.t.Fatalf("%s ended at its start:\n%s", p.program, p.out)
		default:
		}
	}
	p.t.Fatalf("%s does not answer: %v\n%s", p.program, err, p.out)
}

// end ends the server by a signal and waits until it is gone.
func (p *process) end(sig os.Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil {
		return
	}
	if err := p.cmd.Process.Signal(sig); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Error(err)
	}
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		_ = p.cmd.Process.Kill()
		<-p.done
		p.t.Errorf("%s had to be killed", p.program)
	}
	p.cmd = nil
}

// output keeps the last words of a server.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.buf.Len() > 1<<20 {
		o.buf.Next(1 << 19)
	}
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := strings.Split(o.buf.String(), "\n")
	return strings.Join(lines[max(0, len(lines)-40):], "\n")
}
