package ocpp

import "strings"

// keys is what a station's own configuration says that matters here.
type keys struct {
	asked    bool
	inWatts  bool // it takes limits in W alone
	stack    int  // greatest stack level
	periods  int  // of a schedule; 0: it does not say
	samples  string
	fixed    bool // what it measures cannot be told
	interval string
	ping     string
}

// read takes the keys of an answer; their names are written in any case.
func (k *keys) read(c configuration) {
	k.asked = true
	for _, x := range c.Keys {
		value := string(x.Value)
		switch strings.ToLower(string(x.Key)) {
		case "chargingscheduleallowedchargingrateunit":
			// Power and Current by the book, W and A by some makers; both where it takes both.
			v := strings.ToLower(value)
			takesAmperes := false
			for _, u := range strings.Split(v, ",") {
				u = strings.TrimSpace(u)
				takesAmperes = takesAmperes || u == "current" || u == "a"
			}
			k.inWatts = v != "" && !takesAmperes
		case "chargeprofilemaxstacklevel":
			k.stack = min(max(0, x.Value.whole()), 99)
		case "chargingschedulemaxperiods":
			k.periods = max(0, x.Value.whole())
		case "metervaluessampleddata":
			k.samples, k.fixed = value, x.ReadOnly
		case "metervaluesampleinterval":
			k.interval = value
		case "websocketpinginterval":
			k.ping = value
		}
	}
}

// measures tells whether the station sends a measurand by itself.
func (k *keys) measures(what string) bool {
	for _, m := range strings.Split(k.samples, ",") {
		if strings.EqualFold(strings.TrimSpace(m), what) {
			return true
		}
	}
	return false
}
