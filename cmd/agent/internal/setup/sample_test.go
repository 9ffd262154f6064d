package setup

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/drivers"
	"github.com/keeplit/keeplit/cmd/agent/internal/service"
	"github.com/keeplit/keeplit/cmd/agent/internal/web"
	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/internal/fault"
)

// block is lines out of use that follow each other.
type block struct{ from, to int }

func (s *Sheet) blocks() []block {
	var out []block
	for i, line := range s.lines {
		switch off := strings.HasPrefix(line, "#") && !words(line); {
		case !off:
		case len(out) > 0 && out[len(out)-1].to == i:
			out[len(out)-1].to++
		default:
			out = append(out, block{i, i + 1})
		}
	}
	return out
}

// outermost are the settings of a block that stand below none of it.
func (s *Sheet) outermost(b block) []setting {
	var out []setting
	for _, c := range s.settings() {
		if c.at >= b.from && c.at < b.to && !slices.ContainsFunc(out, func(o setting) bool { return c.at < o.end }) {
			out = append(out, c)
		}
	}
	return out
}

// list tells whether a setting begins an item of a list, of which there may be many.
func (c setting) list() bool { return strings.Contains(c.path, "[]") }

// taken tells whether a setting of the same key is in use.
func (s *Sheet) taken(c setting) bool {
	_, yes := s.find(c.path, false, "")
	return yes && !c.list()
}

// uncomment does what the head of the file says: what is in use and has the same key is put out of use,
// and each line of the block loses one #.
func (s *Sheet) uncomment(b block) {
	for _, c := range s.outermost(b) {
		if s.taken(c) {
			s.Leave(c.path)
		}
	}
	for i := b.from; i < b.to; i++ {
		s.lines[i] = strings.TrimPrefix(s.lines[i], "#")
	}
}

// beside are the files that the sample names.
func beside(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	hash, err := web.HashPIN("4711")
	if err != nil {
		t.Fatal(err)
	}
	const key = "bc41ec9530f6dac86b1a29ab82edc5fb"
	for name, text := range map[string]string{
		"openpaygo.key": key, "sts.key": key, "meter.key": key, "scheme.key": key, "card.key": "ffffffffffff", "mqtt.password": "x", "homeassistant.token": "x", "influx.token": "x", "openadr.secret": "x", "pin.hash": hash,
		"tariff.yaml":   "currency: ZAR\nzone: Africa/Johannesburg\nversions: [{energy: [{name: energy, price: 2.50}]}]\n",
		"scheme.yaml":   "name: right\nunit: money\nhash: sha1\nmessage: [{counter: 8}, {value: 1}]\ndigits: [{code: 7}, {value: 2}, {check: luhn}]\nvalues: [{from: 1, to: 99, do: add, each: 0.5}]\n",
		"recording.csv": "time,kwh\n2026-11-01T00:00:00Z,1000\n2026-11-01T00:30:00Z,1000.5\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	calibration, err := os.ReadFile("testdata/calibration.json")
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "calibration.json"), calibration, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

// faults are those that "agent check" names.
func faults(dir, text string) fault.List {
	cfg, l := config.Parse([]byte(text), dir, config.FromSystem(), drivers.All())
	return cfg.Locate(l, service.Faults(cfg, l))
}

// Whoever takes the # away has a configuration that runs: of each block by itself, and of all that
// go together.
func TestEveryBlockOfTheSampleCanBeTakenIntoUse(t *testing.T) {
	dir := beside(t)
	s := Sample("data")
	blocks := s.blocks()
	if l := faults(dir, s.String()); len(l) > 0 {
		t.Fatalf("the sample as it is: %v", l)
	}
	if len(blocks) < 35 {
		t.Fatalf("%d blocks were found", len(blocks))
	}
	together := s.Copy()
	left := 0
	for _, b := range blocks {
		one := s.Copy()
		one.uncomment(b)
		if one.String() == s.String() {
			t.Errorf("line %d: nothing is taken into use", b.from+1)
		}
		if l := faults(dir, one.String()); len(l) > 0 {
			t.Errorf("from line %d on, %s:\n%v", b.from+1, s.lines[b.from], l)
		}
		if slices.ContainsFunc(together.outermost(b), together.taken) {
			left++ // another meter, say
			continue
		}
		together.uncomment(b)
	}
	if l := faults(dir, together.String()); len(l) > 0 {
		t.Errorf("all that go together:\n%v", l)
	}
	if len(blocks)-left < 20 {
		t.Errorf("%d of %d blocks do not go together", left, len(blocks))
	}
}

var hidden = regexp.MustCompile(`^# +(- )?[a-z_]+: *([[{"0-9/]|$)`)

// One style: a # with no blank is a setting, and so is one with two; one with one blank is words.
func TestTheSampleHasOneStyleOfComment(t *testing.T) {
	for i, line := range strings.Split(sample, "\n") {
		if strings.TrimSpace(line) == "" || !strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		switch m := settingForm.FindStringSubmatch(line); {
		case !strings.HasPrefix(line, "#"):
			t.Errorf("line %d: a comment that does not begin in the first column", i+1)
		case !words(line) && (m[1] != "#" || m[3] == "" && m[4] == "" || len(m[2])%2 != 0):
			t.Errorf("line %d: neither words nor a setting: %s", i+1, line)
		case words(line) && hidden.MatchString(line):
			t.Errorf("line %d: a setting behind \"# \": %s", i+1, line)
		}
	}
}

// What is chosen in place of another is in its place, and the other can be chosen again.
func TestBlocksChangePlaces(t *testing.T) {
	s := Sample("data")
	before := s.String()
	s.Choose("meter", "driver: p1")
	s.Set("meter.p1.port", "/dev/ttyUSB1")
	text := s.String()
	if strings.Index(text, "\n  driver: p1") > strings.Index(text, "\n#  every: 2s") || !strings.Contains(text, "\n    port: /dev/ttyUSB1            # or host:port") ||
		strings.Count(text, "\nmeter:") != 1 || !strings.Contains(text, "# On a Modbus line or network.\n#meter:\n#  driver: modbus") {
		t.Errorf("a P1 port is not in the meter's place:\n%s", text)
	}
	s.Set("meter.p1.port", "/dev/ttyUSB0")
	s.Choose("meter", "driver: modbus")
	if after := s.String(); after != before {
		t.Errorf("there and back it is not as it was:\n%s", after)
	}
	if l := faults(beside(t), text); len(l) > 0 {
		t.Error(l)
	}
}
