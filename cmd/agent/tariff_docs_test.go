package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/tariffs"
)

// TestTheExamplesOfTheTariffPage reckons every worked example of docs/tariffs.md
// the way the command line does; what the page says must come out.
func TestTheExamplesOfTheTariffPage(t *testing.T) {
	page := tariffPage(t)
	examples := regexp.MustCompile("(?s)```yaml\n(.*?)```\n\n```csv\n(.*?)```\n\n```json\n(.*?)```").FindAllStringSubmatch(page, -1)
	if n := strings.Count(page, "```yaml\n"); len(examples) != n || n < 6 {
		t.Fatalf("%d of %d examples have a load and an answer", len(examples), n)
	}
	dir := t.TempDir()
	for _, x := range examples {
		document, data := filepath.Join(dir, "tariff.yaml"), filepath.Join(dir, "data.csv")
		write(t, document, x[1])
		write(t, data, x[2])
		var want any
		if err := json.Unmarshal([]byte(x[3]), &want); err != nil {
			t.Fatalf("%v in %s", err, x[3])
		}
		var out strings.Builder
		e := &env{Stdout: &out, Stderr: io.Discard}
		var err error
		if m, ok := want.(map[string]any); ok {
			month, _ := m["month"].(string)
			delete(m, "month")
			err = (&tariffCostCmd{Tariff: document, Load: data, Month: month, Quiet: true}).Run(e)
		} else {
			err = (&tariffVendCmd{Tariff: document, Purchases: data, Debt: "0"}).Run(e)
		}
		if err != nil {
			t.Errorf("%v for\n%s", err, x[1])
			continue
		}
		var got any
		if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
			t.Fatal(err)
		}
		contains(t, "", got, want)
	}
}

// contains checks that got holds all of want: lists element by element, but for
// components, which are found by their names.
func contains(t *testing.T, path string, got, want any) {
	t.Helper()
	switch w := want.(type) {
	case map[string]any:
		g, _ := got.(map[string]any)
		for k := range w {
			contains(t, path+"."+k, g[k], w[k])
		}
	case []any:
		g, _ := got.([]any)
		if len(g) != len(w) {
			t.Errorf("%s: %v, want %v", path, got, want)
			return
		}
		for i := range w {
			at := g[i]
			if name, ok := named(w[i]); ok {
				for _, x := range g {
					if n, _ := named(x); n == name {
						at = x
					}
				}
			}
			contains(t, path, at, w[i])
		}
	default:
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, want %v", path, got, want)
		}
	}
}

func named(v any) (string, bool) {
	m, _ := v.(map[string]any)
	name, ok := m["name"].(string)
	return name, ok
}

// TestTheTariffPageHasEveryKey: whatever a document may hold is documented.
func TestTheTariffPageHasEveryKey(t *testing.T) {
	page := tariffPage(t)
	seen := map[reflect.Type]bool{}
	var visit func(reflect.Type)
	visit = func(x reflect.Type) {
		for x.Kind() == reflect.Slice || x.Kind() == reflect.Pointer {
			x = x.Elem()
		}
		if x.Kind() != reflect.Struct || seen[x] {
			return
		}
		seen[x] = true
		for i := range x.NumField() {
			key := x.Field(i).Tag.Get("yaml")
			if key == "" {
				continue
			}
			if !strings.Contains(page, "`"+key+"`") && !strings.Contains(page, "`"+key+":") {
				t.Errorf("%s.%s (%s) is not on the page", x.Name(), x.Field(i).Name, key)
			}
			visit(x.Field(i).Type)
		}
	}
	visit(reflect.TypeFor[tariffs.Document]())
	if len(seen) < 15 {
		t.Errorf("only %d types were looked at", len(seen))
	}
}

func tariffPage(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/tariffs.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func write(t *testing.T, file, text string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
