package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
)

// Everything is asked once, and nothing is told anything: the plugs hear no command, and the
// meter and the broker answer.  With a wrong password, a server that knows no such bucket and a plug
// that is not there, each is said with what to do.
func TestEverythingIsTriedAndNothingIsSwitched(t *testing.T) {
	t.Parallel()
	influx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.ContentLength > 0:
			t.Error("something is written to InfluxDB")
		case r.Header.Get("Authorization") != "Token user:word":
			w.WriteHeader(http.StatusUnauthorized)
		case r.URL.Query().Get("bucket") != "there/autogen":
			w.WriteHeader(http.StatusNotFound)
		default:
			w.WriteHeader(http.StatusNoContent)
		}
	}))
	t.Cleanup(influx.Close)
	more := func(bucket string) string {
		return fmt.Sprintf(`
loads:
  - {id: geyser, name: Geyser, power: 2 kW, need: {for: 2h}, switch: {driver: tasmota, topic: geyser}}
  - {id: pump, name: Pump, power: 1 kW, need: {for: 1h}, switch: {driver: tasmota, topic: pump}}
  - {id: relay, name: Relay, power: 1 kW, need: {for: 1h}, switch: {driver: relay, relay: {line: GPIO17}}}
influxdb: {url: %q, bucket: %q, token: {file: influx.token}}
`, influx.URL, bucket)
	}
	b := box{newLive(t, more("there/autogen")), t}
	token := filepath.Join(b.folder, "influx.token")
	if err := os.WriteFile(token, []byte("user:word\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var told []string
	k := b.broker.Subscribe("cmnd/#", 1, func(_ mqtt.Client, m mqtt.Message) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, m.Topic()+" "+string(m.Payload()))
		if m.Topic() == "cmnd/geyser/POWER" || strings.HasSuffix(m.Topic(), "geyser/POWER1") || strings.HasPrefix(m.Topic(), "cmnd/geyser/") {
			go b.broker.Publish("stat/geyser/RESULT", 1, false, `{"POWER":"ON"}`)
		}
	})
	if !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatal(k.Error())
	}
	b.broker.Publish("tele/geyser/LWT", 1, true, "Online")
	ctx, stop := context.WithCancel(t.Context())
	var meter sync.WaitGroup
	meter.Go(func() { b.read(ctx, 100*time.Millisecond) })
	t.Cleanup(func() { stop(); meter.Wait() })

	says := ends(t, exitInvalid, "check", b.config(), "--try", "--wait", "4s")
	for _, want := range []string{
		"is right: site live", "meter answers", "register 1000.", "broker answers", "it takes name and password",
		"influxdb answers", "there/autogen", "geyser answers: it is on", "pump wrong: nothing was heard of its switch",
		"relay left out", "1 thing to put right",
	} {
		if !strings.Contains(says, want) {
			t.Errorf("it does not say %q:\n%s", want, says)
		}
	}
	mu.Lock()
	for _, m := range told {
		if topic, payload, _ := strings.Cut(m, " "); strings.Contains(strings.ToUpper(payload), "ON") || strings.Contains(strings.ToUpper(payload), "OFF") || strings.Contains(topic, "PulseTime") {
			t.Errorf("a plug is told %q", m)
		}
	}
	mu.Unlock()

	text, err := os.ReadFile(b.config())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(b.config(), []byte(strings.Replace(string(text), "there/autogen", "gone/autogen", 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(b.folder, "mqtt.password"), []byte("wrong\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	says = ends(t, exitInvalid, "check", b.config(), "--try", "--wait", "2s")
	for _, want := range []string{"broker wrong", "user name, password", "meter left out: it hangs on the broker", "geyser left out", "2 things to put right", "does not know the bucket \"gone/autogen\"", "make it there"} {
		if !strings.Contains(says, want) {
			t.Errorf("it does not say %q:\n%s", want, says)
		}
	}
}

// The doctor says what, where and what next, and its exit code says whether something is wrong.
func TestTheDoctorNamesWhatIsWrongAndWhatToDo(t *testing.T) {
	t.Parallel()
	b := newBox(t)
	data := filepath.Join(b.folder, "data")
	says := ends(t, exitOK, "doctor", b.config())
	for _, want := range []string{"fine  configuration", "there is no such folder yet", "MiB are left", "no agent runs on these records", "there are none yet"} {
		if !strings.Contains(says, want) {
			t.Errorf("before the first start it does not say %q:\n%s", want, says)
		}
	}
	b.during(1000, func() {
		b.enters(1)
		b.counts(0)
		b.eventually("the reading is stored", func() bool {
			says = ends(t, exitOK, "doctor", b.config())
			return strings.Contains(says, "fine  last reading")
		})
		for _, want := range []string{"runs and is well", "both files are whole", "the balance is 110.00", "belong to one user"} {
			if !strings.Contains(says, want) {
				t.Errorf("beside a running agent it does not say %q:\n%s", want, says)
			}
		}
	})
	for name, row := range map[string]struct {
		spoil func() error
		says  []string
	}{
		"the folder is open to others": {func() error { return os.Chmod(data, 0o755) }, []string{"wrong file modes", "chmod 700"}}, //nolint:gosec // it is what is looked for
		"a fault in the configuration": {func() error {
			return os.WriteFile(filepath.Join(b.folder, "token.key"), nil, 0o600)
		}, []string{"wrong configuration", "agent check"}},
		"a damaged file": {func() error {
			path := filepath.Join(data, "keeplit.db")
			text, err := os.ReadFile(path)
			for i := 4096; i < len(text); i++ {
				text[i] = 0xff
			}
			if err != nil {
				return err
			}
			return os.WriteFile(path, text, 0o600)
		}, []string{"wrong records", "agent restore"}},
	} {
		whole := t.TempDir()
		if err := os.CopyFS(whole, os.DirFS(b.folder)); err != nil {
			t.Fatal(err)
		}
		if err := row.spoil(); err != nil {
			t.Fatal(err)
		}
		says := ends(t, exitInvalid, "doctor", b.config())
		for _, want := range append(row.says, "to put right", "next:") {
			if !strings.Contains(says, want) {
				t.Errorf("%s: it does not say %q:\n%s", name, want, says)
			}
		}
		if err := os.RemoveAll(b.folder); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(b.folder, os.DirFS(whole)); err != nil {
			t.Fatal(err)
		}
		for _, f := range []string{"token.key", "mqtt.password", "pin.hash"} {
			if err := os.Chmod(filepath.Join(b.folder, f), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chmod(data, 0o700); err != nil { //nolint:gosec // as it was
			t.Fatal(err)
		}
	}
	ends(t, exitOK, "replace", filepath.Join(t.TempDir(), "f"), b.config())
	if says := ends(t, exitInvalid, "doctor", b.config()); !strings.Contains(says, "handed over to another box") {
		t.Error(says)
	}
}
