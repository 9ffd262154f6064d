package setup

import (
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// world is one in which everything answers, but for what is in deaf.
type world struct {
	t     *testing.T
	dir   string
	deaf  map[string]bool
	ports []string
	heard []Heard
	busy  int
	asked []string
}

func (w *world) parse(d Draft) (config.Config, fault.List) {
	secrets := config.Secrets{Getenv: func(string) string { return "" }, ReadFile: func(name string) ([]byte, error) {
		if text, ok := d.Files[filepath.Base(name)]; ok {
			return []byte(text), nil
		}
		return os.ReadFile(name)
	}}
	return config.Parse([]byte(d.Text), w.dir, secrets, drivers.All())
}

func (w *world) world() World {
	return World{
		Zone: "Africa/Nairobi",
		There: func(name string) bool {
			_, err := os.Stat(filepath.Join(w.dir, name))
			return err == nil
		},
		Read: func(name string) ([]byte, error) { return os.ReadFile(filepath.Join(w.dir, name)) },
		Free: func(port int) error {
			if port == w.busy {
				return errors.New("it is in use")
			}
			return nil
		},
		Ports: func() []string { return w.ports },
		Heard: func(context.Context, Draft) ([]Heard, error) { return w.heard, nil },
		Faults: func(d Draft) fault.List {
			cfg, l := w.parse(d)
			return cfg.Locate(l, service.Faults(cfg, l))
		},
		Try: func(_ context.Context, d Draft, what string) Tried {
			cfg, _ := w.parse(d)
			if what == "meter" {
				what = cfg.Meter.Label()
			}
			w.asked = append(w.asked, what)
			if w.deaf[what] {
				return Tried{false, what + " does not answer", "look at its cable"}
			}
			return Tried{true, what + " answers", ""}
		},
		Over: func(_ context.Context, _ Draft, load string) Tried {
			w.asked = append(w.asked, "over "+load)
			return Tried{true, "it went on, and is off again", ""}
		},
		Hash:   web.HashPIN,
		Random: func(b []byte) { copy(b, []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}) },
	}
}

// answers asks, and answers with lines.
func (w *world) answers(lines ...string) (Draft, string, error) {
	w.t.Helper()
	var said strings.Builder
	d, err := Ask(w.t.Context(), NewDialogue(w.t.Context(), strings.NewReader(strings.Join(lines, "\n")+"\n"), &said), w.world(), "data")
	return d, said.String(), err
}

// empty is an empty answer, n times.
func empty(n int) []string { return make([]string, n) }

func newWorld(t *testing.T) *world {
	return &world{t: t, dir: t.TempDir(), deaf: map[string]bool{}}
}

// Each question has an answer of its own accord, and those together are right.
func TestEmptyAnswersMakeAConfiguration(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	d, said, err := w.answers(empty(40)...)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	cfg, l := w.parse(d)
	if len(l) > 0 || cfg.Site.ID != "home" || cfg.Tariff.Catalogue != "za-eskom-homelight-20a" || cfg.MQTT != nil || len(cfg.Loads) != 0 || cfg.Site.Zone != "Africa/Johannesburg" {
		t.Errorf("%v %+v", l, cfg.Site)
	}
	if d.Files["openpaygo.key"] != "0102030405060708090a0b0c0d0e0f10" || !strings.Contains(d.Files[Vendor], "key: 0102030405060708090a0b0c0d0e0f10\nstarting_code: ") || len(d.Files) != 2 {
		t.Errorf("files: %v", d.Files)
	}
	// What was not asked for is in it all the same, as the sample has it.
	for _, want := range []string{"#influxdb:", "#  driver: p1", "# The contactor of the whole supply."} {
		if !strings.Contains(d.Text, want) {
			t.Errorf("the file has no %q", want)
		}
	}
}

// A shop in Kenya, with everything that can be had.
func TestAnswersForAllThatThereIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ports = []string{"/dev/ttyUSB0", "/dev/ttyUSB1"}
	w.heard = []Heard{{"tasmota", "plug7", "tasmota, 460 W"}}
	w.busy = 8080
	w.deaf["sdm230 on /dev/ttyUSB0"], w.deaf["pzem004t on /dev/ttyUSB0"], w.deaf["kettle"], w.deaf["influxdb"] = true, true, true, true
	d, said, err := w.answers(
		"business", "shop", "Mama Njeri's shop", "Kenya", "KE", "ke-kplc", "ke-kplc-ci1", "Mars", "", "22334455", "sixty", "3x63A",
		"192.168.1.10", "keeplit", "opensesame",
		"search /dev/ttyS9", "search", "0", "2",
		"1.5x", "350.50",
		"sts", "abc", "bc41ec9530f6dac86b1a29ab82edc5fb",
		"Freezer", "much", "400 W", "often", "6 kWh", "noon", "06:30", "shelly", "", "yes",
		"Kettle", "", "1h", "", "tasmota", "", "kettle", "no",
		"Lamp", "", "", "", "none",
		"", "yes",
		"localhost:8086", "", "me:secret", "localhost:8086", "", "me:secret",
		"8080", "8081",
		"12", "4711", "4712", "4711", "4711",
	)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	cfg, l := w.parse(d)
	if len(l) > 0 {
		t.Fatal(l)
	}
	for what, ok := range map[string]bool{
		"site":      cfg.Site.ID == "mama-njeri-s-shop" && cfg.Site.Name == "Mama Njeri's shop" && cfg.Site.Meter == "22334455" && cfg.Site.Zone == "Africa/Nairobi" && cfg.Site.Symbol == "" && cfg.Site.Kind == "shop",
		"limit":     cfg.Site.Limit.W() == 3*63*230 && cfg.Meter.MaxPower == cfg.Site.Limit,
		"meter":     cfg.Meter.Label() == "P1 port on /dev/ttyUSB0",
		"broker":    cfg.MQTT != nil && cfg.MQTT.URL == "mqtt://192.168.1.10:1883" && cfg.MQTT.Username == "keeplit" && cfg.MQTT.Password == "opensesame" && cfg.MQTT.HomeAssistant != nil,
		"credit":    cfg.Credit.Opening.Float() == 350.5,
		"tokens":    cfg.Tokens.STS != nil && cfg.Tokens.OpenPAYGO == nil,
		"loads":     len(cfg.Loads) == 2 && cfg.Loads[0].ID == "freezer" && cfg.Loads[0].Need.Energy.KWh() == 6 && cfg.Loads[1].ID == "kettle",
		"influxdb":  cfg.InfluxDB != nil && cfg.InfluxDB.URL == "http://localhost:8086" && cfg.InfluxDB.Token == "me:secret",
		"page":      cfg.Web.Listen == ":8081" && web.CheckPIN(cfg.Web.PIN) == nil,
		"switched":  slices.Contains(w.asked, "over freezer") && !slices.Contains(w.asked, "over kettle"),
		"no secret": !strings.Contains(d.Text, "opensesame") && !strings.Contains(said, "4711") && !strings.Contains(d.Text, "bc41"),
	} {
		if !ok {
			t.Errorf("%s is not as answered:\n%s", what, d.Text)
		}
	}
	if got := slices.Sorted(maps.Keys(d.Files)); !slices.Equal(got, []string{"influx.token", "mqtt.password", "pin.hash", "sts.key"}) {
		t.Error(got)
	}
	for _, want := range []string{
		"answer home, shop or office", `"Kenya" is no country`, `give a file or one of ke-kplc-ci1, ke-kplc-domestic`, `"Mars" is not a time zone`, `"sixty" is neither amperes`,
		"there is no /dev/ttyS9; the serial ports are /dev/ttyUSB0, /dev/ttyUSB1", "1: tasmota, 460 W, plug7 on the broker", "2: P1 port on /dev/ttyUSB0 answers", `"0" is none of them`, `"1.5x" is not an amount`, "give the same answer again to keep it all the same",
		"as a demo that still runs: it is in use", "On which port is the page [8081]", "a PIN of 2 characters", "the two are not the same", "freezer: it went on, and is off again", "Without a switch it cannot be scheduled", `"much" is neither amperes`, `"often" is neither a time`,
	} {
		if !strings.Contains(said, want) {
			t.Errorf("it was not said: %q", want)
		}
	}
	if t.Failed() {
		t.Log(said)
	}
}

// Whoever has no tariff document has one price; whoever counts in kWh has tokens of kWh; a file that
// is there is not asked for.
func TestOtherAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for name, text := range map[string]string{"openpaygo.key": "bc41ec9530f6dac86b1a29ab82edc5fb", "mine.yaml": "currency: EUR\nzone: Europe/Berlin\nversions: [{energy: [{name: energy, price: 0.30}]}]\n"} {
		if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const meter = "modbus\nsdm630\n192.168.1.20:502\n1"
	for name, row := range map[string]struct {
		lines []string
		right func(config.Config, Draft) bool
	}{
		"one price in kWh": {
			[]string{"", "", "MZ", "price", "EURO", "", "free", "9.30", "Africa/Maputo", "", "40 A", "", meter, "80 kWh", "openpaygo", "x", "516959010", "", "", "", ""},
			func(c config.Config, _ Draft) bool {
				return c.Tariff.Document != nil && c.Tariff.Document.Currency == "MZN" && c.Tariff.Document.Zone == "Africa/Maputo" && c.Credit.Mode == "kwh" && c.Credit.Opening.Float() == 80 && string(c.Tokens.OpenPAYGO.Unit) == "kwh"
			},
		},
		"a file of one's own": {
			[]string{"", "", "DE", "none.yaml", "mine.yaml", "", "", "", "", "pulse", "", "zero", "800", "led", "", "sts", "back", "own", "", "", "", ""},
			func(c config.Config, d Draft) bool {
				return c.Tariff.File == "mine.yaml" && c.Site.Zone == "Europe/Berlin" && c.Meter.Driver == "pulse" && c.Tokens.STS == nil && c.Tokens.OpenPAYGO != nil && len(d.Files) == 0
			},
		},
	} {
		d, said, err := w.answers(row.lines...)
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, said)
			continue
		}
		if cfg, l := w.parse(d); len(l) > 0 || !row.right(cfg, d) {
			t.Errorf("%s: %v\n%s\n%s", name, l, said, d.Text)
		}
	}
}

// Answers that end before the questions do make nothing.
func TestAnswersThatEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for n := range 12 {
		if d, _, err := w.answers(empty(n)...); !errors.Is(err, ErrNoAnswer) || d.Text != "" {
			t.Errorf("%d answers: %v", n, err)
		}
	}
	w.deaf["sdm230 on /dev/ttyUSB0"] = true
	// A meter that is not wired yet is kept by saying so again.
	lines := slices.Concat(empty(9), []string{"modbus", "", "", "", "modbus", "", "", ""}, empty(8))
	if d, said, err := w.answers(lines...); err != nil || !strings.Contains(d.Text, "port: /dev/ttyUSB0 ") || strings.Count(said, "does not answer") != 2 {
		t.Errorf("%v\n%s", err, said)
	}
}

// Any name makes an id that a site may have, or none; any text is itself again out of YAML.
func FuzzNames(f *testing.F) {
	for _, s := range []string{"Home", "Mama Njeri's shop", "  ", "日本", "yes", "a: b", "'\"\\", "#", strings.Repeat("long ", 40), "x\x00y", "1e3", "- a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		name = strings.TrimSpace(strings.ToValidUTF8(name, ""))
		id := idOf(name)
		if id == "" || strings.ContainsFunc(name, func(r rune) bool {
			return r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfeff || r == 0xfffe || r == 0xffff
		}) {
			return
		}
		s := Sample("data")
		s.Set("site.id", id)
		s.Set("site.name", text(name))
		cfg, l := config.Parse([]byte(s.String()), ".", config.Secrets{Getenv: os.Getenv, ReadFile: func(string) ([]byte, error) { return []byte("bc41ec9530f6dac86b1a29ab82edc5fb"), nil }}, drivers.All())
		if len(l) > 0 || cfg.Site.Name != name || cfg.Site.ID != id {
			t.Errorf("%q: %q, %q, %v", name, cfg.Site.Name, cfg.Site.ID, l)
		}
	})
}
