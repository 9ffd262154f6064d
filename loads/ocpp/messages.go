package ocpp

import (
	"math"
	"strings"
	"time"

	"github.com/keeplit/keeplit/internal/units"
)

// What stations ask and say (Open Charge Point Protocol 1.6, edition 2), as far as it is read.
type (
	statusNotification struct {
		Connector word `json:"connectorId"`
		Status    word `json:"status"`
		Error     word `json:"errorCode"`
		Info      word `json:"info"`
		Time      word `json:"timestamp"`
	}
	authorize struct {
		Tag word `json:"idTag"`
	}
	startTransaction struct {
		Connector word `json:"connectorId"`
		Tag       word `json:"idTag"`
		Meter     word `json:"meterStart"`
		Time      word `json:"timestamp"`
	}
	stopTransaction struct {
		Transaction word `json:"transactionId"`
		Reason      word `json:"reason"`
	}
	meterValues struct {
		Connector   word `json:"connectorId"`
		Transaction word `json:"transactionId"`
		Values      []struct {
			Time    word     `json:"timestamp"`
			Sampled []sample `json:"sampledValue"`
		} `json:"meterValue"`
	}
	sample struct {
		Value     word `json:"value"`
		Context   word `json:"context"`
		Measurand word `json:"measurand"`
		Phase     word `json:"phase"`
		Location  word `json:"location"`
		Unit      word `json:"unit"`
	}
	configuration struct {
		Keys []struct {
			Key      word `json:"key"`
			ReadOnly bool `json:"readonly"`
			Value    word `json:"value"`
		} `json:"configurationKey"`
	}
	answer struct {
		Status word `json:"status"`
	}
	compositeAnswer struct {
		Status   word `json:"status"`
		Schedule *struct {
			Unit    word `json:"chargingRateUnit"`
			Periods []struct {
				Start word `json:"startPeriod"`
				Limit word `json:"limit"`
			} `json:"chargingSchedulePeriod"`
		} `json:"chargingSchedule"`
	}
)

// The states of a connector.
const (
	available     = "Available" // nothing is plugged in
	preparing     = "Preparing"
	charging      = "Charging"
	suspendedEV   = "SuspendedEV"   // the car takes nothing
	suspendedEVSE = "SuspendedEVSE" // the station gives nothing
	finishing     = "Finishing"
	reserved      = "Reserved"
	unavailable   = "Unavailable"
	faulted       = "Faulted"
)

// states are all of them: a word that is none says nothing.
func states() []string {
	return []string{available, preparing, charging, suspendedEV, suspendedEVSE, finishing, reserved, unavailable, faulted}
}

// active tells whether a transaction runs in such a state.
func active(status string) bool {
	return status == charging || status == suspendedEV || status == suspendedEVSE
}

// byHand tells whether a person has ended a transaction, by the reason that is told; one that
// is left out is Local.
func byHand(reason string) bool {
	switch reason {
	case "", "Local", "EmergencyStop", "DeAuthorized":
		return true
	}
	return false
}

// power is the active power that samples tell: of the whole, or of its phases together, or of
// their currents and voltages; false where they tell none.
func power(samples []sample) (units.Power, bool) {
	var total, phases, amperes float64
	var whole, parts, currents int
	var volts []float64
	for _, s := range samples {
		v, ok := s.Value.number()
		if !ok || s.Context == "Transaction.End" || s.Location != "" && !strings.EqualFold(string(s.Location), "Outlet") {
			continue
		}
		if strings.HasPrefix(strings.ToLower(string(s.Unit)), "k") {
			v *= 1000
		}
		switch strings.ToLower(string(s.Measurand)) {
		case "power.active.import":
			if s.Phase == "" {
				total, whole = v, whole+1
			} else if len(s.Phase) <= 4 { // L1 and L1-N, not between two phases
				phases, parts = phases+v, parts+1
			}
		case "current.import":
			if strings.HasPrefix(string(s.Phase), "L") {
				amperes, currents = amperes+v, currents+1
			}
		case "voltage":
			if !strings.Contains(string(s.Phase), "-L") && v > 90 && v < 300 {
				volts = append(volts, v)
			}
		}
	}
	w := 0.0
	switch {
	case whole > 0:
		w = total
	case parts > 0:
		w = phases
	case currents > 0 && len(volts) > 0:
		for _, v := range volts {
			w += v / float64(len(volts))
		}
		w *= amperes
	default:
		return 0, false
	}
	if math.Abs(w) > 1e6 {
		return 0, false
	}
	return units.FromW(w), true
}

// stamped is the time that a station writes; zero where it writes none.
func stamped(w word) time.Time {
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05"} {
		if t, err := time.Parse(form, string(w)); err == nil {
			return t
		}
	}
	return time.Time{}
}

// profile is a charging profile: what every transaction on the connector may draw.
type profile struct {
	ID       int      `json:"chargingProfileId"`
	Stack    int      `json:"stackLevel"`
	Purpose  string   `json:"chargingProfilePurpose"`
	Kind     string   `json:"chargingProfileKind"`
	Schedule schedule `json:"chargingSchedule"`
}

type schedule struct {
	Start   string   `json:"startSchedule,omitempty"`
	Unit    string   `json:"chargingRateUnit"`
	Periods []period `json:"chargingSchedulePeriod"`
}

type period struct {
	Start int     `json:"startPeriod"` // s
	Limit float64 `json:"limit"`       // to one decimal
	// Phases on which a limit in W is divided; left out three are assumed.
	Phases int `json:"numberPhases,omitempty"`
}
