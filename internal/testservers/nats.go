package testservers

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// NATS is one node of a cluster of nats-servers.
type NATS struct {
	Name string
	MQTT int // its port for MQTT
	NATS int // and for NATS itself
	p    process
}

// StartNATS starts a cluster with one configuration.  In it ROUTES, CLIENTS, MQTT and STORE
// stand for what is each node's own, and NODE for its name, which is nats-1 and so on.
func StartNATS(t testing.TB, dir, config string, nodes int) []*NATS {
	t.Helper()
	bin := program(t, "nats-server", "KEEPLIT_NATS")
	var all []*NATS
	var routes []string
	for i := range nodes {
		routes = append(routes, fmt.Sprintf("127.0.0.1:%d", FreePort(t)))
		all = append(all, &NATS{Name: fmt.Sprintf("nats-%d", i+1), MQTT: FreePort(t), NATS: FreePort(t)})
	}
	for i, n := range all {
		store := filepath.Join(dir, n.Name)
		text := strings.NewReplacer(
			"NODE", n.Name, "ROUTES", `"nats://`+strings.Join(routes, `", "nats://`)+`"`, "CLUSTER", routes[i],
			"CLIENTS", fmt.Sprintf("127.0.0.1:%d", n.NATS), "MQTT", fmt.Sprintf("127.0.0.1:%d", n.MQTT), "STORE", store,
		).Replace(config)
		file := filepath.Join(dir, n.Name+".conf")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		n.p = process{t: t, program: bin, args: []string{"-c", file}, ready: func() error {
			c, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", n.MQTT), time.Second)
			if err == nil {
				_ = c.Close()
			}
			return err
		}}
	}
	for _, n := range all {
		n.p.start()
	}
	return all
}

// Kill ends the node as a power cut does.
func (n *NATS) Kill() { n.p.end(syscall.SIGKILL) }

// Start starts it again with what it had.
func (n *NATS) Start() { n.p.start() }
