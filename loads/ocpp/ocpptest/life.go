package ocpptest

import (
	"context"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// lives begins and ends transactions, and says what changes.
func (s *Station) lives(ctx context.Context) {
	each := time.NewTicker(s.pace.Tick)
	defer each.Stop()
	for beat := 1; ; beat++ {
		select {
		case <-ctx.Done():
			return
		case <-each.C:
		}
		s.step()
		if beat%s.pace.Beat == 0 {
			s.ask("Heartbeat", struct{}{})
		}
		if beat%s.pace.Values == 0 {
			s.meter()
		}
	}
}

// step is what has changed since the last.
func (s *Station) step() {
	s.mu.Lock()
	now := time.Now()
	if s.status == "Charging" {
		s.took += s.limit() * Volts / 1000 * now.Sub(s.lived).Hours()
	}
	s.lived = now
	if s.conn != nil && s.trap.NeedsPing > 0 && now.Sub(s.pinged) > s.trap.NeedsPing {
		_ = s.conn.Close()
	}
	paused := s.status == "SuspendedEVSE" && s.trap.StopsPaused
	itself := s.trap.StopsItself > 0 && now.Sub(s.begun) >= s.trap.StopsItself
	switch {
	case s.tx != 0 && !s.plugged:
		s.stop("EVDisconnected", now)
	case s.tx != 0 && (paused || itself):
		s.parked = itself
		s.stop("Other", now)
	}
	if !s.plugged {
		s.parked, s.begins = false, nil
	}
	if s.plugged && s.tx == 0 && s.begins == nil && !s.parked && s.trap.Tag == "" && (!s.trap.StopsPaused || s.limit() > 0) {
		s.begins = &beginning{tag: "local", at: now, wh: s.wh()}
	}
	next := s.now()
	changed := next != s.status
	s.status = next
	s.mu.Unlock()
	s.tells()
	s.begin()
	if changed {
		s.say()
	}
}

// wh is the station's register; s.mu is held.
func (s *Station) wh() int { return 1000 + int(s.took*1000) }

// stop ends the transaction; s.mu is held.
func (s *Station) stop(why string, now time.Time) {
	last := &s.all[len(s.all)-1]
	last.Stop, last.Ended = s.wh(), true
	if s.plugged || !s.trap.NoStop {
		s.kept = append(s.kept, told{"StopTransaction", map[string]any{"transactionId": s.tx, "meterStop": last.Stop, "timestamp": stamp(now), "reason": why}})
	}
	s.tx = 0
}

// tells tells what it has kept, each until it is answered.
func (s *Station) tells() {
	for {
		s.mu.Lock()
		if len(s.kept) == 0 || s.conn == nil {
			s.mu.Unlock()
			return
		}
		next := s.kept[0]
		s.mu.Unlock()
		if s.ask(next.action, next.payload) == nil {
			return
		}
		s.mu.Lock()
		s.kept = s.kept[1:]
		s.mu.Unlock()
	}
}

// begin asks for the number of a transaction that begins, until it has one.
func (s *Station) begin() {
	s.mu.Lock()
	b := s.begins
	if b == nil || len(s.kept) > 0 || s.conn == nil {
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	var a struct {
		TransactionID int `json:"transactionId"`
		IDTagInfo     struct{ Status string }
	}
	ok := json.Unmarshal(s.ask("StartTransaction", map[string]any{"connectorId": 1, "idTag": b.tag, "meterStart": b.wh, "timestamp": stamp(b.at)}), &a) == nil
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.begins != b {
		return
	}
	switch b.heard++; {
	case !ok, s.trap.Repeats && b.heard == 1: // told again
	case a.IDTagInfo.Status == "Accepted":
		s.tx, s.begun, s.begins, s.parked = a.TransactionID, time.Now(), nil, false
		s.all = append(s.all, Transaction{ID: s.tx, Start: b.wh})
	default:
		s.begins = nil
	}
}

// say says the state.
func (s *Station) say() {
	s.mu.Lock()
	status := s.now()
	s.status = status
	s.statuses = append(s.statuses, status)
	before := "Charging"
	if status == "Charging" {
		before = "SuspendedEVSE"
	}
	s.mu.Unlock()
	tell := func(connector int, status string, at time.Time) {
		s.ask("StatusNotification", map[string]any{"connectorId": connector, "errorCode": "NoError", "status": status, "timestamp": stamp(at)})
	}
	at := time.Now()
	tell(1, status, at)
	if s.trap.OldStatuses {
		tell(1, before, at.Add(-time.Second))
	}
	if s.trap.ZeroStatuses {
		tell(0, "Available", at)
	}
}

// mostKept is how many meter values it keeps while nobody hears it.
const mostKept = 40

// meter sends meter values.
func (s *Station) meter() {
	s.mu.Lock()
	a := 0.0
	if s.status == "Charging" {
		a = s.limit()
	}
	if s.trap.Mute && s.status == "Available" || s.tx == 0 || s.trap.AskedValues && s.every == 0 {
		s.mu.Unlock()
		return
	}
	tx, measures, wh := s.tx, s.measures, s.wh()
	s.mu.Unlock()
	quoted := func(text string) string {
		if s.trap.Quotes {
			text = ` "` + text + `" `
		}
		return text
	}
	num := func(v float64) string { return quoted(strconv.FormatFloat(v, 'f', 1, 64)) }
	var values []any
	for _, m := range strings.Split(measures, ",") {
		switch m {
		case "Power.Active.Import":
			values = append(values, map[string]any{"value": num(a * Volts / 1000), "measurand": m, "unit": "kW"})
		case "Current.Import":
			values = append(values, map[string]any{"value": num(a), "measurand": m, "phase": "L1", "unit": "A"})
		case "Voltage":
			values = append(values, map[string]any{"value": num(Volts), "measurand": m, "phase": "L1-N", "unit": "V"})
		default:
			values = append(values, map[string]any{"value": quoted(strconv.Itoa(wh))})
		}
	}
	m := map[string]any{"connectorId": 1, "transactionId": tx, "meterValue": []any{map[string]any{"timestamp": stamp(time.Now()), "sampledValue": values}}}
	if s.ask("MeterValues", m) == nil && s.trap.Keeps {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.kept) < mostKept {
			s.kept = append(s.kept, told{"MeterValues", m})
		}
	}
}
