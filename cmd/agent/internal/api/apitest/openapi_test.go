package apitest

import (
	"flag"
	"os"
	"testing"

	"github.com/keeplit/keeplit/cmd/agent/internal/api/openapi"
)

var update = flag.Bool("update", false, "write the document anew")

func TestTheDocumentIsThatOfTheForms(t *testing.T) {
	made, err := Document("..")
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile("../openapi/openapi.json", made, 0o644); err != nil { //nolint:gosec // it is source, for everybody to read
			t.Fatal(err)
		}
		return
	}
	if openapi.Document() != string(made) {
		t.Error("the OpenAPI document is not that of the API's forms: run go test ./cmd/agent/internal/api/apitest -update")
	}
}
