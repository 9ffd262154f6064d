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
