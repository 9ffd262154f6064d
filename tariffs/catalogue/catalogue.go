// Package catalogue holds ready tariff documents, each with where its figures
// come from and whether they are known to be in force.  They are a place to
// start from: compare the prices with a bill of your own before money depends
// on them.
package catalogue

import (
	"embed"
	"fmt"
	"io/fs"
	"strings"
)

//go:embed *.yaml
var files embed.FS

// Names are the documents' names, sorted.
func Names() []string {
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return nil // an embedded directory can always be read
	}
	names := make([]string, len(entries))
	for i, e := range entries {
		names[i] = strings.TrimSuffix(e.Name(), ".yaml")
	}
	return names
}

// Read is the YAML text of a document.
func Read(name string) ([]byte, error) {
	b, err := files.ReadFile(name + ".yaml")
	if err != nil {
		return nil, fmt.Errorf("there is no ready tariff %q: use one of %s", name, strings.Join(Names(), ", "))
	}
	return b, nil
}
