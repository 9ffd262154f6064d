package catalogue_test

import (
	"os"
	"strings"
	"testing"

	"github.com/keeplit/keeplit/config"
	"github.com/keeplit/keeplit/tariffs"
	"github.com/keeplit/keeplit/tariffs/catalogue"
)

// load decodes a ready document strictly and makes it ready.
func load(t *testing.T, name string) *tariffs.Tariff {
	t.Helper()
	text, err := catalogue.Read(name)
	if err != nil {
		t.Fatal(err)
	}
	var doc tariffs.Document
	if faults := config.DecodeInto(&doc, text, config.FromSystem()); len(faults) > 0 {
		t.Fatalf("%s.yaml:\n%v", name, faults)
	}
	tariff, err := tariffs.New(doc)
	if err != nil {
		t.Fatal(err)
	}
	return tariff
}

// TestEveryDocumentIsStrictlyValid also holds each to naming its sources, with
// the day they were read, and whether it is current.
func TestEveryDocumentIsStrictlyValid(t *testing.T) {
	names := catalogue.Names()
	if len(names) < 9 {
		t.Fatalf("only %d documents are embedded", len(names))
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) {
			doc := load(t, name).Document()
			if doc.Name == "" || doc.Notes == "" || doc.Current == "" || len(doc.Sources) == 0 {
				t.Errorf("name, notes, current and sources must all be given: %+v", doc)
			}
			if doubts := doc.Doubts(); len(doubts) > 0 {
				t.Errorf("doubted: %v", doubts)
			}
			for _, s := range doc.Sources {
				if s.Title == "" || s.URL == "" || s.Read == 0 || s.For == "" {
					t.Errorf("source not whole: %+v", s)
				}
			}
		})
	}
}

func TestReadUnknownDocumentNamesTheKnownOnes(t *testing.T) {
	if _, err := catalogue.Read("xx"); err == nil {
		t.Fatal("no error")
	}
}

// TestTheExampleOfTheReadme: what people copy from must be good itself.
func TestTheExampleOfTheReadme(t *testing.T) {
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "```yaml\n")
	example, _, ok := strings.Cut(rest, "```")
	if !ok {
		t.Fatal("no example in README.md")
	}
	doc, faults := config.Decode[tariffs.Document]([]byte(example))
	if len(faults) > 0 || len(doc.Versions) != 1 || len(doc.Versions[0].Taxes) != 2 {
		t.Fatalf("%v", faults)
	}
}
