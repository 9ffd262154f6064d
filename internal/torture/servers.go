package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// program is where a server's program is: what the variable names, else the first that
// stands there; "" where there is none.
func program(variable string, places ...string) string {
	for _, p := range append([]string{os.Getenv(variable)}, places...) {
		if info, err := os.Stat(p); p != "" && err == nil && !info.IsDir() {
			return p
		}
	}
	return ""
}

// server is a process that is started, hurt and ended.
type server struct {
	cmd  *exec.Cmd
	args []string
	env  []string
	host string // at which the harness reaches it
	port int
	done chan struct{}
}

// ports counts those that were handed out.
var ports atomic.Int32 //nolint:gochecknoglobals // they are the machine's

// freePort is one that no other home has, of this process or of one beside it: two that took the same
// would hear each other's tokens.  It is none that connections begin at.
func freePort() (int, error) {
	for range 1000 {
		port := 10_000 + os.Getpid()%22*1000 + int(ports.Add(1))%1000
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port)); err == nil {
			return port, l.Close()
		}
	}
	return 0, errors.New("there is no free port")
}

// start starts it, and waits until its port answers.
func (s *server) start() error {
	s.cmd = exec.Command(s.args[0], s.args[1:]...)
	s.cmd.Env = append(os.Environ(), s.env...)
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.done = make(chan struct{})
	cmd, done := s.cmd, s.done
	go func() { defer close(done); _ = cmd.Wait() }()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if c, err := net.Dial("tcp", net.JoinHostPort(s.host, strconv.Itoa(s.port))); err == nil {
			return c.Close()
		}
	}
	return fmt.Errorf("%s does not answer", s.args[0])
}

func (s *server) signal(sig os.Signal) {
	if s.cmd != nil {
		_ = s.cmd.Process.Signal(sig)
	}
}

// end ends it, whatever it does.
func (s *server) end(sig os.Signal) {
	if s.cmd == nil {
		return
	}
	s.signal(sig)
	select {
	case <-s.done:
	case <-time.After(20 * time.Second):
		s.signal(os.Kill)
		<-s.done
	}
	s.cmd = nil
}

const (
	brokerUser     = "keeplit"
	brokerPassword = "right-horse"
)

// newBroker starts Mosquitto, which keeps what it holds over a stop.
// It is run by within, where that is not empty, and hears at host and at other.
func newBroker(dir, host, other string, within []string) (*server, error) {
	bin := program("KEEPLIT_MOSQUITTO", "/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto")
	if bin == "" {
		return nil, errors.New("there is no mosquitto: install it, or say where by KEEPLIT_MOSQUITTO")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	users := filepath.Join(dir, "users")
	passwd := program("KEEPLIT_MOSQUITTO_PASSWD", filepath.Join(filepath.Dir(bin), "mosquitto_passwd"), "/usr/bin/mosquitto_passwd")
	if out, err := exec.Command(passwd, "-b", "-c", users, brokerUser, brokerPassword).CombinedOutput(); err != nil {
		return nil, fmt.Errorf("mosquitto_passwd: %w: %s", err, out)
	}
	lines := []string{
		fmt.Sprintf("listener %d %s", port, host), "allow_anonymous false", "password_file " + users,
		"persistence true", "persistence_location " + dir + "/", "autosave_on_changes true", "autosave_interval 1", "max_queued_messages 0",
		"log_type none",
	}
	if other != host {
		lines = append(lines, fmt.Sprintf("listener %d %s", port, other))
	}
	if os.Getuid() == 0 {
		lines = append(lines, "user root") // or it could not read the folder
	}
	conf := filepath.Join(dir, "mosquitto.conf")
	if err := os.WriteFile(conf, []byte(strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		return nil, err
	}
	s := &server{args: append(append([]string{}, within...), bin, "-c", conf), host: host, port: port}
	return s, s.start()
}

// newInflux starts InfluxDB 1.8 without users; nil where there is none.
func newInflux(dir string) (*server, error) {
	bin := program("KEEPLIT_INFLUXD", filepath.Join(os.Getenv("HOME"), ".cache/keeplit-ci/influxd"))
	if bin == "" {
		return nil, nil
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	other, err := freePort()
	if err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "influxd.conf")
	text := fmt.Sprintf("reporting-disabled = true\nbind-address = \"127.0.0.1:%d\"\n[meta]\ndir = %q\n[data]\ndir = %q\nwal-dir = %q\nquery-log-enabled = false\n"+
		"[http]\nbind-address = \"127.0.0.1:%d\"\nlog-enabled = false\n[monitor]\nstore-enabled = false\n",
		other, filepath.Join(dir, "meta"), filepath.Join(dir, "data"), filepath.Join(dir, "wal"), port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	s := &server{args: []string{bin, "-config", conf}, env: []string{"HOME=" + dir}, host: "127.0.0.1", port: port}
	return s, s.start()
}

// dial is a client of a broker.
func dial(ctx context.Context, s *server, id string, clean bool) (mqtt.Client, error) {
	c := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + net.JoinHostPort(s.host, strconv.Itoa(s.port))).SetClientID(id).
		SetUsername(brokerUser).SetPassword(brokerPassword).SetCleanSession(clean).SetConnectRetry(true).
		SetConnectRetryInterval(100 * time.Millisecond).SetMaxReconnectInterval(200 * time.Millisecond).SetOrderMatters(false).SetResumeSubs(true))
	k := c.Connect()
	select {
	case <-k.Done():
		return c, k.Error()
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-time.After(10 * time.Second):
		return nil, errors.New("the broker does not let the harness in")
	}
}
