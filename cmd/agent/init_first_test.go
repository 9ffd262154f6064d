//go:build linux

package main

import (
	"encoding/binary"
	"encoding/json"
	"io"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// anSDM answers as an Eastron SDM230 over Modbus TCP that 1.2 kW pass; stop ends it.
func anSDM(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	register := func(at uint16) float32 {
		switch at {
		case 0x00:
			return 231.4 // V
		case 0x06:
			return 5.2 // A
		case 0x0c:
			return 1200 // W
		case 0x46:
			return 50 // Hz
		case 0x48:
			return float32(4321.5 + time.Since(begun).Hours()*1.2) // kWh in
		}
		return 0
	}
	serve := func(c net.Conn) {
		var q [12]byte
		for {
			if _, err := io.ReadFull(c, q[:]); err != nil {
				return
			}
			from, words := binary.BigEndian.Uint16(q[8:]), binary.BigEndian.Uint16(q[10:])
			a := append(append([]byte(nil), q[:8]...), byte(2*words)) //nolint:gosec // 125 words at the most
			for w := uint16(0); w < words; w += 2 {
				a = binary.BigEndian.AppendUint32(a, math.Float32bits(register(from+w)))
			}
			binary.BigEndian.PutUint16(a[4:], uint16(len(a)-6)) //nolint:gosec // a few bytes
			if _, err := c.Write(a); err != nil {
				return
			}
		}
	}
	var mu sync.Mutex
	var open []net.Conn
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			serving.Go(func() { serve(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		mu.Lock()
		for _, c := range open {
			_ = c.Close()
		}
		mu.Unlock()
		serving.Wait()
	})
	return l.Addr().String()
}

// From the program alone to an agent that runs, with a meter over Modbus TCP and a plug with Tasmota: the questions
// are those of one screen, and no file is edited.
func TestFromTheProgramToARunningAgent(t *testing.T) {
	t.Parallel()
	meter := anSDM(t)
	l := box{newLive(t, ""), t}
	var p plug
	p.serve(t, l.broker, "geyser")
	url, user, password := l.account()
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(free.Addr().String())
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keeplit.yaml")
	answers := []string{
		"", "", "GB", "price", "", "0.25", "Europe/London", "04000000001", "100 A",
		url, user, password,
		"modbus", "sdm230", meter, "1", "12.50", "own", "Geyser", "3 kW", "2h30m", "18:30", "", "", "yes", "",
		"", "", port, "",
	}
	begun := time.Now()
	says, stderr, code := agentOn(t, strings.Join(answers, "\n")+"\n", "init", "--ask", file)
	if code != exitOK || !strings.Contains(says, "is right: site home, 1 load") || !strings.Contains(says, "geyser: it went on, and is off again") {
		t.Fatalf("code %d: %s\n%s", code, stderr, says)
	}
	asked := time.Since(begun)
	out := process(t, "run", file)
	var v struct {
		Meter struct {
			Import *float64 `json:"import_kwh"`
		}
		Power struct {
			W         *float64
			Freshness string
		}
		Loads []struct{ ID, State string }
	}
	for end := time.Now().Add(time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it shows %+v\n%s", v, out)
		}
		a, err := http.Get("http://127.0.0.1:" + port + "/api/v1/view") //nolint:noctx // a test's
		if err != nil {
			continue
		}
		body, err := io.ReadAll(a.Body)
		_ = a.Body.Close()
		if err == nil && json.Unmarshal(body, &v) == nil && v.Power.W != nil && v.Power.Freshness == "fresh" && len(v.Loads) == 1 {
			break
		}
	}
	if *v.Power.W != 1200 || v.Loads[0].ID != "geyser" {
		t.Errorf("%+v", v)
	}
	written, err := os.ReadFile(file)
	if err != nil || !strings.Contains(string(written), meter) {
		t.Errorf("%v", err)
	}
	t.Logf("%d prompts, %d of them answered by more than Enter; asked, tried and written in %s, the first reading on the page after %s", len(answers), keyed(answers), asked.Round(100*time.Millisecond), time.Since(begun).Round(100*time.Millisecond))
}

// keyed is how many answers are more than Enter.
func keyed(answers []string) (n int) {
	for _, a := range answers {
		if a != "" {
			n++
		}
	}
	return n
}
