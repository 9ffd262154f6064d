package config

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

//go:generate go run ./internal/keys

//go:embed keys.json
var keysFile []byte //nolint:gochecknoglobals // embedded files must be

// about is what is said of a key: in the comment of its field, see internal/keys.
type about struct {
	Text    string `json:"text"`
	Default string `json:"default"` // in words, where the code has no value for it
	Example string `json:"example"` // as it stands in the file
}

// abouts are all, by package.Type.key, or package.Type of the settings of a driver.
type abouts map[string]about

func readAbouts() (abouts, error) {
	var out abouts
	if err := json.Unmarshal(keysFile, &out); err != nil {
		return nil, fmt.Errorf("what is said of the keys: %w", err)
	}
	return out, nil
}

// nameOf is the name of a type in the list.
func nameOf(t reflect.Type) string {
	const module = "github.com/keeplit/keeplit/"
	return strings.TrimPrefix(t.PkgPath(), module) + "." + t.Name()
}

// of is what is said of a field of t, or of one that t embeds, where that says nothing
// itself.
func (a abouts) of(t reflect.Type, f field) about {
	if f.index == nil {
		return about{}
	}
	at := f.index
	for i := range len(at) - 1 { // the struct that declares it
		t = t.Field(at[i]).Type
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
	}
	name, _, _ := strings.Cut(t.Field(at[len(at)-1]).Tag.Get("yaml"), ",")
	return a[nameOf(t)+"."+name]
}
