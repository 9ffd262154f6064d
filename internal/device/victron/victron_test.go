package victron

import (
	"testing"

	"github.com/keeplit/keeplit/internal/device/devicetest"
)

func FuzzMessages(f *testing.F) {
	for _, topic := range []string{"N/p/system/0/Dc/Pv/Power", "N/p/system/0/Ac/PvOnGrid/L1/Power", "N/p/system/0/Ac/PvOnOutput/L3/Power", "N/p/system/0/Ac/PvOnGrid/L4/Power", "N/q/x"} {
		for _, payload := range []string{`{"value":936}`, `{"value":null}`, "", `{"value":"x"}`, `{"value":1e300}`, `{}`, "["} {
			f.Add(topic, payload)
		}
	}
	f.Fuzz(func(t *testing.T, topic, payload string) {
		d := New("p")
		devicetest.Read(t, d, topic, payload)
		devicetest.Read(t, d, "N/p/system/0/Dc/Pv/Power", payload)
	})
}

func FuzzBattery(f *testing.F) {
	for _, topic := range []string{"N/p/settings/0/Settings/CGwacs/Hub4Mode", "N/p/vebus/276/Hub4/L1/AcPowerSetpoint", "N/p/system/0/Dc/Battery/Soc", "N/p/system/0/Dc/Battery/Power", "N/p/system/0/Ac/ConsumptionOnOutput/L1/Power", "N/q/x"} {
		for _, payload := range []string{`{"value":3}`, `{"value":null}`, "", `{"value":"x"}`, `{"value":1e300}`, `{"value":-200}`, `{}`, "["} {
			f.Add(topic, payload)
		}
	}
	f.Fuzz(func(t *testing.T, topic, payload string) { devicetest.Read(t, NewBattery("p", 276), topic, payload) })
}
