package ocpptest

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/keeplit/keeplit/loads/loadstest"
)

// asked is a question of the central system.
func (s *Station) asked(id, action string, payload json.RawMessage, answered func()) {
	s.mu.Lock()
	s.asks = append(s.asks, action)
	fault := s.fault
	s.mu.Unlock()
	if s.trap.AsksFirst {
		s.ask("Heartbeat", struct{}{})
	}
	if answered(); fault == loadstest.Refuses { // before it is written: the next question may come at once
		s.send(4, id, "InternalError", "it is refused", struct{}{})
		return
	}
	answer, ok := s.answer(action, payload)
	if !ok {
		s.send(4, id, "NotImplemented", "", struct{}{})
		return
	}
	s.send(3, id, answer)
}

func status(word string) any { return map[string]any{"status": word} }

func (s *Station) answer(action string, payload json.RawMessage) (answer any, ok bool) {
	switch action {
	case "GetConfiguration":
		return s.configuration(), !s.trap.NoKeys
	case "ChangeConfiguration":
		var q struct{ Key, Value string }
		_ = json.Unmarshal(payload, &q)
		if q.Key == "MeterValuesSampledData" {
			if s.trap.FixedValues || s.trap.Measurands > 0 && strings.Count(q.Value, ",")+1 > s.trap.Measurands {
				return status("Rejected"), true
			}
			s.mu.Lock()
			s.measures = q.Value
			s.mu.Unlock()
		}
		if q.Key == "MeterValueSampleInterval" {
			s.mu.Lock()
			s.every, _ = strconv.Atoi(q.Value)
			s.mu.Unlock()
		}
		return status("Accepted"), true
	case "SetChargingProfile":
		return status(s.profile(payload)), true
	case "GetCompositeSchedule":
		if s.trap.NoReadBack {
			return nil, false
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		unit, limit := "A", s.limit()
		if s.trap.OnlyWatts {
			unit, limit = "W", limit*Volts*s.phases
		}
		return map[string]any{"status": "Accepted", "connectorId": 1, "chargingSchedule": map[string]any{
			"chargingRateUnit": unit, "chargingSchedulePeriod": []any{map[string]any{"startPeriod": 0, "limit": limit}},
		}}, true
	case "TriggerMessage":
		if s.trap.NoTrigger {
			return nil, false
		}
		var q struct{ RequestedMessage string }
		_ = json.Unmarshal(payload, &q)
		s.aside.Go(func() {
			switch q.RequestedMessage {
			case "BootNotification":
				s.boot()
			case "StatusNotification":
				s.say()
			}
		})
		return status("Accepted"), true
	case "RemoteStopTransaction":
		var q struct{ TransactionID int }
		_ = json.Unmarshal(payload, &q)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tx == 0 || s.tx != q.TransactionID {
			return status("Rejected"), true
		}
		s.parked = true
		s.stop("Remote", time.Now())
		return status("Accepted"), true
	case "RemoteStartTransaction":
		var q struct {
			Tag     string          `json:"idTag"`
			Profile json.RawMessage `json:"chargingProfile"`
		}
		if _ = json.Unmarshal(payload, &q); q.Profile != nil {
			s.t.Errorf("a transaction comes with a limit of its own: %s", payload)
		}
		if s.trap.Tag != "" && q.Tag != s.trap.Tag {
			return status("Rejected"), true
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.tx != 0 || s.begins != nil || !s.plugged {
			return status("Rejected"), true
		}
		s.begins = &beginning{tag: q.Tag, at: time.Now(), wh: s.wh()}
		return status("Accepted"), true
	}
	return nil, false
}

// topStack is the highest level of its profiles.
const topStack = 8

func (s *Station) configuration() any {
	periods := "10"
	if s.trap.OnePeriod {
		periods = "1"
	}
	keys := [][2]string{{"ChargeProfileMaxStackLevel", strconv.Itoa(topStack)}, {"ChargingScheduleMaxPeriods", periods}, {"MeterValueSampleInterval", "0"}, {"WebSocketPingInterval", "0"}}
	if s.trap.Unit != "" {
		keys = append(keys, [2]string{"ChargingScheduleAllowedChargingRateUnit", s.trap.Unit})
	}
	var out []any
	for _, k := range keys {
		if s.trap.LowerCaseKeys {
			k[0] = strings.ToLower(k[0])
		}
		out = append(out, map[string]any{"key": k[0], "readonly": false, "value": k[1]})
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	out = append(out, map[string]any{"key": "MeterValuesSampledData", "readonly": s.trap.FixedValues, "value": s.measures})
	return map[string]any{"configurationKey": out, "unknownKey": []any{}}
}

// profile takes a charging profile.
func (s *Station) profile(payload json.RawMessage) string {
	var q struct {
		ConnectorID int
		P           struct {
			Purpose  string `json:"chargingProfilePurpose"`
			Kind     string `json:"chargingProfileKind"`
			Stack    int    `json:"stackLevel"`
			Schedule struct {
				Start   string `json:"startSchedule"`
				Unit    string `json:"chargingRateUnit"`
				Periods []struct {
					Start  int     `json:"startPeriod"`
					Limit  float64 `json:"limit"`
					Phases float64 `json:"numberPhases"`
				} `json:"chargingSchedulePeriod"`
			} `json:"chargingSchedule"`
		} `json:"csChargingProfiles"`
	}
	if err := json.Unmarshal(payload, &q); err != nil {
		s.t.Error(err)
		return "Rejected"
	}
	sch := q.P.Schedule
	start, err := time.Parse(time.RFC3339Nano, sch.Start)
	absolute := q.P.Kind == "Absolute"
	switch {
	case q.P.Purpose != "TxDefaultProfile", absolute && err != nil, len(sch.Periods) == 0:
		s.t.Errorf("no profile: %s", payload)
		return "Rejected"
	case absolute && s.trap.NoAbsolute, !absolute && s.trap.NoRelative, q.P.Stack > 0 && s.trap.OneStack, len(sch.Periods) > 1 && s.trap.OnePeriod:
		return "Rejected"
	case sch.Unit == "W" && s.trap.OnlyAmperes, sch.Unit == "A" && s.trap.OnlyWatts:
		return "Rejected"
	}
	for _, p := range sch.Periods {
		if p.Phases != 0 && s.trap.NoPhases {
			return "Rejected"
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fault == loadstest.Stuck || s.trap.TopStack && q.P.Stack < topStack {
		return "Accepted"
	}
	s.phases = 1
	s.hand, s.periods, s.began = nil, nil, start
	if !absolute {
		s.began = time.Now()
	}
	for _, p := range sch.Periods {
		a := p.Limit
		if math.Abs(a*10-math.Round(a*10)) > 1e-6 {
			s.t.Errorf("a limit of %v has more than one decimal", a)
		}
		if sch.Unit == "W" {
			if s.trap.ThreePhases && p.Phases != 1 {
				s.phases = 3
			}
			a /= Volts * s.phases
		}
		s.periods = append(s.periods, period{time.Duration(p.Start) * time.Second, a})
	}
	return "Accepted"
}
