package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/loads/ocpp/ocpptest"
)

// A car that is plugged in at a charging station is charged by plan, from nothing but a
// configuration: the station calls, is told amperes, and the page says what the car draws.
func TestACarAtAChargingStationIsChargedByPlan(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	calls := l.Addr().String()
	_ = l.Close()
	backend, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	called := make(chan string, 1)
	server := &http.Server{ReadHeaderTimeout: time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		select {
		case called <- r.URL.Path + " " + user + " " + password:
		default:
		}
		w.WriteHeader(http.StatusServiceUnavailable)
	})}
	go func() { _ = server.Serve(backend) }()
	t.Cleanup(func() { _ = server.Close() })
	folder := t.TempDir()
	file := filepath.Join(folder, "keeplit.yaml")
	text := fmt.Sprintf(`site: {id: home, meter: "1", zone: UTC}
meter: {driver: house}
simulation: {speed: 1, step: 1s, per_day: 6 kWh, start: 2026-11-02T00:00:00Z} # a slot begins just now, whatever the time of day
tariff: {document: {name: flat, currency: EUR, zone: UTC, versions: [{energy: [{name: energy, price: 0.3}]}]}}
credit: {opening: 10000}
tokens: {openpaygo: {key: {file: k}, starting_code: 516959010}}
supply: {switch: {driver: house}}
switching: {gap_min: 0s, gap_max: 0s, spread: 0s}
ocpp: {listen: %q, forward: {url: "ws://%s/bills", password: {file: p}}}
loads:
  - id: car
    kind: power
    power: {min: 6 A, max: 32 A, step: 1 A}
    need: {energy: 170 kWh} # all that it can take in a day: no hour of it is one to wait for
    min_off: 0s
    switch: {driver: ocpp, station: CP001, password: {file: p}}
plan: {time: 100ms, slot: 5m}
web: {listen: "127.0.0.1:0"}
`, calls, backend.Addr())
	for name, content := range map[string]string{file: text, "k": "bc41ec9530f6dac86b1a29ab82edc5fb", "p": "secret"} {
		if !filepath.IsAbs(name) {
			name = filepath.Join(folder, name)
		}
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out := process(t, "run", file)
	station := ocpptest.New(t, "ws://"+calls+"/CP001", "secret", ocpptest.Traps{})
	status := ""
	for end := time.Now().Add(2 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		if status, _, _ = station.State(); status == "Charging" && station.Follows().Power > 0 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the car is %s, told %v and was asked %v\n%s", status, station.Follows(), station.Was(), out)
		}
	}
	// Its backend is called with the station's name and password, and refuses: the beginning waits for it.
	select {
	case got := <-called:
		if got != "/bills/CP001 CP001 secret" {
			t.Errorf("the backend is called so: %s", got)
		}
	case <-time.After(30 * time.Second):
		t.Error("the backend is not called")
	}
	if kept, err := os.ReadFile(filepath.Join(folder, "data", "forward-CP001.json")); err != nil || !strings.Contains(string(kept), "StartTransaction") {
		t.Errorf("kept for the backend: %s, %v", kept, err)
	}
	if !strings.Contains(out.String(), "a station is connected") {
		t.Errorf("it is not said that the station is connected:\n%s", out)
	}
}
