package httpmeter

import (
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/keeplit/keeplit/internal/units"
	"github.com/keeplit/keeplit/metering"
	"github.com/keeplit/keeplit/metering/meteringtest"
	"github.com/keeplit/keeplit/metering/values"
)

type (
	// Description, Value and Phase are what documents are written with.
	Description = values.Description
	Value       = values.Value
	Phase       = values.Phase
)

const patience = 150 * time.Millisecond // of the driver under test

// gateway is a server that answers as a P1 gateway in the network does, or not.
type gateway struct {
	mu    sync.Mutex
	truth meteringtest.Truth
	fault meteringtest.Fault
	end   chan struct{}
}

func (g *gateway) Show(t meteringtest.Truth) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.truth = t
}

func (g *gateway) Break(f meteringtest.Fault) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.fault = f
}

func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	t, fault := g.truth, g.fault
	g.mu.Unlock()
	body := fmt.Sprintf(`{"unique_id":"3c39","wifi_strength":84,"total_power_import_kwh":%.9f,"total_power_export_kwh":%.9f,"active_power_w":%.3f,`+
		`"active_voltage_l1_v":%.3f,"active_current_l1_a":%.3f,"montly_power_peak_timestamp":230101080010}`,
		t.Import.KWh(), t.Export.KWh(), float64(t.Power)/1000, float64(t.Voltage)/1000, float64(t.Current)/1000)
	wait := func(d time.Duration) {
		select {
		case <-time.After(d):
		case <-g.end:
		case <-r.Context().Done():
		}
	}
	hangUp := func() {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	}
	switch fault {
	case meteringtest.Silence:
		wait(time.Minute)
	case meteringtest.Late:
		wait(2 * patience)
		fmt.Fprint(w, body)
	case meteringtest.Cut:
		w.Header().Set("Content-Length", fmt.Sprint(len(body)))
		fmt.Fprint(w, body[:len(body)/2])
	case meteringtest.Corrupt: // a brace too few: the JSON ends early, the answer does not
		fmt.Fprint(w, strings.TrimSuffix(body, "}"))
	case meteringtest.Garbage:
		fmt.Fprint(w, "<!doctype html><title>Sign in</title>")
	case meteringtest.Refusal:
		http.Error(w, body, http.StatusInternalServerError)
	case meteringtest.HangUp:
		hangUp()
	case meteringtest.Absurd:
		fmt.Fprint(w, strings.Replace(body, `"total_power_import_kwh":`, `"total_power_import_kwh":-`, 1))
	default:
		fmt.Fprint(w, body)
	}
}

// document reads what gateway answers.
func document(address string) Document {
	return Document{
		URL: address + "/api/v1/data", Timeout: patience, Description: Description{
			Import: &Value{Path: "total_power_import_kwh"}, Export: &Value{Path: "total_power_export_kwh", Unit: "kWh"}, Power: &Value{Path: "active_power_w"},
			Phases: []Phase{{Power: &Value{Path: "active_power_w"}, Voltage: &Value{Path: "active_voltage_l1_v"}, Current: &Value{Path: "active_current_l1_a"}}},
			Device: "unique_id",
		},
	}
}

func serve(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestConformance(t *testing.T) {
	meteringtest.Run(t, meteringtest.Bench{
		New: func(t *testing.T) (metering.Meter, meteringtest.Device) {
			g := &gateway{end: make(chan struct{})}
			s := serve(t, g)
			t.Cleanup(func() { close(g.end) }) // before the server waits for its answers
			m, err := New(Config{Document: document(s.URL), Every: 10 * time.Millisecond, Now: time.Now})
			if err != nil {
				t.Fatal(err)
			}
			return m, g
		},
		Has: metering.HasImport | metering.HasExport | metering.HasPower | metering.HasPhases | metering.HasVoltage | metering.HasCurrent,
		Cases: []meteringtest.Case{
			{Fault: meteringtest.Silence, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Late, Codes: []metering.Code{metering.Silent}},
			{Fault: meteringtest.Cut, Codes: []metering.Code{metering.Short}},
			{Fault: meteringtest.Corrupt, Codes: []metering.Code{metering.Short}},
			{Fault: meteringtest.Garbage, Codes: []metering.Code{metering.UnknownReply}},
			{Fault: meteringtest.Refusal, Codes: []metering.Code{metering.Exception}},
			{Fault: meteringtest.HangUp, Codes: []metering.Code{metering.Short, metering.Offline}},
			{Fault: meteringtest.Absurd, Codes: []metering.Code{metering.Range}},
		},
		Energy: units.WattHour, Power: units.Watt,
	})
}

// once asks once.
func once(t *testing.T, d Document) (metering.Sample, error) {
	t.Helper()
	m, err := New(Config{Document: d, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	defer m.client.CloseIdleConnections()
	return m.read(t.Context())
}

// answering is the address of a server that always says the same.
func answering(t *testing.T, body string) string {
	t.Helper()
	return serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, body) })).URL
}

func TestWhatIsNoNumberIsNoReading(t *testing.T) {
	for _, row := range []struct {
		name, body string
		code       metering.Code
		says       string
	}{
		{"a comma", `{"e": "12,5", "p": 1}`, metering.UnknownReply, `e is "12,5", which is not a number`},
		{"its unit in the text", `{"e": "12.5 kWh", "p": 1}`, metering.UnknownReply, "not a number"},
		{"nothing in quotes", `{"e": "", "p": 1}`, metering.UnknownReply, "not a number"},
		{"blanks in the text", `{"e": " 12.5", "p": 1}`, metering.UnknownReply, "not a number"},
		{"a clock's time", `{"e": "0012", "p": 1}`, metering.UnknownReply, "not a number"},
		{"a power of ten in quotes", `{"e": "1e3", "p": 1}`, metering.UnknownReply, "not a number"},
		{"NaN in quotes", `{"e": "NaN", "p": 1}`, metering.UnknownReply, "not a number"},
		{"too much in quotes", `{"e": "99999999999999999999", "p": 1}`, metering.Range, "beyond any meter"},
		{"a negative register in quotes", `{"e": "-1", "p": 1}`, metering.Range, "import register"},
		{"NaN bare", `{"e": NaN, "p": 1}`, metering.UnknownReply, "JSON"},
		{"null", `{"e": null, "p": 1}`, metering.UnknownReply, "e is null"},
		{"left out", `{"p": 1}`, metering.UnknownReply, "the answer has no e"},
		{"an object", `{"e": {"value": 1}, "p": 1}`, metering.UnknownReply, "e is not a number"},
		{"a list", `[1, 2]`, metering.UnknownReply, "the answer has no e"},
		{"true", `{"e": true, "p": 1}`, metering.UnknownReply, "not a number"},
		{"beyond all", `{"e": 1e300, "p": 1}`, metering.Range, "beyond any meter"},
		{"beyond floats", `{"e": 1e3000, "p": 1}`, metering.Range, "beyond any meter"},
		{"beyond registers", `{"e": 8999999999, "p": 1}`, metering.Range, "beyond any meter"},
		{"a negative register", `{"e": -1, "p": 1}`, metering.Range, "import register"},
		{"two documents", `{"e": 1, "p": 1}{"e": 2, "p": 1}`, metering.UnknownReply, "follows"},
		{"nothing", ``, metering.Short, "ends after 0 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			s, err := once(t, Document{URL: answering(t, row.body), Description: Description{Import: &Value{Path: "e"}, Power: &Value{Path: "p"}}})
			if metering.CodeOf(err) != row.code || !strings.Contains(err.Error(), row.says) || s.Has != 0 {
				t.Errorf("%+v, %v; want %s: %s", s, err, row.code, row.says)
			}
		})
	}
}

func TestValuesAreTakenWithTheirUnitAndFactorExactly(t *testing.T) {
	address := answering(t, `{"Body": {"Data": {"0": {"EnergyReal_WAC_Sum_Consumed": 1234567.8, "a.b": -2.5}}}, "emeters": [{}, {"power": 0.1, "kw": 1.234567890123, "v": 2301, "a": 150, "n": 17}]}`)
	s, err := once(t, Document{
		URL: address, Description: Description{
			Import: &Value{Path: "Body.Data.0.EnergyReal_WAC_Sum_Consumed", Unit: "Wh"},
			Export: &Value{Path: "emeters[1].kw", Unit: "MWh"},
			Power:  &Value{Path: `Body.Data["0"]["a.b"]`, Unit: "kW", Factor: "-1"},
			Phases: []Phase{{Power: &Value{Path: "emeters[1].power"}, Voltage: &Value{Path: "emeters[1].v", Factor: "0.1"}, Current: &Value{Path: "emeters[1].a", Unit: "mA"}}},
			Device: "emeters[1].n", Step: units.WattHour / 10,
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if s.Import != 1_234_567*units.WattHour+800*units.WattHour/1000 || s.Power != 2_500*units.Watt || s.Export/units.WattHour != 1_234_567 || s.Device != "17" || s.Step != units.WattHour/10 {
		t.Errorf("%+v", s)
	}
	if p := s.Phases[0]; p.Power != 100 || p.Voltage != 230_100 || p.Current != 150 {
		t.Errorf("%+v", p)
	}
}

// What is given as proof must not come into a log by a meter that says it back.
// Gateways of P1 ports tell both ways of the power without a sign.
func TestAPowerThatIsToldByItsTwoWaysIsTheirDifference(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"energy": 5, "delivered": 0.25, "returned": 1.75, "l1": {"delivered": 0, "returned": 1500}}`)
	}))
	got, err := once(t, Document{
		URL: s.URL, Description: Description{
			Import: &Value{Path: "energy"}, Power: &Value{Path: "delivered", Unit: "kW"}, Returned: &Value{Path: "returned", Unit: "kW"},
			Phases: []Phase{{Power: &Value{Path: "l1.delivered"}, Returned: &Value{Path: "l1.returned"}}},
		},
	})
	if err != nil || got.Power != -1500*units.Watt || got.Phases[0].Power != -1500*units.Watt {
		t.Errorf("%+v, %v", got, err)
	}
	_, err = once(t, Document{URL: s.URL, Description: Description{Import: &Value{Path: "energy"}, Power: &Value{Path: "delivered"}, Returned: &Value{Path: "lost"}}})
	if metering.CodeOf(err) != metering.UnknownReply {
		t.Errorf("a return that is not told: %v", err)
	}
}

func TestAMeterThatSaysTheTokenBackDoesNotBringItIntoTheError(t *testing.T) {
	for _, row := range []struct {
		name string
		d    Document
	}{{"a token", Document{Token: "hidden-token"}}, {"a long one", Document{Token: "hidden-" + strings.Repeat("token", 20)}}, {"a password", Document{Username: "u", Password: "hidden-password"}}} {
		for _, form := range []string{"%s is no HTTP", "HTTP/1.1 %s\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n{\"p\": \"%s\"}"} {
			s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				proof := strings.TrimPrefix(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "), "Basic ")
				conn, _, err := w.(http.Hijacker).Hijack()
				if err == nil {
					fmt.Fprintf(conn, form+"\r\n\r\n", proof)
					_ = conn.Close()
				}
			}))
			d := row.d
			d.URL, d.Power = s.URL, &Value{Path: "p"}
			_, err := once(t, d)
			if err == nil || strings.Contains(err.Error(), "hidden") || strings.Contains(err.Error(), "dTpoaWRkZW4") {
				t.Errorf("%s, %q: %v", row.name, form, err)
			}
		}
	}
}

// What is stored with every state must not be as long as an answer may be.
func TestAnIdentityOfAMegabyteIsNone(t *testing.T) {
	d := Document{URL: answering(t, `{"p": 1, "id": "`+strings.Repeat("x", 1<<19)+`"}`), Description: Description{Power: &Value{Path: "p"}, Device: "id"}}
	if s, err := once(t, d); metering.CodeOf(err) != metering.Range || !strings.Contains(err.Error(), "identity") || len(err.Error()) > 300 {
		t.Errorf("%d bytes, %v", len(s.Device), err)
	}
}

// Many gateways write their numbers in quotes.
func TestANumberInQuotesIsTheNumberItSays(t *testing.T) {
	s, err := once(t, Document{
		URL:         answering(t, `{"data": [{"kWh": "012"}, {"kWh": "10432.717", "W": "-0.50", "V": "230"}]}`),
		Description: Description{Import: &Value{Path: "data[1].kWh"}, Power: &Value{Path: "data[1].W"}, Voltage: &Value{Path: "data[1].V"}},
	})
	if err != nil || s.Import != 10_432_717*units.WattHour || s.Power != -500 || s.Voltage != 230_000 {
		t.Errorf("%+v %v", s, err)
	}
}

func TestARedirectIsRefusedAndThePasswordStaysHere(t *testing.T) {
	var asked bool
	other := serve(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }))
	s := serve(t, http.RedirectHandler(other.URL+"/login?session=secret", http.StatusFound))
	_, err := once(t, Document{URL: s.URL, Username: "u", Password: "hidden", Description: Description{Power: &Value{Path: "p"}}})
	if metering.CodeOf(err) != metering.Exception || asked || !strings.Contains(err.Error(), other.URL+"/login") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v, asked there: %v", err, asked)
	}
}

func TestAHugeAnswerIsNotReadToItsEnd(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		line := []byte(strings.Repeat(" ", 64<<10))
		for range 1 << 10 { // 64 MB, should anybody want them
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	}))
	_, err := once(t, Document{URL: s.URL, Description: Description{Power: &Value{Path: "p"}}})
	if metering.CodeOf(err) != metering.UnknownReply || !strings.Contains(err.Error(), "longer than") {
		t.Error(err)
	}
}

func TestAnAnswerThatDripsEndsWithItsTime(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			fmt.Fprint(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(patience / 10)
		}
	}))
	began := time.Now()
	_, err := once(t, Document{URL: s.URL, Timeout: patience, Description: Description{Power: &Value{Path: "p"}}})
	if metering.CodeOf(err) != metering.Silent || time.Since(began) > 10*patience {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

func TestThoseWhoAskSignIn(t *testing.T) {
	s := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, password, basic := r.BasicAuth()
		if basic && user == "admin" && password == "pw" || r.Header.Get("Authorization") == "Bearer tok" {
			fmt.Fprint(w, `{"p": 7}`)
			return
		}
		w.WriteHeader(http.StatusUnauthorized)
	}))
	base := Document{URL: s.URL + "?key=hidden", Description: Description{Power: &Value{Path: "p"}}}
	for _, row := range []struct {
		name   string
		change func(d *Document)
		ok     bool
	}{
		{"by password", func(d *Document) { d.Username, d.Password = "admin", "pw" }, true},
		{"by token", func(d *Document) { d.Token = "tok" }, true},
		{"by the wrong one", func(d *Document) { d.Token = "no" }, false},
		{"not at all", func(*Document) {}, false},
	} {
		d := base
		row.change(&d)
		got, err := once(t, d)
		if (err == nil) != row.ok || row.ok && got.Power != 7*units.Watt {
			t.Errorf("%s: %+v %v", row.name, got, err)
		}
		if err != nil && (metering.CodeOf(err) != metering.Exception || !strings.Contains(err.Error(), "username and password, or token") || strings.Contains(err.Error(), "hidden")) {
			t.Errorf("%s: %v", row.name, err)
		}
	}
	s.Close()
	if _, err := once(t, base); metering.CodeOf(err) != metering.Offline || strings.Contains(err.Error(), "hidden") {
		t.Errorf("nobody there: %v", err)
	}
}

// A gateway goes on answering with what it heard last when its meter is gone.
func TestTheSameMeasurementToldForTooLongIsSilence(t *testing.T) {
	stamp := "2026-11-29T10:00:00Z"
	now := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	m, err := New(Config{
		Document: Document{URL: "http://gateway", Description: Description{Power: &Value{Path: "p"}, Time: "t", Stale: time.Minute}}, Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	told := func() error {
		return m.reader.Take("", map[string]any{"p": json.Number("1"), "t": stamp}, now)
	}
	for i := range 7 {
		if err := told(); (i <= 6) != (err == nil) {
			t.Fatalf("after %d s: %v", 10*i, err)
		}
		now = now.Add(10 * time.Second)
	}
	if err := told(); metering.CodeOf(err) != metering.Silent {
		t.Errorf("after 70 s: %v", err)
	}
	stamp = "2026-11-29T10:01:20Z"
	if err := told(); err != nil {
		t.Errorf("it measures again: %v", err)
	}
	now = now.Add(-time.Hour) // this machine's clock was put back
	if err := told(); err != nil {
		t.Errorf("the clock went back: %v", err)
	}
}

func TestACertificateIsBelievedWhereItsAuthorityIsNamed(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"p": 7}`) }))
	s.Config.ErrorLog = nil
	t.Cleanup(s.Close)
	d := &Document{URL: s.URL, Description: Description{Power: &Value{Path: "p"}}}
	if _, err := once(t, *d); metering.CodeOf(err) != metering.Exception || !strings.Contains(err.Error(), "meter.http.ca") {
		t.Errorf("a stranger: %v", err)
	}
	name := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(name, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	d.CA = "ca.pem"
	env := metering.Env{Now: time.Now, Path: func(p string) string { return filepath.Join(filepath.Dir(name), p) }}
	m, err := d.Open(env)
	if err != nil {
		t.Fatal(err)
	}
	got, err := m.(*Meter).read(t.Context())
	m.(*Meter).client.CloseIdleConnections()
	if err != nil || got.Power != 7*units.Watt {
		t.Errorf("%+v %v", got, err)
	}
	for _, bad := range []string{"none.pem", "."} {
		d.CA = bad
		if _, err := d.Open(env); err == nil || !strings.Contains(err.Error(), "meter.http.ca") {
			t.Errorf("%s: %v", bad, err)
		}
	}
}
