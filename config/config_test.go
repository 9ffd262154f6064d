package config

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/keeplit/keeplit/internal/units"
)

var update = flag.Bool("update", false, "write the messages of the bad configurations anew")

// testSecrets knows the secrets of the test files.
func testSecrets() Secrets {
	return Secrets{
		Getenv: func(name string) string {
			if name == "KEY" {
				return "bc41ec9530f6dac86b1a29ab82edc5fb"
			}
			if name == "CARD" {
				return "a0a1a2a3a4a5"
			}
			return ""
		},
		ReadFile: func(name string) ([]byte, error) {
			if filepath.Base(name) == "key" {
				return []byte("bc41ec9530f6dac86b1a29ab82edc5fb\n"), nil
			}
			return nil, errors.New("no such file")
		},
	}
}

func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no good files", err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if _, faults := Parse(data, ".", testSecrets(), testDrivers()); len(faults) > 0 {
			t.Errorf("%s:\n%v", name, faults)
		}
	}
}

// Every bad file stands beside the messages that it must give, all at once.
func TestBadFilesSayEverythingAtOnce(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal("no bad files", err)
	}
	for _, name := range files {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			_, faults := Parse(data, ".", testSecrets(), testDrivers())
			got := faults.Error() + "\n"
			expected := strings.TrimSuffix(name, ".yaml") + ".txt"
			if *update {
				if err := os.WriteFile(expected, []byte(got), 0o644); err != nil { //nolint:gosec // test data
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(expected)
			if err != nil {
				t.Fatal(err)
			}
			if d := cmp.Diff(string(want), got); d != "" {
				t.Error(d)
			}
			for _, f := range faults {
				if f.Line == 0 || f.Remedy == "" {
					t.Errorf("a fault without line or remedy: %+v", f)
				}
			}
		})
	}
}

func TestDefaultsHoldWhereAFileIsSilent(t *testing.T) {
	data, err := os.ReadFile("testdata/minimal.good.yaml")
	if err != nil {
		t.Fatal(err)
	}
	c, faults := Parse(data, "/etc/keeplit", testSecrets(), testDrivers())
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	d := Default()
	if d := cmp.Diff(d.Credit, c.Credit); d != "" {
		t.Error(d)
	}
	if c.Tokens.OpenPAYGO.ValueDivider != 1 || c.Tokens.OpenPAYGO.Key == "" {
		t.Errorf("%+v", c.Tokens.OpenPAYGO.Document)
	}
	if c.Path("data") != "/etc/keeplit/data" || c.Path("/var/x") != "/var/x" {
		t.Error("paths are not relative to the file's folder")
	}
}

func TestAmountsAreReadExactly(t *testing.T) {
	type doc struct {
		M units.Money  `yaml:"m"`
		P units.Price  `yaml:"p"`
		W units.Power  `yaml:"w"`
		E units.Energy `yaml:"e"`
	}
	got, faults := Decode[doc]([]byte("m: 0.1\np: 2.0967\nw: 13.8 kW\ne: 0.5 kWh\n"))
	want := doc{100_000, 2_096_700, 13_800 * units.Watt, 500 * units.WattHour}
	if len(faults) > 0 || got != want {
		t.Fatalf("%+v %v", got, faults)
	}
}

func TestSecretsComeFromFileOrEnvironmentOnly(t *testing.T) {
	type doc struct {
		Key string `yaml:"key" secret:"true"`
	}
	for _, c := range []struct{ situation, text, want, problem string }{
		{"from the environment", "key: {env: KEY}", "bc41ec9530f6dac86b1a29ab82edc5fb", ""},
		{"from a file, without its line break", "key: {file: key}", "bc41ec9530f6dac86b1a29ab82edc5fb", ""},
		{"written out", "key: bc41", "", "must not stand"},
		{"an empty variable", "key: {env: NOTHING}", "", "is empty"},
		{"a file that is not there", "key: {file: nowhere}", "", "cannot read"},
		{"both", "key: {file: key, env: KEY}", "", "one of file and env"},
		{"neither", "key: {}", "", "one of file and env"},
	} {
		t.Run(c.situation, func(t *testing.T) {
			var d doc
			faults := DecodeInto(&d, []byte(c.text), testSecrets())
			if d.Key != c.want || (c.problem == "") != (len(faults) == 0) || c.problem != "" && !strings.Contains(faults.Error(), c.problem) {
				t.Fatalf("%q, %v", d.Key, faults)
			}
			if len(faults) > 0 && strings.Contains(faults.Error(), "bc41ec") {
				t.Error("the message shows the secret")
			}
		})
	}
}

func TestSchemaTakesWhatDecodeTakes(t *testing.T) {
	text, err := Schema(testDrivers())
	if err != nil {
		t.Fatal(err)
	}
	schema, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource("keeplit.json", schema); err != nil {
		t.Fatal(err)
	}
	compiled, err := compiler.Compile("keeplit.json")
	if err != nil {
		t.Fatal(err)
	}
	check := func(name string) error {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		asJSON, err := yaml.YAMLToJSON(data)
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
		if err != nil {
			t.Fatal(err)
		}
		return compiled.Validate(doc)
	}
	for _, good := range []string{"testdata/minimal.good.yaml", "testdata/power.good.yaml", "../cmd/agent/internal/setup/sample.yaml", "../cmd/agent/demo.yaml"} {
		if err := check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	if check("testdata/many-faults.bad.yaml") == nil {
		t.Error("the schema takes a file with an unknown key")
	}
}

func FuzzDecode(f *testing.F) {
	files, _ := filepath.Glob("testdata/*.yaml")
	for _, name := range append(files, "../cmd/agent/internal/setup/sample.yaml", "../cmd/agent/demo.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte("a: &a [*a]"))
	f.Add([]byte("site: &s {id: *s}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		_, faults := Parse(data, ".", testSecrets(), testDrivers())
		for _, f := range faults {
			if f.Problem == "" {
				t.Errorf("a fault that says nothing: %+v", f)
			}
		}
	})
}

// TestAliasesThatMultiply: a few lines of aliases of aliases would be read as
// hundreds of millions of values.
func TestAliasesThatMultiply(t *testing.T) {
	type leaf struct {
		Name string `yaml:"name"`
	}
	type branch struct {
		Leaves []leaf `yaml:"leaves"`
	}
	type tree struct {
		Branches []branch `yaml:"branches"`
	}
	const n = 20_000
	text := "branches:\n- &b {leaves: [&l {name: x}" + strings.Repeat(", *l", n) + "]}\n" + strings.Repeat("- *b\n", n)
	doc, faults := Decode[tree]([]byte(text))
	if len(faults) != 1 || faults[0].Line == 0 || faults[0].Path == "" || !strings.Contains(faults[0].String(), "holds more than 200000 values") {
		t.Fatalf("%v", faults)
	}
	read := 0
	for _, b := range doc.Branches {
		read += len(b.Leaves)
	}
	if read > 200_000 {
		t.Errorf("%d values were kept", read)
	}
}
