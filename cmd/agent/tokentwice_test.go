package main

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"github.com/keeplit/keeplit/credit"
	"github.com/keeplit/keeplit/credit/openpaygo"
)

// A paid token comes by MQTT whose nine digits were those of another count, 108
// tokens before: it is credited, and the token behind it does not wait for it.
func TestAPaidTokenWithTheDigitsOfAnOldOneIsCreditedByMQTT(t *testing.T) {
	t.Parallel()
	l := newLive(t, "")
	type answer struct{ ID, Result, Text string }
	answers := make(chan answer, 200)
	subscribed := l.broker.Subscribe("keeplit/live/token/result", 1, func(_ mqtt.Client, m mqtt.Message) {
		var a answer
		if err := json.Unmarshal(m.Payload(), &a); err != nil {
			t.Errorf("%s: %v", m.Payload(), err)
		}
		answers <- a
	})
	if !subscribed.WaitTimeout(10*time.Second) || subscribed.Error() != nil {
		t.Fatal(subscribed.Error())
	}
	cmd, out := l.start(t)
	defer func() { _ = cmd.Process.Kill() }()
	l.listens(t)
	const first, then, value = 28, 136, 438
	digits := map[int]string{}
	for count := 2; count <= then+2; count++ {
		worth := 1
		if count == first || count == then {
			worth = value
		}
		text, err := openpaygo.Encode(openpaygo.Key(mustHex(t, trialKey)), trialStart, count, worth, openpaygo.Form{})
		if err != nil {
			t.Fatal(err)
		}
		digits[count] = text
		payload, err := json.Marshal(map[string]string{"token": text, "id": openpaygo.ID(count)})
		if err != nil {
			t.Fatal(err)
		}
		l.broker.Publish("keeplit/live/token", 1, false, payload)
		select {
		case a := <-answers:
			if a.ID != openpaygo.ID(count) || a.Result != string(credit.Accept) {
				t.Fatalf("count %d: %+v", count, a)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("count %d: no answer\n%s", count, out)
		}
	}
	if digits[first] != digits[then] {
		t.Fatalf("the digits are %s and %s: the test shows nothing", digits[first], digits[then])
	}
	_ = cmd.Process.Signal(os.Interrupt)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	entries, err := storedLedger(t.Context(), filepath.Join(l.folder, "data"))
	if err != nil {
		t.Fatal(err)
	}
	for _, count := range []int{first, then} {
		n := 0
		for _, e := range entries {
			if e.Ref == credit.Fingerprint("openpaygo", openpaygo.ID(count)) && e.Amount == 438_000_000 {
				n++
			}
		}
		if n != 1 {
			t.Errorf("count %d was credited %d times", count, n)
		}
	}
}

// listens waits until the agent is there and says so by MQTT.
func (l *live) listens(t *testing.T) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if r, err := http.Get(l.url + "/healthz"); err == nil {
			_ = r.Body.Close()
			break
		}
	}
	heard := make(chan struct{}, 1)
	k := l.broker.Subscribe("keeplit/live/status", 1, func(_ mqtt.Client, m mqtt.Message) {
		if string(m.Payload()) == "online" {
			select {
			case heard <- struct{}{}:
			default:
			}
		}
	})
	if !k.WaitTimeout(10*time.Second) || k.Error() != nil {
		t.Fatal(k.Error())
	}
	select {
	case <-heard:
	case <-time.After(30 * time.Second):
		t.Fatal("the agent is not online")
	}
}
