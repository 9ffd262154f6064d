package fleet

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/keeplit/keeplit/cmd/agent/internal/broker"
	"github.com/keeplit/keeplit/internal/testservers"
)

// ingest is one Telegraf with a configuration of deploy/fleet, edited by nobody but for its
// places; KEEPLIT_TELEGRAF names the program, which is not to be had in CI.
func ingest(t *testing.T, influx *testservers.Influx, of, dir string, edit ...string) (kill func(os.Signal), start func()) {
	t.Helper()
	program := os.Getenv("KEEPLIT_TELEGRAF")
	if program == "" {
		t.Skip("KEEPLIT_TELEGRAF names no telegraf")
	}
	text, err := os.ReadFile(deployed + "telegraf/" + of)
	must(t, err)
	edited := strings.NewReplacer(append(edit, "/etc/telegraf/", dir+"/", "https://influx.example:8086", influx.URL, `"$INFLUX_TOKEN"`, fmt.Sprintf("%q", influx.Token), `"$INFLUX_ORG"`, `""`)...).Replace(string(text))
	if strings.Contains(withoutComments(edited), "example") {
		t.Fatalf("a place is left: %s", edited)
	}
	file := filepath.Join(t.TempDir(), "telegraf.conf")
	must(t, os.WriteFile(file, []byte(edited), 0o600))
	var cmd *exec.Cmd
	log, err := os.Create(file + ".log")
	must(t, err)
	start = func() {
		cmd = exec.Command(program, "--config", file)
		cmd.Stdout, cmd.Stderr = log, log
		must(t, cmd.Start())
	}
	kill = func(s os.Signal) {
		if cmd == nil {
			return
		}
		_ = cmd.Process.Signal(s)
		_ = cmd.Wait()
		cmd = nil
	}
	t.Cleanup(func() {
		kill(os.Kill)
		if t.Failed() {
			text, _ := os.ReadFile(file + ".log")
			t.Logf("%s of %s:\n%s", program, of, text)
		}
	})
	start()
	return kill, start
}

// homes are publishers: each sends entries of its ledger and events as an agent does.
type homes struct {
	t       *testing.T
	clients []*broker.Client
	seq     int
}

func (h *homes) send(n int) (rows int64) {
	h.t.Helper()
	for range n {
		h.seq++
		for i, c := range h.clients {
			at := time.Now().UTC().Format(time.RFC3339Nano)
			entry := fmt.Sprintf(`{"seq":%d,"at":%q,"kind":"energy","name":"energy","amount":"-0.250000","balance":"9.750000","kwh":0.1,"cause":"half an hour","hash":"00"}`, h.seq, at)
			must(h.t, c.Publish(h.t.Context(), fmt.Sprintf("keeplit/t-%04d/ledger", i), false, []byte(entry)))
			rows++
			if h.seq%5 == 0 {
				event := fmt.Sprintf(`{"id":"%d-e","at":%q,"code":"credit_low","severity":"caution","text":"words"}`, h.seq, at)
				must(h.t, c.Publish(h.t.Context(), fmt.Sprintf("keeplit/t-%04d/event", i), false, []byte(event)))
				rows++
			}
		}
	}
	return rows
}

func counted(influx *testservers.Influx) int64 {
	return influx.Count("fleet", "seq") + influx.Count("fleet", "id")
}

func publishers(t *testing.T, urls []string, identity func(string, *broker.Config) error, names []string) *homes {
	h := &homes{t: t}
	for i, name := range names {
		cfg := broker.Config{URL: urls[i%len(urls)], Site: name, ClientID: "keeplit-" + name}
		must(t, identity(name, &cfg))
		// Three nodes that have just begun refuse while they agree on who leads.
		var c *broker.Client
		var err error
		if !until(t.Context(), 2*time.Minute, func() bool { c, err = broker.Dial(t.Context(), cfg); return err == nil }) {
			t.Fatal(err)
		}
		t.Cleanup(c.Close)
		h.clients = append(h.clients, c)
	}
	return h
}

func rowsAre(t *testing.T, influx *testservers.Influx, want int64, when string) {
	t.Helper()
	if !until(t.Context(), 40*time.Second, func() bool { return counted(influx) >= want }) || counted(influx) != want {
		t.Errorf("%s: %d rows of %d", when, counted(influx), want)
		return
	}
	t.Logf("%s: %d rows of %d", when, counted(influx), want)
}

// Two Telegraf share in a queue group what homes send at three nodes of NATS: each message is one
// row; where one is killed the other goes on.
func TestTelegrafCountsWhatHomesSendAtNATS(t *testing.T) {
	influx := testservers.StartInflux(t)
	names := []string{"t-0000", "t-0001", "t-0002"}
	nodes, urls, identity := cluster(t, names)
	cfg := broker.Config{}
	must(t, identity("telegraf", &cfg))
	dir := filepath.Dir(cfg.TLS.CertFile)
	servers := ""
	for _, n := range nodes {
		servers += fmt.Sprintf(`, "tls://127.0.0.1:%d"`, n.NATS)
	}
	edit := []string{`"tls://nats-1.example:4222", "tls://nats-2.example:4222", "tls://nats-3.example:4222"`, strings.TrimPrefix(servers, ", ")}
	kill, _ := ingest(t, influx, "nats.conf", dir, edit...)
	ingest(t, influx, "nats.conf", dir, edit...)
	h := publishers(t, urls, identity, names)
	time.Sleep(8 * time.Second) // until both listen: who is not there yet is sent nothing
	sent := h.send(100)
	rowsAre(t, influx, sent, "two members")
	kill(syscall.SIGTERM)
	sent += h.send(100)
	rowsAre(t, influx, sent, "one of them ended")
}

// One Telegraf at a Mosquitto: what comes while it is away, or InfluxDB is, is written when it is
// back, and each message is one row.
func TestTelegrafCountsWhatHomesSendAtMosquitto(t *testing.T) {
	influx := testservers.StartInflux(t)
	m, identity := shard(t)
	names := []string{"t-0000", "t-0001", "t-0002"}
	cfg := broker.Config{}
	must(t, identity("ingest", &cfg))
	at := strings.NewReplacer("mqtts://", "ssl://").Replace(m.URL)
	kill, start := ingest(t, influx, "mosquitto.conf", filepath.Dir(cfg.TLS.CertFile), "ssl://mqtt.example:8883", at)
	h := publishers(t, []string{m.URL}, identity, names)
	time.Sleep(4 * time.Second)
	sent := h.send(100)
	rowsAre(t, influx, sent, "there")
	kill(os.Kill)
	sent += h.send(100)
	start()
	rowsAre(t, influx, sent, "killed, and started again")
	influx.Stop()
	sent += h.send(100)
	influx.Start()
	rowsAre(t, influx, sent, "InfluxDB away")
}
