package httpmeter

import (
	"encoding/hex"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
)

// file is one of SML: 1234.5 kWh in, 12 kWh out, -350 W.
const file = "1b1b1b1b0101010176050001020362006200726301017601010301020b0a0158595a00047a5544010163000000760500010203620062007263070177" +
	"010b0a0158595a00047a5544070100620affff7262026569c887a077770701006032010101010152000458595a0177070100010800ff0101621e52ff" +
	"590000000000bc5ea80177070100020800ff0101621e52ff59000000000001d4c00177070100100700ff0101621b520059fffffffffffffea2017707" +
	"0100200700ff0101622352ff6308fd01770701001f0700ff0101622152fe63028c01770701000e0700ff0101622c52ff6301f4010101630000007605" +
	"00010203620062007263020171016300000000001b1b1b1b1a0206ae"

func TestABridgeThatPassesSMLOnIsReadAsItsMeter(t *testing.T) {
	whole, err := hex.DecodeString(file)
	if err != nil {
		t.Fatal(err)
	}
	wrong := append([]byte{}, whole...)
	wrong[len(wrong)-20] ^= 1
	for _, row := range []struct {
		name string
		body []byte
		code metering.Code // empty: it is read
		says string
	}{
		{"a file", whole, "", ""},
		{"the end of one before it", append(append([]byte{}, whole[100:]...), whole...), "", ""},
		{"a bit is wrong", wrong, metering.Checksum, ""},
		{"cut", whole[:90], metering.Short, ""},
		{"nothing yet", nil, metering.Short, "empty"},
		{"a page", []byte("<html>sign in</html>"), metering.UnknownReply, "no SML file"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if user, password, _ := r.BasicAuth(); user != "admin" || password != "AD56-54BA" || r.URL.RequestURI() != "/data.json?node_id=1" {
					w.WriteHeader(http.StatusUnauthorized)
				}
				_, _ = w.Write(row.body)
			}))
			d := Document{Kind: "tibber-pulse", URL: s.URL, Password: "AD56-54BA"}
			if l := d.Check(); len(l) > 0 {
				t.Fatal(l)
			}
			got, err := once(t, d)
			if metering.CodeOf(err) != row.code || err != nil && !strings.Contains(err.Error(), row.says) {
				t.Fatalf("%+v, %v", got, err)
			}
			if err == nil && (got.Import != 1234*units.KilowattHour+500*units.WattHour || got.Export != 12*units.KilowattHour || got.Power != -350*units.Watt || got.Device == "" || got.At.IsZero()) {
				t.Errorf("%+v", got)
			}
		})
	}
}

// A bridge goes on answering when its reading head has no battery any more.
func TestTheSameFileForTooLongIsSilence(t *testing.T) {
	whole, err := hex.DecodeString(file)
	if err != nil {
		t.Fatal(err)
	}
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(whole) }))
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	m, err := New(Config{Document: Document{Kind: "tibber-pulse", URL: s.URL}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer m.client.CloseIdleConnections()
	for i := range 10 {
		if _, err := m.read(t.Context()); (err != nil) != (i > 6) || err != nil && metering.CodeOf(err) != metering.Silent {
			t.Fatalf("after %d s: %v", 10*i, err)
		}
		now = now.Add(10 * time.Second)
	}
}
